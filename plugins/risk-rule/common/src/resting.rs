//! One resting exit for every position.
//!
//! A rule knows its own orders by their tag and by being reduce-only. The host shows a tag that no rule gave
//! with its giver in front (`owner:`, `bracket:`, `host:`), so that no strategy passes its orders off as a
//! rule's; rules side by side need tags that differ. What protects nothing any more is cancelled; so is a
//! second one. An order that no longer fits is cancelled and placed anew: cancellations come before the order
//! that takes their place, and nobody else's order is touched.

use crate::Listings;
use bulkhead_sdk::Decimal;
use bulkhead_sdk::order::{OpenOrder, OrderKind, OrderRequest, Side, TimeInForce, Trail};
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
/// fits when side, remaining quantity and kind do and its prices are within a tick: so far off is the
/// rounding of a split, for which an order is not moved.
///
/// # Errors
/// Those of `wanted`.
pub fn keep_one(
    portfolio: &Portfolio,
    tag: &str,
    listings: &Listings,
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
            let tick = listings.tick(position.instrument);
            if wanted.take_if(|wanted| fits(open, wanted, tick)).is_none() {
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

fn fits(open: &OpenOrder, wanted: &OrderRequest, tick: Decimal) -> bool {
    let request = &open.order.request;
    let near = |has: Decimal, wants: Decimal| {
        has.checked_sub(wants)
            .is_some_and(|away| away.abs() <= tick)
    };
    let priced = match (request.kind, wanted.kind) {
        (OrderKind::Market, OrderKind::Market) => true,
        (OrderKind::Limit(has), OrderKind::Limit(wants))
        | (OrderKind::Stop(has), OrderKind::Stop(wants)) => near(has, wants),
        (
            OrderKind::StopLimit { stop, limit },
            OrderKind::StopLimit {
                stop: wanted_stop,
                limit: wanted_limit,
            },
        ) => near(stop, wanted_stop) && near(limit, wanted_limit),
        (OrderKind::TrailingStop(has), OrderKind::TrailingStop(wants)) => match (has, wants) {
            (Trail::Amount(has), Trail::Amount(wants)) => near(has, wants),
            (has, wants) => has == wants,
        },
        _ => false,
    };
    priced && request.side == wanted.side && leaves(open) == wanted.quantity
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{AAPL, MSFT, held, instruments, placed, portfolio};

    const TAG: &str = "mine";

    fn review(portfolio: &Portfolio, price: i64) -> Vec<ProtectiveAction> {
        wanting(portfolio, OrderKind::Stop(price.into()))
    }

    /// With ticks of a cent.
    fn wanting(portfolio: &Portfolio, kind: OrderKind) -> Vec<ProtectiveAction> {
        keep_one(portfolio, TAG, &Listings::new(&instruments()), |position| {
            Ok(Some(exit(position, kind, TAG)))
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
                12
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
    fn an_order_at_another_price_does_not_fit() {
        let cents = |price: i64| Decimal::new(price, 2);
        let both = |stop, limit| OrderKind::StopLimit {
            stop: cents(stop),
            limit: cents(limit),
        };
        let amount = |by| OrderKind::TrailingStop(Trail::Amount(cents(by)));
        let fraction = |by| OrderKind::TrailingStop(Trail::Fraction(cents(by)));
        let limit = |price| OrderKind::Limit(cents(price));
        let stop = |price| OrderKind::Stop(cents(price));
        let position = held(AAPL, "ema", 30);
        for (has, wants, fits) in [
            (stop(900), stop(901), true),
            (stop(901), stop(900), true),
            (stop(902), stop(900), false),
            (stop(1), stop(900), false),
            (OrderKind::Stop(Decimal::MIN), stop(900), false),
            (limit(900), limit(901), true),
            (limit(90_000), limit(900), false),
            (limit(900), stop(900), false),
            (both(900, 890), both(901, 889), true),
            (both(900, 890), both(902, 890), false),
            (both(900, 890), both(900, 888), false),
            (amount(50), amount(51), true),
            (amount(50), amount(52), false),
            (fraction(5), fraction(5), true),
            (fraction(99), fraction(5), false),
            (amount(5), fraction(5), false),
            (OrderKind::Market, OrderKind::Market, true),
            (OrderKind::Market, stop(900), false),
        ] {
            let resting = placed("s", "ema", exit(&position, has, TAG));
            let account = portfolio(vec![position.clone()], vec![resting]);
            let actions = wanting(&account, wants);
            assert_eq!(actions.is_empty(), fits, "{has:?} {wants:?}");
            if !fits {
                assert_eq!((actions.len(), &actions[0]), (2, &cancel("s")));
            }
        }
    }

    #[test]
    fn an_exit_that_no_rule_tagged_does_not_fit_and_stays() {
        let position = held(AAPL, "ema", 30);
        for giver in ["owner:", "bracket:", "host:"] {
            let request = OrderRequest {
                tag: format!("{giver}{TAG}"),
                ..exit(&position, OrderKind::Stop(9.into()), TAG)
            };
            let account = portfolio(vec![position.clone()], vec![placed("x", "ema", request)]);
            assert!(
                matches!(&review(&account, 9)[..], [ProtectiveAction::Place { .. }]),
                "{giver}"
            );
        }
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
            keep_one(&account, TAG, &Listings::default(), |_| Ok(None)).unwrap(),
            [cancel("s")]
        );
    }
}
