//! Breakers that open, wait, probe and close.

use super::*;
use proptest::prelude::*;

const CONFIG: BreakerConfig = BreakerConfig {
    consecutive: 3,
    window: 6,
    share: 0.5,
    backoff: 100,
    longest: 350,
    probes: 2,
    successes: 2,
    patience: 1_000,
};

fn breaker() -> Breaker {
    assert!(CONFIG.check().is_ok());
    Breaker::new(CONFIG, Timestamp(0))
}

fn call(breaker: &mut Breaker, time: i64, works: bool) {
    let permit = breaker.admit(Timestamp(time)).unwrap();
    if works {
        breaker.succeeded(permit, Timestamp(time));
    } else {
        breaker.failed(permit, Timestamp(time));
    }
}

fn pause(breaker: &Breaker, time: i64) -> (i64, Tripped) {
    match breaker.state(Timestamp(time)) {
        BreakerState::Open {
            since,
            until,
            reason,
        } => (until.0 - since.0, reason),
        other => panic!("{other:?}"),
    }
}

#[test]
fn it_opens_on_failures_in_a_row_and_a_success_breaks_the_row() {
    let mut breaker = breaker();
    for works in [false, false, true, false, false] {
        call(&mut breaker, 1, works);
    }
    assert!(breaker.would_admit(Timestamp(1)));
    call(&mut breaker, 1, false);
    assert_eq!(pause(&breaker, 1), (100, Tripped::InARow(3)));
    assert_eq!(breaker.admit(Timestamp(100)), None);
}

#[test]
fn it_opens_on_a_share_of_failures_once_the_window_is_full() {
    let mut breaker = breaker();
    for works in [false, true, false, true, true] {
        call(&mut breaker, 1, works);
    }
    assert!(
        breaker.would_admit(Timestamp(1)),
        "five answers are too few"
    );
    call(&mut breaker, 1, false);
    let share = Tripped::Share { failures: 3, of: 6 };
    assert_eq!(pause(&breaker, 1), (100, share));
}

#[test]
fn each_failed_probe_doubles_the_pause_up_to_the_cap_and_closing_resets_it() {
    let mut breaker = breaker();
    (0..3).for_each(|_| call(&mut breaker, 0, false));
    let mut now = 0;
    for expected in [100, 200, 350, 350] {
        assert_eq!(pause(&breaker, now).0, expected);
        now += expected;
        call(&mut breaker, now, false);
    }
    now += 350;
    (0..2).for_each(|_| call(&mut breaker, now, true));
    assert_eq!(
        breaker.state(Timestamp(now)),
        BreakerState::Closed {
            since: Timestamp(now)
        }
    );
    (0..3).for_each(|_| call(&mut breaker, now, false));
    assert_eq!(pause(&breaker, now).0, 100);
}

#[test]
fn an_answer_from_before_it_opened_changes_nothing() {
    let mut breaker = breaker();
    let late: Vec<_> = (0..4)
        .map(|_| breaker.admit(Timestamp(0)).unwrap())
        .collect();
    (0..3).for_each(|_| call(&mut breaker, 0, false));
    let half_open = Timestamp(100);
    let before = breaker.state(half_open);
    breaker.failed(late[0], half_open);
    breaker.succeeded(late[1], half_open);
    breaker.succeeded(late[2], half_open);
    assert_eq!(breaker.state(half_open), before);
}

#[test]
fn a_probe_that_never_answers_does_not_keep_it_half_open_for_ever() {
    let mut breaker = breaker();
    (0..3).for_each(|_| call(&mut breaker, 0, false));
    let at = |time: i64| Timestamp(100 + time);
    let lost = [breaker.admit(at(0)).unwrap(), breaker.admit(at(1)).unwrap()];
    assert_eq!(breaker.admit(at(999)), None);
    assert!(breaker.admit(at(1_000)).is_some());
    assert_eq!(breaker.admit(at(1_000)), None, "the second is still out");
    breaker.abandoned(lost[1]);
    assert!(breaker.admit(at(1_000)).is_some());
}

proptest! {
    #[test]
    fn there_are_never_more_probes_out_than_allowed_and_none_while_open(
        steps in proptest::collection::vec((0u8..5, 0i64..120, any::<prop::sample::Index>()), 1..300)
    ) {
        let mut breaker = breaker();
        let mut now = 0;
        // What is out, with the state it went in.
        let mut out: Vec<(Permit, BreakerState, i64)> = Vec::new();
        for (action, pass, which) in steps {
            now += pass;
            let state = breaker.state(Timestamp(now));
            if action < 2 || out.is_empty() {
                let permit = breaker.admit(Timestamp(now));
                match state {
                    BreakerState::Open { .. } => prop_assert_eq!(permit, None),
                    BreakerState::Closed { .. } => prop_assert!(permit.is_some()),
                    BreakerState::HalfOpen { since, .. } => {
                        let probes = out.iter().filter(|(_, went, at)| {
                            matches!(went, BreakerState::HalfOpen { since: own, .. } if *own == since)
                                && now - at < CONFIG.patience
                        }).count();
                        prop_assert_eq!(permit.is_some(), probes < 2);
                    }
                }
                out.extend(permit.map(|permit| (permit, state, now)));
            } else {
                let (permit, ..) = out.swap_remove(which.index(out.len()));
                match action {
                    2 => breaker.succeeded(permit, Timestamp(now)),
                    3 => breaker.failed(permit, Timestamp(now)),
                    _ => breaker.abandoned(permit),
                }
            }
        }
    }
}
