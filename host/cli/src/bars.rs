//! Bars of a CSV file, read and cleaned, for every command that takes one.
//!
//! What it promises: the same file under the same settings gives the same series, digest included, whether it is
//! imported or used at once.

use bulkhead_domain::{AssetClass, Decimal, Instrument, Problem};
use bulkhead_market::csv::{CsvOptions, read_bars};
use bulkhead_market::{BarSeries, Calendar, CleanOptions, CleaningReport, clean};
use std::path::Path;

/// A file, and what it does not say itself.
pub(crate) struct BarFile<'a> {
    pub(crate) path: &'a Path,
    /// Symbol of a file without a column for it; the file's name in capitals when absent.
    pub(crate) symbol: Option<&'a str>,
    /// Exchange calendar.
    pub(crate) calendar: &'a str,
    /// Currency of the prices.
    pub(crate) currency: &'a str,
    /// Smallest price increment.
    pub(crate) tick: Decimal,
    /// Smallest quantity increment.
    pub(crate) lot: Decimal,
}

/// One series, cleaned.
pub(crate) struct Cleaned {
    pub(crate) series: BarSeries,
    pub(crate) report: CleaningReport,
}

/// A series of which no bar is usable, with what cleaning found.
pub(crate) struct Unusable {
    pub(crate) report: CleaningReport,
    pub(crate) problem: Problem,
}

impl BarFile<'_> {
    /// Every series of the file that is `wanted` by its symbol, in the file's order.
    ///
    /// # Errors
    /// A file that cannot be read, or settings that make no sense.
    pub(crate) fn read(
        &self,
        mut wanted: impl FnMut(&str) -> bool,
    ) -> Result<Vec<Result<Cleaned, Box<Unusable>>>, Problem> {
        let calendar = Calendar::named(self.calendar)?;
        for (name, value) in [("--tick", self.tick), ("--lot", self.lot)] {
            if value <= Decimal::ZERO {
                return Err(Problem::user(
                    format!("{name} is {value}"),
                    "give a number above zero",
                ));
            }
        }
        let symbol = self
            .symbol
            .map_or_else(|| named_by(self.path), str::to_owned);
        let all = read_bars(self.path, &CsvOptions::symbol(&symbol))?;
        let wanted = all.into_iter().filter(|raw| wanted(&raw.symbol));
        Ok(wanted.map(|raw| self.cleaned(raw, &calendar)).collect())
    }

    /// The same, where every series has to be usable.
    ///
    /// # Errors
    /// As [`BarFile::read`], and the first series of which no bar is usable.
    pub(crate) fn usable(&self, wanted: impl FnMut(&str) -> bool) -> Result<Vec<Cleaned>, Problem> {
        let read = self.read(wanted)?.into_iter();
        read.collect::<Result<_, _>>()
            .map_err(|unusable| unusable.problem)
    }

    fn cleaned(
        &self,
        raw: bulkhead_market::RawBars,
        calendar: &Calendar,
    ) -> Result<Cleaned, Box<Unusable>> {
        let (bars, report) = clean(raw, calendar, &CleanOptions::default());
        let instrument = Instrument {
            calendar: calendar.name().to_owned(),
            venue: calendar.name().to_owned(),
            currency: self.currency.to_owned(),
            asset_class: if calendar.name() == "XNYS" {
                AssetClass::Equity
            } else {
                AssetClass::Other
            },
            tick: self.tick,
            lot: self.lot,
            ..Instrument::us_equity(0, &report.symbol)
        };
        match BarSeries::new(instrument, bars) {
            Ok(series) => Ok(Cleaned { series, report }),
            Err(problem) => Err(Box::new(Unusable {
                report,
                problem: problem.in_file(self.path),
            })),
        }
    }
}

/// `data/aapl.csv` is of AAPL.
fn named_by(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default();
    stem.to_string_lossy().to_uppercase()
}
