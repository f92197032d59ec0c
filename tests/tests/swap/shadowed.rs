//! Successors in the shadow of a sound version: judged by the mirrored calls, felt by nobody.

use std::time::{Duration, Instant};

use bulkhead_domain::risk::Verdict as Judged;
use bulkhead_registry::promotion::{Rule, Skill, Verdict, judge};
use bulkhead_registry::service::Service;
use bulkhead_registry::shadow::{Answered, Comparison, Fault, Mirror, Pair, Share, Shown};
use bulkhead_sandbox::CallError;

use crate::stand::{NOW, assess, failure, loader, order, portfolio, successor};

/// An order as it is mirrored: number, quantity, and the orders that work beside it.
type Question = (u64, u64, u64);

fn as_fault(error: CallError) -> Fault {
    let failed = failure(error);
    Fault {
        case: "failed".to_owned(),
        text: failed.to_string(),
    }
}

/// Shows a candidate with a fault `calls` orders that a sound version judges; the comparison, and the slowest
/// answer that a caller got.
fn shadowed(fault: &str, calls: u64, open: u64) -> (Comparison, Duration) {
    let loader = loader();
    let service = Service::new(successor(&loader, 1, "none").unwrap(), NOW);
    let candidate = successor(&loader, 2, fault).unwrap();
    let ask = move |(number, quantity, open): &Question| -> Answered<Judged> {
        let order = order(*number, *quantity);
        assess(candidate.value(), &order, &portfolio(*open)).map_err(as_fault)
    };
    let shown = Shown {
        share: Share::ALL,
        salt: fault.to_owned(),
        queue: 64,
    };
    let mirror = Mirror::start(shown, ask, |old: &Judged, new| old == new).unwrap();
    let account = portfolio(open);
    let mut slowest = Duration::ZERO;
    for number in 0..calls {
        // Every tenth order is too large and has to be refused.
        let quantity = if number % 10 == 0 { 500 } else { 20 };
        let begun = Instant::now();
        let lease = service.enter();
        let answer = assess(lease.get().unwrap(), &order(number, quantity), &account);
        let took = begun.elapsed();
        let verdict = answer.unwrap();
        mirror.show(&number.to_le_bytes(), took, || {
            ((number, quantity, open), Ok(verdict))
        });
        slowest = slowest.max(begun.elapsed());
        // As fast as a sound candidate follows.
        let begun = Instant::now();
        let followed = || {
            let comparison = mirror.comparison();
            comparison.mirrored + comparison.dropped > number
        };
        while begun.elapsed() < Duration::from_millis(5) && !followed() {
            std::thread::yield_now();
        }
    }
    let begun = Instant::now();
    loop {
        let comparison = mirror.comparison();
        if comparison.mirrored + comparison.dropped == calls {
            return (comparison, slowest);
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "{comparison:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn rule() -> Rule {
    Rule {
        calls: 300,
        // Both are fast, and this machine may be busy.
        latency_factor: Some(20.0),
        agreement: Some(0.99),
        ..Rule::default()
    }
}

#[test]
fn a_sound_candidate_is_promoted() {
    let (comparison, _) = shadowed("none", 400, 0);
    assert_eq!(comparison.dropped, 0);
    assert_eq!(comparison.agreement(), Some(1.0));
    assert_eq!(judge(&rule(), &comparison), Verdict::Promote);
}

#[test]
fn what_traps_at_every_hundredth_call_is_refused_with_its_last_words() {
    let (comparison, _) = shadowed("every-hundredth", 400, 0);
    let strict = Rule {
        error_rate: 0.0005,
        ..rule()
    };
    let Verdict::Reject(why) = judge(&strict, &comparison) else {
        panic!("{comparison:?}");
    };
    assert!(why.contains("assess panicked: one call too many"), "{why}");
}

#[test]
fn what_is_slow_under_load_only_is_caught_under_load_and_delays_no_caller() {
    let (calm, _) = shadowed("slow-under-load", 300, 0);
    assert_eq!(judge(&rule(), &calm), Verdict::Promote);
    let (loaded, _) = shadowed("slow-under-load", 300, 200);
    let asked = Rule {
        calls: loaded.mirrored,
        // However few those are.
        error_rate: 1.0,
        latency_factor: Some(5.0),
        ..rule()
    };
    let Verdict::Wait(why) = judge(&asked, &loaded) else {
        panic!("{loaded:?}");
    };
    assert!(
        why.starts_with("one call in a hundred takes longer"),
        "{why}"
    );
    let (old, new) = (
        loaded.old.latency.p50().unwrap(),
        loaded.new.latency.p50().unwrap(),
    );
    assert!(new > 5 * old, "{old:?} {new:?}");
}

#[test]
fn worse_answers_are_refused_by_agreement_and_by_skill() {
    let (mut comparison, _) = shadowed("worse", 400, 0);
    assert_eq!(comparison.agreement(), Some(0.9));
    let Verdict::Wait(why) = judge(&rule(), &comparison) else {
        panic!("{comparison:?}");
    };
    assert_eq!(why, "0.9000 of the answers agree, 0.99 are asked for");
    // One point for the right answer.
    for number in 0..comparison.mirrored {
        let new = if number % 10 == 0 { 0.0 } else { 1.0 };
        comparison.score(Pair { old: 1.0, new }).unwrap();
    }
    let by_skill = Rule {
        agreement: None,
        skill: Some(Skill::default()),
        ..rule()
    };
    let Verdict::Reject(why) = judge(&by_skill, &comparison) else {
        panic!("{:?}", judge(&by_skill, &comparison));
    };
    assert!(why.starts_with("it is worse by more than 0.02"), "{why}");
}

#[test]
fn a_candidate_that_hangs_is_stopped_when_its_shadow_ends() {
    let loader = loader();
    let candidate = std::sync::Arc::new(successor(&loader, 2, "hangs").unwrap());
    let asked = std::sync::Arc::clone(&candidate);
    let (tell, told) = std::sync::mpsc::channel();
    let ask = move |quantity: &u64| -> Answered<Judged> {
        let answer = assess(asked.value(), &order(1, *quantity), &portfolio(0)).map_err(as_fault);
        let _ = tell.send(answer.clone());
        answer
    };
    let shown = Shown {
        share: Share::ALL,
        salt: String::new(),
        queue: 4,
    };
    let stopping = std::sync::Arc::clone(&candidate);
    let mirror = Mirror::start(shown, ask, |old: &Judged, new| old == new)
        .unwrap()
        .stopped_by(move || stopping.stop_calls());
    mirror.show(b"1", Duration::ZERO, || (13, Ok(Judged::Approve)));
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(mirror.comparison().mirrored, 0);
    drop(mirror);
    let answer = told.recv_timeout(Duration::from_secs(20)).unwrap();
    let text = answer.unwrap_err().text;
    assert!(text.contains("assess was stopped by the host"), "{text}");
}
