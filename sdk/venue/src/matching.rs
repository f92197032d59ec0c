//! One bar against one book: the open, the path, the end of the bar.

use crate::book::{Book, Pool};
use crate::config::VenueConfig;
use crate::number::{against_trader, towards_zero};
use crate::order::{
    Bar, Execution, Liquidity, Nanos, OrderUpdate, Outcome, Side, Step, TimeInForce,
};
use crate::working::{Deal, Leg, Link, Reach, Style, Working};
use rust_decimal::Decimal;

/// What one moment of a bar has for an order.
struct Moment<'a> {
    rules: &'a VenueConfig,
    time: Nanos,
    pool: Pool,
}

impl Book {
    pub(crate) fn match_bar(
        &mut self,
        rules: &VenueConfig,
        step: &Step,
        out: &mut Vec<OrderUpdate>,
    ) {
        let Step {
            open_time,
            ref bar,
            session_end,
            ..
        } = *step;
        let trades = !self.withheld && (rules.max_volume_share.is_none() || bar.volume > 0.0);
        if trades {
            self.match_open(rules, open_time, bar, out);
        }
        for working in &mut self.orders {
            if working.is_immediate() && working.takes_part(open_time) {
                let reason = match (trades, self.withheld) {
                    (true, _) => "not to be had at the open",
                    (false, true) => "no quote",
                    (false, false) => "no volume",
                };
                working.end(Outcome::Cancelled, open_time, reason, out);
            }
        }
        if trades {
            self.match_path(rules, open_time, bar, out);
        }
        for working in &mut self.orders {
            if trades && working.takes_part(open_time) {
                working.trail(bar);
                working.rested = true;
            }
            working.tried = false;
            if !working.done
                && let Some(reason) = expiry(working, bar.time, session_end)
            {
                working.end(Outcome::Expired, bar.time, reason, out);
            }
            if working.waits > 0 && working.accepted <= open_time {
                working.waits -= 1;
            }
        }
        self.place_exits(bar.time, out);
        self.sweep();
    }

    /// Ends the orders whose time is over before the bar opens.
    pub(crate) fn expire_before(&mut self, open_time: Nanos, out: &mut Vec<OrderUpdate>) {
        for working in &mut self.orders {
            if let TimeInForce::GoodTillDate(until) = working.order.request.time_in_force
                && until <= open_time
            {
                working.end(Outcome::Expired, open_time, "good-till-date", out);
            }
        }
        self.sweep();
    }

    fn match_open(
        &mut self,
        rules: &VenueConfig,
        open_time: Nanos,
        bar: &Bar,
        out: &mut Vec<OrderUpdate>,
    ) {
        let mut reached = Vec::new();
        for index in 0..self.orders.len() {
            let working = &self.orders[index];
            if !working.takes_part(open_time) {
                continue;
            }
            let Some(reach) = working.at_open(bar.open) else {
                continue;
            };
            if working.order.request.post_only && !working.rested {
                let reason = format!("post-only: marketable at the open of {}", bar.open);
                self.orders[index].end(Outcome::Rejected, open_time, reason, out);
            } else if self.stop_goes_first(index, open_time, None) {
                self.orders[index].tried = true;
            } else {
                reached.push((reach, index));
            }
        }
        if !reached.is_empty() {
            let pool = self.pool_at_open(rules);
            self.deal(
                Moment {
                    rules,
                    time: open_time,
                    pool,
                },
                reached,
                out,
            );
        }
    }

    fn match_path(
        &mut self,
        rules: &VenueConfig,
        open_time: Nanos,
        bar: &Bar,
        out: &mut Vec<OrderUpdate>,
    ) {
        let mut reached = Vec::new();
        for index in 0..self.orders.len() {
            let working = &self.orders[index];
            let gone_by_the_close = matches!(
                working.order.request.time_in_force,
                TimeInForce::GoodTillDate(until) if until < bar.time
            );
            if !working.takes_part(open_time) || working.tried || gone_by_the_close {
                continue;
            }
            if let Some(reach) = working.on_path(bar)
                && !self.stop_goes_first(index, open_time, Some(bar))
            {
                reached.push((reach, index));
            }
        }
        if !reached.is_empty() {
            let pool = self.pool_within(rules, bar.volume);
            self.deal(
                Moment {
                    rules,
                    time: bar.time,
                    pool,
                },
                reached,
                out,
            );
        }
    }

