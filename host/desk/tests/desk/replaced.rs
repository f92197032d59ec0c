//! A rule takes another's place while the desk is at work.

use crate::support::{Scripted, World, dec, whats};
use bulkhead_desk::{DeskError, RiskRule, RuleFailure};
use bulkhead_domain::order::{OrderKind, OrderRequest, Side, TimeInForce};
use bulkhead_domain::risk::{ProtectiveAction, Verdict};
use std::any::Any;

fn stop(price: &str) -> ProtectiveAction {
    ProtectiveAction::Place {
        owner: "ema".to_owned(),
        request: OrderRequest {
            kind: OrderKind::Stop(dec(price)),
            time_in_force: TimeInForce::GoodTillCancelled,
            tag: "guard".to_owned(),
            ..OrderRequest::market(1, Side::Sell, dec("10"))
        },
    }
}

fn failing() -> RuleFailure {
    RuleFailure {
        plugin: "guard".to_owned(),
        text: "out of fuel".to_owned(),
    }
}

#[test]
fn a_successor_is_asked_in_the_old_rules_turn_and_owns_what_that_placed() {
    let approves = |name: &str| Scripted::new(name, |_, _| Ok(Verdict::Approve));
    let first = Scripted::reviewing("guard", |portfolio| {
        Ok(portfolio.positions.iter().map(|_| stop("90")).collect())
    });
    let mut world = World::plain(vec![first, approves("last")]);
    world.order(Side::Buy, "10");
    world.bar(&[[100.0; 4]]);
    let placed = world.review().remove(0).id;

    // The successor moves the stop: it may cancel it, being its own.
    let second = Scripted::reviewing("guard", |portfolio| {
        let mut actions = vec![stop("95")];
        actions.extend(portfolio.open_orders.iter().map(|open| {
            assert_eq!(open.order.request.tag, "guard");
            ProtectiveAction::Cancel(open.order.client_order_id.clone())
        }));
        Ok(actions)
    });
    let old = world.desk.replace_rule(second).unwrap();
    assert_eq!(old.name(), "guard");
    assert!(world.desk.orders().get(&placed).is_some());
    let moved = world.review();
    assert_eq!(
        whats(&moved),
        ["cancel", "protective Sell 10 reduce-only"],
        "{moved:?}"
    );
    assert_eq!(moved[0].id, placed);
    let entry = world.order(Side::Buy, "1");
    assert_eq!(
        entry[0].sources,
        ["host approved", "guard approved", "last approved"]
    );
}

#[test]
fn the_successor_of_a_rule_that_failed_is_trusted_from_its_first_review_on() {
    let broken = Scripted::reviewing("guard", |_| Err(failing()));
    let mut world = World::plain(vec![broken]);
    world.review();
    let sound = Scripted::new("guard", |_, _| Ok(Verdict::Approve));
    world.desk.replace_rule(sound).unwrap();
    let denied = world.order(Side::Buy, "1");
    assert!(denied[0].what.starts_with("REVIEW_FAILED"), "{denied:?}");
    world.review();
    assert_eq!(whats(&world.order(Side::Buy, "2")), ["entry Buy 2"]);
}

#[test]
fn a_rule_takes_no_place_but_that_of_its_name() {
    let denies = Scripted::reviewing("guard", |_| Err(failing()));
    let mut world = World::plain(vec![denies]);
    let other = Scripted::new("other", |_, _| Ok(Verdict::Approve));
    let refused = world.desk.replace_rule(other).err();
    assert_eq!(refused, Some(DeskError::RuleUnknown("other".to_owned())));
    assert!(world.desk.rule_mut("other").is_none());
    assert_eq!(world.desk.review().failures.len(), 1);
}

#[test]
fn whoever_made_a_rule_gets_at_it_by_its_name() {
    let rule = Scripted::new("guard", |_, _| Ok(Verdict::Approve));
    let mut world = World::plain(vec![rule]);
    let rule: &mut dyn Any = world.desk.rule_mut("guard").unwrap();
    assert_eq!(rule.downcast_mut::<Scripted>().unwrap().name(), "guard");
}
