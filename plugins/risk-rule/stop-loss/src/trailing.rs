//! Trailing stops, which must not lose the level they have reached.
//!
//! A trailing stop follows the best price since the venue took it. Cancelled and placed anew, it would start
//! over at the last price, further away. So while a position grows, its older stops stay and one for the
//! whole of it joins them: all are reduce-only, so together they never sell more than is held, and the older
//! trigger first. A stop that an older one covers is cancelled, since the older has seen every price that
//! the younger has. A position thus has as many stops as it has grown steps, each for more units than the
//! one before.

use bulkhead_rule_common::at_tick;
use bulkhead_rule_common::resting::{
    cancel_leftovers, exit, exit_side, held, is_ours, leaves, protects,
};
use bulkhead_sdk::order::{OpenOrder, OrderKind, Trail};
use bulkhead_sdk::risk_rule::{Error, Portfolio, Position, ProtectiveAction};
use bulkhead_sdk::{Decimal, InstrumentHandle};
use std::cmp::Reverse;

/// What brings it about that each position is covered by trailing stops.
pub(crate) fn review(
    portfolio: &Portfolio,
    trail: Trail,
    tag: &str,
    tick: impl Fn(InstrumentHandle) -> Decimal,
) -> Result<Vec<ProtectiveAction>, Error> {
    let mut actions = Vec::new();
    cancel_leftovers(portfolio, tag, &mut actions);
    for position in held(portfolio) {
        let (mut kept, others): (Vec<&OpenOrder>, Vec<&OpenOrder>) = portfolio
            .open_orders
            .iter()
            .filter(|open| is_ours(open, tag) && protects(open, position))
            .partition(|open| follows(open, position, trail));
        let mut cancel = |open: &OpenOrder| {
            actions.push(ProtectiveAction::Cancel(open.order.client_order_id.clone()));
        };
        others.into_iter().for_each(&mut cancel);
        kept.sort_by_key(|open| {
            (
                open.accepted,
                Reverse(leaves(open)),
                open.order.client_order_id.clone(),
            )
        });
        let wanted = position.quantity.abs();
        let mut covered = Decimal::ZERO;
        for open in kept {
            let units = leaves(open).min(wanted);
            if units <= covered {
                cancel(open);
            }
            covered = covered.max(units);
        }
        if covered < wanted {
            let trail = match trail {
                Trail::Amount(amount) => Trail::Amount(at_tick(amount, tick(position.instrument))?),
                fraction @ Trail::Fraction(_) => fraction,
            };
            actions.push(ProtectiveAction::Place {
                owner: position.owner.clone(),
                request: exit(position, OrderKind::TrailingStop(trail), tag),
            });
        }
    }
    Ok(actions)
}

/// Whether an order is such a stop. An amount may differ: a split restates it.
fn follows(open: &OpenOrder, position: &Position, trail: Trail) -> bool {
    let request = &open.order.request;
    request.side == exit_side(position)
        && match (request.kind, trail) {
            (OrderKind::TrailingStop(Trail::Fraction(has)), Trail::Fraction(wanted)) => {
                has == wanted
            }
            (OrderKind::TrailingStop(Trail::Amount(_)), Trail::Amount(_)) => true,
            _ => false,
        }
}
