//! Average true range.

use super::{Seed, Wilder};

/// Wilder average of `max(high, close₋₁) - min(low, close₋₁)`, from the second bar on (Wilder 1978). In
/// units of price.
#[derive(Debug, Clone)]
pub struct Atr {
    previous_close: Option<f64>,
    average: Wilder,
}

impl Atr {
    /// The customary period is 14.
    #[must_use]
    pub fn new(period: usize, seed: Seed) -> Self {
        Atr {
            previous_close: None,
            average: Wilder::new(period, seed),
        }
    }

    /// The range with the newest bar.
    #[inline]
    pub fn push(&mut self, high: f64, low: f64, close: f64) -> f64 {
        match self.previous_close.replace(close) {
            Some(previous) => self.average.push(high.max(previous) - low.min(previous)),
            None => f64::NAN,
        }
    }
}
