//! One resting exit for every position.
//!
//! A rule knows its own orders by their tag and by being reduce-only. What protects nothing any more is
//! cancelled; so is a second one. An order that no longer fits is cancelled and placed anew: cancellations
//! come before the order that takes their place, and nobody else's order is touched.

use bulkhead_sdk::Decimal;
use bulkhead_sdk::order::{OpenOrder, OrderKind, OrderRequest, Side, TimeInForce};
use bulkhead_sdk::risk_rule::{Error, Portfolio, Position, ProtectiveAction};

/// Whether an order is the rule's own.
#[must_use]
pub fn is_ours(open: &OpenOrder, tag: &str) -> bool {
    open.order.request.tag == tag && open.order.request.reduce_only
}

/// Whether an order protects a position.
#[must_use]
pub fn protects(open: &OpenOrder, position: &Position) -> bool {
    open.order.owner == position.owner && open.order.request.instrument == position.instrument
}

/// Units that may still fill. Zero for an order that claims to have filled beyond its quantity.
#[must_use]
pub fn leaves(open: &OpenOrder) -> Decimal {
    crate::entry::leaves(open).unwrap_or(Decimal::ZERO)
}

/// The side that closes a position.
#[must_use]
pub fn exit_side(position: &Position) -> Side {
    if position.quantity > Decimal::ZERO {
        Side::Sell
    } else {
        Side::Buy
    }
}

/// A reduce-only order for the whole position, good till cancelled (at market: for the day).
#[must_use]
pub fn exit(position: &Position, kind: OrderKind, tag: &str) -> OrderRequest {
    let time_in_force = match kind {
        OrderKind::Market => TimeInForce::Day,
        _ => TimeInForce::GoodTillCancelled,
    };
    OrderRequest {
        kind,
        time_in_force,
        reduce_only: true,
        tag: tag.to_owned(),
        ..OrderRequest::market(
            position.instrument,
            exit_side(position),
            position.quantity.abs(),
        )
    }
}

/// Positions that are not zero.
pub fn held(portfolio: &Portfolio) -> impl Iterator<Item = &Position> {
    portfolio
        .positions
        .iter()
        .filter(|position| !position.quantity.is_zero())
}

/// Cancels the rule's orders that have no position left to protect.
pub fn cancel_leftovers(portfolio: &Portfolio, tag: &str, actions: &mut Vec<ProtectiveAction>) {
    for open in portfolio
        .open_orders
        .iter()
        .filter(|open| is_ours(open, tag))
    {
        if !held(portfolio).any(|position| protects(open, position)) {
            actions.push(ProtectiveAction::Cancel(open.order.client_order_id.clone()));
        }
    }
}

/// What brings it about that each position has the one order that `wanted` says, or none. A working order
/// fits when side and remaining quantity do and it is of the same kind; its price may be an older one, so
/// that an order is not moved for a tick.
///
/// # Errors
/// Those of `wanted`.
pub fn keep_one(
    portfolio: &Portfolio,
    tag: &str,
    mut wanted: impl FnMut(&Position) -> Result<Option<OrderRequest>, Error>,
) -> Result<Vec<ProtectiveAction>, Error> {
    let mut actions = Vec::new();
    cancel_leftovers(portfolio, tag, &mut actions);
    for position in held(portfolio) {
        let mut wanted = wanted(position)?;
        for open in &portfolio.open_orders {
            if !is_ours(open, tag) || !protects(open, position) {
                continue;
            }
            // Once it is there, nothing is wanted any more, and a second one goes.
            if wanted.take_if(|wanted| fits(open, wanted)).is_none() {
                actions.push(ProtectiveAction::Cancel(open.order.client_order_id.clone()));
            }
        }
        if let Some(request) = wanted {
            actions.push(ProtectiveAction::Place {
                owner: position.owner.clone(),
                request,
            });
        }
    }
    Ok(actions)
}

fn fits(open: &OpenOrder, wanted: &OrderRequest) -> bool {
    let request = &open.order.request;
    request.side == wanted.side
        && leaves(open) == wanted.quantity
        && std::mem::discriminant(&request.kind) == std::mem::discriminant(&wanted.kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{AAPL, MSFT, held, placed, portfolio};

    const TAG: &str = "mine";

    fn review(portfolio: &Portfolio, price: i64) -> Vec<ProtectiveAction> {
        keep_one(portfolio, TAG, |position| {
            Ok(Some(exit(position, OrderKind::Stop(price.into()), TAG)))
        })
        .unwrap()
    }

    fn cancel(id: &str) -> ProtectiveAction {
        ProtectiveAction::Cancel(id.to_owned())
    }

    #[test]
    fn a_position_gets_one_order_which_is_then_left_alone() {
        let position = held(AAPL, "ema", -30);
        let actions = review(&portfolio(vec![position.clone()], vec![]), 12);
        let [ProtectiveAction::Place { owner, request }] = &actions[..] else {
            panic!("{actions:?}");
        };
        assert_eq!(owner, "ema");
        assert_eq!((request.side, request.quantity), (Side::Buy, 30.into()));
        assert!(request.reduce_only);
        let resting = placed("s", "ema", request.clone());
        assert_eq!(
            review(
                &portfolio(vec![position.clone()], vec![resting.clone()]),
                13
            ),
            []
        );
        let second = placed("t", "ema", request.clone());
        assert_eq!(
            review(&portfolio(vec![position], vec![resting, second]), 12),
            [cancel("t")]
        );
    }

    #[test]
    fn what_does_not_fit_is_cancelled_before_it_is_placed_anew() {
        let position = held(AAPL, "ema", 30);
        let stop = exit(&position, OrderKind::Stop(9.into()), TAG);
        let grown = portfolio(
            vec![held(AAPL, "ema", 40)],
            vec![placed("s", "ema", stop.clone())],
        );
        let actions = review(&grown, 9);
        assert_eq!(actions[0], cancel("s"));
        assert!(
            matches!(&actions[1..], [ProtectiveAction::Place { request, .. }] if request.quantity == 40.into())
        );
        // Another kind of order does not fit either.
        let other = OrderRequest {
            kind: OrderKind::Limit(9.into()),
            ..stop.clone()
        };
        let actions = review(
            &portfolio(vec![position.clone()], vec![placed("l", "ema", other)]),
            9,
        );
        assert_eq!((actions.len(), &actions[0]), (2, &cancel("l")));
        // What has filled no longer protects.
        let mut partly = placed("s", "ema", stop);
        partly.filled = Decimal::TEN;
        let left = portfolio(vec![held(AAPL, "ema", 20)], vec![partly]);
        assert_eq!(review(&left, 9), []);
    }

    #[test]
    fn leftovers_go_and_other_orders_stay() {
        let position = held(AAPL, "ema", 30);
        let stop = exit(&position, OrderKind::Stop(9.into()), TAG);
        let foreign = OrderRequest {
            tag: "theirs".to_owned(),
            ..stop.clone()
        };
        let entry = OrderRequest {
            reduce_only: false,
            ..stop.clone()
        };
        let flat = portfolio(
            vec![held(MSFT, "ema", 0)],
            vec![
                placed("s", "ema", stop.clone()),
                placed("f", "ema", foreign),
                placed("e", "ema", entry),
            ],
        );
        assert_eq!(review(&flat, 9), [cancel("s")]);
        // Nothing wanted: the order goes.
        let account = portfolio(vec![position], vec![placed("s", "ema", stop)]);
        assert_eq!(
            keep_one(&account, TAG, |_| Ok(None)).unwrap(),
            [cancel("s")]
        );
    }
}
