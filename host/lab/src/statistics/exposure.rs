//! Exposure: how often, and how much of the account, was in the market.

use super::{Figure, Unit, mean};

/// Share of session closes at which a position was held. `gross` is gross exposure over equity at each
/// close. `None` without a close.
///
/// Source: "Exposure Time" of backtesting.py, at closes rather than within bars.
#[must_use]
pub fn time_in_market(gross: &[f64]) -> Figure {
    let held = gross.iter().filter(|exposure| **exposure > 0.0).count();
    Figure::new(
        (!gross.is_empty()).then(|| held as f64 / gross.len() as f64),
        Unit::Fraction,
        "session closes with a position / all session closes",
        "there is no close",
    )
}

/// Mean gross exposure over equity at session closes, those without a position included: a fraction, above
/// one with leverage. `None` without a close or when an exposure is not finite.
///
/// Source: none; own definition, the time average of what leverage limits are set on.
#[must_use]
pub fn mean_gross_exposure(gross: &[f64]) -> Figure {
    Figure::new(
        mean(gross),
        Unit::Fraction,
        "mean of gross position value / equity at session closes",
        "there is no close, or equity was not above zero",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flat_days_count_against_both() {
        let gross = [0.0, 0.5, 1.5, 0.0];
        assert_eq!(time_in_market(&gross).value, Some(0.5));
        assert_eq!(mean_gross_exposure(&gross).value, Some(0.5));
    }

    #[test]
    fn without_a_close_neither_is_defined() {
        assert_eq!(time_in_market(&[]).value, None);
        assert_eq!(mean_gross_exposure(&[]).value, None);
        assert_eq!(mean_gross_exposure(&[f64::NAN]).value, None);
    }
}
