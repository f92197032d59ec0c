//! Value at risk of a day.

use super::{Figure, Unit, quantile};

/// Share of days that may be worse.
pub(super) const TAIL: f64 = 0.05;

/// The loss that daily returns exceeded on one day of twenty: minus their 5 % quantile, a fraction of equity, negative
/// where even that day gained. Historical, without a distribution. `None` without a return or when one cannot be
/// built.
///
/// Source: Jorion, "Value at Risk", historical simulation; quantile of type 7 of Hyndman and Fan (1996), as numpy's.
#[must_use]
pub fn value_at_risk(returns: Option<&[f64]>) -> Figure {
    Figure::new(
        returns
            .and_then(|returns| quantile(returns, TAIL))
            .map(|loss| -loss),
        Unit::Fraction,
        "minus the 5 % quantile of daily returns, historical, linear between neighbours",
        "there is no return, or equity was not above zero",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_loss_of_the_twentieth_day() {
        // 21 returns: the 5 % quantile is the second smallest.
        let returns: Vec<f64> = (0..21).map(|n| f64::from(n) / 100.0 - 0.10).collect();
        let got = value_at_risk(Some(&returns)).value.unwrap();
        assert!((got - 0.09).abs() < 1e-15, "{got}");
        assert_eq!(value_at_risk(Some(&[])).value, None);
        assert_eq!(value_at_risk(None).value, None);
    }
}
