//! Changing working orders.

use crate::support::{Scripted, Verdicted, World, context, dec, denial, whats};
use bulkhead_desk::{Amendment, CheckLimits, RiskRule};
use bulkhead_domain::order::{OrderKind, OrderRequest, Side, TimeInForce};
use bulkhead_domain::risk::{ProtectiveAction, Verdict};

fn rest(world: &mut World, side: Side, quantity: &str, price: &str, reduce_only: bool) -> String {
    let seen = world.request(OrderRequest {
        kind: OrderKind::Limit(dec(price)),
        time_in_force: TimeInForce::GoodTillCancelled,
        reduce_only,
        ..OrderRequest::market(1, side, dec(quantity))
    });
    seen[0].id.clone()
}

fn amend(world: &mut World, id: &str, owner: &str, quantity: &str, price: &str) -> Vec<Verdicted> {
    world.decisions += 1;
    let disposition = world.desk.amend(Amendment {
        decision_id: format!("amend-{}", world.decisions),
        owner: owner.to_owned(),
        client_order_id: id.to_owned(),
        quantity: dec(quantity),
        kind: OrderKind::Limit(dec(price)),
        context: context(),
        fitted: None,
    });
    world.carry_out(vec![disposition])
}

#[test]
fn a_changed_order_goes_on_under_its_new_id_and_fills_once() {
    let mut world = World::plain(Vec::new());
    let old = rest(&mut world, Side::Buy, "10", "95", false);
    let seen = amend(&mut world, &old, "ema", "8", "97");
    assert_eq!(whats(&seen), ["entry becomes 8 Limit(97)"]);
    let new = seen[0].id.clone();
    assert_ne!(old, new);
    assert_eq!(world.desk.orders().iter().count(), 1);
    assert_eq!(world.desk.orders().get(&new).unwrap().leaves(), dec("8"));
    assert_eq!(world.venue.working_in(1), 1);
    world.bar(&[[96.0, 96.0, 96.0, 96.0]]);
    assert_eq!(world.held(), dec("8"));
    assert_eq!(world.desk.orders().iter().count(), 0);
}

#[test]
fn a_change_is_judged_without_the_order_that_it_replaces() {
    let limits = CheckLimits {
        max_position_notional: Some(dec("1000")),
        ..CheckLimits::default()
    };
    let mut world = World::new(limits, &["AAPL"], Vec::new());
    world.bar(&[[100.0; 4]]);
    let old = rest(&mut world, Side::Buy, "9", "99", false);
    assert_eq!(
        whats(&amend(&mut world, &old, "ema", "10", "98")),
        ["entry becomes 10 Limit(98)"]
    );
    let now = world
        .desk
        .orders()
        .iter()
        .next()
        .unwrap()
        .order
        .client_order_id
        .clone();
    let refused = amend(&mut world, &now, "ema", "11", "98");
    assert!(refused[0].what.starts_with("POSITION"), "{:?}", refused[0]);
    assert_eq!(world.desk.orders().get(&now).unwrap().leaves(), dec("10"));
    assert!(
        world.desk.orders().get(&now).unwrap().order.request.kind == OrderKind::Limit(dec("98"))
    );
}

#[test]
fn nonsense_changes_are_refused_and_leave_the_order_alone() {
    let mut world = World::plain(Vec::new());
    world.order(Side::Buy, "4");
    world.bar(&[[100.0; 4]]);
    let exit = rest(&mut world, Side::Sell, "4", "110", true);
    for (id, owner, quantity, code) in [
        ("nothing", "ema", "1", "ORDER_UNKNOWN"),
        (exit.as_str(), "ml", "1", "NOT_THE_OWNER"),
        (exit.as_str(), "ema", "0", "QUANTITY_NOT_ABOVE_FILLED"),
        (exit.as_str(), "ema", "-3", "QUANTITY_NOT_ABOVE_FILLED"),
        (exit.as_str(), "ema", "5", "CHANGE_TURNS_POSITION"),
        (exit.as_str(), "ema", "0.5", "CHANGE_TURNS_POSITION"),
    ] {
        let seen = amend(&mut world, id, owner, quantity, "111");
        assert!(seen[0].what.starts_with(code), "{code}: {}", seen[0].what);
    }
    let order = &world.desk.orders().get(&exit).unwrap().order.request;
    assert_eq!(
        (order.quantity, order.kind),
        (dec("4"), OrderKind::Limit(dec("110")))
    );
    // Less of it, and cheaper: nobody vetoes an exit.
    let seen = amend(&mut world, &exit, "ema", "3", "108");
    assert_eq!(whats(&seen), ["exit becomes 3 Limit(108)"]);
}

#[test]
fn a_rule_cuts_a_change_and_never_enlarges_it() {
    let rule: Box<dyn RiskRule> = Scripted::new("half", |order, _| {
        Ok(if order.request.quantity > dec("5") {
            Verdict::ReduceTo(dec("5"), denial("LESS"))
        } else {
            Verdict::Approve
        })
    });
    let mut world = World::plain(vec![rule]);
    let old = rest(&mut world, Side::Buy, "4", "95", false);
    let seen = amend(&mut world, &old, "ema", "9", "96");
    assert_eq!(whats(&seen), ["entry becomes 5 Limit(96)"]);
    assert_eq!(seen[0].sources.last().unwrap(), "half reduced");
}

#[test]
fn what_a_rule_placed_is_not_its_owners_to_change() {
    let stop = Scripted::reviewing("stop-loss", |portfolio| {
        Ok(portfolio
            .positions
            .iter()
            .map(|position| ProtectiveAction::Place {
                owner: position.owner.clone(),
                request: OrderRequest {
                    kind: OrderKind::Stop(dec("90")),
                    time_in_force: TimeInForce::GoodTillCancelled,
                    ..OrderRequest::market(1, Side::Sell, dec("10"))
                },
            })
            .collect())
    });
    let mut world = World::plain(vec![stop]);
    world.order(Side::Buy, "10");
    world.bar(&[[100.0; 4]]);
    let id = world.review()[0].id.clone();
    let seen = amend(&mut world, &id, "ema", "1", "120");
    assert!(seen[0].what.starts_with("PLACED_BY_A_RULE"), "{seen:?}");
    assert_eq!(
        world.desk.orders().get(&id).unwrap().order.request.kind,
        OrderKind::Stop(dec("90"))
    );
}
