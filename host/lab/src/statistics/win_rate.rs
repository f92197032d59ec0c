//! Win rate.

use super::{Figure, Unit};

/// Closed trades that made money over all closed trades; a breakeven is no win. `results` are net of fees.
/// `None` without a closed trade.
///
/// Source: the definition that LEAN, freqtrade and backtesting.py share.
#[must_use]
pub fn win_rate(results: &[f64]) -> Figure {
    let wins = results.iter().filter(|result| **result > 0.0).count();
    Figure::new(
        (!results.is_empty()).then(|| wins as f64 / results.len() as f64),
        Unit::Fraction,
        "winning trades / closed trades, net of fees",
        "no trade was closed",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_breakeven_is_no_win() {
        assert_eq!(win_rate(&[1.0, 0.0, -1.0, 2.0]).value, Some(0.5));
        assert_eq!(win_rate(&[]).value, None);
    }
}
