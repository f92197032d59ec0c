//! Sortino ratio.

use super::{Annualization, Curve, Figure, Unit, mean};

/// `mean(r) / sqrt((1/n) * sum(min(0, r)^2)) * sqrt(A)`: the minimum acceptable return is zero and the
/// downside deviation counts all `n` returns, not the losing ones only. `None` below two returns, when no
/// return is negative, or when a return cannot be built.
///
/// Source: Sortino and Price, "Performance Measurement in a Downside Risk Framework", Journal of Investing 3
/// (1994).
#[must_use]
pub fn sortino(curve: &Curve, annualization: Annualization) -> Figure {
    let value = curve
        .returns()
        .filter(|returns| returns.len() >= 2)
        .and_then(|returns| {
            let losses: f64 = returns
                .iter()
                .map(|value| value.min(0.0) * value.min(0.0))
                .sum();
            let downside = (losses / returns.len() as f64).sqrt();
            let mean = mean(&returns)?;
            (downside > 0.0).then(|| mean / downside * annualization.periods().sqrt())
        });
    Figure::new(
        value,
        Unit::Ratio,
        format!(
            "mean / downside deviation over all daily returns at session closes * sqrt({}), \
             minimum acceptable return 0",
            annualization.0
        ),
        "fewer than two returns, none of them negative, or equity not above zero",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use bulkhead_domain::time::DAY;

    #[test]
    fn only_losses_count_but_over_all_returns() {
        // Returns 4 %, -2 %, 0 %, 2 %: mean 0.01, downside sqrt(0.0004 / 4) = 0.01.
        let mut value = 100.0;
        let values: Vec<f64> = [0.04, -0.02, 0.0, 0.02]
            .iter()
            .map(|change| {
                value *= 1.0 + change;
                value
            })
            .collect();
        let curve = Curve::new(100.0, &[0, DAY, 2 * DAY, 3 * DAY], &values);
        let got = sortino(&curve, Annualization::SESSIONS).value.unwrap();
        assert!((got - 252.0f64.sqrt()).abs() < 1e-9, "{got}");
    }

    #[test]
    fn without_a_loss_there_is_none() {
        let curve = Curve::new(100.0, &[0, DAY], &[101.0, 105.0]);
        assert_eq!(sortino(&curve, Annualization::SESSIONS).value, None);
    }
}
