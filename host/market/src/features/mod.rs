//! Features: numbers about an instrument as of a bar, by name.
//!
//! A [`FeatureSet`] is fed bar by bar and gives a row for each; a row never depends on a later bar. Prices
//! enter as `price * factor`, so neither a split nor a dividend shows in any feature of prices; volume enters as
//! `volume / factor`, so that price times volume stays the money that was traded: a split does not show in it,
//! a dividend moves it by its yield. Every feature is free of the price's
//! level, so rows of different instruments may train one model. A feature is NaN until it is defined.
//! Recursive averages are seeded with a simple mean ([`Seed::SimpleMean`](crate::indicators::Seed)).

mod kernel;

use crate::bars::BarColumns;
use bulkhead_domain::Problem;
use bulkhead_domain::order::Bar;
use kernel::{Adjusted, Kernel};

/// The largest period a name may carry.
pub const LONGEST_PERIOD: usize = 10_000;

/// A feature that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Definition {
    /// Its name; `N` stands for a period in bars.
    pub name: &'static str,
    /// What it is.
    pub what: &'static str,
    /// The least period.
    least: usize,
}

/// Every feature there is.
pub const DEFINITIONS: [Definition; 12] = [
    define("return_N", 1, "close over the close N bars before, less 1"),
    define(
        "volatility_N",
        2,
        "sample standard deviation of the last N log returns, per bar",
    ),
    define("rsi_N", 1, "relative strength index, 0 to 100"),
    define("macd_hist", 0, "MACD histogram (12, 26, 9) over the close"),
    define(
        "bollinger_N",
        2,
        "%B: place between the bands of 2 deviations, 0 lower to 1 upper",
    ),
    define(
        "stochastic_N",
        1,
        "slow stochastic %K (smoothed over 3), 0 to 100",
    ),
    define("atr_N", 1, "average true range over the close"),
    define(
        "ema_ratio_N",
        1,
        "close over its exponential average, less 1",
    ),
    define("sma_ratio_N", 1, "close over its simple average, less 1"),
    define(
        "volume_z_N",
        2,
        "volume less its mean over N bars, in sample standard deviations; 0 where it did not vary",
    ),
    define(
        "drawdown_N",
        1,
        "close over the highest close of the last N, less 1",
    ),
    define(
        "range_N",
        1,
        "place of the close between lowest low and highest high of N bars, 0 to 1; 0.5 where they coincide",
    ),
];

const fn define(name: &'static str, least: usize, what: &'static str) -> Definition {
    Definition { name, what, least }
}

/// A name that is no feature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FeatureError {
    /// Nothing is called that.
    #[error("there is no feature '{name}'; the features are {}", names())]
    Unknown {
        /// The name asked for.
        name: String,
    },
    /// The period is missing, not a number or out of range.
    #[error("feature '{name}' needs a period from {least} to {LONGEST_PERIOD}, as in '{pattern}'")]
    Period {
        /// The name asked for.
        name: String,
        /// The least period it takes.
        least: usize,
        /// The name with `N` for the period.
        pattern: &'static str,
    },
    /// The same name twice.
    #[error("feature '{name}' is asked for twice")]
    Twice {
        /// The name.
        name: String,
    },
}

impl From<FeatureError> for Problem {
    fn from(error: FeatureError) -> Self {
        Problem::user(error.to_string(), "correct the list of features")
    }
}

fn names() -> String {
    DEFINITIONS.map(|definition| definition.name).join(", ")
}

/// Features of one instrument, fed bar by bar.
#[derive(Debug, Clone)]
pub struct FeatureSet {
    names: Vec<String>,
    kernels: Vec<Kernel>,
    warm_up: usize,
    needs_log_return: bool,
    previous_close: f64,
    row: Vec<f64>,
}

impl FeatureSet {
    /// The features of these names, in this order.
    ///
    /// # Errors
    /// A name that is unknown, has a bad period or comes twice.
    pub fn new(names: &[impl AsRef<str>]) -> Result<Self, FeatureError> {
        let mut set = FeatureSet {
            names: Vec::with_capacity(names.len()),
            kernels: Vec::with_capacity(names.len()),
            warm_up: 0,
            needs_log_return: false,
            previous_close: f64::NAN,
            row: vec![f64::NAN; names.len()],
        };
        for name in names {
            let name = name.as_ref();
            let (definition, period) = parse(name)?;
            if set.names.iter().any(|known| known == name) {
                return Err(FeatureError::Twice {
                    name: name.to_owned(),
                });
            }
            let Some((kernel, warm_up)) = Kernel::new(definition.name, period) else {
                return Err(FeatureError::Unknown {
                    name: name.to_owned(),
                });
            };
            set.needs_log_return |= kernel.needs_log_return();
            set.warm_up = set.warm_up.max(warm_up);
            set.kernels.push(kernel);
            set.names.push(name.to_owned());
        }
        Ok(set)
    }

    /// Names in the order of a row's columns.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Number of features.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is no feature.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Bars until every feature is defined, that bar included.
    #[must_use]
    pub fn warm_up(&self) -> usize {
        self.warm_up
    }

    /// Takes the next bar and gives the features as of it.
    pub fn push(&mut self, bar: &Bar) -> &[f64] {
        let close = bar.close * bar.factor;
        let adjusted = Adjusted {
            high: bar.high * bar.factor,
            low: bar.low * bar.factor,
            close,
            volume: bar.volume / bar.factor,
            log_return: if self.needs_log_return {
                libm::log(close / self.previous_close)
            } else {
                f64::NAN
            },
        };
        self.previous_close = close;
        for (place, kernel) in self.row.iter_mut().zip(&mut self.kernels) {
            let value = kernel.push(&adjusted);
            // One NaN, whichever the machine's arithmetic made: rows enter digests.
            *place = if value.is_nan() { f64::NAN } else { value };
        }
        &self.row
    }

    /// The features of whole columns from a fresh start, row-major: row `r`, feature `f` is at
    /// `r * len() + f`.
    ///
    /// # Errors
    /// None in practice: the names were valid when the set was made.
    pub fn matrix(&self, bars: &BarColumns) -> Result<Vec<f64>, FeatureError> {
        let mut fresh = FeatureSet::new(&self.names)?;
        let mut values = Vec::with_capacity(bars.len() * self.len());
        for bar in bars.iter() {
            values.extend_from_slice(fresh.push(&bar));
        }
        Ok(values)
    }
}

fn parse(name: &str) -> Result<(Definition, usize), FeatureError> {
    for definition in DEFINITIONS {
        let Some(prefix) = definition.name.strip_suffix('N') else {
            if name == definition.name {
                return Ok((definition, 0));
            }
            continue;
        };
        let stem = prefix.trim_end_matches('_');
        let Some(rest) = name.strip_prefix(stem) else {
            continue;
        };
        let written = rest.strip_prefix('_').filter(|text| !text.is_empty());
        let plain =
            |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
        let period = written
            .filter(plain)
            .and_then(|text| text.parse::<usize>().ok());
        match period {
            Some(period) if (definition.least..=LONGEST_PERIOD).contains(&period) => {
                return Ok((definition, period));
            }
            _ if rest.is_empty() || rest.starts_with('_') => {
                return Err(FeatureError::Period {
                    name: name.to_owned(),
                    least: definition.least,
                    pattern: definition.name,
                });
            }
            _ => {}
        }
    }
    Err(FeatureError::Unknown {
        name: name.to_owned(),
    })
}

#[cfg(test)]
mod tests;
