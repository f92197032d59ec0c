//! The kill switch holds, survives, and is obeyed.

use crate::control::NoOperations;
use crate::support::{World, dec, proposal, whats};
use bulkhead_desk::audit::{AuditKey, AuditLog, Event, Kind, records_of, records_since};
use bulkhead_desk::switch::control::{Answer, Ask, Control, ask};
use bulkhead_desk::switch::{
    Gate, GateError, Gated, GatewayLock, Latch, LockError, Refusal, Scope, TradingState, person,
    read_latches,
};
use bulkhead_desk::{CheckLimits, GatewayError, Ruling, SendError, tables};
use bulkhead_domain::Timestamp;
use bulkhead_domain::order::{OrderKind, OrderRequest, Side, TimeInForce};
use bulkhead_store::{Store, StoreError, wait};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

fn latch(scope: Scope, state: TradingState) -> Latch {
    Latch {
        scope,
        state,
        actor: "person:me".to_owned(),
        reason: "a test".to_owned(),
        time: Timestamp(5),
        cancel_protection: false,
    }
}

fn store() -> Store {
    wait(async {
        let store = Store::in_memory().await?;
        store.migrate(&[tables::MIGRATIONS]).await?;
        Ok::<_, StoreError>(store)
    })
    .unwrap()
}

fn gate(store: &Store) -> Gate {
    let writer = store.writer().unwrap();
    let (log, latches) = wait(async {
        let log = AuditLog::open(store, writer.clone(), AuditKey::from_bytes([7; 32])).await;
        Ok::<_, StoreError>((log.unwrap(), read_latches(store).await?))
    })
    .unwrap();
    Gate::new(log, latches, Some(writer))
}

fn sent() -> Event {
    Event {
        time: Timestamp(1),
        session: "s-1.1".to_owned(),
        actor: "host".to_owned(),
        kind: Kind::Sent,
        subject: "x".to_owned(),
        body: String::new(),
    }
}

fn limit(side: Side, quantity: &str, price: &str) -> OrderRequest {
    OrderRequest {
        kind: OrderKind::Limit(dec(price)),
        time_in_force: TimeInForce::GoodTillCancelled,
        ..OrderRequest::market(1, side, dec(quantity))
    }
}

/// A world that holds 10, with a resting entry and a resting stop.
fn invested() -> World {
    let mut world = World::plain(Vec::new());
    world.order(Side::Buy, "10");
    world.bar(&[[100.0; 4]]);
    world.request(limit(Side::Buy, "3", "95"));
    world.request(OrderRequest {
        kind: OrderKind::Stop(dec("90")),
        reduce_only: true,
        ..limit(Side::Sell, "10", "1")
    });
    assert_eq!(world.desk.orders().iter().count(), 2);
    world
}

#[test]
fn a_restriction_survives_and_only_a_person_with_a_reason_lifts_it() {
    let store = store();
    let first = gate(&store);
    first
        .raise(latch(Scope::Global, TradingState::Halted))
        .unwrap();
    drop(first);
    let second = gate(&store);
    assert_eq!(
        second.latches().get(&Scope::Global).unwrap().state,
        TradingState::Halted
    );
    let weaker = second
        .raise(latch(Scope::Global, TradingState::ReduceOnly))
        .unwrap();
    assert_eq!(weaker.latch.state, TradingState::Halted);
    let error = second
        .lower(&Scope::Global, "me", "  ", Timestamp(6))
        .unwrap_err();
    assert!(matches!(error, GateError::NoReason));
    second
        .lower(&Scope::Global, "me", "looked at it", Timestamp(6))
        .unwrap();
    drop(second);
    let third = gate(&store);
    assert!(third.latches().is_empty());
    let error = third
        .lower(&Scope::Global, "me", "again", Timestamp(7))
        .unwrap_err();
    assert_eq!(error.to_string(), "nothing is restricted in scope global");
}

#[test]
fn an_acknowledgement_waits_for_sends_that_had_passed() {
    let world = World::plain(Vec::new());
    let book = world.desk.book();
    let gate = Arc::new(Gate::unrecorded());
    let scopes = book.scopes("ema", 1);
    let pass = gate.pass(&scopes, false, false, sent()).unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let raising = {
        let (gate, done) = (Arc::clone(&gate), Arc::clone(&done));
        std::thread::spawn(move || {
            let answer = gate.raise(latch(Scope::Global, TradingState::NoNewOrders));
            done.store(true, Ordering::SeqCst);
            answer
        })
    };
    while gate.latches().is_empty() {
        std::thread::yield_now();
    }
    // It holds already, and is not acknowledged yet.
    let refused = gate.pass(&scopes, true, false, sent());
    assert!(matches!(refused, Err(Refusal::Restricted(_))));
    assert!(!done.load(Ordering::SeqCst));
    drop(pass);
    assert_eq!(raising.join().unwrap().unwrap().in_flight, 0);
}