    /// Market orders sent at the last bar's close, where the venue fills those there.
    pub(crate) fn match_close(&mut self, rules: &VenueConfig, out: &mut Vec<OrderUpdate>) {
        let time = self.last_time;
        let pool = self.pool_at_close(rules);
        let Some(close) = crate::number::from_f64(self.last_close) else {
            return;
        };
        let reached: Vec<_> = (0..self.orders.len())
            .filter(|index| {
                let working = &self.orders[*index];
                working.style() == Style::Market
                    && working.accepted == time
                    && working.waits == 0
                    && !working.rested
            })
            .map(|index| {
                let deal = Deal::Take(close);
                (
                    Reach {
                        stretch: 3,
                        distance: 0.0,
                        rank: 0,
                        triggers: false,
                        deal,
                    },
                    index,
                )
            })
            .collect();
        let indices: Vec<usize> = reached.iter().map(|(_, index)| *index).collect();
        if !self.withheld && (rules.max_volume_share.is_none() || pool.volume > 0.0) {
            self.deal(Moment { rules, time, pool }, reached, out);
        }
        for index in indices {
            let working = &mut self.orders[index];
            working.tried = false;
            working.rested = true;
            if !working.done && working.is_immediate() {
                working.end(Outcome::Cancelled, time, "not to be had at the close", out);
            }
        }
        self.place_exits(time, out);
        self.sweep();
    }

    /// Whether order `index` is a bracket's target whose stop has been triggered, or is on this bar's path.
    fn stop_goes_first(&self, index: usize, open_time: Nanos, path: Option<&Bar>) -> bool {
        if !matches!(
            self.orders[index].link,
            Link::Exit {
                leg: Leg::TakeProfit,
                ..
            }
        ) {
            return false;
        }
        self.sibling(index).is_some_and(|stop| {
            let stop = &self.orders[stop];
            let reached = |bar| stop.takes_part(open_time) && stop.on_path(bar).is_some();
            stop.triggered || path.is_some_and(reached)
        })
    }

    /// Trades what a moment has with the orders it reaches, in order of priority.
    fn deal(
        &mut self,
        mut moment: Moment<'_>,
        mut reached: Vec<(Reach, usize)>,
        out: &mut Vec<OrderUpdate>,
    ) {
        reached.sort_by(|(a, first), (b, second)| {
            a.stretch
                .cmp(&b.stretch)
                .then_with(|| {
                    if a.stretch == 0 {
                        a.rank.cmp(&b.rank)
                    } else {
                        std::cmp::Ordering::Equal
                    }
                })
                .then_with(|| a.distance.total_cmp(&b.distance))
                .then_with(|| a.rank.cmp(&b.rank))
                .then_with(|| first.cmp(second))
        });
        for (reach, index) in reached {
            let working = &mut self.orders[index];
            if working.done {
                continue;
            }
            working.tried = true;
            if reach.triggers {
                working.triggered = true;
                out.push(working.update(Outcome::Triggered, moment.time, String::new()));
            }
            if reach.deal != Deal::Nothing {
                self.fill(&mut moment, index, reach.deal, out);
            }
        }
    }

