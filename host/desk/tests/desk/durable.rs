//! The gate, its log and its key, when something of them fails or is repeated.

use crate::support::{World, dec};
use bulkhead_desk::audit::{AuditError, AuditKey, AuditLog, Event, Kind, records_of};
use bulkhead_desk::switch::{
    self, BRIEFLY, Gate, GateError, GatewayLock, Latch, Latches, LockError, Scope, TradingState,
    read_latches,
};
use bulkhead_desk::tables;
use bulkhead_domain::order::{OrderRequest, Side};
use bulkhead_domain::{Problem, Timestamp};
use bulkhead_store::{Statement, Store, StoreError, wait};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(crate) const RUN: &str = "s-1.1";

pub(crate) fn latch(scope: Scope, state: TradingState, actor: &str) -> Latch {
    Latch {
        scope,
        state,
        actor: actor.to_owned(),
        reason: "a test".to_owned(),
        time: Timestamp(5),
        cancel_protection: false,
    }
}

pub(crate) fn run() -> Scope {
    Scope::Session(RUN.to_owned())
}

pub(crate) fn store() -> Store {
    wait(async {
        let store = Store::in_memory().await?;
        store.migrate(&[tables::MIGRATIONS]).await?;
        Ok::<_, StoreError>(store)
    })
    .unwrap()
}

pub(crate) fn gate(store: &Store) -> Gate {
    let writer = store.writer().unwrap();
    let (log, latches) = wait(async {
        let log = AuditLog::open(store, writer.clone(), AuditKey::from_bytes([7; 32])).await;
        Ok::<_, StoreError>((log.unwrap(), read_latches(store).await?))
    })
    .unwrap();
    Gate::new(log, latches, Some(writer))
}

pub(crate) fn change(store: &Store, sql: &'static str) {
    let writer = store.writer().unwrap();
    writer.write(Statement::new(sql)).unwrap();
    writer.flush().unwrap();
}

pub(crate) fn event(session: &str, kind: Kind, subject: &str) -> Event {
    Event {
        time: Timestamp(1),
        session: session.to_owned(),
        actor: "session".to_owned(),
        kind,
        subject: subject.to_owned(),
        body: "{}".to_owned(),
    }
}

fn past(store: &Store) -> Vec<bulkhead_desk::audit::Record> {
    wait(records_of(store, RUN)).unwrap()
}

