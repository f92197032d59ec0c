//! Relative strength index.

use super::{Seed, Wilder};

/// `100 · gain / (gain + loss)`, gain and loss being Wilder averages of the rises and falls of the last
/// `period` changes (Wilder 1978); 0 where nothing moved, as in TA-Lib. Between 0 and 100.
#[derive(Debug, Clone)]
pub struct Rsi {
    previous: Option<f64>,
    gain: Wilder,
    loss: Wilder,
}

impl Rsi {
    /// Defined from the value after `period` others on ([`Seed::SimpleMean`]) or after one.
    #[must_use]
    pub fn new(period: usize, seed: Seed) -> Self {
        Rsi {
            previous: None,
            gain: Wilder::new(period, seed),
            loss: Wilder::new(period, seed),
        }
    }

    /// The index with the newest value.
    #[inline]
    pub fn push(&mut self, value: f64) -> f64 {
        let Some(previous) = self.previous.replace(value) else {
            return f64::NAN;
        };
        let change = value - previous;
        let gain = self.gain.push(change.max(0.0));
        let loss = self.loss.push((-change).max(0.0));
        let movement = gain + loss;
        if movement.abs() < 1e-14 {
            0.0
        } else {
            100.0 * (gain / movement)
        }
    }
}
