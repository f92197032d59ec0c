//! Rolling mean and standard deviation.

use super::at_least_one;

/// Mean and standard deviation of the last `period` values.
///
/// Sums are of distances to a recent value and rebuilt once in `period` values, so that neither the level
/// of the series nor its length costs precision. A dispersion below rounding counts as none.
#[derive(Debug, Clone)]
pub struct Moments {
    ring: Box<[f64]>,
    next: usize,
    filled: bool,
    base: f64,
    sum: f64,
    squares: f64,
}

/// Rounding of the sums, relative to the mean square distance.
const ROUNDING: f64 = 1e-13;

impl Moments {
    /// Period 0 is taken as 1.
    #[must_use]
    pub fn new(period: usize) -> Self {
        Moments {
            ring: vec![0.0; at_least_one(period)].into_boxed_slice(),
            next: 0,
            filled: false,
            base: 0.0,
            sum: 0.0,
            squares: 0.0,
        }
    }

    /// Takes the newest value; true once `period` values are there.
    #[inline]
    pub fn push(&mut self, value: f64) -> bool {
        let Some(place) = self.ring.get_mut(self.next) else {
            return false;
        };
        let (new, old) = (value - self.base, *place - self.base);
        *place = value;
        self.sum += new - old;
        self.squares += new * new - old * old;
        self.next += 1;
        if self.next == self.ring.len() {
            self.next = 0;
            self.filled = true;
            self.base = value;
            (self.sum, self.squares) = (0.0, 0.0);
            for value in &self.ring {
                let distance = value - self.base;
                self.sum += distance;
                self.squares += distance * distance;
            }
        }
        self.filled
    }

    /// Mean; meaningful once [`Moments::push`] said true.
    #[inline]
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.base + self.sum / self.ring.len() as f64
    }

    /// Standard deviation of a population (divided by `n`).
    #[inline]
    #[must_use]
    pub fn population_deviation(&self) -> f64 {
        let count = self.ring.len() as f64;
        (self.centred_squares() / count).sqrt()
    }

    /// Standard deviation of a sample (divided by `n - 1`); NaN for a period of 1.
    #[inline]
    #[must_use]
    pub fn sample_deviation(&self) -> f64 {
        let count = self.ring.len() as f64;
        if count < 2.0 {
            return f64::NAN;
        }
        (self.centred_squares() / (count - 1.0)).sqrt()
    }

    fn centred_squares(&self) -> f64 {
        let centred = self.squares - self.sum * self.sum / self.ring.len() as f64;
        if centred > ROUNDING * self.squares {
            centred
        } else {
            0.0
        }
    }
}
