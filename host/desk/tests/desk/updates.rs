//! What a broker says of working orders: how large they are, and when something happened.

use crate::support::{World, context, dec, execution, update, whats};
use bulkhead_desk::orders::OrderError;
use bulkhead_desk::{Amendment, DeskError};
use bulkhead_domain::order::{
    ActionKind, Bracket, CorporateAction, Execution, OrderKind, OrderRequest, OrderUpdate, Outcome,
    Side, TimeInForce,
};
use bulkhead_domain::time::DAY;
use bulkhead_domain::{Decimal, Timestamp};

/// A buy of ten that does not fill in a bar at 100.
fn resting() -> OrderRequest {
    OrderRequest {
        kind: OrderKind::Limit(dec("95")),
        time_in_force: TimeInForce::GoodTillCancelled,
        ..OrderRequest::market(1, Side::Buy, dec("10"))
    }
}

fn amendment(id: &str, quantity: &str, limit: &str) -> Amendment {
    Amendment {
        decision_id: "amend".to_owned(),
        owner: "ema".to_owned(),
        client_order_id: id.to_owned(),
        quantity: dec(quantity),
        kind: OrderKind::Limit(dec(limit)),
        context: context(),
        fitted: None,
    }
}

fn accepted(id: &str, leaves: &str) -> OrderUpdate {
    OrderUpdate {
        leaves: dec(leaves),
        ..update(id, Outcome::Accepted, None)
    }
}

/// Refused as working for more than was approved; gives both in all.
fn above(world: &mut World, update: &OrderUpdate) -> (Decimal, Decimal) {
    match world.desk.apply(update) {
        Err(DeskError::Order(OrderError::AboveApproved {
            client_order_id,
            approved,
            observed,
        })) => {
            assert_eq!(client_order_id, update.client_order_id);
            (approved, observed)
        }
        other => panic!("{other:?}"),
    }
}

fn leaves(world: &World, id: &str) -> Decimal {
    world.desk.orders().get(id).unwrap().leaves()
}

#[test]
fn no_restatement_makes_an_order_larger_than_it_was_approved() {
    let mut world = World::plain(Vec::new());
    let id = world.request(resting())[0].id.clone();
    let error = world.desk.apply(&accepted(&id, "1000")).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("order '{id}' works for 1000 in all, above the 10 approved")
    );
    let over = update(&id, Outcome::Filled, Some(execution("over", &id, "1000")));
    assert!(world.desk.apply(&over).is_err());
    assert_eq!((world.held(), leaves(&world, &id)), (dec("0"), dec("10")));
    // Smaller and back is the venue's to say.
    world.apply(&accepted(&id, "6")).unwrap();
    assert_eq!(leaves(&world, &id), dec("6"));
    world.apply(&accepted(&id, "10")).unwrap();
    // What has filled counts.
    let part = update(
        &id,
        Outcome::PartiallyFilled,
        Some(execution("a", &id, "4")),
    );
    world.apply(&part).unwrap();
    assert_eq!(
        above(&mut world, &accepted(&id, "7")),
        (dec("10"), dec("11"))
    );
    world.apply(&accepted(&id, "6")).unwrap();
    assert_eq!((world.held(), leaves(&world, &id)), (dec("4"), dec("6")));
}

#[test]
fn a_split_or_a_change_moves_what_an_order_may_be() {
    let mut world = World::plain(Vec::new());
    let old = world.request(resting())[0].id.clone();
    let disposition = world.desk.amend(amendment(&old, "8", "94"));
    let id = world.carry_out(vec![disposition])[0].id.clone();
    assert_eq!(
        above(&mut world, &accepted(&id, "10")),
        (dec("8"), dec("10"))
    );
    let split = [CorporateAction {
        time: 0,
        kind: ActionKind::Split {
            numerator: 3,
            denominator: 2,
        },
    }];
    world.desk.on_actions(1, &split, dec("100")).unwrap();
    assert_eq!(
        above(&mut world, &accepted(&id, "13")),
        (dec("12"), dec("13"))
    );
    world.apply(&accepted(&id, "12")).unwrap();
}

fn bracket() -> OrderRequest {
    OrderRequest {
        bracket: Some(Bracket {
            take_profit: Some(dec("120")),
            stop_loss: Some(dec("90")),
        }),
        ..resting()
    }
}

#[test]
fn a_brackets_exit_is_for_no_more_than_its_entry_has_filled() {
    let mut world = World::plain(Vec::new());
    let entry = world.request(bracket())[0].id.clone();
    let exit = format!("{entry}-sl");
    assert_eq!(
        above(&mut world, &accepted(&exit, "1")),
        (dec("0"), dec("1"))
    );
    let fill = |id: &str, outcome, quantity| {
        update(&entry, outcome, Some(execution(id, &entry, quantity)))
    };
    world
        .apply(&fill("a", Outcome::PartiallyFilled, "4"))
        .unwrap();
    assert_eq!(
        above(&mut world, &accepted(&exit, "1000")),
        (dec("4"), dec("1000"))
    );
    assert!(world.desk.orders().get(&exit).is_none());
    world.apply(&accepted(&exit, "4")).unwrap();
    assert_eq!(
        above(&mut world, &accepted(&exit, "10")),
        (dec("4"), dec("10"))
    );
    world.apply(&fill("b", Outcome::Filled, "6")).unwrap();
    assert_eq!(
        above(&mut world, &accepted(&exit, "11")),
        (dec("10"), dec("11"))
    );
    world.apply(&accepted(&exit, "10")).unwrap();
    // One that the venue first speaks of after the entry's end.
    let target = format!("{entry}-tp");
    assert_eq!(
        above(&mut world, &accepted(&target, "11")),
        (dec("10"), dec("11"))
    );
    world.apply(&accepted(&target, "10")).unwrap();
    let sold = Execution {
        side: Side::Sell,
        ..execution("c", &exit, "3")
    };
    let sold = update(&exit, Outcome::PartiallyFilled, Some(sold));
    world.apply(&sold).unwrap();
    assert_eq!(
        above(&mut world, &accepted(&exit, "8")),
        (dec("10"), dec("11"))
    );
    assert_eq!(world.held(), dec("7"));
}

