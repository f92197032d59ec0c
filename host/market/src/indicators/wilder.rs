//! Wilder's smoothing, the average inside RSI and ATR.

use super::{Seed, at_least_one};

/// `average = (average₋₁ · (period - 1) + value) / period` (Wilder, New Concepts in Technical Trading
/// Systems, 1978).
#[derive(Debug, Clone)]
pub struct Wilder {
    period: usize,
    seed: Seed,
    seen: usize,
    state: f64,
}

impl Wilder {
    /// Period 0 is taken as 1.
    #[must_use]
    pub fn new(period: usize, seed: Seed) -> Self {
        Wilder {
            period: at_least_one(period),
            seed,
            seen: 0,
            state: 0.0,
        }
    }

    /// The average with the newest value.
    #[inline]
    pub fn push(&mut self, value: f64) -> f64 {
        let period = self.period as f64;
        let seeding = match self.seed {
            Seed::FirstValue => 1,
            Seed::SimpleMean => self.period,
        };
        if self.seen >= seeding {
            self.state = (self.state * (period - 1.0) + value) / period;
            return self.state;
        }
        self.state += value;
        self.seen += 1;
        if self.seen < seeding {
            return f64::NAN;
        }
        self.state /= seeding as f64;
        self.state
    }
}
