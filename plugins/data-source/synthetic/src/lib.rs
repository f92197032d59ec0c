//! Artificial daily bars: regimes of drift and volatility, and a planted, learnable signal on request.
//!
//! The same configuration gives the same bars on every machine: randomness is ChaCha seeded from the
//! configuration and the symbol alone, and logarithms, sines and exponentials come from `libm`. Bars fall on
//! Mondays to Fridays and are stamped by date. Volume always moves between a heavy and a light state; only
//! with `signal = { planted = ... }` does that state say anything about what the price does next. So the
//! same series without the signal is a control that differs in nothing but what can be learnt.
//!
//! These prices are made up. A result on them says that the machinery works, never that a strategy does.

mod generate;
mod signal;

use crate::generate::{Series, generate};
use bulkhead_sdk::data_source::{
    BarsPage, BarsRequest, DataKind, DataSource, Dataset, Error, InstrumentPage, Stamp,
};
use bulkhead_sdk::{BarColumns, DAY, Instrument, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Name of the one dataset.
const DATASET: &str = "synthetic";

/// Most rows in a page.
const PAGE_ROWS: usize = 5_000;

/// Most bars of a series: as many weekdays as lie between the earliest start and the last day that time
/// stamps reach, and a few more.
const MAX_BARS: u32 = 100_000;

/// What can be set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Config {
    /// Seed of everything random.
    pub seed: u64,
    /// Symbols; each has a series of its own.
    pub symbols: Vec<String>,
    /// Bars in a series.
    #[schemars(range(min = 1, max = 100_000))]
    pub bars: u32,
    /// First date (YYYY-MM-DD); a weekend moves to the Monday after.
    #[schemars(regex(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    pub start: String,
    /// Exchange calendar of the instruments: 24/7 or XNYS.
    pub calendar: String,
    /// First price.
    pub price: f64,
    /// Regimes that the market moves between.
    pub regimes: Vec<Regime>,
    /// Whether there is anything to learn.
    pub signal: Signal,
}

/// A stretch of market weather.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Regime {
    /// Expected logarithmic return a year of 252 days.
    pub drift: f64,
    /// Standard deviation of the logarithmic return, a year.
    #[schemars(range(min = 0.001, max = 5.0))]
    pub volatility: f64,
    /// Probability of leaving for another regime at the end of a day.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub switch: f64,
}

/// Whether there is anything to learn.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Signal {
    /// Nothing.
    None,
    /// Heavy volume comes before a rise over the next five bars, light volume before a fall.
    Planted {
        /// The sign of the next five bars' return agrees with the signal with probability 0.5 plus this, in a
        /// market without drift; at most 0.3.
        #[schemars(range(min = 0.0, max = 0.3))]
        strength: f64,
    },
}

impl Default for Config {
    fn default() -> Self {
        Config {
            seed: 1,
            symbols: vec!["SYN".to_owned()],
            bars: 2_520,
            start: "2000-01-03".to_owned(),
            calendar: "24/7".to_owned(),
            price: 100.0,
            regimes: vec![
                Regime {
                    drift: 0.08,
                    volatility: 0.16,
                    switch: 0.005,
                },
                Regime {
                    drift: -0.05,
                    volatility: 0.32,
                    switch: 0.02,
                },
            ],
            signal: Signal::None,
        }
    }
}

impl Config {
    fn check(&self) -> Result<(), String> {
        let wrong = |key: &str, reason: String| Err(format!("config key `{key}`: {reason}"));
        if !(1..=MAX_BARS).contains(&self.bars) {
            return wrong(
                "bars",
                format!("{} is not within 1 to {MAX_BARS}", self.bars),
            );
        }
        if self.symbols.is_empty() || self.symbols.iter().any(|symbol| symbol.trim().is_empty()) {
            return wrong(
                "symbols",
                "name at least one, none of them empty".to_owned(),
            );
        }
        if !(self.price.is_finite() && self.price >= 1.0 && self.price <= 1e6) {
            return wrong(
                "price",
                format!("{} is not within 1 to 1,000,000", self.price),
            );
        }
        if !["24/7", "XNYS"].contains(&self.calendar.as_str()) {
            return wrong(
                "calendar",
                format!("`{}` is neither 24/7 nor XNYS", self.calendar),
            );
        }
        if self.regimes.is_empty() {
            return wrong("regimes", "there has to be one".to_owned());
        }
        for (i, regime) in self.regimes.iter().enumerate() {
            let right = regime.drift.is_finite()
                && regime.drift.abs() <= 5.0
                && (0.001..=5.0).contains(&regime.volatility)
                && (0.0..=1.0).contains(&regime.switch);
            if !right {
                return wrong(
                    &format!("regimes[{i}]"),
                    "drift within -5 to 5, volatility within 0.001 to 5, switch within 0 to 1"
                        .to_owned(),
                );
            }
        }
        if let Signal::Planted { strength } = self.signal
            && !(0.0..=0.3).contains(&strength)
        {
            return wrong(
                "signal.planted.strength",
                format!("{strength} is not within 0 to 0.3"),
            );
        }
        if generate::first_weekday(&self.start).is_none() {
            return wrong(
                "start",
                format!("`{}` is not a date such as 2000-01-03", self.start),
            );
        }
        if !generate::in_range(self) {
            return wrong(
                "bars",
                format!(
                    "{} bars from {} on end after the year 2261, beyond what time stamps reach",
                    self.bars, self.start
                ),
            );
        }
        Ok(())
    }
}

