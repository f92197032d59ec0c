//! Profit factor.

use super::{Figure, Unit};

/// `sum(wins) / |sum(losses)|` over closed trades, net of fees. `None` when no trade lost.
///
/// Source: the definition that LEAN and freqtrade share: per trade, not per return.
#[must_use]
pub fn profit_factor(results: &[f64]) -> Figure {
    let won: f64 = results.iter().filter(|result| **result > 0.0).sum();
    let lost: f64 = results.iter().filter(|result| **result < 0.0).sum();
    Figure::new(
        (lost < 0.0).then(|| won / -lost),
        Unit::Ratio,
        "money won / money lost over closed trades, net of fees",
        "no closed trade lost money",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_money_won_over_money_lost() {
        assert_eq!(profit_factor(&[6.0, -2.0, 0.0, -1.0]).value, Some(2.0));
        assert_eq!(profit_factor(&[-4.0]).value, Some(0.0));
    }

    #[test]
    fn without_a_loss_it_is_not_infinite() {
        assert_eq!(profit_factor(&[6.0]).value, None);
    }
}