#[test]
fn an_automatic_restriction_never_flattens() {
    let gate = Gate::unrecorded();
    let automatic = Latch {
        actor: "rule:drawdown-guard".to_owned(),
        ..latch(Scope::Global, TradingState::Flatten)
    };
    assert!(matches!(
        gate.raise(automatic),
        Err(GateError::AutomaticFlatten)
    ));
    let held = gate.latches();
    assert_eq!(
        held.get(&Scope::Global).unwrap().state,
        TradingState::Halted
    );
}

#[test]
fn scopes_hold_back_their_own_orders_and_no_others() {
    for (scope, held_back) in [
        ("global", true),
        ("account:paper", true),
        ("account:other", false),
        ("strategy:ema", true),
        ("strategy:ml", false),
        ("plugin:ema-cross", true),
        ("plugin:paper", true),
        ("plugin:other", false),
        ("instrument:AAPL", true),
        ("instrument:IBM", false),
        ("session:s-1.1", true),
        ("session:s-1.2", false),
    ] {
        let mut world = World::plain(Vec::new());
        let latches = [latch(scope.parse().unwrap(), TradingState::NoNewOrders)];
        world.desk.observe(latches.into_iter().collect());
        let seen = world.order(Side::Buy, "1");
        let denied = whats(&seen)[0].starts_with("TRADING_STATE");
        assert_eq!(denied, held_back, "{scope}");
        let gate = Gate::unrecorded();
        gate.raise(latch(scope.parse().unwrap(), TradingState::NoNewOrders))
            .unwrap();
        let refused = gate.pass(&world.desk.book().scopes("ema", 1), false, false, sent());
        assert_eq!(refused.is_err(), held_back, "{scope}");
    }
}

#[test]
fn halted_cancels_entries_and_keeps_protection_unless_told_otherwise() {
    let mut world = invested();
    let halt = latch(Scope::Global, TradingState::Halted);
    world.desk.observe([halt.clone()].into_iter().collect());
    assert_eq!(whats(&world.obey()), ["cancel"]);
    let left: Vec<_> = world.desk.orders().iter().collect();
    assert_eq!(left.len(), 1);
    assert!(left[0].order.request.reduce_only);
    assert!(world.obey().is_empty());
    assert!(whats(&world.order(Side::Sell, "4"))[0].starts_with("TRADING_STATE"));

    let all = Latch {
        cancel_protection: true,
        ..halt
    };
    world.desk.observe([all].into_iter().collect());
    assert_eq!(whats(&world.obey()), ["cancel"]);
    assert_eq!(world.desk.orders().iter().count(), 0);
    assert_eq!(world.held(), dec("10"));
}

#[test]
fn reduce_only_lets_exits_pass_and_nothing_else() {
    let mut world = invested();
    let latches = [latch(Scope::Global, TradingState::ReduceOnly)];
    world.desk.observe(latches.into_iter().collect());
    assert!(world.obey().is_empty());
    assert!(whats(&world.order(Side::Buy, "4"))[0].starts_with("TRADING_STATE"));
    assert_eq!(
        whats(&world.order(Side::Sell, "4")),
        ["exit Sell 4 reduce-only"]
    );
}

#[test]
fn flatten_cancels_everything_then_closes_everything() {
    let mut world = World::new(CheckLimits::default(), &["AAPL", "IBM"], Vec::new());
    world.bar(&[[100.0; 4], [50.0; 4]]);
    world.decide(vec![
        proposal("d1", "ema", OrderRequest::market(1, Side::Buy, dec("10"))),
        proposal("d2", "ml", OrderRequest::market(1, Side::Buy, dec("5"))),
        proposal("d3", "ml", OrderRequest::market(2, Side::Buy, dec("7"))),
    ]);
    world.bar(&[[100.0; 4], [50.0; 4]]);
    world.request(limit(Side::Buy, "3", "95"));
    let latches = [latch(
        Scope::Strategy("ml".to_owned()),
        TradingState::Flatten,
    )];
    world.desk.observe(latches.into_iter().collect());
    assert_eq!(
        whats(&world.obey()),
        ["exit Sell 5 reduce-only", "exit Sell 7 reduce-only"]
    );
    assert!(world.obey().is_empty(), "they work already");
    world.bar(&[[101.0; 4], [51.0; 4]]);
    assert_eq!(world.held(), dec("10"));

    // Now everything: the entry that rests is cancelled before the position is closed.
    let latches = [latch(Scope::Global, TradingState::Flatten)];
    world.desk.observe(latches.into_iter().collect());
    assert_eq!(whats(&world.obey()), ["cancel"]);
    assert_eq!(whats(&world.obey()), ["exit Sell 10 reduce-only"]);
    world.bar(&[[101.0; 4], [51.0; 4]]);
    assert_eq!(world.desk.ledger().lines().count(), 0);
    assert!(world.obey().is_empty());
}

