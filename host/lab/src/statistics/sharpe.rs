//! Sharpe ratio.

use super::{Annualization, Curve, Figure, Unit, deviation, mean};

/// `mean(r) / stdev(r) * sqrt(A)`, `n - 1` in the deviation, risk-free rate zero. `None` below two returns,
/// when the returns do not vary, or when a return cannot be built.
///
/// Source: Sharpe, "The Sharpe Ratio", Journal of Portfolio Management 21 (1994); annualised by the square
/// root of time, which assumes returns without serial correlation.
#[must_use]
pub fn sharpe(curve: &Curve, annualization: Annualization) -> Figure {
    let value = curve.returns().and_then(|returns| {
        Some(mean(&returns)? / deviation(&returns)? * annualization.periods().sqrt())
    });
    Figure::new(
        value,
        Unit::Ratio,
        format!(
            "mean / stdev (n - 1) of daily returns at session closes * sqrt({}), risk-free rate 0",
            annualization.0
        ),
        "fewer than two returns, returns that do not vary, or equity not above zero",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use bulkhead_domain::time::DAY;

    #[test]
    fn it_is_the_mean_over_the_deviation_annualised() {
        // Returns 3 % and 1 %: mean 0.02, deviation sqrt(2) / 100.
        let curve = Curve::new(100.0, &[0, DAY], &[103.0, 103.0 * 1.01]);
        let want = 2.0 / 2.0f64.sqrt() * 365.0f64.sqrt();
        let got = sharpe(&curve, Annualization::ALWAYS).value.unwrap();
        assert!((got - want).abs() < 1e-9, "{got} {want}");
    }

    #[test]
    fn a_curve_that_never_varies_has_none() {
        for values in [[100.0, 100.0, 100.0], [101.0, 102.01, 103.0301]] {
            let curve = Curve::new(100.0, &[0, DAY, 2 * DAY], &values);
            let figure = sharpe(&curve, Annualization::SESSIONS);
            assert_eq!(figure.value, None, "{values:?}");
            assert!(figure.note.is_some());
        }
    }
}
