//! Skewness and kurtosis.

use super::{Figure, Unit, deviation, mean};

/// `m3 / m2^1.5` with central moments over `n`: zero of a symmetric sample. `None` below two values or where they do
/// not vary.
///
/// Source: Fisher's `g1`, as in Joanes and Gill, "Comparing Measures of Sample Skewness and Kurtosis", The
/// Statistician 47 (1998); no small-sample correction.
#[must_use]
pub fn skewness(values: &[f64]) -> Option<f64> {
    let (m2, m3, _) = central(values)?;
    Some(m3 / (m2 * m2.sqrt()))
}

/// `m4 / m2^2` with central moments over `n`: raw, so 3 of a normal sample, not 0. `None` below two values or where
/// they do not vary.
///
/// Source: `b2` of Pearson, `g2 + 3` of Joanes and Gill (1998); no small-sample correction.
#[must_use]
pub fn kurtosis(values: &[f64]) -> Option<f64> {
    let (m2, _, m4) = central(values)?;
    Some(m4 / (m2 * m2))
}

/// Second, third and fourth central moment.
fn central(values: &[f64]) -> Option<(f64, f64, f64)> {
    let mean = mean(values)?;
    // Values that differ by rounding only have no shape.
    deviation(values)?;
    let (mut m2, mut m3, mut m4) = (0.0, 0.0, 0.0);
    for value in values {
        let off = value - mean;
        let square = off * off;
        m2 += square;
        m3 += square * off;
        m4 += square * square;
    }
    let count = values.len() as f64;
    Some((m2 / count, m3 / count, m4 / count))
}

/// Skewness of daily returns as a figure.
#[must_use]
pub fn skewness_of_returns(returns: Option<&[f64]>) -> Figure {
    Figure::new(
        returns.and_then(skewness),
        Unit::Ratio,
        "m3 / m2^1.5 of daily returns, moments over n",
        UNDEFINED,
    )
}

/// Raw kurtosis of daily returns as a figure.
#[must_use]
pub fn kurtosis_of_returns(returns: Option<&[f64]>) -> Figure {
    Figure::new(
        returns.and_then(kurtosis),
        Unit::Ratio,
        "m4 / m2^2 of daily returns, moments over n; raw, 3 of a normal distribution",
        UNDEFINED,
    )
}

const UNDEFINED: &str =
    "fewer than two returns, returns that do not vary, or equity not above zero";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_ratios_of_central_moments() {
        // Mean 1, off by -1, -1, -1, 3: m2 = 3, m3 = 6, m4 = 21.
        let values = [0.0, 0.0, 0.0, 4.0];
        assert!((skewness(&values).unwrap() - 6.0 / (3.0 * 3.0f64.sqrt())).abs() < 1e-15);
        assert!((kurtosis(&values).unwrap() - 21.0 / 9.0).abs() < 1e-15);
        assert_eq!(skewness(&[-1.0, 1.0]), Some(0.0));
        assert_eq!(kurtosis(&[-1.0, 1.0]), Some(1.0));
    }

    #[test]
    fn of_what_does_not_vary_there_is_no_shape() {
        assert_eq!(skewness(&[0.1 + 0.2, 0.3, 0.3]), None);
        assert_eq!(kurtosis(&[0.5]), None);
        assert!(kurtosis_of_returns(None).note.is_some());
        assert!(skewness_of_returns(Some(&[])).note.is_some());
    }
}
