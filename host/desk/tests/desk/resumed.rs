//! A session that goes on with what a process before left, at a broker that outlived it.

use crate::support::{World, dec, desk, proposal};
use bulkhead_desk::audit::{AuditKey, AuditLog, Kind, records_of};
use bulkhead_desk::orders::OrderState;
use bulkhead_desk::switch::{Gate, Gated, Latches, read_latches};
use bulkhead_desk::{CheckLimits, Disposition, Finding, Ruling, tables};
use bulkhead_domain::Timestamp;
use bulkhead_domain::order::{OrderRequest, Side};
use bulkhead_store::{Statement, Store, StoreError, wait};
use std::sync::Arc;

const RUN: &str = "s-1.1";

fn store() -> Store {
    wait(async {
        let store = Store::in_memory().await?;
        store.migrate(&[tables::MIGRATIONS]).await?;
        Ok::<_, StoreError>(store)
    })
    .unwrap()
}

fn gate(store: &Store) -> Arc<Gate> {
    let writer = store.writer().unwrap();
    let (log, latches) = wait(async {
        let log = AuditLog::open(store, writer.clone(), AuditKey::from_bytes([7; 32])).await;
        Ok::<_, StoreError>((log.unwrap(), read_latches(store).await?))
    })
    .unwrap();
    Arc::new(Gate::new(log, latches, Some(writer)))
}

/// Decides to buy ten and puts it on record.
fn decide(world: &mut World, gate: &Gate) -> Vec<Disposition> {
    let request = OrderRequest::market(1, Side::Buy, dec("10"));
    let mut decided = world.desk.decide(vec![proposal("d", "ema", request)]);
    gate.journal(RUN, &mut decided).unwrap();
    decided
}

/// Sends what was decided. Gives the order's id.
fn send(world: &mut World, gate: &Arc<Gate>, decided: Vec<Disposition>) -> String {
    let [disposition] = <[_; 1]>::try_from(decided).unwrap();
    let Ruling::Send(order) = disposition.ruling else {
        panic!("it was denied")
    };
    let id = order.client_order_id.clone();
    let (desk, gateway) = world.gateway();
    let book = desk.book();
    let sent = desk.send(order, &mut Gated::new(gateway, Arc::clone(gate), book));
    assert_eq!(sent.outcome, Ok(()));
    id
}

/// A world whose order was sent and whose process ended before the disk had more than the decision.
fn left_behind(store: &Store) -> World {
    let mut world = World::plain(Vec::new());
    let first = gate(store);
    let decided = decide(&mut world, &first);
    send(&mut world, &first, decided);
    drop(first);
    let writer = store.writer().unwrap();
    writer
        .write(Statement::new(
            "DELETE FROM audit_log WHERE kind IN ('sent', 'answer')",
        ))
        .unwrap();
    writer.flush().unwrap();
    world.desk = desk(CheckLimits::default(), &["AAPL"], Vec::new());
    let now = Timestamp(world.now());
    world.desk.mark(now, &world.closes).unwrap();
    world
}

fn repeat(store: &Store) -> Arc<Gate> {
    let second = gate(store);
    second.repeat(wait(records_of(store, RUN)).unwrap(), Latches::default());
    second
}

#[test]
fn an_order_whose_sending_is_not_on_record_is_looked_for_before_it_is_sent() {
    let store = store();
    let mut world = left_behind(&store);
    let second = repeat(&store);
    let decided = decide(&mut world, &second);
    assert!(second.is_live(), "more was on record");
    send(&mut world, &second, decided);
    world.bar(&[[100.0; 4]]);
    assert_eq!(world.held(), dec("10"));
    second.sync().unwrap();
    let kinds: Vec<_> = wait(records_of(&store, RUN))
        .unwrap()
        .iter()
        .map(|record| record.event.kind)
        .collect();
    assert_eq!(kinds, [Kind::Order, Kind::Sent, Kind::Answer]);
}

#[test]
fn one_that_comparing_found_first_is_not_sent_either() {
    let store = store();
    let mut world = left_behind(&store);
    let second = repeat(&store);
    let decided = decide(&mut world, &second);
    let (desk, mut gateway) = world.gateway();
    let view = desk.ask_broker(&mut gateway).unwrap();
    let found = desk.reconcile(view);
    assert!(found.agrees(), "{:?}", found.findings);
    assert!(matches!(found.findings[..], [Finding::Arrived { .. }]));
    let id = send(&mut world, &second, decided);
    let working = world.desk.orders().get(&id).unwrap();
    assert_eq!(working.state, OrderState::Accepted);
    world.bar(&[[100.0; 4]]);
    assert_eq!(world.held(), dec("10"));
}

#[test]
fn what_was_approved_before_the_broker_fell_silent_enters_nothing() {
    let store = store();
    let mut world = World::plain(Vec::new());
    let gate = gate(&store);
    let decided = decide(&mut world, &gate);
    world.desk.cannot_reconcile();
    let [disposition] = <[_; 1]>::try_from(decided).unwrap();
    let Ruling::Send(order) = disposition.ruling else {
        panic!("it was denied")
    };
    let (desk, gateway) = world.gateway();
    let book = desk.book();
    let sent = desk.send(order, &mut Gated::new(gateway, Arc::clone(&gate), book));
    let error = sent.outcome.unwrap_err().to_string();
    assert!(error.contains("does not say what it holds"), "{error}");
    world.bar(&[[100.0; 4]]);
    assert_eq!(world.held(), dec("0"));
}