#[test]
fn a_short_is_flattened_by_a_buy() {
    let mut world = World::plain(Vec::new());
    world.order(Side::Sell, "6");
    world.bar(&[[100.0; 4]]);
    assert_eq!(world.held(), dec("-6"));
    let latches = [latch(Scope::Global, TradingState::Flatten)];
    world.desk.observe(latches.into_iter().collect());
    assert_eq!(whats(&world.obey()), ["exit Buy 6 reduce-only"]);
    world.bar(&[[100.0; 4]]);
    assert_eq!(world.held(), dec("0"));
}

#[test]
fn what_was_not_journalled_is_not_sent_and_what_was_stopped_is_withdrawn() {
    let store = store();
    let gate = Arc::new(gate(&store));
    let mut world = World::plain(Vec::new());
    let book = world.desk.book();
    for (quantity, journal, halt) in [("1", false, false), ("2", true, true)] {
        let request = OrderRequest::market(1, Side::Buy, dec(quantity));
        let mut dispositions = world.desk.decide(vec![proposal(quantity, "ema", request)]);
        if journal {
            gate.journal("s-1.1", &mut dispositions).unwrap();
        }
        if halt {
            gate.raise(latch(Scope::Global, TradingState::Halted))
                .unwrap();
        }
        let Ruling::Send(order) = dispositions.remove(0).ruling else {
            panic!("it was approved")
        };
        let (desk, venue) = world.gateway();
        let mut gateway = Gated::new(venue, Arc::clone(&gate), book.clone());
        let sent = desk.send(order, &mut gateway);
        let Err(SendError::Gateway(GatewayError::Stopped(why))) = sent.outcome else {
            panic!("{:?}", sent.outcome)
        };
        let wanted = if halt {
            "trading is halted"
        } else {
            "not recorded"
        };
        assert!(why.contains(wanted), "{why}");
        assert_eq!(world.desk.orders().iter().count(), 0);
        assert_eq!(world.venue.working_in(1), 0);
    }
    gate.sync().unwrap();
    let kinds: Vec<Kind> = wait(records_of(&store, "s-1.1"))
        .unwrap()
        .iter()
        .map(|record| record.event.kind)
        .collect();
    assert_eq!(kinds, [Kind::Order, Kind::Raised, Kind::Answer]);
}

#[test]
fn the_owner_answers_over_its_socket_and_nobody_else_owns_the_folder() {
    let folder = std::env::temp_dir().join(format!("bh-control-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let lock = GatewayLock::take(&folder).unwrap();
    let error = GatewayLock::take(&folder).unwrap_err();
    assert!(matches!(&error, LockError::Owned(owner) if *owner == std::process::id().to_string()));
    let store = store();
    let gate = Arc::new(gate(&store));
    let control = Control::start(&folder, Arc::clone(&gate), Arc::new(NoOperations)).unwrap();
    let raised = ask(
        &folder,
        &Ask::Raise {
            latch: latch(Scope::Global, TradingState::Halted),
        },
    )
    .unwrap()
    .unwrap();
    assert!(matches!(raised, Answer::Raised { acknowledgement } if acknowledgement.in_flight == 0));
    assert_eq!(wait(read_latches(&store)).unwrap().iter().count(), 1);
    let lower = |reason: &str| {
        ask(
            &folder,
            &Ask::Lower {
                scope: Scope::Global,
                reason: reason.to_owned(),
                time: Timestamp(9),
            },
        )
        .unwrap()
        .unwrap()
    };
    assert!(matches!(lower(""), Answer::Refused { what, .. } if what.contains("reason")));
    assert!(matches!(lower("fine again"), Answer::Lowered { .. }));
    let Some(Answer::Status { latches }) = ask(&folder, &Ask::Status).unwrap() else {
        panic!("no status")
    };
    assert!(latches.is_empty());
    // A person is who the system says, whoever the request says it is.
    let mut said = latch(Scope::Global, TradingState::Halted);
    said.actor = "person:somebody-else".to_owned();
    ask(&folder, &Ask::Raise { latch: said }).unwrap().unwrap();
    let actors: Vec<String> = wait(records_since(&store, 1))
        .unwrap()
        .into_iter()
        .map(|record| record.event.actor)
        .collect();
    let me = format!("person:{}", person());
    assert_eq!(actors, [me.as_str(); 3]);
    assert_eq!(gate.latches().get(&Scope::Global).unwrap().actor, me);
    drop(control);
    assert!(
        ask(&folder, &Ask::Status).unwrap().is_none(),
        "nobody listens"
    );
    drop(lock);
    GatewayLock::take(&folder).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
}
