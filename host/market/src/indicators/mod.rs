//! Technical indicators, one a file, fed bar by bar.
//!
//! `push` takes the newest value and gives the indicator there, NaN until it is defined; nothing depends
//! on what comes later. Each costs a constant number of operations per bar, whatever its period. With
//! [`Seed::SimpleMean`] all agree with TA-Lib 0.8 (default compatibility) to 1e-9, which a test holds
//! against a fixture. The maintained crates that were looked at do not: `ta` and `yata` seed every average
//! at the first value, `kand` starts the fast average of MACD at another bar and leaves seeds to its caller
//! when fed bar by bar.

mod atr;
mod bollinger;
mod ema;
mod extreme;
mod macd;
mod moments;
mod rsi;
mod sma;
mod stochastic;
mod wilder;

pub use atr::Atr;
pub use bollinger::{Bands, Bollinger};
pub use ema::Ema;
pub use extreme::{Extreme, RollingExtreme};
pub use macd::{Macd, MacdValue};
pub use moments::Moments;
pub use rsi::Rsi;
pub use sma::Sma;
pub use stochastic::{Stochastic, StochasticValue};
pub use wilder::Wilder;

use serde::{Deserialize, Serialize};

/// How a recursive average starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seed {
    /// At the first value; defined from the first value on.
    FirstValue,
    /// At the mean of the first `period` values; defined from the last of them on (TA-Lib's).
    #[default]
    SimpleMean,
}

/// A period as a number of bars, at least 1.
fn at_least_one(period: usize) -> usize {
    period.max(1)
}

#[cfg(test)]
mod tests;
