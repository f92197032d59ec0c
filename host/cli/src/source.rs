//! Where a run's bars come from, as arguments and as its result keeps it.

use crate::bars::{BarFile, Cleaned};
use crate::environment::Environment;
use crate::output;
use bulkhead_domain::{Decimal, Problem};
use bulkhead_lab::backtest::{Data, Series};
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

/// Which finer bars say what went on within a bar.
#[derive(Debug, clap::Args)]
pub(crate) struct DetailArgs {
    /// Resolve what goes on within a bar by the catalog's finer bars of this length: 1m, 5m, 1h
    #[arg(long, value_name = "LENGTH")]
    detail: Option<String>,
    /// Resolve what goes on within a bar by finer bars from a file, written as that of --csv
    #[arg(long, value_name = "FILE", conflicts_with = "detail")]
    detail_csv: Option<PathBuf>,
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
    #[serde(default)]
    detail: Option<String>,
    #[serde(default)]
    detail_csv: Option<PathBuf>,
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
            detail: None,
            detail_csv: None,
        }
    }

    /// With finer bars, where they are asked for.
    pub(crate) fn detailed(self, arguments: &DetailArgs) -> Source {
        Source {
            detail: arguments.detail.clone(),
            detail_csv: arguments.detail_csv.clone(),
            ..self
        }
    }

    /// All bars, priced in this currency where a file does not say.
    pub(crate) fn data(&self, currency: &str) -> Result<Data, Problem> {
        let series = self.series(currency)?;
        let detail = self.finer(&series, currency)?;
        Ok(Data { series, detail })
    }

    /// The bars, priced in this currency where the file does not say.
    pub(crate) fn series(&self, currency: &str) -> Result<Vec<Series>, Problem> {
        let Some(path) = &self.csv else {
            return self.of_catalog(&self.interval, self.symbols.iter().map(String::as_str));
        };
        let named = |symbol: &str| self.symbols.iter().any(|one| one == symbol);
        let wanted = |symbol: &str| self.symbols.is_empty() || named(symbol);
        let data = self.of_file((path, None), currency, wanted)?;
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

    /// Finer bars of what is traded, where they are asked for.
    fn finer(&self, traded: &[Series], currency: &str) -> Result<Vec<Series>, Problem> {
        let symbols = || traded.iter().map(Series::symbol);
        let Some(path) = &self.detail_csv else {
            return match &self.detail {
                Some(length) => self.of_catalog(length, symbols()),
                None => Ok(Vec::new()),
            };
        };
        // A file of the one instrument need not say which.
        let only = match traded {
            [traded] => Some(traded.symbol()),
            _ => None,
        };
        let wanted = |symbol: &str| symbols().any(|one| one == symbol);
        let finer = self.of_file((path, only), currency, wanted)?;
        if finer.is_empty() {
            return Err(Problem::user(
                "the file has no bars of what is traded",
                "name each row's symbol in a column Ticker, as --csv has it",
            )
            .in_file(path));
        }
        Ok(finer)
    }

    fn of_catalog<'s>(
        &self,
        length: &str,
        symbols: impl Iterator<Item = &'s str>,
    ) -> Result<Vec<Series>, Problem> {
        let interval = bulkhead_market::catalog::interval(length)?;
        let catalog = Catalog::open(&self.catalog)?;
        let data = symbols.map(|symbol| {
            let reader = catalog.read(symbol, interval)?;
            Ok(Series::Stored(Box::new(reader)))
        });
        data.collect()
    }

    fn of_file(
        &self,
        (path, symbol): (&Path, Option<&str>),
        currency: &str,
        wanted: impl FnMut(&str) -> bool,
    ) -> Result<Vec<Series>, Problem> {
        let file = BarFile {
            path,
            symbol,
            calendar: &self.calendar,
            currency,
            tick: self.tick,
            lot: self.lot,
        };
        let mut data = Vec::new();
        for Cleaned { series, report } in file.usable(wanted)? {
            if !report.rows.is_empty() {
                output::note(&report.to_string());
            }
            data.push(Series::Loaded(Box::new(series)));
        }
        Ok(data)
    }
}
