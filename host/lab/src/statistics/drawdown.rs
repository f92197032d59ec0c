//! Maximum drawdown.

use super::{Curve, Falls, Figure};
use serde::{Deserialize, Serialize};

/// The largest fall from a peak, and when it happened. Times are nanoseconds since 1970 (UTC).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drawdown {
    /// The fall as a positive fraction of the peak.
    pub figure: Figure,
    /// Close of the peak; the first close where the fall began before it. `None` without a fall.
    pub peak: Option<i64>,
    /// Close of the lowest point.
    pub trough: Option<i64>,
    /// First close back at the peak's value; `None` while it has not come back.
    pub recovery: Option<i64>,
    /// Calendar days from the peak to the recovery, or to the last close while there is none.
    pub days: Option<f64>,
}

/// The deepest fall of a curve at its closes; see [`Falls::deepest`].
#[must_use]
pub fn max_drawdown(curve: &Curve) -> Drawdown {
    falls(curve).deepest(AT_CLOSES)
}

/// Mean depth of a curve's falls at its closes; see [`Falls::average`].
#[must_use]
pub fn average_drawdown(curve: &Curve) -> Figure {
    falls(curve).average(AT_CLOSES)
}

const AT_CLOSES: &str = "at session closes";

fn falls(curve: &Curve) -> Falls {
    let mut falls = Falls::new(curve.base());
    for (time, value) in curve.points() {
        falls.push(time, value);
    }
    falls
}

#[cfg(test)]
mod tests {
    use super::*;
    use bulkhead_domain::time::DAY;
    use proptest::prelude::*;

    fn daily(values: &[f64]) -> Curve {
        let times: Vec<i64> = (0..values.len() as i64).map(|day| day * DAY).collect();
        Curve::new(100.0, &times, values)
    }

    #[test]
    fn the_deepest_fall_is_dated_from_peak_to_recovery() {
        let fall = max_drawdown(&daily(&[100.0, 120.0, 90.0, 110.0, 120.0, 119.0]));
        assert_eq!(fall.figure.value, Some(0.25));
        assert_eq!(fall.peak, Some(DAY));
        assert_eq!(fall.trough, Some(2 * DAY));
        assert_eq!(fall.recovery, Some(4 * DAY));
        assert_eq!(fall.days, Some(3.0));
    }

    #[test]
    fn a_fall_that_has_not_come_back_lasts_to_the_end() {
        let fall = max_drawdown(&daily(&[100.0, 50.0, 60.0, 99.0]));
        assert_eq!(fall.recovery, None);
        assert_eq!(fall.days, Some(3.0));
    }

    #[test]
    fn money_lost_before_the_first_close_counts() {
        let fall = max_drawdown(&daily(&[80.0, 90.0]));
        assert!((fall.figure.value.unwrap() - 0.2).abs() < 1e-15);
        assert_eq!(fall.peak, Some(0));
    }

    #[test]
    fn a_curve_that_never_falls_has_none_and_says_when_of_nothing() {
        let fall = max_drawdown(&daily(&[100.0, 101.0]));
        assert_eq!(fall.figure.value, Some(0.0));
        assert_eq!((fall.peak, fall.trough, fall.days), (None, None, None));
    }

    proptest! {
        #[test]
        fn it_lies_between_zero_and_one_and_no_pair_falls_further(
            values in prop::collection::vec(1.0f64..1e6, 1..60)
        ) {
            let curve = daily(&values);
            let depth = max_drawdown(&curve).figure.value.unwrap();
            prop_assert!((0.0..1.0).contains(&depth));
            let mut all = vec![100.0];
            all.extend(&values);
            for (index, late) in all.iter().enumerate() {
                for early in &all[..index] {
                    prop_assert!(1.0 - late / early <= depth + 1e-12);
                }
            }
        }
    }
}
