//! Where a run's bars come from, as arguments and as its result keeps it.

use crate::bars::{BarFile, Cleaned};
use crate::environment::Environment;
use crate::output;
use bulkhead_domain::{Decimal, Problem};
use bulkhead_lab::backtest::Series;
use bulkhead_market::Catalog;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Which bars.
#[derive(Debug, clap::Args)]
pub(crate) struct DataArgs {
    /// Bars from a file: Date or timestamp, Open, High, Low, Close, Volume
    #[arg(long, value_name = "FILE", required_unless_present = "symbols")]
    csv: Option<PathBuf>,
    /// Bars of the catalog, or those of the file to take; may be repeated
    #[arg(long = "symbol", value_name = "SYMBOL[,SYMBOL]", value_delimiter = ',')]
    symbols: Vec<String>,
    /// Length of the catalog's bars: 1d, 1h, 5m, 1m
    #[arg(long, value_name = "LENGTH", default_value = "1d")]
    interval: String,
    /// Exchange calendar of a file's bars
    #[arg(long, value_name = "NAME", default_value = "XNYS")]
    calendar: String,
    /// Smallest price increment of a file's instruments
    #[arg(long, value_name = "PRICE", default_value = "0.01")]
    tick: Decimal,
    /// Smallest quantity increment of a file's instruments
    #[arg(long, value_name = "QUANTITY", default_value = "1")]
    lot: Decimal,
}

/// What a run's strategy and bars were taken from: enough to take them from there again.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Source {
    /// How the strategy was named.
    pub(crate) strategy: String,
    csv: Option<PathBuf>,
    symbols: Vec<String>,
    calendar: String,
    tick: Decimal,
    lot: Decimal,
    catalog: PathBuf,
    interval: String,
}

impl Source {
    pub(crate) fn of(strategy: &str, arguments: &DataArgs, environment: &Environment) -> Source {
        Source {
            strategy: strategy.to_owned(),
            csv: arguments.csv.clone(),
            symbols: arguments.symbols.clone(),
            calendar: arguments.calendar.clone(),
            tick: arguments.tick,
            lot: arguments.lot,
            catalog: environment.catalog.clone(),
            interval: arguments.interval.clone(),
        }
    }

    /// The bars, priced in this currency where the file does not say.
    pub(crate) fn series(&self, currency: &str) -> Result<Vec<Series>, Problem> {
        if let Some(file) = &self.csv {
            return self.of_file(file, currency);
        }
        let interval = bulkhead_market::catalog::interval(&self.interval)?;
        let catalog = Catalog::open(&self.catalog)?;
        let data = self.symbols.iter().map(|symbol| {
            let reader = catalog.read(symbol, interval)?;
            Ok(Series::Stored(Box::new(reader)))
        });
        data.collect()
    }

    fn of_file(&self, path: &Path, currency: &str) -> Result<Vec<Series>, Problem> {
        let file = BarFile {
            path,
            symbol: None,
            calendar: &self.calendar,
            currency,
            tick: self.tick,
            lot: self.lot,
        };
        let named = |symbol: &str| self.symbols.iter().any(|one| one == symbol);
        let mut data = Vec::new();
        for Cleaned { series, report } in
            file.usable(|symbol| self.symbols.is_empty() || named(symbol))?
        {
            if !report.rows.is_empty() {
                output::note(&report.to_string());
            }
            data.push(Series::Loaded(Box::new(series)));
        }
        for symbol in &self.symbols {
            if !data.iter().any(|series| series.symbol() == symbol) {
                return Err(Problem::user(
                    format!("the file has no bars of {symbol}"),
                    "name a symbol that it has, or none for all of them",
                )
                .in_file(path));
            }
        }
        Ok(data)
    }
}
