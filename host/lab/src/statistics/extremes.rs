//! The best and the worst trade, the average win and the average loss.

use super::{Figure, Unit, mean};

const NONE_CLOSED: &str = "no trade was closed";

/// Largest net result of a closed trade, in the account's currency. `None` without a closed trade.
///
/// Source: "Best Trade" of backtesting.py, in money.
#[must_use]
pub fn best_trade(results: &[f64]) -> Figure {
    let best = results.iter().copied().reduce(f64::max);
    let convention = "largest result of a closed trade, net of fees";
    Figure::new(best, Unit::Currency, convention, NONE_CLOSED)
}

/// Smallest net result of a closed trade, in the account's currency. `None` without a closed trade.
///
/// Source: "Worst Trade" of backtesting.py, in money.
#[must_use]
pub fn worst_trade(results: &[f64]) -> Figure {
    let worst = results.iter().copied().reduce(f64::min);
    let convention = "smallest result of a closed trade, net of fees";
    Figure::new(worst, Unit::Currency, convention, NONE_CLOSED)
}

/// Mean net result of the trades that made money, in the account's currency. `None` without one.
///
/// Source: LEAN's `TradeStatistics.AverageProfit`.
#[must_use]
pub fn average_win(results: &[f64]) -> Figure {
    let wins: Vec<f64> = results.iter().copied().filter(|r| *r > 0.0).collect();
    let convention = "mean result of winning trades, net of fees";
    Figure::new(mean(&wins), Unit::Currency, convention, "no trade was won")
}

/// Mean net result of the trades that lost money, in the account's currency and negative. `None` without one.
///
/// Source: LEAN's `TradeStatistics.AverageLoss`.
#[must_use]
pub fn average_loss(results: &[f64]) -> Figure {
    let losses: Vec<f64> = results.iter().copied().filter(|r| *r < 0.0).collect();
    let convention = "mean result of losing trades, net of fees";
    Figure::new(
        mean(&losses),
        Unit::Currency,
        convention,
        "no trade was lost",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_what_they_are_called() {
        let results = [4.0, -3.0, 0.0, 8.0, -5.0];
        assert_eq!(best_trade(&results).value, Some(8.0));
        assert_eq!(worst_trade(&results).value, Some(-5.0));
        assert_eq!(average_win(&results).value, Some(6.0));
        assert_eq!(average_loss(&results).value, Some(-4.0));
    }

    #[test]
    fn of_nothing_none_is_defined() {
        for figure in [
            best_trade(&[]),
            worst_trade(&[]),
            average_win(&[0.0]),
            average_loss(&[1.0]),
        ] {
            assert_eq!((figure.value, figure.note.is_some()), (None, true));
        }
    }
}
