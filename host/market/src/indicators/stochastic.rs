//! Stochastic oscillator.

use super::{Extreme, RollingExtreme, Sma};

/// The slow lines, between 0 and 100; NaN where not defined yet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StochasticValue {
    /// `%K`, smoothed.
    pub k: f64,
    /// `%D`: mean of `%K`.
    pub d: f64,
}

/// `100 · (close - lowest low) / (highest high - lowest low)` over `period` bars, smoothed by simple means
/// into `%K` and again into `%D` (Lane, Lane's Stochastics, 1984); 0 where the range is nothing, as in
/// TA-Lib.
#[derive(Debug, Clone)]
pub struct Stochastic {
    highest: RollingExtreme,
    lowest: RollingExtreme,
    k: Sma,
    d: Sma,
}

impl Stochastic {
    /// The customary values are 14, 3 and 3.
    #[must_use]
    pub fn new(period: usize, k_smoothing: usize, d_smoothing: usize) -> Self {
        Stochastic {
            highest: RollingExtreme::new(period, Extreme::Highest),
            lowest: RollingExtreme::new(period, Extreme::Lowest),
            k: Sma::new(k_smoothing),
            d: Sma::new(d_smoothing),
        }
    }

    /// The lines with the newest bar.
    #[inline]
    pub fn push(&mut self, high: f64, low: f64, close: f64) -> StochasticValue {
        let (highest, lowest) = (self.highest.push(high), self.lowest.push(low));
        let range = highest - lowest;
        let undefined = StochasticValue {
            k: f64::NAN,
            d: f64::NAN,
        };
        if range.is_nan() {
            return undefined;
        }
        let fast = if range == 0.0 {
            0.0
        } else {
            100.0 * ((close - lowest) / range)
        };
        let k = self.k.push(fast);
        if k.is_nan() {
            return undefined;
        }
        StochasticValue {
            k,
            d: self.d.push(k),
        }
    }
}
