//! Positions from flat to flat, put together from fills, splits and dividends.

use crate::record::{FillRecord, TradeDetail, TradeRecord};
use bulkhead_domain::Decimal;
use bulkhead_domain::number::{from_f64, to_f64};
use bulkhead_domain::order::{ActionKind, CorporateAction, InstrumentHandle, Side};
use std::collections::BTreeMap;

/// Decimal places of a fee's share.
const FEE_PLACES: u32 = 10;
/// Decimal places of a mean price, and of the money by which a trade ran.
const PRICE_PLACES: u32 = 8;

/// A position in the making.
struct Open {
    record: TradeRecord,
    /// Signed quantity held.
    held: Decimal,
    /// Cash received less paid, fees and dividends included.
    cash: Decimal,
    /// What was paid or received for everything that opened it.
    notional: Decimal,
    /// What is seen of it on the way, where somebody looks.
    seen: Option<Seen>,
}

/// What is seen of an open trade, in binary floats, for it is looked at at every bar.
#[derive(Clone, Copy)]
struct Seen {
    /// Cash received less paid, dividends included and fees left out.
    cash: f64,
    /// Signed units times multiplier.
    held: f64,
    /// Lowest and highest result at market, before fees.
    worst: f64,
    best: f64,
    /// Units that opened or enlarged it, and what they cost in all.
    entered: (Decimal, Decimal),
    /// Units that closed some of it, and what they brought.
    left: (Decimal, Decimal),
    /// What the entries put at risk; `None` once one had no stop.
    risk: Option<Decimal>,
}

impl Seen {
    fn new() -> Seen {
        Seen {
            cash: 0.0,
            held: 0.0,
            worst: 0.0,
            best: 0.0,
            entered: Default::default(),
            left: Default::default(),
            risk: Some(Decimal::ZERO),
        }
    }

    /// Takes the result at a price.
    fn look(&mut self, price: f64) {
        let result = self.cash + self.held * price;
        self.worst = self.worst.min(result);
        self.best = self.best.max(result);
    }

    fn detail(&self) -> TradeDetail {
        let mean = |(units, money): (Decimal, Decimal)| {
            let price = money.checked_div(units)?;
            Some(price.round_dp(PRICE_PLACES))
        };
        let money = |amount: f64| {
            let amount = from_f64(amount.max(0.0)).unwrap_or_default();
            amount.round_dp(PRICE_PLACES)
        };
        TradeDetail {
            entry_price: mean(self.entered).unwrap_or_default(),
            exit_price: mean(self.left),
            adverse: money(-self.worst),
            favourable: money(self.best),
            initial_risk: self.risk,
        }
    }
}

/// A trade that ended.
pub(crate) struct Closed {
    pub(crate) record: TradeRecord,
    /// What it opened with: quantity times price of every fill that made it larger.
    pub(crate) notional: Decimal,
}

/// All trades of a session.
#[derive(Default)]
pub(crate) struct Trades {
    open: BTreeMap<(String, InstrumentHandle), Open>,
    closed: Vec<Closed>,
    /// Closed ones that were told of.
    told: usize,
    /// Whether trades are looked at on the way.
    watched: bool,
}

impl Trades {
    /// Trades that are looked at on the way: [`Trades::look`] shows them every bar.
    pub(crate) fn watched() -> Trades {
        Trades {
            watched: true,
            ..Trades::default()
        }
    }

    /// Shows the open trades of an instrument a bar's extremes.
    pub(crate) fn look(&mut self, instrument: InstrumentHandle, high: f64, low: f64) {
        for ((_, held_in), open) in &mut self.open {
            if *held_in == instrument
                && let Some(seen) = &mut open.seen
            {
                seen.look(high);
                seen.look(low);
            }
        }
    }

    /// Takes a fill. A fill that turns a position around closes one trade and opens the next.
    pub(crate) fn fill(&mut self, fill: &FillRecord, multiplier: Decimal) {
        self.fill_with(fill, multiplier, None);
    }

