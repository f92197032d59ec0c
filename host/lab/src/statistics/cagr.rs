//! Compound annual growth rate.

use super::{Curve, Figure, Unit};

/// Below this many calendar days a yearly rate is an extrapolation and is marked as one.
const SHORT_SAMPLE_DAYS: f64 = 90.0;

/// `(E_end / E_start)^(365 / calendar days) - 1`, a fraction a year; -1 when nothing is left. `None` when no
/// time passed or the start is not above zero. Marked below 90 days.
///
/// Source: LEAN's `Statistics.CompoundingAnnualPerformance`, with 365 calendar days to the year.
#[must_use]
pub fn cagr(curve: &Curve) -> Figure {
    let days = curve.days();
    let value = curve
        .last()
        .filter(|_| curve.base() > 0.0 && days > 0.0)
        .map(|last| {
            if last <= 0.0 {
                -1.0
            } else {
                libm::pow(last / curve.base(), 365.0 / days) - 1.0
            }
        });
    Figure::new(
        value,
        Unit::Fraction,
        "(final equity / starting equity)^(365 / calendar days) - 1",
        "no time passed, or there is no starting equity",
    )
    .noted((days < SHORT_SAMPLE_DAYS).then_some("annualised from a short sample"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bulkhead_domain::time::DAY;

    #[test]
    fn doubling_in_two_years_is_root_two_a_year() {
        let figure = cagr(&Curve::new(100.0, &[0, 730 * DAY], &[100.0, 200.0]));
        let value = figure.value.unwrap();
        assert!((value - (2.0f64.sqrt() - 1.0)).abs() < 1e-12, "{value}");
        assert_eq!(figure.note, None);
    }

    #[test]
    fn a_short_sample_says_so() {
        let figure = cagr(&Curve::new(100.0, &[0, 30 * DAY], &[100.0, 101.0]));
        assert!(figure.value.is_some());
        assert_eq!(
            figure.note.as_deref(),
            Some("annualised from a short sample")
        );
    }

    #[test]
    fn ruin_is_minus_one_and_no_time_is_undefined() {
        let ruined = Curve::new(100.0, &[0, 365 * DAY], &[100.0, -5.0]);
        assert_eq!(cagr(&ruined).value, Some(-1.0));
        assert_eq!(cagr(&Curve::new(100.0, &[0], &[120.0])).value, None);
    }
}
