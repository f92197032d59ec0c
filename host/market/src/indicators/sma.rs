//! Simple moving average.

use super::at_least_one;

/// Mean of the last `period` values.
///
/// The sum is rebuilt once in `period` values, so that rounding does not add up over a long series.
#[derive(Debug, Clone)]
pub struct Sma {
    ring: Box<[f64]>,
    next: usize,
    filled: bool,
    sum: f64,
}

impl Sma {
    /// Period 0 is taken as 1.
    #[must_use]
    pub fn new(period: usize) -> Self {
        Sma {
            ring: vec![0.0; at_least_one(period)].into_boxed_slice(),
            next: 0,
            filled: false,
            sum: 0.0,
        }
    }

    /// The mean with the newest value.
    #[inline]
    pub fn push(&mut self, value: f64) -> f64 {
        if let Some(place) = self.ring.get_mut(self.next) {
            self.sum += value - *place;
            *place = value;
        }
        self.next += 1;
        if self.next == self.ring.len() {
            self.next = 0;
            self.filled = true;
            self.sum = self.ring.iter().sum();
        }
        if self.filled {
            self.sum / self.ring.len() as f64
        } else {
            f64::NAN
        }
    }
}