/// A folder in memory of the file system, removed at the end.
pub(crate) struct Folder(std::path::PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("bh-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_restriction_that_cannot_be_written_holds_in_its_process_and_says_that_it_is_not_durable() {
    let store = store();
    let gate = gate(&store);
    change(
        &store,
        "CREATE TRIGGER full BEFORE INSERT ON audit_log BEGIN \
         SELECT RAISE(ABORT, 'database or disk is full'); END",
    );
    let world = World::plain(Vec::new());
    let book = world.desk.book();
    let scopes = book.scopes("ema", 1);
    let halt = || gate.raise(latch(Scope::Global, TradingState::Halted, "person:me"));
    // The second asks for what holds already, and is no more durable.
    for _ in 0..2 {
        let error = halt().unwrap_err();
        assert!(matches!(error, GateError::NotDurable(_)), "{error:?}");
        let problem = Problem::from(error);
        let text = problem.to_string();
        for part in ["is not on disk", "disk is full", "restrict it again"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert_eq!((problem.exit_code(), text.lines().count()), (1, 1));
    }
    assert!(gate.latches().get(&Scope::Global).is_some());
    let sent = event(RUN, Kind::Sent, "x");
    assert!(gate.pass(&scopes, true, false, sent).is_err());
    assert!(wait(read_latches(&store)).unwrap().is_empty());
}

#[test]
fn a_restriction_that_cannot_be_read_stops_everything() {
    let store = store();
    gate(&store)
        .raise(latch(
            Scope::Instrument("AAPL".to_owned()),
            TradingState::ReduceOnly,
            "person:me",
        ))
        .unwrap();
    for sql in [
        "UPDATE audit_log SET body = replace(body, 'reduce-only', 'paused') WHERE kind = 'raised'",
        "UPDATE audit_log SET body = 'nothing', subject = 'planet:mars' WHERE kind = 'raised'",
    ] {
        change(&store, sql);
        let held = wait(read_latches(&store)).unwrap();
        let global = held.get(&Scope::Global).unwrap();
        assert_eq!(global.state, TradingState::Halted, "{sql}");
        assert!(
            global.reason.contains("cannot be read"),
            "{}",
            global.reason
        );
    }
}

#[test]
fn an_acknowledgement_does_not_wait_for_sends_that_passed_after_it() {
    let world = World::plain(Vec::new());
    let book = world.desk.book();
    let gate = Arc::new(Gate::unrecorded());
    let scopes = book.scopes("ema", 1);
    let send = || gate.pass(&scopes, false, false, event(RUN, Kind::Sent, "x"));
    let before = send().unwrap();
    let elsewhere = Scope::Instrument("IBM".to_owned());
    let raising = {
        let (gate, scope) = (Arc::clone(&gate), elsewhere.clone());
        std::thread::spawn(move || gate.raise(latch(scope, TradingState::Halted, "person:me")))
    };
    while gate.latches().is_empty() {
        std::thread::yield_now();
    }
    let after = send().unwrap();
    let begun = Instant::now();
    drop(before);
    let acknowledged = raising.join().unwrap().unwrap();
    assert_eq!(acknowledged.in_flight, 0);
    assert!(begun.elapsed() < switch::FENCE_PATIENCE / 2);
    drop(after);
}

#[test]
fn what_is_raised_while_a_session_repeats_its_past_holds_once_it_has_caught_up() {
    let store = store();
    let world = World::plain(Vec::new());
    let book = world.desk.book();
    let scopes = book.scopes("ema", 1);
    let first = gate(&store);
    first.append(event(RUN, Kind::Session, RUN)).unwrap();
    drop(first.pass(&scopes, false, false, event(RUN, Kind::Sent, "a")));
    first.append(event(RUN, Kind::Answer, "a")).unwrap();
    first.sync().unwrap();
    drop(first);

    let second = gate(&store);
    second.repeat(past(&store), Latches::default());
    second.append(event(RUN, Kind::Session, RUN)).unwrap();
    let raised = second.raise(latch(Scope::Global, TradingState::Halted, "person:me"));
    assert_eq!(raised.unwrap().latch.state, TradingState::Halted);
    // It cannot be lifted before it is known where it belongs.
    let error = second
        .lower(&Scope::Global, "me", "again", Timestamp(7))
        .unwrap_err();
    assert!(matches!(error, GateError::Resuming));
    // What passed then passes in the repetition: it does not reach the broker.
    let pass = second
        .pass(&scopes, false, false, event(RUN, Kind::Sent, "a"))
        .unwrap();
    assert!(pass.is_repeated());
    // Had the broker never got it, it would not be sent now.
    assert!(second.pass_again(&scopes, false, false).is_err());
    drop(pass);
    second.append(event(RUN, Kind::Answer, "a")).unwrap();
    assert!(second.is_live());
    let next = second.pass(&scopes, false, false, event(RUN, Kind::Sent, "b"));
    assert!(next.is_err());
    drop(next);
    second.append(event(RUN, Kind::Answer, "b")).unwrap();
    second.sync().unwrap();
    drop(second);

    // A third time it meets the halt where it was raised: after the past, before what came then.
    let third = gate(&store);
    third.repeat(past(&store), Latches::default());
    third.append(event(RUN, Kind::Session, RUN)).unwrap();
    drop(third.pass(&scopes, false, false, event(RUN, Kind::Sent, "a")));
    third.append(event(RUN, Kind::Answer, "a")).unwrap();
    assert!(
        third
            .pass(&scopes, false, false, event(RUN, Kind::Sent, "b"))
            .is_err()
    );
    third.append(event(RUN, Kind::Answer, "b")).unwrap();
    assert!(third.is_live());
}

#[test]
fn a_sessions_own_halt_survives_and_a_person_who_lifted_it_is_not_overruled_by_a_resumption() {
    let store = store();
    let own = || latch(run(), TradingState::Halted, "rule:drawdown-guard");
    let first = gate(&store);
    first.append(event(RUN, Kind::Session, RUN)).unwrap();
    first.raise(own()).unwrap();
    drop(first);

    let second = gate(&store);
    assert!(second.latches().get(&run()).is_some(), "it survives");
    second.repeat(past(&store), Latches::default());
    second.append(event(RUN, Kind::Session, RUN)).unwrap();
    second.raise(own()).unwrap();
    assert!(second.is_live());
    second
        .lower(&run(), "me", "looked at it", Timestamp(8))
        .unwrap();
    second.append(event(RUN, Kind::Moment, "moment")).unwrap();
    second.sync().unwrap();
    drop(second);

    let third = gate(&store);
    third.repeat(past(&store), Latches::default());
    third.append(event(RUN, Kind::Session, RUN)).unwrap();
    third.raise(own()).unwrap();
    third.append(event(RUN, Kind::Moment, "moment")).unwrap();
    assert!(third.is_live());
    assert!(third.latches().is_empty());
    assert!(wait(read_latches(&store)).unwrap().is_empty());

    // What it raises anew ends with it.
    third.raise(own()).unwrap();
    assert!(third.latches().get(&run()).is_some());
    third.end(event(RUN, Kind::Ended, "ended")).unwrap();
    assert!(third.latches().is_empty());
    assert!(wait(read_latches(&store)).unwrap().is_empty());
}

#[test]
fn another_sessions_own_halt_is_no_part_of_a_sessions_past() {
    let store = store();
    let first = gate(&store);
    // Somebody restricts a run before it begins: that is known when it begins.
    first
        .raise(latch(run(), TradingState::ReduceOnly, "person:me"))
        .unwrap();
    first.append(event(RUN, Kind::Session, RUN)).unwrap();
    first
        .raise(latch(
            Scope::Session("s-2.1".to_owned()),
            TradingState::Halted,
            "rule:drawdown-guard",
        ))
        .unwrap();
    first
        .raise(latch(
            Scope::Instrument("AAPL".to_owned()),
            TradingState::Halted,
            "person:me",
        ))
        .unwrap();
    let seen: Vec<_> = past(&store)
        .into_iter()
        .map(|record| (record.event.kind, record.event.subject))
        .collect();
    assert_eq!(
        seen,
        [
            (Kind::Session, RUN.to_owned()),
            (Kind::Raised, "instrument:AAPL".to_owned())
        ]
    );
}

#[test]
fn a_run_begins_under_what_holds_when_its_first_record_is_made() {
    let store = store();
    let first = gate(&store);
    first
        .raise(latch(Scope::Global, TradingState::Halted, "person:me"))
        .unwrap();
    let mut seen = Latches::default();
    first
        .append_under(|latches| {
            seen = latches.clone();
            event(RUN, Kind::Session, RUN)
        })
        .unwrap();
    assert!(seen.get(&Scope::Global).is_some());
    first
        .lower(&Scope::Global, "me", "go on", Timestamp(9))
        .unwrap();
    drop(first);
    // Resumed, it begins under what held then, whatever holds now.
    let second = gate(&store);
    assert!(second.latches().is_empty());
    second.repeat(past(&store), seen.clone());
    second
        .append_under(|latches| {
            assert_eq!(*latches, seen);
            event(RUN, Kind::Session, RUN)
        })
        .unwrap();
}

#[test]
fn a_session_that_left_its_past_stays_outside_it() {
    let store = store();
    let first = gate(&store);
    for subject in ["a", "b"] {
        first.append(event(RUN, Kind::Order, subject)).unwrap();
    }
    first.sync().unwrap();
    drop(first);
    let second = gate(&store);
    second.repeat(past(&store), Latches::default());
    second.append(event(RUN, Kind::Order, "a")).unwrap();
    for subject in ["c", "d"] {
        let error = second.append(event(RUN, Kind::Order, subject)).unwrap_err();
        assert!(
            matches!(&error, AuditError::Diverged { sequence: 2, .. }),
            "{error}"
        );
    }
    assert!(!second.is_live(), "it can still be resumed by what it was");
    // A person stops it all the same.
    second
        .raise(latch(Scope::Global, TradingState::Halted, "person:me"))
        .unwrap();
    assert!(
        wait(read_latches(&store))
            .unwrap()
            .get(&Scope::Global)
            .is_some()
    );
}

#[test]
fn a_lock_that_is_held_for_a_moment_is_waited_for() {
    let folder = Folder::new("lock");
    let held = GatewayLock::take(folder.path()).unwrap();
    let path = folder.path().to_owned();
    let waiting = std::thread::spawn(move || GatewayLock::take_within(&path, BRIEFLY).is_ok());
    std::thread::sleep(Duration::from_millis(100));
    drop(held);
    assert!(waiting.join().unwrap());
    let held = GatewayLock::take(folder.path()).unwrap();
    let refused = GatewayLock::take_within(folder.path(), Duration::from_millis(50));
    assert!(matches!(refused, Err(LockError::Owned(_))));
    drop(held);
}

#[test]
fn an_order_that_a_rule_stops_after_it_was_approved_has_an_end_on_record() {
    use bulkhead_desk::switch::Gated;
    use bulkhead_desk::{GatewayError, Ruling, SendError};
    let store = store();
    let gate = Arc::new(gate(&store));
    let mut world = World::plain(Vec::new());
    let book = world.desk.book();
    let request = OrderRequest::market(1, Side::Buy, dec("1"));
    let mut dispositions = world
        .desk
        .decide(vec![crate::support::proposal("d", "ema", request)]);
    gate.journal(RUN, &mut dispositions).unwrap();
    let why = crate::support::denial("DRAWDOWN");
    world
        .desk
        .raise(TradingState::Halted, "rule:drawdown-guard", &why);
    let Ruling::Send(order) = dispositions.remove(0).ruling else {
        panic!("it was approved");
    };
    let id = order.client_order_id.clone();
    let (desk, venue) = world.gateway();
    let mut gateway = Gated::new(venue, Arc::clone(&gate), book);
    let sent = desk.send(order, &mut gateway);
    assert!(matches!(
        sent.outcome,
        Err(SendError::Gateway(GatewayError::Stopped(_)))
    ));
    gate.sync().unwrap();
    let last = past(&store).pop().unwrap().event;
    assert_eq!((last.kind, last.subject), (Kind::Answer, id));
    assert!(last.body.contains("DRAWDOWN"), "{}", last.body);
}
