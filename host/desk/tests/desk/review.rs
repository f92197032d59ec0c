//! Protection proposed by rules, and the host's own cancellations.

use crate::support::{Scripted, World, dec, denial, whats};
use bulkhead_desk::{RuleFailure, TradingState};
use bulkhead_domain::Decimal;
use bulkhead_domain::order::{Bracket, OrderKind, OrderRequest, Side, TimeInForce};
use bulkhead_domain::risk::ProtectiveAction;

fn stop(quantity: &str, price: &str) -> OrderRequest {
    OrderRequest {
        kind: OrderKind::Stop(dec(price)),
        time_in_force: TimeInForce::GoodTillCancelled,
        ..OrderRequest::market(1, Side::Sell, dec(quantity))
    }
}

/// Proposes a stop at 90 for every long position, larger than it, each time it is asked.
fn stop_loss() -> Box<Scripted> {
    Scripted::reviewing("stop-loss", |portfolio| {
        Ok(portfolio
            .positions
            .iter()
            .map(|position| ProtectiveAction::Place {
                owner: position.owner.clone(),
                request: stop("1000", "90"),
            })
            .collect())
    })
}

#[test]
fn a_proposed_stop_rests_reduce_only_no_larger_than_the_position_and_once() {
    let mut world = World::plain(vec![stop_loss()]);
    world.order(Side::Buy, "10");
    world.bar(&[[100.0; 4]]);
    assert_eq!(whats(&world.review()), ["protective Sell 10 reduce-only"]);
    assert!(whats(&world.review())[0].starts_with("PROTECTION_RESTS"));
    world.bar(&[[100.0; 4]]);
    assert_eq!(world.desk.orders().iter().count(), 1);
    world.bar(&[[95.0, 95.0, 80.0, 85.0]]);
    assert_eq!(world.held(), Decimal::ZERO);
    assert_eq!(world.desk.ledger().realised(), dec("-100"));
    assert!(world.review().is_empty());
}

#[test]
fn protection_without_a_position_is_refused() {
    let rule = Scripted::reviewing("odd", |_| {
        Ok(vec![ProtectiveAction::Place {
            owner: "nobody".to_owned(),
            request: stop("5", "90"),
        }])
    });
    let mut world = World::plain(vec![rule]);
    assert_eq!(
        whats(&world.review()),
        [
            "NOTHING_TO_PROTECT: observed 5, limit 0 (a protective order may only close what is held)"
        ]
    );
}

#[test]
fn a_rule_may_cancel_its_own_stop_but_not_anothers() {
    let canceller = |name: &str| {
        Scripted::reviewing(name, |portfolio| {
            Ok(portfolio
                .open_orders
                .iter()
                .map(|open| ProtectiveAction::Cancel(open.order.client_order_id.clone()))
                .collect())
        })
    };
    let mut placed = false;
    let mine = Scripted::reviewing("mine", move |portfolio| {
        Ok(if std::mem::replace(&mut placed, true) {
            portfolio
                .open_orders
                .iter()
                .map(|open| ProtectiveAction::Cancel(open.order.client_order_id.clone()))
                .collect()
        } else {
            vec![ProtectiveAction::Place {
                owner: "ema".to_owned(),
                request: stop("10", "90"),
            }]
        })
    });
    let mut world = World::plain(vec![canceller("other"), mine]);
    world.order(Side::Buy, "10");
    world.bar(&[[100.0; 4]]);
    world.review();
    let seen = world.review();
    assert_eq!(
        whats(&seen),
        [
            "CANCEL_NOT_ALLOWED: observed an order that reduces a position, \
             limit its own orders, and entries (a rule can only tighten)",
            "cancel"
        ]
    );
    assert_eq!(world.desk.orders().iter().count(), 0);
    assert_eq!(world.venue.working_in(1), 0);
}

#[test]
fn entries_are_denied_while_a_review_fails_and_exits_are_not() {
    let mut asked = 0;
    let rule = Scripted::reviewing("flaky", move |_| {
        asked += 1;
        if asked == 1 {
            Err(RuleFailure {
                plugin: "flaky".to_owned(),
                text: "out of fuel".to_owned(),
            })
        } else {
            Ok(Vec::new())
        }
    });
    let mut world = World::plain(vec![rule]);
    world.order(Side::Buy, "10");
    world.bar(&[[100.0; 4]]);
    let review = world.desk.review();
    assert_eq!(review.failures.len(), 1);
    assert_eq!(
        whats(&world.order(Side::Buy, "5")),
        ["REVIEW_FAILED: observed out of fuel, limit a verdict (risk rule 'flaky' failed)"]
    );
    assert_eq!(whats(&world.order(Side::Sell, "5")), ["exit Sell 5"]);
    world.review();
    assert_eq!(whats(&world.order(Side::Buy, "6")), ["entry Buy 6"]);
}