/// The source.
pub struct Synthetic {
    config: Config,
    made: BTreeMap<String, Series>,
}

impl Synthetic {
    fn known(dataset: &str) -> Result<(), Error> {
        if dataset == DATASET {
            return Ok(());
        }
        Err(Error::InvalidInput(format!(
            "no dataset `{dataset}`; there is `{DATASET}`"
        )))
    }

    fn series(&mut self, symbol: &str) -> Result<&Series, Error> {
        if !self.config.symbols.iter().any(|known| known == symbol) {
            return Err(Error::InvalidInput(format!(
                "no symbol `{symbol}`; there are {}",
                self.config.symbols.join(", ")
            )));
        }
        Ok(self
            .made
            .entry(symbol.to_owned())
            .or_insert_with(|| generate(&self.config, symbol)))
    }
}

impl DataSource for Synthetic {
    type Config = Config;

    fn new(config: Config, _instruments: &[Instrument]) -> Result<Self, String> {
        config.check()?;
        Ok(Synthetic {
            config,
            made: BTreeMap::new(),
        })
    }

    fn datasets(&mut self) -> Result<Vec<Dataset>, Error> {
        let dates = generate::dates(&self.config);
        Ok(vec![Dataset {
            name: DATASET.to_owned(),
            description: "artificial daily bars; not a market".to_owned(),
            kind: DataKind::Bars,
            intervals: vec![DAY],
            page_rows: PAGE_ROWS as u32,
            first: dates.first().copied(),
            last: dates.last().copied(),
            extra: vec![("artificial".to_owned(), true.into())],
        }])
    }

    fn instruments(&mut self, dataset: &str, _page: Option<&str>) -> Result<InstrumentPage, Error> {
        Self::known(dataset)?;
        let instruments = self
            .config
            .symbols
            .iter()
            .map(|symbol| Instrument {
                venue: "SYNTHETIC".to_owned(),
                calendar: self.config.calendar.clone(),
                ..Instrument::us_equity(0, symbol)
            })
            .collect();
        Ok(InstrumentPage {
            instruments,
            next: None,
        })
    }

    /// A page's token is the index of its first bar.
    fn bars(&mut self, request: &BarsRequest) -> Result<BarsPage, Error> {
        Self::known(&request.dataset)?;
        if request.interval != DAY {
            return Err(Error::Unsupported(format!(
                "bars of {} ns; there are daily ones",
                request.interval
            )));
        }
        let start = match &request.page {
            None => 0,
            Some(token) => token.parse().map_err(|_| {
                Error::InvalidInput(format!("`{token}` is not a page token of this plugin"))
            })?,
        };
        let series = self.series(&request.symbol)?;
        let within = |time: Timestamp| {
            request.first.is_none_or(|first| time >= first)
                && request.last.is_none_or(|last| time <= last)
        };
        let mut rows: Vec<usize> = (start..series.times.len())
            .filter(|row| within(series.times[*row]))
            .take(PAGE_ROWS + 1)
            .collect();
        let next = (rows.len() > PAGE_ROWS)
            .then(|| rows.pop())
            .flatten()
            .map(|row| row.to_string());
        let column = |values: &[f64]| rows.iter().map(|row| values[*row]).collect();
        Ok(BarsPage {
            stamp: Stamp::Date,
            bars: BarColumns {
                times: rows.iter().map(|row| series.times[*row]).collect(),
                open: column(&series.open),
                high: column(&series.high),
                low: column(&series.low),
                close: column(&series.close),
                volume: column(&series.volume),
                factor: vec![],
            },
            adjusted_close: vec![],
            actions: vec![],
            next,
        })
    }
}

bulkhead_sdk::export!(data_source: Synthetic);

#[cfg(test)]
mod tests;
