//! Expected shortfall of a day.

use super::value_at_risk::TAIL;
use super::{Figure, Unit, mean, quantile};

/// Mean loss of the days at or beyond the value at risk: minus the mean of returns not above their 5 % quantile, a
/// fraction of equity. `None` without a return or when one cannot be built.
///
/// Source: Acerbi and Tasche, "On the Coherence of Expected Shortfall", Journal of Banking & Finance 26 (2002),
/// historical, over whole days.
#[must_use]
pub fn expected_shortfall(returns: Option<&[f64]>) -> Figure {
    let value = returns.and_then(|returns| {
        let bound = quantile(returns, TAIL)?;
        let beyond: Vec<f64> = returns.iter().copied().filter(|r| *r <= bound).collect();
        mean(&beyond).map(|loss| -loss)
    });
    Figure::new(
        value,
        Unit::Fraction,
        "minus the mean of daily returns at or below their 5 % quantile, historical",
        "there is no return, or equity was not above zero",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_mean_of_the_worst_days() {
        // 41 returns from -20 %: the quantile is the third smallest, the mean of three -19 %.
        let returns: Vec<f64> = (0..41).rev().map(|n| f64::from(n) / 100.0 - 0.20).collect();
        let got = expected_shortfall(Some(&returns)).value.unwrap();
        assert!((got - 0.19).abs() < 1e-15, "{got}");
        assert_eq!(expected_shortfall(Some(&[])).value, None);
    }
}
