//! A session that is stopped from outside while it runs.

use crate::stand::{Stand, Unwatched, plain, table};
use bulkhead_desk::audit::{Kind, records_since};
use bulkhead_desk::switch::{Gate, Latch, Scope, TradingState};
use bulkhead_domain::Timestamp;
use bulkhead_session::record::Incident;
use bulkhead_session::{SessionConfig, Watch};
use bulkhead_store::{Store, wait};
use std::sync::atomic::AtomicBool;

/// Stops trading once so many bars were seen and something was sent, as a person would.
struct HaltAfter<'a> {
    bars: u64,
    store: &'a Store,
    state: TradingState,
    gate: &'a Gate,
    halted: bool,
}

impl Watch for HaltAfter<'_> {
    fn progress(&mut self, done: u64, time: Timestamp) {
        if done >= self.bars && !self.halted && self.has_sent() {
            self.halted = true;
            let acknowledged = self.gate.raise(Latch {
                scope: Scope::Global,
                state: self.state,
                actor: "person:tester".to_owned(),
                reason: "a test".to_owned(),
                time,
                cancel_protection: false,
            });
            assert_eq!(acknowledged.unwrap().in_flight, 0);
        }
    }
}

impl HaltAfter<'_> {
    fn has_sent(&self) -> bool {
        self.gate.sync().unwrap();
        let records = wait(records_since(self.store, 1)).unwrap();
        records
            .iter()
            .any(|record| record.event.kind == Kind::Sent && record.event.body == "submit")
    }
}

/// Records after the halt: kind and body, in order.
fn after_the_halt(store: &Store) -> Vec<(Kind, String)> {
    wait(records_since(store, 1))
        .unwrap()
        .into_iter()
        .map(|record| (record.event.kind, record.event.body))
        .skip_while(|(kind, _)| *kind != Kind::Raised)
        .collect()
}

/// One strategy whose every order rests: the broker fills nothing.
fn deaf() -> SessionConfig {
    let mut config = plain();
    config.broker.plugin = bulkhead_tests::hostile("deaf-broker").display().to_string();
    config.broker.config.clear();
    config
}

