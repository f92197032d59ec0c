//! Corporate actions on working orders and positions, before the open they are effective from.

use crate::book::Book;
use crate::config::bounds;
use crate::number::{against_trader, split_units};
use crate::order::{
    ActionKind, Bracket, CorporateAction, Nanos, OrderKind, OrderUpdate, Outcome, Side, Trail,
};
use crate::working::Working;
use rust_decimal::Decimal;

/// New units per old one.
#[derive(Clone, Copy)]
struct Ratio {
    numerator: u32,
    denominator: u32,
}

impl Ratio {
    fn price(self, old: Decimal) -> Decimal {
        old * Decimal::from(self.denominator) / Decimal::from(self.numerator)
    }
}

impl Book {
    /// Applies one action. Terms of a split are above zero.
    pub(crate) fn apply(
        &mut self,
        action: &CorporateAction,
        time: Nanos,
        out: &mut Vec<OrderUpdate>,
    ) {
        match &action.kind {
            ActionKind::Split {
                numerator,
                denominator,
            } => {
                self.split(
                    Ratio {
                        numerator: *numerator,
                        denominator: *denominator,
                    },
                    time,
                    out,
                );
            }
            ActionKind::Dividend(_) => {}
            ActionKind::Other { code, text } => {
                for working in &self.orders {
                    let reason =
                        format!("corporate action {code} leaves the order as it is: {text}");
                    out.push(working.update(Outcome::Accepted, time, reason));
                }
            }
        }
    }

    fn split(&mut self, ratio: Ratio, time: Nanos, out: &mut Vec<OrderUpdate>) {
        let Ratio {
            numerator,
            denominator,
        } = ratio;
        let by = f64::from(numerator) / f64::from(denominator);
        self.scale_volumes(by);
        let (tick, lot) = (self.spec.tick, self.spec.lot);
        for working in &mut self.orders {
            let old = working.leaves();
            let name = format!("split {numerator}:{denominator}");
            let Some((leaves, rest)) = split_units(old, numerator, denominator, lot)
                .filter(|(leaves, _)| *leaves <= bounds::ORDER && *leaves > Decimal::ZERO)
            else {
                let reason = format!(
                    "{name}: {} is no tradable quantity any more",
                    old.normalize()
                );
                working.end(Outcome::Cancelled, time, reason, out);
                continue;
            };
            // Whole lots too: a third of a unit is no exact decimal, and what is left must stay exact.
            let filled = split_units(working.filled, numerator, denominator, lot);
            working.filled = filled.map_or(working.filled, |(whole, _)| whole);
            working.order.request.quantity = working.filled + leaves;
            reprice(working, ratio, tick);
            working.best /= by;
            working.mirror();
            let mut reason = format!("{name}: {} became {}", old.normalize(), leaves.normalize());
            if !rest.is_zero() {
                reason.push_str(&format!(", the fraction {} is cancelled", rest.normalize()));
            }
            out.push(working.update(Outcome::Accepted, time, reason));
        }
        for holder in 0..self.positions.len() {
            let before = self.positions[holder];
            let Some((whole, _)) = split_units(before, numerator, denominator, lot) else {
                continue;
            };
            self.positions[holder] = whole;
            if !before.is_zero() && whole.is_zero() {
                let closing = if before > Decimal::ZERO {
                    Side::Sell
                } else {
                    Side::Buy
                };
                self.position_closed(holder, closing, time, out);
            }
        }
        self.sweep();
    }
}

/// Limits move to the tick on their owner's side, stops to the one farther from the market.
fn reprice(working: &mut Working, ratio: Ratio, tick: Decimal) {
    let side = working.side();
    let limit = |old, side: Side| against_trader(ratio.price(old), tick, side.opposite());
    let stop = |old, side: Side| against_trader(ratio.price(old), tick, side);
    let request = &mut working.order.request;
    request.kind = match request.kind {
        OrderKind::Market => OrderKind::Market,
        OrderKind::Limit(price) => OrderKind::Limit(limit(price, side)),
        OrderKind::Stop(price) => OrderKind::Stop(stop(price, side)),
        OrderKind::StopLimit {
            stop: trigger,
            limit: price,
        } => OrderKind::StopLimit {
            stop: stop(trigger, side),
            limit: limit(price, side),
        },
        OrderKind::TrailingStop(Trail::Amount(by)) => {
            let by = against_trader(ratio.price(by), tick, Side::Buy);
            OrderKind::TrailingStop(Trail::Amount(by))
        }
        kind @ OrderKind::TrailingStop(Trail::Fraction(_)) => kind,
    };
    if let Some(bracket) = request.bracket {
        request.bracket = Some(Bracket {
            take_profit: bracket
                .take_profit
                .map(|price| limit(price, side.opposite())),
            stop_loss: bracket.stop_loss.map(|price| stop(price, side.opposite())),
        });
    }
}
