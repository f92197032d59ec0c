//! Positions from flat to flat, put together from fills, splits and dividends.

use crate::record::{FillRecord, TradeRecord};
use bulkhead_domain::order::{ActionKind, InstrumentHandle, Side};
use bulkhead_domain::{Decimal, number};
use std::collections::BTreeMap;

/// Decimal places of a fee's share.
const FEE_PLACES: u32 = 10;

/// A position in the making.
struct Open {
    record: TradeRecord,
    /// Signed quantity held.
    held: Decimal,
    /// Cash received less paid, fees and dividends included.
    cash: Decimal,
}

/// All trades of a session.
#[derive(Default)]
pub(crate) struct Trades {
    open: BTreeMap<(String, InstrumentHandle), Open>,
    closed: Vec<TradeRecord>,
}

impl Trades {
    /// Takes a fill. A fill that turns a position around closes one trade and opens the next.
    pub(crate) fn fill(&mut self, fill: &FillRecord, multiplier: Decimal) {
        let key = (fill.owner.clone(), fill.instrument);
        let mut left = fill.side.sign() * fill.quantity;
        let mut fee = fill.fee;
        if let Some(open) = self.open.get_mut(&key) {
            let against = (open.held > Decimal::ZERO) != (left > Decimal::ZERO);
            let part = if against && left.abs() > open.held.abs() {
                -open.held
            } else {
                left
            };
            // The last part of a fee is what the others left, so that the parts add up to it exactly: a share
            // with all the digits of a decimal would lose some of them in a sum.
            let share = if part == left {
                fee
            } else {
                (fee * part / left).round_dp(FEE_PLACES)
            };
            open.take(fill, part, share, multiplier);
            fee -= share;
            left -= part;
            if open.held.is_zero()
                && let Some(mut done) = self.open.remove(&key)
            {
                done.record.closed = Some(fill.time);
                done.record.profit = done.cash;
                self.closed.push(done.record);
            }
        }
        if !left.is_zero() {
            let record = TradeRecord {
                owner: fill.owner.clone(),
                instrument: fill.instrument,
                side: if left > Decimal::ZERO {
                    Side::Buy
                } else {
                    Side::Sell
                },
                opened: fill.time,
                closed: None,
                quantity: Decimal::ZERO,
                profit: Decimal::ZERO,
                fees: Decimal::ZERO,
                decisions: Vec::new(),
            };
            let mut open = Open {
                record,
                held: Decimal::ZERO,
                cash: Decimal::ZERO,
            };
            open.take(fill, left, fee, multiplier);
            self.open.insert(key, open);
        }
    }

    /// Applies a corporate action to every open trade of an instrument. `prior_close` prices the fraction
    /// of a unit that a split leaves over, which is paid in cash.
    pub(crate) fn action(
        &mut self,
        instrument: InstrumentHandle,
        kind: &ActionKind,
        lot: Decimal,
        prior_close: f64,
    ) {
        for ((_, held_in), open) in &mut self.open {
            if *held_in != instrument {
                continue;
            }
            match kind {
                ActionKind::Dividend(amount) => open.cash += open.held * *amount,
                ActionKind::Split {
                    numerator,
                    denominator,
                } => {
                    let (numerator, denominator) =
                        (Decimal::from(*numerator), Decimal::from(*denominator));
                    let exact = open.held * numerator / denominator;
                    let whole = (exact / lot).trunc() * lot;
                    let after = number::nearest_multiple(prior_close, Decimal::new(1, 8))
                        .unwrap_or_default()
                        * denominator
                        / numerator;
                    open.cash += (exact - whole) * after;
                    open.held = whole;
                    open.record.quantity = open.record.quantity * numerator / denominator;
                }
                ActionKind::Other { .. } => {}
            }
        }
    }

    /// Everything, in the order of opening; open positions are valued at the given prices.
    pub(crate) fn finish(
        self,
        price: impl Fn(InstrumentHandle) -> Option<Decimal>,
        multiplier: impl Fn(InstrumentHandle) -> Decimal,
    ) -> Vec<TradeRecord> {
        let mut all = self.closed;
        for ((_, instrument), open) in self.open {
            let value = price(instrument).unwrap_or_default() * open.held * multiplier(instrument);
            all.push(TradeRecord {
                profit: open.cash + value,
                ..open.record
            });
        }
        all.sort_by(|a, b| {
            (a.opened, a.instrument, &a.owner).cmp(&(b.opened, b.instrument, &b.owner))
        });
        all
    }
}

impl Open {
    /// Takes `part` (signed) of a fill, with its part of the fee.
    fn take(&mut self, fill: &FillRecord, part: Decimal, fee: Decimal, multiplier: Decimal) {
        self.cash -= part * fill.price * multiplier + fee;
        self.held += part;
        self.record.fees += fee;
        self.record.quantity = self.record.quantity.max(self.held.abs());
        if self.record.decisions.last() != Some(&fill.decision) {
            self.record.decisions.push(fill.decision.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(side: Side, quantity: i64, price: i64, time: i64) -> FillRecord {
        FillRecord {
            client_order_id: format!("o{time}"),
            decision: format!("t-{time}"),
            time,
            owner: "s".to_owned(),
            instrument: 1,
            side,
            quantity: quantity.into(),
            price: price.into(),
            fee: Decimal::ONE,
        }
    }

    fn finish(trades: Trades) -> Vec<TradeRecord> {
        trades.finish(|_| Some(Decimal::from(10)), |_| Decimal::ONE)
    }

    #[test]
    fn a_round_trip_is_one_trade_net_of_fees() {
        let mut trades = Trades::default();
        trades.fill(&fill(Side::Buy, 10, 10, 1), Decimal::ONE);
        trades.fill(&fill(Side::Sell, 10, 12, 2), Decimal::ONE);
        let all = finish(trades);
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].profit, all[0].closed), (Decimal::from(18), Some(2)));
        assert_eq!(all[0].decisions, ["t-1", "t-2"]);
    }

    #[test]
    fn a_fill_that_turns_around_closes_one_trade_and_opens_the_next() {
        let mut trades = Trades::default();
        trades.fill(&fill(Side::Buy, 10, 10, 1), Decimal::ONE);
        trades.fill(&fill(Side::Sell, 15, 12, 2), Decimal::ONE);
        let all = finish(trades);
        assert_eq!(all.len(), 2);
        assert_eq!(
            (all[1].side, all[1].quantity, all[1].closed),
            (Side::Sell, Decimal::from(5), None)
        );
        let total: Decimal = all.iter().map(|trade| trade.profit).sum();
        // +20 on ten, +10 on the five short at 12 now worth 10, two fees.
        assert_eq!(total, Decimal::from(28));
    }

    #[test]
    fn a_split_and_a_dividend_do_not_make_a_loss() {
        let mut trades = Trades::default();
        trades.fill(&fill(Side::Buy, 5, 20, 1), Decimal::ONE);
        trades.action(
            1,
            &ActionKind::Split {
                numerator: 2,
                denominator: 1,
            },
            Decimal::ONE,
            20.0,
        );
        trades.action(1, &ActionKind::Dividend(Decimal::ONE), Decimal::ONE, 10.0);
        let all = finish(trades);
        assert_eq!(all[0].profit, Decimal::from(-100 - 1 + 10 + 100));
    }
}