#[test]
fn a_broker_that_dies_when_it_is_to_cancel_ends_the_session_and_the_halt_holds_on() {
    let stand = Stand::new();
    let prepared = stand.prepare(&deaf());
    let store = stand.store();
    let gate = stand.gate(&store);
    let never = AtomicBool::new(false);
    let mut watch = HaltAfter {
        bars: 1,
        store: &store,
        state: TradingState::Halted,
        gate: &gate,
        halted: false,
    };
    let problem = prepared
        .run(stand.run(&never, Some(&store), &gate), &mut watch)
        .err()
        .expect("a session whose broker is dead is no result");
    let text = problem.to_string();
    assert!(text.contains("deaf-broker"), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");

    let after = after_the_halt(&store);
    let sent = |what: &str| {
        after
            .iter()
            .filter(|(kind, body)| *kind == Kind::Sent && body == what)
            .count()
    };
    assert_eq!(sent("submit"), 0);
    assert!(sent("cancel") > 0, "cancels go out");
    let unconfirmed = after
        .iter()
        .filter(|(kind, body)| *kind == Kind::Answer && body.contains("ambiguous"));
    assert_eq!(unconfirmed.count(), sent("cancel"), "{after:?}");
    assert!(after.iter().any(|(kind, body)| *kind == Kind::Answer
        && body.contains("does not cancel")
        && body.contains("on purpose")));
    let last = after.last().unwrap();
    assert_eq!(
        (last.0, last.1.contains("deaf-broker")),
        (Kind::Ended, true)
    );

    // The latch is nobody's but the person's.
    assert!(gate.latches().get(&Scope::Global).is_some());
    drop(gate);
    let held = stand.gate(&store).latches();
    assert_eq!(
        held.get(&Scope::Global).unwrap().state,
        TradingState::Halted
    );
}

#[test]
fn what_worked_when_trading_was_halted_fills_no_more() {
    let stand = Stand::new();
    let mut config = plain();
    config.risk.clear();
    let prepared = stand.prepare(&config);
    let store = stand.store();
    let gate = stand.gate(&store);
    let never = AtomicBool::new(false);
    // After the moment of the first order, which would fill when the next bar opens.
    let mut watch = HaltAfter {
        bars: 1,
        store: &store,
        state: TradingState::Halted,
        gate: &gate,
        halted: false,
    };
    let ran = prepared
        .run(stand.run(&never, Some(&store), &gate), &mut watch)
        .unwrap_or_else(|problem| panic!("{problem}"));
    assert!(watch.halted, "nothing was sent");
    assert!(ran.record.fills.is_empty(), "{:?}", ran.record.fills);
    let after = after_the_halt(&store);
    assert!(
        after
            .iter()
            .any(|(kind, body)| *kind == Kind::Sent && body == "cancel")
    );
}

#[test]
fn flatten_has_closed_everything_when_the_next_bar_has_opened() {
    let stand = Stand::new();
    let prepared = stand.prepare(&plain());
    let store = stand.store();
    let gate = stand.gate(&store);
    let never = AtomicBool::new(false);
    let mut watch = HaltAfter {
        bars: 400,
        store: &store,
        state: TradingState::Flatten,
        gate: &gate,
        halted: false,
    };
    let ran = prepared
        .run(stand.run(&never, Some(&store), &gate), &mut watch)
        .unwrap_or_else(|problem| panic!("{problem}"));
    let exposed: Vec<bool> = ran
        .record
        .equity
        .gross_exposure
        .iter()
        .map(|gross| *gross > 0.0)
        .collect();
    // Two bars a moment: cancelled and closed at the moment after the halt, filled at the one after that.
    assert!(exposed[..200].contains(&true), "nothing was held");
    let last = exposed.iter().rposition(|exposed| *exposed).unwrap();
    assert!(last <= 200, "still exposed at moment {last}");
}

#[test]
fn where_the_broker_dies_a_fresh_instance_knows_what_works_and_cancels_it() {
    let stand = Stand::new();
    let mut config = plain();
    let broker = bulkhead_tests::hostile("mortal-broker");
    config.broker.plugin = broker.display().to_string();
    config.broker.config = table("lives = 200");
    let prepared = stand.prepare(&config);
    let store = stand.store();
    let gate = stand.gate(&store);
    let never = AtomicBool::new(false);
    // Two bars a moment: the first instance is dead by then.
    let mut watch = HaltAfter {
        bars: 450,
        store: &store,
        state: TradingState::Halted,
        gate: &gate,
        halted: false,
    };
    let ran = prepared
        .run(stand.run(&never, Some(&store), &gate), &mut watch)
        .unwrap_or_else(|problem| panic!("{problem}"));
    assert!(watch.halted, "nothing was sent");
    let took_over = |incident: &&Incident| incident.consequence.contains("took over");
    let incidents = &ran.record.incidents;
    assert_eq!(
        incidents.iter().filter(took_over).count(),
        3,
        "{incidents:?}"
    );

    let after = after_the_halt(&store);
    let cancels = after
        .iter()
        .filter(|(kind, body)| *kind == Kind::Sent && body == "cancel")
        .count();
    let confirmed = after
        .iter()
        .filter(|(kind, body)| *kind == Kind::Answer && body.contains("\"cancelled\""))
        .count();
    assert!(cancels > 0, "nothing worked");
    assert_eq!(confirmed, cancels, "{after:?}");
}

#[test]
fn a_session_that_cannot_go_on_cancels_what_could_still_enter() {
    let stand = Stand::new();
    let mut config = plain();
    let broker = bulkhead_tests::hostile("mortal-broker");
    config.broker.plugin = broker.display().to_string();
    config.broker.config = table("lives = 1000\nbars = 300");
    let prepared = stand.prepare(&config);
    let store = stand.store();
    let gate = stand.gate(&store);
    let never = AtomicBool::new(false);
    let problem = prepared
        .run(stand.run(&never, Some(&store), &gate), &mut Unwatched)
        .err()
        .expect("it cannot go on");
    assert!(problem.to_string().contains("on purpose"), "{problem}");
    let after = after_the_halt(&store);
    let sent: Vec<&str> = after
        .iter()
        .filter(|(kind, _)| *kind == Kind::Sent)
        .map(|(_, body)| body.as_str())
        .collect();
    assert!(!sent.is_empty(), "nothing worked");
    assert!(sent.iter().all(|what| *what == "cancel"), "{after:?}");
    assert!(after[0].1.contains("SESSION_FAILED"), "{after:?}");
    assert_eq!(after.last().unwrap().0, Kind::Ended);
}

#[test]
fn a_halt_between_two_moments_is_met_again_at_the_same_place_when_the_session_is_repeated() {
    let stand = Stand::new();
    let config = plain();
    let mut digests = Vec::new();
    for _ in 0..2 {
        let prepared = stand.prepare(&config);
        let never = AtomicBool::new(false);
        let store = stand.store();
        let kept = stand.gate(&store);
        // Lifted for the next round.
        if let Some(latch) = kept.latches().get(&Scope::Global) {
            kept.lower(&latch.scope, "tester", "once more", Timestamp(0))
                .unwrap();
        }
        let mut watch = HaltAfter {
            bars: 400,
            store: &store,
            state: TradingState::Flatten,
            gate: &kept,
            halted: false,
        };
        let ran = prepared
            .run(stand.run(&never, Some(&store), &kept), &mut watch)
            .unwrap_or_else(|problem| panic!("{problem}"));
        assert_eq!(*ran.record.equity.gross_exposure.last().unwrap(), 0.0);
        digests.push(ran.record.digest);
    }
    assert_eq!(digests[0], digests[1]);
}
