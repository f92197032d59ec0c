//! Bollinger bands.

use super::Moments;

/// The bands; NaN where not defined yet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bands {
    /// Mean plus the deviations.
    pub upper: f64,
    /// Mean of the last `period` values.
    pub middle: f64,
    /// Mean less the deviations.
    pub lower: f64,
}

impl Bands {
    /// `%B`: where a value lies between the lower band (0) and the upper one (1); 0.5 where both coincide.
    #[must_use]
    pub fn position(&self, value: f64) -> f64 {
        let width = self.upper - self.lower;
        if width == 0.0 {
            0.5
        } else {
            (value - self.lower) / width
        }
    }
}

/// Mean of the last `period` values and `deviations` population standard deviations to either side
/// (Bollinger on Bollinger Bands, 2001).
#[derive(Debug, Clone)]
pub struct Bollinger {
    moments: Moments,
    deviations: f64,
}

impl Bollinger {
    /// The customary values are 20 and 2.
    #[must_use]
    pub fn new(period: usize, deviations: f64) -> Self {
        Bollinger {
            moments: Moments::new(period),
            deviations,
        }
    }

    /// The bands with the newest value.
    #[inline]
    pub fn push(&mut self, value: f64) -> Bands {
        if !self.moments.push(value) {
            return Bands {
                upper: f64::NAN,
                middle: f64::NAN,
                lower: f64::NAN,
            };
        }
        let middle = self.moments.mean();
        let half = self.deviations * self.moments.population_deviation();
        Bands {
            upper: middle + half,
            middle,
            lower: middle - half,
        }
    }
}