#[test]
fn the_exits_of_a_changed_entry_are_taken_up_and_grow_with_it() {
    let mut world = World::plain(Vec::new());
    let first = world.request(bracket())[0].id.clone();
    let disposition = world.desk.amend(amendment(&first, "8", "96"));
    assert_eq!(
        whats(&world.carry_out(vec![disposition])),
        ["entry becomes 8 Limit(96)"]
    );
    world.bar(&[[97.0, 97.0, 95.0, 96.0]]);
    assert_eq!(world.held(), dec("8"));
    assert_eq!(leaves(&world, &format!("{first}-sl")), dec("8"));
    assert_eq!(leaves(&world, &format!("{first}-tp")), dec("8"));
}

#[test]
fn a_changed_entry_that_ends_unfilled_leaves_no_exits_to_come() {
    let mut world = World::plain(Vec::new());
    let first = world.request(bracket())[0].id.clone();
    let disposition = world.desk.amend(amendment(&first, "8", "94"));
    let id = world.carry_out(vec![disposition])[0].id.clone();
    world.apply(&update(&id, Outcome::Cancelled, None)).unwrap();
    let exit = format!("{first}-sl");
    assert_eq!(
        world.desk.apply(&accepted(&exit, "8")),
        Err(DeskError::Order(OrderError::Unknown(exit)))
    );
}

#[test]
fn nothing_is_booked_before_its_order_was_last_heard_of() {
    let mut world = World::plain(Vec::new());
    let approved = world.now();
    let id = world.request(resting())[0].id.clone();
    let fill = |execution_id: &str, outcome, quantity, time| {
        let execution = Execution {
            time,
            ..execution(execution_id, &id, quantity)
        };
        OrderUpdate {
            time,
            reason: "filled".to_owned(),
            ..update(&id, outcome, Some(execution))
        }
    };
    let part = Outcome::PartiallyFilled;
    let mut times = Vec::new();
    for (execution_id, outcome, quantity, said) in [
        // Before it was approved, and before all time.
        ("a", part, "1", approved - 400 * DAY),
        ("b", part, "1", i64::MIN),
        ("c", part, "1", approved + 7),
        // Back, but after the approval.
        ("d", part, "1", approved + 5),
        ("e", Outcome::Filled, "6", approved + 9),
    ] {
        let applied = world
            .apply(&fill(execution_id, outcome, quantity, said))
            .unwrap();
        times.push(applied.time - approved);
        assert_eq!(applied.reason == "filled", applied.time == said);
    }
    assert_eq!(times, [0, 0, 7, 7, 9]);
    assert_eq!(world.held(), dec("10"));
    let booked: Vec<i64> = world
        .desk
        .take_entries()
        .iter()
        .filter(|entry| entry.kind.name() == "fill")
        .map(|entry| entry.time - approved)
        .collect();
    assert_eq!(booked, times);
    let opened = world.desk.portfolio().positions[0].opened;
    assert_eq!(opened, Timestamp(approved));
}

#[test]
fn what_is_told_of_a_time_that_went_backwards_names_both() {
    let mut world = World::plain(Vec::new());
    let id = world.request(resting())[0].id.clone();
    let cancelled = OrderUpdate {
        time: 0,
        ..update(&id, Outcome::Cancelled, None)
    };
    let applied = world.apply(&cancelled).unwrap();
    assert_eq!(applied.time, world.now());
    assert_eq!(
        applied.reason,
        format!(
            "the broker dates it {}, before the order was last heard of: taken to be of {}",
            Timestamp(0),
            Timestamp(world.now())
        )
    );
}

#[test]
fn the_exit_of_a_bracket_is_not_older_than_the_fill_that_made_it() {
    let mut world = World::plain(Vec::new());
    let now = world.now();
    let entry = world.request(bracket())[0].id.clone();
    let bought = Execution {
        time: now + 50,
        ..execution("a", &entry, "10")
    };
    world
        .apply(&update(&entry, Outcome::Filled, Some(bought)))
        .unwrap();
    let exit = format!("{entry}-sl");
    let placed = OrderUpdate {
        time: now + 20,
        ..accepted(&exit, "10")
    };
    assert_eq!(world.apply(&placed).unwrap().time, now + 50);
    let sold = Execution {
        side: Side::Sell,
        time: now + 30,
        ..execution("b", &exit, "10")
    };
    let sold = world
        .apply(&update(&exit, Outcome::Filled, Some(sold)))
        .unwrap();
    assert_eq!((sold.time, world.held()), (now + 50, dec("0")));
}