#[test]
fn a_halt_cancels_entries_and_keeps_protection() {
    let mut placed = false;
    let rule = Scripted::reviewing("guard", move |portfolio| {
        if portfolio.positions.is_empty() {
            Ok(Vec::new())
        } else if std::mem::replace(&mut placed, true) {
            Ok(vec![ProtectiveAction::Halt(denial("DRAWDOWN"))])
        } else {
            Ok(vec![ProtectiveAction::Place {
                owner: "ema".to_owned(),
                request: stop("10", "90"),
            }])
        }
    });
    let mut world = World::plain(vec![rule]);
    world.order(Side::Buy, "10");
    world.bar(&[[100.0; 4]]);
    world.review();
    world.request(OrderRequest {
        kind: OrderKind::Limit(dec("95")),
        time_in_force: TimeInForce::GoodTillCancelled,
        ..OrderRequest::market(1, Side::Buy, dec("3"))
    });
    let review = world.desk.review();
    assert_eq!(review.halt, Some(("guard".to_owned(), denial("DRAWDOWN"))));
    assert_eq!(world.desk.trading_state().0, TradingState::Halted);
    assert_eq!(whats(&world.obey()), ["cancel"]);
    let left: Vec<_> = world.desk.orders().iter().collect();
    assert_eq!(left.len(), 1);
    assert!(left[0].order.request.reduce_only);
}

#[test]
fn a_rule_that_fails_on_one_order_is_not_asked_again_before_its_next_review() {
    let mut asked = 0;
    let flaky = Scripted::new("flaky", move |_, _| {
        asked += 1;
        if asked == 1 {
            return Err(RuleFailure {
                plugin: "flaky".to_owned(),
                text: "trapped".to_owned(),
            });
        }
        Ok(bulkhead_domain::risk::Verdict::Approve)
    });
    let mut world = World::plain(vec![flaky]);
    for quantity in ["1", "2"] {
        let seen = world.order(Side::Buy, quantity);
        assert!(
            seen[0].what.starts_with("RULE_FAILED: observed trapped"),
            "{}",
            seen[0].what
        );
    }
    world.review();
    assert_eq!(whats(&world.order(Side::Buy, "3")), ["entry Buy 3"]);
}

/// Wants one stop at 90, tagged, for every long position, and none where one of its own works already.
fn stop_loss_by_tag() -> Box<Scripted> {
    Scripted::reviewing("stop-loss", |portfolio| {
        let mine = |owner: &str| {
            portfolio.open_orders.iter().any(|open| {
                let request = &open.order.request;
                open.order.owner == owner && request.tag == "stop-loss" && request.reduce_only
            })
        };
        let bare = portfolio.positions.iter().filter(|held| !mine(&held.owner));
        Ok(bare
            .map(|held| ProtectiveAction::Place {
                owner: held.owner.clone(),
                request: OrderRequest {
                    tag: "stop-loss".to_owned(),
                    ..stop(&held.quantity.to_string(), "90")
                },
            })
            .collect())
    })
}

#[test]
fn a_strategys_order_under_a_rules_tag_is_not_taken_for_the_rules_own() {
    let far = |tag: &str| OrderRequest {
        tag: tag.to_owned(),
        ..stop("10", "0.01")
    };
    let by_bracket = OrderRequest {
        bracket: Some(Bracket {
            take_profit: None,
            stop_loss: Some(dec("0.01")),
        }),
        tag: "stop-loss".to_owned(),
        ..OrderRequest::market(1, Side::Buy, dec("10"))
    };
    let by_hand = OrderRequest {
        reduce_only: true,
        ..far("stop-loss")
    };
    for (entry, exit, shown) in [
        (by_bracket, None, "bracket:stop-loss"),
        (
            OrderRequest::market(1, Side::Buy, dec("10")),
            Some(by_hand),
            "owner:stop-loss",
        ),
    ] {
        let mut world = World::plain(vec![stop_loss_by_tag()]);
        assert_eq!(whats(&world.request(entry)), ["entry Buy 10"]);
        world.bar(&[[100.0; 4]]);
        if let Some(exit) = exit {
            assert_eq!(whats(&world.request(exit)), ["exit Sell 10 reduce-only"]);
        }
        let tags = |world: &World| -> Vec<String> {
            let orders = world.desk.portfolio().open_orders;
            orders
                .into_iter()
                .map(|open| open.order.request.tag)
                .collect()
        };
        assert_eq!(tags(&world), [shown]);
        assert_eq!(whats(&world.review()), ["protective Sell 10 reduce-only"]);
        assert_eq!(tags(&world), [shown, "stop-loss"]);
        assert!(world.review().is_empty());
        world.bar(&[[95.0, 95.0, 80.0, 85.0]]);
        assert_eq!(world.held(), Decimal::ZERO);
        assert_eq!(world.desk.ledger().realised(), dec("-100"));
    }
}
