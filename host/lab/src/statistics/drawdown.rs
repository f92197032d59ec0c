//! Maximum drawdown.

use super::{Curve, Figure, Unit};
use bulkhead_domain::time::DAY;
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

/// `max_t(1 - E_t / max_{s<=t} E_s)`, a positive fraction of mark-to-market equity at session closes; zero
/// when it never falls. Of equal falls the first is taken. `None` when there is no close, a value is not
/// finite or the peak is not above zero.
///
/// Source: Magdon-Ismail and Atiya, "Maximum Drawdown", Risk 17 (2004).
#[must_use]
pub fn max_drawdown(curve: &Curve) -> Drawdown {
    let worst = worst_fall(curve);
    let figure = Figure::new(
        worst.as_ref().map(|fall| fall.depth),
        Unit::Fraction,
        "largest 1 - equity / highest equity so far, at session closes",
        "there is no close, or the peak is not above zero",
    );
    let Some(fall) = worst.filter(|fall| fall.depth > 0.0) else {
        return Drawdown {
            figure,
            peak: None,
            trough: None,
            recovery: None,
            days: None,
        };
    };
    let recovery = curve
        .points()
        .find(|&(time, value)| time > fall.trough && value >= fall.peak_value)
        .map(|(time, _)| time);
    let end = recovery.or_else(|| curve.points().last().map(|(time, _)| time));
    Drawdown {
        figure,
        peak: Some(fall.peak),
        trough: Some(fall.trough),
        recovery,
        days: end.map(|end| (end - fall.peak) as f64 / DAY as f64),
    }
}

struct Fall {
    depth: f64,
    peak: i64,
    peak_value: f64,
    trough: i64,
}

fn worst_fall(curve: &Curve) -> Option<Fall> {
    let (first, _) = curve.points().next()?;
    let (mut peak, mut peak_value) = (first, curve.base());
    let mut worst = Fall {
        depth: 0.0,
        peak,
        peak_value,
        trough: first,
    };
    for (time, value) in curve.points() {
        if !value.is_finite() {
            return None;
        }
        if value >= peak_value {
            (peak, peak_value) = (time, value);
        }
        if peak_value.is_nan() || peak_value <= 0.0 {
            return None;
        }
        let depth = 1.0 - value / peak_value;
        if depth > worst.depth {
            worst = Fall {
                depth,
                peak,
                peak_value,
                trough: time,
            };
        }
    }
    Some(worst)
}

#[cfg(test)]
mod tests {
    use super::*;
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
