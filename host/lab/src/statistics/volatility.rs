//! Annualised volatility.

use super::{Annualization, Curve, Figure, Unit, deviation};

/// `stdev(r) * sqrt(A)` with `n - 1` in the deviation, a fraction a year. `None` below two returns or when a
/// return cannot be built. Zero when the returns do not vary.
///
/// Source: NautilusTrader's `ReturnsVolatility`.
#[must_use]
pub fn volatility(curve: &Curve, annualization: Annualization) -> Figure {
    let value = curve
        .returns()
        .filter(|returns| returns.len() >= 2)
        .map(|returns| deviation(&returns).unwrap_or(0.0) * annualization.periods().sqrt());
    Figure::new(
        value,
        Unit::Fraction,
        format!(
            "stdev (n - 1) of daily returns at session closes * sqrt({})",
            annualization.0
        ),
        "fewer than two returns, or equity not above zero",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use bulkhead_domain::time::DAY;

    #[test]
    fn it_scales_the_deviation_with_the_root_of_the_year() {
        // Returns 10 % and -10 %: deviation sqrt(0.02).
        let curve = Curve::new(100.0, &[0, DAY], &[110.0, 99.0]);
        let value = volatility(&curve, Annualization::SESSIONS).value.unwrap();
        assert!((value - (0.02f64 * 252.0).sqrt()).abs() < 1e-12, "{value}");
    }

    #[test]
    fn a_flat_session_has_none_of_it() {
        let curve = Curve::new(100.0, &[0, DAY, 2 * DAY], &[100.0, 100.0, 100.0]);
        assert_eq!(volatility(&curve, Annualization::SESSIONS).value, Some(0.0));
        let short = Curve::new(100.0, &[0], &[101.0]);
        assert_eq!(volatility(&short, Annualization::SESSIONS).value, None);
    }
}