    /// The same of an order whose entry has a stop at that price.
    pub(crate) fn fill_with(
        &mut self,
        fill: &FillRecord,
        multiplier: Decimal,
        stop: Option<Decimal>,
    ) {
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
            open.take(fill, part, (share, multiplier), stop);
            fee -= share;
            left -= part;
            if open.held.is_zero()
                && let Some(done) = self.open.remove(&key)
            {
                self.closed.push(done.closed(fill.time));
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
                detail: None,
            };
            let mut open = Open {
                record,
                held: Decimal::ZERO,
                cash: Decimal::ZERO,
                notional: Decimal::ZERO,
                seen: self.watched.then(Seen::new),
            };
            open.take(fill, left, (fee, multiplier), stop);
            self.open.insert(key, open);
        }
    }

    /// Applies a day's corporate actions to every open trade of an instrument. `close` is the close before
    /// them; it prices the fraction of a unit that a split leaves over, which is paid in cash.
    pub(crate) fn actions(
        &mut self,
        instrument: InstrumentHandle,
        actions: &[CorporateAction],
        mut close: Decimal,
        lot: Decimal,
        multiplier: Decimal,
    ) {
        for action in actions {
            let mut trades: Vec<&mut Open> = self
                .open
                .iter_mut()
                .filter(|((_, held_in), _)| *held_in == instrument)
                .map(|(_, open)| open)
                .collect();
            match &action.kind {
                ActionKind::Dividend(amount) => {
                    for open in &mut trades {
                        let paid = open.held * *amount;
                        open.cash += paid;
                        if let Some(seen) = &mut open.seen {
                            seen.cash += to_f64(paid);
                        }
                    }
                    close -= *amount;
                }
                ActionKind::Split {
                    numerator,
                    denominator,
                } => {
                    let (numerator, denominator) =
                        (Decimal::from(*numerator), Decimal::from(*denominator));
                    close = close * denominator / numerator;
                    for open in &mut trades {
                        let exact = open.held * numerator / denominator;
                        let whole = (exact / lot).trunc() * lot;
                        let fraction = (exact - whole) * close * multiplier;
                        open.cash += fraction;
                        open.held = whole;
                        open.record.quantity = open.record.quantity * numerator / denominator;
                        if let Some(seen) = &mut open.seen {
                            seen.cash += to_f64(fraction);
                            seen.held = to_f64(whole * multiplier);
                            for (units, _) in [&mut seen.entered, &mut seen.left] {
                                *units = *units * numerator / denominator;
                            }
                        }
                    }
                }
                ActionKind::Other { .. } => {}
            }
            self.close_gone(action.time);
        }
    }

    /// What a split rounded away is over.
    fn close_gone(&mut self, time: i64) {
        let gone = |_: &(String, InstrumentHandle), open: &mut Open| open.held.is_zero();
        for (_, done) in self.open.extract_if(.., gone) {
            self.closed.push(done.closed(time));
        }
    }

    /// Trades that have closed since the last call, numbered through the session.
    pub(crate) fn news(&mut self) -> impl Iterator<Item = (usize, &Closed)> {
        let told = self.told;
        self.told = self.closed.len();
        self.closed.iter().enumerate().skip(told)
    }

    /// Hands over the trades that have closed since the last call, for who keeps none of them here.
    pub(crate) fn take_closed(&mut self) -> Vec<Closed> {
        std::mem::take(&mut self.closed)
    }

    /// Everything, in the order of opening; open positions are valued at the given prices.
    pub(crate) fn finish(
        self,
        price: impl Fn(InstrumentHandle) -> Option<Decimal>,
        multiplier: impl Fn(InstrumentHandle) -> Decimal,
    ) -> Vec<TradeRecord> {
        let mut all: Vec<TradeRecord> = self.closed.into_iter().map(|done| done.record).collect();
        for ((_, instrument), open) in self.open {
            let value = price(instrument).unwrap_or_default() * open.held * multiplier(instrument);
            let detail = open.seen.map(|seen| seen.detail());
            all.push(TradeRecord {
                profit: open.cash + value,
                detail,
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
    fn closed(mut self, time: i64) -> Closed {
        self.record.closed = Some(time);
        self.record.profit = self.cash;
        self.record.detail = self.seen.map(|seen| seen.detail());
        Closed {
            record: self.record,
            notional: self.notional,
        }
    }

    /// Takes `part` (signed) of a fill, with its part of the fee.
    fn take(
        &mut self,
        fill: &FillRecord,
        part: Decimal,
        (fee, multiplier): (Decimal, Decimal),
        stop: Option<Decimal>,
    ) {
        let paid = part * fill.price * multiplier;
        self.cash -= paid + fee;
        let enlarges = self.held.is_zero() || (self.held > Decimal::ZERO) == (part > Decimal::ZERO);
        if enlarges {
            self.notional += paid.abs();
        }
        if let Some(seen) = &mut self.seen {
            let (units, money) = if enlarges {
                &mut seen.entered
            } else {
                &mut seen.left
            };
            *units += part.abs();
            *money += part.abs() * fill.price;
            if enlarges {
                let risk = |stop: Decimal| (fill.price - stop).abs() * part.abs() * multiplier;
                seen.risk = seen.risk.zip(stop).map(|(sum, stop)| sum + risk(stop));
            }
            seen.cash -= to_f64(paid);
            seen.held += to_f64(part * multiplier);
            seen.look(to_f64(fill.price));
        }
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

    fn act(trades: &mut Trades, kinds: &[ActionKind], close: i64) {
        let actions: Vec<CorporateAction> = kinds
            .iter()
            .map(|kind| CorporateAction {
                time: 5,
                kind: kind.clone(),
            })
            .collect();
        trades.actions(1, &actions, close.into(), Decimal::ONE, Decimal::ONE);
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

    /// Digests of sessions cover what their trades are written as.
    #[test]
    fn a_trade_that_nobody_looked_at_is_written_and_read_as_it_always_was() {
        let mut trades = Trades::default();
        trades.fill(&fill(Side::Buy, 10, 10, 1), Decimal::ONE);
        let all = finish(trades);
        let written = serde_json::to_string(&all[0]).unwrap();
        assert_eq!(
            written,
            r#"{"owner":"s","instrument":1,"side":"buy","opened":1,"closed":null,"quantity":"10","profit":"-1","fees":"1","decisions":["t-1"]}"#
        );
        let read: TradeRecord = serde_json::from_str(&written).unwrap();
        assert_eq!(read, all[0]);
    }

    #[test]
    fn what_a_trade_opened_with_is_told_once_when_it_ends() {
        let mut trades = Trades::default();
        trades.fill(&fill(Side::Buy, 10, 10, 1), Decimal::ONE);
        trades.fill(&fill(Side::Buy, 5, 12, 2), Decimal::ONE);
        assert_eq!(trades.news().count(), 0);
        trades.fill(&fill(Side::Sell, 20, 15, 3), Decimal::ONE);
        let told: Vec<_> = trades.news().map(|(n, done)| (n, done.notional)).collect();
        assert_eq!(told, [(0, Decimal::from(160))]);
        assert_eq!(trades.news().count(), 0);
        trades.fill(&fill(Side::Buy, 5, 10, 4), Decimal::ONE);
        let told: Vec<_> = trades.news().map(|(n, done)| (n, done.notional)).collect();
        assert_eq!(told, [(1, Decimal::from(75))]);
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
        let split = ActionKind::Split {
            numerator: 2,
            denominator: 1,
        };
        act(&mut trades, &[split], 20);
        act(&mut trades, &[ActionKind::Dividend(Decimal::ONE)], 10);
        let all = finish(trades);
        assert_eq!(all[0].profit, Decimal::from(-100 - 1 + 10 + 100));
    }
    #[test]
    fn a_fraction_after_a_dividend_of_the_same_day_is_paid_at_what_is_left_of_the_price() {
        let mut trades = Trades::default();
        trades.fill(&fill(Side::Buy, 5, 21, 1), Decimal::ONE);
        let split = ActionKind::Split {
            numerator: 1,
            denominator: 2,
        };
        act(
            &mut trades,
            &[ActionKind::Dividend(Decimal::ONE), split],
            21,
        );
        // Two units of 10, half a unit at (21 - 1) x 2, five dividends, a fee.
        let all = finish(trades);
        assert_eq!(all[0].profit, Decimal::from(-105 - 1 + 5 + 20 + 2 * 10));
    }

    /// A position that a split leaves nothing of is over.
    #[test]
    fn a_trade_that_a_split_rounds_away_is_closed() {
        let mut trades = Trades::default();
        trades.fill(&fill(Side::Buy, 1, 20, 1), Decimal::ONE);
        let split = ActionKind::Split {
            numerator: 1,
            denominator: 2,
        };
        act(&mut trades, &[split], 20);
        trades.fill(&fill(Side::Sell, 3, 40, 9), Decimal::ONE);
        let all = finish(trades);
        assert_eq!(all.len(), 2);
        assert_eq!(
            (all[0].profit, all[0].closed),
            (Decimal::from(-20 - 1 + 20), Some(5))
        );
        assert_eq!((all[1].side, all[1].opened), (Side::Sell, 9));
    }

    #[test]
    fn a_watched_trade_knows_how_far_it_ran_and_what_it_risked() {
        let mut trades = Trades::watched();
        let stop = Some(Decimal::from(9));
        trades.fill_with(&fill(Side::Buy, 10, 10, 1), Decimal::ONE, stop);
        trades.look(1, 12.0, 9.5);
        trades.look(2, 99.0, 1.0);
        trades.fill(&fill(Side::Sell, 9, 15, 2), Decimal::ONE);
        // One unit is left: 45 are won, whatever becomes of it.
        trades.look(1, 15.0, 2.0);
        trades.fill(&fill(Side::Sell, 1, 1, 3), Decimal::ONE);
        let detail = finish(trades).remove(0).detail.unwrap();
        assert_eq!(detail.entry_price, Decimal::from(10));
        assert_eq!(detail.exit_price, Some(Decimal::new(136, 1)));
        assert_eq!(detail.adverse, Decimal::from(5));
        assert_eq!(detail.favourable, Decimal::from(50));
        assert_eq!(detail.initial_risk, Some(Decimal::from(10)));
    }

    #[test]
    fn a_trade_risks_nothing_known_once_an_entry_has_no_stop() {
        let mut trades = Trades::watched();
        trades.fill_with(&fill(Side::Sell, 10, 10, 1), Decimal::ONE, Some(12.into()));
        trades.fill(&fill(Side::Sell, 10, 10, 2), Decimal::ONE);
        // The loss that ends it is seen although no bar showed it.
        trades.fill(&fill(Side::Buy, 20, 14, 3), Decimal::ONE);
        let detail = finish(trades).remove(0).detail.unwrap();
        assert_eq!(
            (detail.initial_risk, detail.adverse),
            (None, Decimal::from(80))
        );
    }
}