    fn fill(
        &mut self,
        moment: &mut Moment<'_>,
        index: usize,
        deal: Deal,
        out: &mut Vec<OrderUpdate>,
    ) {
        let working = &self.orders[index];
        let side = working.side();
        let mut wanted = working.leaves() - working.deferred;
        if wanted <= Decimal::ZERO {
            return;
        }
        if working.order.request.reduce_only {
            let reducible = self.reducible(working.holder, side);
            wanted = towards_zero(wanted.min(reducible), self.spec.lot);
            if wanted.is_zero() {
                let reason = "reduce-only: there is no position to reduce";
                self.orders[index].end(Outcome::Cancelled, moment.time, reason, out);
                return;
            }
        }
        let mut quantity = wanted.min(moment.pool.left);
        // All of the order: not all that the position leaves to a reduce-only one.
        let all = working.order.request.time_in_force == TimeInForce::FillOrKill;
        if quantity <= Decimal::ZERO || (all && quantity < working.leaves()) {
            return;
        }
        if !all && let Some(partial) = &moment.rules.partial_fills {
            quantity = partial.cut(quantity, self.spec.lot, working.id(), moment.time);
        }
        let (price, liquidity) = self.price(moment, index, deal, quantity);
        moment.pool.left -= quantity;
        self.used += quantity;
        if let Deal::Take(quoted) = deal {
            let worse = (price - quoted) * side.sign();
            self.slipped += worse * quantity * self.spec.multiplier;
        }
        self.book_fill(moment, index, quantity, price, liquidity, out);
    }

    fn price(
        &self,
        moment: &Moment<'_>,
        index: usize,
        deal: Deal,
        quantity: Decimal,
    ) -> (Decimal, Liquidity) {
        let Moment { rules, pool, .. } = moment;
        let working = &self.orders[index];
        let side = working.side();
        let rounded = |price| {
            if rules.round_to_tick {
                against_trader(price, self.spec.tick, side)
            } else {
                price
            }
        };
        match deal {
            Deal::Take(quoted) => {
                let price = rules.slippage.apply(quoted, side, quantity, pool.volume);
                (rounded(price), Liquidity::Taker)
            }
            Deal::Open(open) => {
                let price = match (side, working.exact_limit()) {
                    (Side::Buy, Some(limit)) => rounded(open).min(limit),
                    (Side::Sell, Some(limit)) => rounded(open).max(limit),
                    (_, None) => rounded(open),
                };
                (
                    price,
                    if working.rested {
                        Liquidity::Maker
                    } else {
                        Liquidity::Taker
                    },
                )
            }
            Deal::Limit(limit) => (limit, Liquidity::Maker),
            Deal::Nothing => (Decimal::ZERO, Liquidity::Unknown),
        }
    }

    fn book_fill(
        &mut self,
        moment: &Moment<'_>,
        index: usize,
        quantity: Decimal,
        price: Decimal,
        liquidity: Liquidity,
        out: &mut Vec<OrderUpdate>,
    ) {
        let Moment { rules, time, .. } = *moment;
        let notional = price.abs() * quantity * self.spec.multiplier;
        let working = &mut self.orders[index];
        let fee = rules
            .fees
            .charge(&mut working.fees, quantity, notional, liquidity);
        working.filled += quantity;
        working.fills += 1;
        working.done = working.leaves() <= Decimal::ZERO;
        let outcome = if working.done {
            Outcome::Filled
        } else {
            Outcome::PartiallyFilled
        };
        let side = working.side();
        let mut update = working.update(outcome, time, String::new());
        update.execution = Some(Execution {
            execution_id: format!("{}-{}", working.id(), working.fills),
            client_order_id: working.order.client_order_id.clone(),
            account: working.order.account.clone(),
            instrument: self.spec.handle,
            side,
            quantity: quantity.normalize(),
            price: price.normalize(),
            fee: fee.normalize(),
            fee_currency: rules.fee_currency_of(working.holder).to_owned(),
            liquidity,
            time,
        });
        out.push(update);
        let holder = working.holder;
        let before = self.positions[holder];
        let after = before + side.sign() * quantity;
        self.positions[holder] = after;
        self.bracket_filled(index, quantity, time, out);
        let against = (before * side.sign()) < Decimal::ZERO;
        if against && (after * side.sign()) >= Decimal::ZERO {
            self.position_closed(holder, side, time, out);
        }
    }
}

/// Why an order's time is over with this bar, if it is.
fn expiry(working: &Working, close: Nanos, session_end: bool) -> Option<&'static str> {
    match working.order.request.time_in_force {
        TimeInForce::Day if session_end && working.accepted <= close && working.waits == 0 => {
            Some("the session has ended")
        }
        TimeInForce::GoodTillDate(until) if until <= close => Some("good-till-date"),
        _ => None,
    }
}
