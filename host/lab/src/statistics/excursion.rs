//! Excursions of trades on their way, and results in units of what was risked.

use super::{Figure, Unit, mean};
use bulkhead_domain::number::to_f64;
use bulkhead_session::record::{TradeDetail, TradeRecord};

/// Mean of the largest losses at market that closed trades went through (MAE), in the account's currency, zero or
/// above. `None` where nobody looked at trades on their way; says so where it was done for some of them only.
///
/// Source: Sweeney, "Maximum Adverse Excursion" (1996), in money, at the extremes of bars.
#[must_use]
pub fn adverse_excursion(trades: &[TradeRecord]) -> Figure {
    excursion(
        trades,
        "mean of the largest loss at market of closed trades, before fees",
        |detail| to_f64(detail.adverse),
    )
}

/// Mean of the largest gains at market that closed trades went through (MFE); otherwise as [`adverse_excursion`].
///
/// Source: Sweeney (1996).
#[must_use]
pub fn favourable_excursion(trades: &[TradeRecord]) -> Figure {
    excursion(
        trades,
        "mean of the largest gain at market of closed trades, before fees",
        |detail| to_f64(detail.favourable),
    )
}

/// Mean of net result over initial risk (R) of closed trades. `None` unless a stop was known at every entry: an average
/// over the trades that happened to have one would be of another strategy.
///
/// Source: Tharp, "Trade Your Way to Financial Freedom".
#[must_use]
pub fn expectancy_in_r(trades: &[TradeRecord]) -> Figure {
    let multiples: Option<Vec<f64>> = closed(trades)
        .map(|trade| {
            let risk = to_f64(trade.detail.as_ref()?.initial_risk?);
            (risk > 0.0).then(|| to_f64(trade.profit) / risk)
        })
        .collect();
    Figure::new(
        multiples.and_then(|multiples| mean(&multiples)),
        Unit::Ratio,
        "mean of net result / initial risk of closed trades (R); the risk is to the stop known at the entry",
        "no trade was closed, or one was entered without a stop",
    )
}

fn closed(trades: &[TradeRecord]) -> impl Iterator<Item = &TradeRecord> {
    trades.iter().filter(|trade| trade.closed.is_some())
}

fn excursion(trades: &[TradeRecord], convention: &str, of: fn(&TradeDetail) -> f64) -> Figure {
    let seen: Vec<f64> = closed(trades)
        .filter_map(|trade| trade.detail.as_ref())
        .map(of)
        .collect();
    let all = closed(trades).count();
    let some = (seen.len() < all).then(|| format!("of {} of {all} trades", seen.len()));
    Figure::new(
        mean(&seen),
        Unit::Currency,
        convention,
        "no trade was closed, or trades were not looked at on their way",
    )
    .noted(some.as_deref())
}

#[cfg(test)]
mod tests {
    use super::super::trades::sample;
    use super::*;
    use bulkhead_domain::Decimal;

    fn seen(profit: i64, adverse: i64, favourable: i64, risk: Option<i64>) -> TradeRecord {
        TradeRecord {
            detail: Some(TradeDetail {
                entry_price: Decimal::TEN,
                exit_price: Some(Decimal::TEN),
                adverse: adverse.into(),
                favourable: favourable.into(),
                initial_risk: risk.map(Decimal::from),
            }),
            ..sample(profit, true)
        }
    }

    #[test]
    fn they_are_means_over_closed_trades() {
        let trades = [
            seen(4, 2, 6, Some(2)),
            seen(-3, 4, 0, Some(3)),
            sample(9, false),
        ];
        assert_eq!(adverse_excursion(&trades).value, Some(3.0));
        assert_eq!(favourable_excursion(&trades).value, Some(3.0));
        assert_eq!(expectancy_in_r(&trades).value, Some(0.5));
        assert_eq!(adverse_excursion(&trades).note, None);
    }

    #[test]
    fn a_trade_that_nobody_looked_at_is_told_of_and_has_no_r() {
        let trades = [seen(4, 2, 6, Some(2)), sample(1, true)];
        let adverse = adverse_excursion(&trades);
        assert_eq!(adverse.value, Some(2.0));
        assert_eq!(adverse.note.as_deref(), Some("of 1 of 2 trades"));
        assert_eq!(expectancy_in_r(&trades).value, None);
        assert_eq!(expectancy_in_r(&[seen(4, 2, 6, None)]).value, None);
        assert_eq!(favourable_excursion(&[]).value, None);
    }
}
