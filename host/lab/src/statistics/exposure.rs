//! Exposure: how often, and how much of the account, was in the market.

use super::{Figure, Unit};
use serde::{Deserialize, Serialize};

/// Follows gross exposure over equity point by point, in constant memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Exposure {
    /// Points seen.
    pub points: u64,
    /// Points at which a position was held.
    pub held: u64,
    /// Sum of gross exposure over equity; not finite once a point was not.
    pub sum: f64,
    /// The longest time without a position.
    pub longest_flat: Option<FlatStretch>,
    /// The one that goes on.
    #[serde(skip)]
    current: Option<FlatStretch>,
}

/// A time without a position. Times are nanoseconds since 1970 (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlatStretch {
    /// First point without one.
    pub from: i64,
    /// Last point without one.
    pub to: i64,
    /// Points.
    pub points: u64,
}

impl Exposure {
    /// Takes the next point: `gross` is the sum of absolute position values over equity.
    pub fn push(&mut self, time: i64, gross: f64) {
        self.points += 1;
        self.sum += gross;
        if gross > 0.0 {
            self.held += 1;
            self.current = None;
            return;
        }
        let stretch = match self.current {
            Some(stretch) => FlatStretch {
                to: time,
                points: stretch.points + 1,
                ..stretch
            },
            None => FlatStretch {
                from: time,
                to: time,
                points: 1,
            },
        };
        self.current = Some(stretch);
        if self
            .longest_flat
            .is_none_or(|longest| stretch.points > longest.points)
        {
            self.longest_flat = Some(stretch);
        }
    }

    /// Share of points at which a position was held. `None` without one. `at` says which points: `session closes`.
    ///
    /// Source: "Exposure Time" of backtesting.py.
    #[must_use]
    pub fn time_in_market(&self, at: &str) -> Figure {
        Figure::new(
            (self.points > 0).then(|| self.held as f64 / self.points as f64),
            Unit::Fraction,
            format!("{at} with a position / all {at}"),
            "there is no close",
        )
    }

    /// Mean gross exposure over equity, points without a position included: a fraction, above one with leverage.
    /// `None` without a point or when an exposure is not finite.
    ///
    /// Source: none; own definition, the average of what leverage limits are set on.
    #[must_use]
    pub fn mean_gross(&self, at: &str) -> Figure {
        Figure::new(
            (self.points > 0).then(|| self.sum / self.points as f64),
            Unit::Fraction,
            format!("mean of gross position value / equity at {at}"),
            "there is no close, or equity was not above zero",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exposure(gross: &[f64]) -> Exposure {
        let mut exposure = Exposure::default();
        for (time, gross) in gross.iter().enumerate() {
            exposure.push(time as i64, *gross);
        }
        exposure
    }

    #[test]
    fn flat_days_count_against_both() {
        let seen = exposure(&[0.0, 0.5, 1.5, 0.0]);
        assert_eq!(seen.time_in_market("closes").value, Some(0.5));
        assert_eq!(seen.mean_gross("closes").value, Some(0.5));
    }

    #[test]
    fn without_a_close_neither_is_defined() {
        assert_eq!(exposure(&[]).time_in_market("closes").value, None);
        assert_eq!(exposure(&[]).mean_gross("closes").value, None);
        assert_eq!(exposure(&[f64::NAN]).mean_gross("closes").value, None);
    }

    #[test]
    fn the_first_of_the_longest_flat_stretches_is_kept() {
        let seen = exposure(&[0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
        let want = FlatStretch {
            from: 3,
            to: 5,
            points: 3,
        };
        assert_eq!(seen.longest_flat, Some(want));
        assert_eq!(exposure(&[1.0]).longest_flat, None);
    }
}
