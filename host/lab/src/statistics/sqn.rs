//! System quality number.

use super::{Figure, Unit, deviation, mean};

/// `sqrt(n) * mean / stdev (n - 1)` of the net results of closed trades. `None` below two trades or where they do not
/// vary.
///
/// Source: Tharp, "The Definitive Guide to Position Sizing", on money rather than R multiples, as backtesting.py; not
/// capped at 100 trades.
#[must_use]
pub fn sqn(results: &[f64]) -> Figure {
    let value = mean(results)
        .zip(deviation(results))
        .map(|(mean, deviation)| (results.len() as f64).sqrt() * mean / deviation);
    Figure::new(
        value,
        Unit::Ratio,
        "sqrt(closed trades) * mean result / stdev (n - 1) of results, net of fees",
        "fewer than two closed trades, or results that do not vary",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_with_the_number_of_trades() {
        // Mean 2, deviation sqrt(2).
        assert!((sqn(&[1.0, 3.0]).value.unwrap() - 2.0).abs() < 1e-15);
        assert_eq!(sqn(&[1.0]).value, None);
        assert_eq!(sqn(&[2.0, 2.0]).value, None);
    }
}
