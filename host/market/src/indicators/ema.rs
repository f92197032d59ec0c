//! Exponential moving average.

use super::{Seed, at_least_one};

/// `ema = (value - ema₋₁) · 2 / (period + 1) + ema₋₁`.
#[derive(Debug, Clone)]
pub struct Ema {
    period: usize,
    seed: Seed,
    weight: f64,
    seen: usize,
    /// The sum of the seeding values until they are all there, then the average.
    state: f64,
}

impl Ema {
    /// Period 0 is taken as 1.
    #[must_use]
    pub fn new(period: usize, seed: Seed) -> Self {
        let period = at_least_one(period);
        Ema {
            period,
            seed,
            weight: 2.0 / (period as f64 + 1.0),
            seen: 0,
            state: 0.0,
        }
    }

    /// The average with the newest value.
    #[inline]
    pub fn push(&mut self, value: f64) -> f64 {
        let seeding = match self.seed {
            Seed::FirstValue => 1,
            Seed::SimpleMean => self.period,
        };
        if self.seen >= seeding {
            self.state += (value - self.state) * self.weight;
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
