//! Everything that is computed from trades.

use super::{
    Figure, adverse_excursion, average_loss, average_win, best_trade, expectancy, expectancy_in_r,
    expectancy_ratio, favourable_excursion, kelly, profit_factor, sqn, win_rate, worst_trade,
};
use bulkhead_domain::number::to_f64;
use bulkhead_session::record::TradeRecord;
use serde::{Deserialize, Serialize};

/// Statistics of positions from flat to flat, net of fees; those still open are left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TradeStatistics {
    /// Closed trades.
    pub closed: u64,
    /// Those that made money.
    pub wins: u64,
    /// Those that lost money.
    pub losses: u64,
    /// Those that did neither.
    pub breakevens: u64,
    /// Trades still open at the end.
    pub open: u64,
    /// Share of winners.
    pub win_rate: Figure,
    /// Money won over money lost.
    pub profit_factor: Figure,
    /// Mean result.
    pub expectancy: Figure,
    /// Mean result against the average loss.
    pub expectancy_ratio: Figure,
    /// Mean result in units of what was risked.
    pub expectancy_in_r: Figure,
    /// Largest result.
    pub best: Figure,
    /// Smallest result.
    pub worst: Figure,
    /// Mean result of those that made money.
    pub average_win: Figure,
    /// Mean result of those that lost money.
    pub average_loss: Figure,
    /// Mean of the largest losses on the way.
    pub adverse_excursion: Figure,
    /// Mean of the largest gains on the way.
    pub favourable_excursion: Figure,
    /// System quality number.
    pub sqn: Figure,
    /// Kelly criterion.
    pub kelly: Figure,
}

impl TradeStatistics {
    /// All of them.
    #[must_use]
    pub fn of(trades: &[TradeRecord]) -> Self {
        let results: Vec<f64> = trades
            .iter()
            .filter(|trade| trade.closed.is_some())
            .map(|trade| to_f64(trade.profit))
            .collect();
        let count = |wanted: fn(f64) -> bool| {
            results.iter().filter(|result| wanted(**result)).count() as u64
        };
        TradeStatistics {
            closed: results.len() as u64,
            wins: count(|result| result > 0.0),
            losses: count(|result| result < 0.0),
            breakevens: count(|result| result == 0.0),
            open: (trades.len() - results.len()) as u64,
            win_rate: win_rate(&results),
            profit_factor: profit_factor(&results),
            expectancy: expectancy(&results),
            expectancy_ratio: expectancy_ratio(&results),
            expectancy_in_r: expectancy_in_r(trades),
            best: best_trade(&results),
            worst: worst_trade(&results),
            average_win: average_win(&results),
            average_loss: average_loss(&results),
            adverse_excursion: adverse_excursion(trades),
            favourable_excursion: favourable_excursion(trades),
            sqn: sqn(&results),
            kelly: kelly(&results),
        }
    }

    /// Label and figure, in the order of a table.
    #[must_use]
    pub fn rows(&self) -> Vec<(&'static str, &Figure)> {
        vec![
            ("Win rate", &self.win_rate),
            ("Profit factor", &self.profit_factor),
            ("Expectancy per trade", &self.expectancy),
            ("Expectancy ratio", &self.expectancy_ratio),
            ("Expectancy in R", &self.expectancy_in_r),
            ("Best trade", &self.best),
            ("Worst trade", &self.worst),
            ("Average win", &self.average_win),
            ("Average loss", &self.average_loss),
            ("Mean adverse excursion (MAE)", &self.adverse_excursion),
            (
                "Mean favourable excursion (MFE)",
                &self.favourable_excursion,
            ),
            ("System quality number", &self.sqn),
            ("Kelly criterion", &self.kelly),
        ]
    }
}

/// A trade for tests.
#[cfg(test)]
pub(super) fn sample(profit: i64, closed: bool) -> TradeRecord {
    use bulkhead_domain::Decimal;
    TradeRecord {
        owner: "ema-cross".into(),
        instrument: 0,
        side: bulkhead_domain::order::Side::Buy,
        opened: 0,
        closed: closed.then_some(1),
        quantity: Decimal::ONE,
        profit: Decimal::from(profit),
        fees: Decimal::ZERO,
        decisions: Vec::new(),
        detail: None,
    }
}

#[cfg(test)]
mod tests {
    use super::sample as trade;
    use super::*;

    #[test]
    fn open_trades_are_counted_but_not_judged() {
        let trades = [
            trade(5, true),
            trade(-5, true),
            trade(0, true),
            trade(99, false),
        ];
        let statistics = TradeStatistics::of(&trades);
        assert_eq!(
            (
                statistics.closed,
                statistics.wins,
                statistics.losses,
                statistics.breakevens,
                statistics.open
            ),
            (3, 1, 1, 1, 1)
        );
        assert_eq!(statistics.expectancy.value, Some(0.0));
    }
}
