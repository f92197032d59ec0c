//! Tail ratio.

use super::{Figure, Unit, quantile};

/// `|95 % quantile| / |5 % quantile|` of daily returns: above one where good days reach further than bad ones. `None`
/// without a return, when one cannot be built or when the lower quantile is zero.
///
/// Source: empyrical's `tail_ratio`.
#[must_use]
pub fn tail_ratio(returns: Option<&[f64]>) -> Figure {
    let value = returns.and_then(|returns| {
        let (low, high) = (quantile(returns, 0.05)?, quantile(returns, 0.95)?);
        (low != 0.0).then(|| high.abs() / low.abs())
    });
    Figure::new(
        value,
        Unit::Ratio,
        "|95 % quantile| / |5 % quantile| of daily returns",
        "there is no return, the 5 % quantile is zero, or equity was not above zero",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_compares_good_days_with_bad_ones() {
        let returns: Vec<f64> = (0..21).map(|n| f64::from(n) / 100.0 - 0.05).collect();
        let got = tail_ratio(Some(&returns)).value.unwrap();
        assert!((got - 0.14 / 0.04).abs() < 1e-12, "{got}");
        assert_eq!(tail_ratio(Some(&[0.0, 0.0])).value, None);
        assert_eq!(tail_ratio(None).value, None);
    }
}
