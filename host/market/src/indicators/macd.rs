//! Moving average convergence and divergence.

use super::{Ema, Seed};

/// MACD, its signal and their difference; NaN where not defined yet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MacdValue {
    /// Fast less slow average, in units of price.
    pub macd: f64,
    /// Average of `macd`.
    pub signal: f64,
    /// `macd - signal`.
    pub histogram: f64,
}

/// Fast less slow exponential average and the exponential average of that (Appel, The Moving Average
/// Convergence-Divergence Method, 1979).
///
/// With [`Seed::SimpleMean`] the fast average is seeded with the last `fast` of the first `slow` values,
/// so that both start on the same bar, as in TA-Lib.
#[derive(Debug, Clone)]
pub struct Macd {
    skip_fast: usize,
    fast: Ema,
    slow: Ema,
    signal: Ema,
}

impl Macd {
    /// The customary periods are 12, 26 and 9. Swapped periods are put in order.
    #[must_use]
    pub fn new(fast: usize, slow: usize, signal: usize, seed: Seed) -> Self {
        let (fast, slow) = (fast.min(slow), fast.max(slow));
        Macd {
            skip_fast: match seed {
                Seed::FirstValue => 0,
                Seed::SimpleMean => slow - fast,
            },
            fast: Ema::new(fast, seed),
            slow: Ema::new(slow, seed),
            signal: Ema::new(signal, seed),
        }
    }

    /// The values with the newest price.
    #[inline]
    pub fn push(&mut self, value: f64) -> MacdValue {
        let slow = self.slow.push(value);
        let fast = if self.skip_fast > 0 {
            self.skip_fast -= 1;
            f64::NAN
        } else {
            self.fast.push(value)
        };
        let macd = fast - slow;
        let signal = if macd.is_nan() {
            f64::NAN
        } else {
            self.signal.push(macd)
        };
        MacdValue {
            macd,
            signal,
            histogram: macd - signal,
        }
    }
}
