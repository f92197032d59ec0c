//! Probabilistic Sharpe ratio: how sure it is that a Sharpe ratio lies above another.

use super::{Figure, Unit, deviation, kurtosis, mean, normal_cdf, skewness};

/// The probability that the true Sharpe ratio is above `threshold`:
/// `Phi((SR - SR*) * sqrt(n - 1) / sqrt(1 - skew * SR + (kurtosis - 1) / 4 * SR^2))`.
///
/// `sharpe` and `threshold` are **per period**, not annualised, of `observations` returns; `skewness` and
/// `kurtosis` are theirs, the kurtosis raw (3 of a normal distribution). `None` below two observations, when
/// something is not finite, or when the variance of the estimate is not above zero.
///
/// Source: Bailey and López de Prado, "The Sharpe Ratio Efficient Frontier", Journal of Risk 15 (2012), eq. 11.
#[must_use]
pub fn probabilistic_sharpe(
    sharpe: f64,
    threshold: f64,
    observations: u64,
    skewness: f64,
    kurtosis: f64,
) -> Option<f64> {
    if observations < 2 {
        return None;
    }
    let variance = 1.0 - skewness * sharpe + (kurtosis - 1.0) / 4.0 * sharpe * sharpe;
    if variance.is_nan() || variance <= 0.0 {
        return None;
    }
    let z = (sharpe - threshold) * ((observations - 1) as f64).sqrt() / variance.sqrt();
    z.is_finite().then(|| normal_cdf(z))
}

/// `mean / stdev (n - 1)` of returns, not annualised. `None` as for [`super::sharpe`].
#[must_use]
pub fn sharpe_per_period(returns: &[f64]) -> Option<f64> {
    Some(mean(returns)? / deviation(returns)?)
}

/// [`probabilistic_sharpe`] of daily returns against a true ratio of zero, as a figure.
#[must_use]
pub fn probabilistic_sharpe_of_returns(returns: Option<&[f64]>) -> Figure {
    let value = returns.and_then(|returns| {
        probabilistic_sharpe(
            sharpe_per_period(returns)?,
            0.0,
            returns.len() as u64,
            skewness(returns)?,
            kurtosis(returns)?,
        )
    });
    Figure::new(
        value,
        Unit::Fraction,
        "probability that the true Sharpe ratio is above 0, from daily returns, their skewness and raw kurtosis \
         (Bailey and López de Prado 2012)",
        "fewer than two returns, returns that do not vary, or equity not above zero",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The worked example of Bailey and López de Prado (2014): annual ratio 2.5 of 1,250 daily returns, skewness
    /// -3, kurtosis 10, threshold 0.1132 a day gives 0.9004.
    #[test]
    fn it_agrees_with_the_papers_example() {
        let daily = 2.5 / 250.0f64.sqrt();
        let got = probabilistic_sharpe(daily, 0.1132, 1_250, -3.0, 10.0).unwrap();
        assert!((got - 0.9004).abs() < 1e-3, "{got}");
    }

    #[test]
    fn a_ratio_at_the_threshold_is_a_coin() {
        assert_eq!(probabilistic_sharpe(0.1, 0.1, 100, -1.0, 5.0), Some(0.5));
    }

    #[test]
    fn without_a_variance_it_is_not_defined() {
        assert_eq!(probabilistic_sharpe(0.1, 0.0, 1, 0.0, 3.0), None);
        assert_eq!(probabilistic_sharpe(2.0, 0.0, 50, 1.0, 1.0), None);
        assert_eq!(probabilistic_sharpe(f64::NAN, 0.0, 50, 0.0, 3.0), None);
        assert_eq!(
            probabilistic_sharpe_of_returns(Some(&[0.1, 0.1])).value,
            None
        );
        assert_eq!(probabilistic_sharpe_of_returns(None).value, None);
    }
}
