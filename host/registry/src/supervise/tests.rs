use super::*;
use proptest::prelude::*;

const LIMITS: SupervisionLimits = SupervisionLimits {
    restarts: 3,
    window: 100,
    pause: 2,
    longest: 10,
    healthy: 50,
    strikes: 2,
    inputs: 4,
};

fn supervisor() -> Supervisor {
    Supervisor::new(LIMITS, Timestamp(0)).unwrap()
}

fn input(number: u64) -> Digest {
    Digest::of(&number.to_le_bytes())
}

#[test]
fn the_pause_doubles_up_to_its_cap_and_begins_anew_after_a_healthy_time() {
    let mut one = Supervisor::new(
        SupervisionLimits {
            restarts: 100,
            ..LIMITS
        },
        Timestamp(0),
    )
    .unwrap();
    let mut now = 0;
    let mut pauses = Vec::new();
    for _ in 0..5 {
        let Verdict::Restart { at } = one.failed(None, "trapped", Timestamp(now)).verdict else {
            panic!("no restart");
        };
        pauses.push(at.0 - now);
        assert!(one.admit(None, Timestamp(at.0 - 1)).is_err());
        assert!(one.admit(None, at).is_ok());
        now = at.0 + 1;
    }
    assert_eq!(pauses, [2, 4, 8, 10, 10]);
    let verdict = one.failed(None, "trapped", Timestamp(now + 50)).verdict;
    let at = Timestamp(now + 52);
    assert_eq!(verdict, Verdict::Restart { at });
}

#[test]
fn a_plugin_that_keeps_failing_is_disabled_and_that_is_told_once() {
    let mut one = supervisor();
    let mut now = Timestamp(0);
    for _ in 0..3 {
        let Verdict::Restart { at } = one.failed(None, "ran out of fuel", now).verdict else {
            panic!("no restart");
        };
        now = at;
        one.admit(None, now).unwrap();
    }
    let Verdict::Disable { reason } = one.failed(None, "ran out of fuel", now).verdict else {
        panic!("not disabled");
    };
    assert_eq!(
        reason,
        "it ran out of fuel, after 3 restarts within 100ns (limit 3)"
    );
    let again = one.failed(None, "ran out of fuel", now).verdict;
    assert_eq!(again, Verdict::Nothing);
    let refused = one.admit(None, Timestamp(1_000_000)).unwrap_err();
    assert_eq!(refused, Refused::Disabled { since: now, reason });
    one.enable(Timestamp(20));
    assert!(one.admit(None, Timestamp(20)).is_ok());
}

#[test]
fn several_failures_at_once_come_to_one_restart() {
    let mut one = supervisor();
    let first = one.failed(None, "trapped", Timestamp(0)).verdict;
    assert!(matches!(first, Verdict::Restart { .. }));
    for _ in 0..10 {
        let more = one.failed(None, "trapped", Timestamp(1)).verdict;
        assert_eq!(more, Verdict::Nothing);
    }
}

#[test]
fn an_input_that_kills_twice_is_refused_with_the_reason_and_others_are_not() {
    let mut one = supervisor();
    let (poison, harmless) = (input(1), input(2));
    assert!(
        !one.failed(Some(poison), "panicked", Timestamp(0))
            .quarantined
    );
    one.admit(Some(&poison), Timestamp(2)).unwrap();
    assert!(
        one.failed(Some(poison), "panicked: 7", Timestamp(2))
            .quarantined
    );
    let refused = one.admit(Some(&poison), Timestamp(10)).unwrap_err();
    assert_eq!(
        refused,
        Refused::Quarantined {
            strikes: 2,
            because: "panicked: 7".to_owned()
        }
    );
    assert_eq!(
        refused.to_string(),
        "this input ended 2 instances, the last time because it panicked: 7; it is not tried again"
    );
    one.admit(Some(&harmless), Timestamp(10)).unwrap();
    assert_eq!(one.quarantined().count(), 1);
    assert!(one.release(&poison));
    one.admit(Some(&poison), Timestamp(10)).unwrap();
}

#[test]
fn the_input_longest_unseen_is_forgotten_first() {
    let mut one = supervisor();
    for number in 0..4 {
        one.failed(Some(input(number)), "trapped", Timestamp(0));
        one.failed(Some(input(number)), "trapped", Timestamp(0));
    }
    // The first is looked at again, so the second is the longest unseen.
    one.admit(Some(&input(0)), Timestamp(2)).unwrap_err();
    one.failed(Some(input(9)), "trapped", Timestamp(2));
    let kept = |number| one.inputs.contains_key(&input(number));
    assert_eq!([0, 1, 2, 3, 9].map(kept), [true, false, true, true, true]);
}

#[test]
fn a_figure_out_of_bounds_is_named() {
    let error = SupervisionLimits {
        longest: 1,
        ..LIMITS
    };
    let error = error.check().unwrap_err().to_string();
    assert_eq!(error, "'longest' is 1; it is no shorter than 'pause'");
    assert!(SupervisionLimits::default().check().is_ok());
    let unknown = serde_json::from_str::<SupervisionLimits>(r#"{"restart": 3}"#);
    assert!(unknown.unwrap_err().to_string().contains("restarts"));
}

#[test]
fn what_a_supervisor_knows_can_be_kept_and_read_back() {
    let mut one = supervisor();
    one.failed(Some(input(1)), "panicked", Timestamp(0));
    let json = serde_json::to_string(&one).unwrap();
    assert_eq!(serde_json::from_str::<Supervisor>(&json).unwrap(), one);
}

fn limits() -> impl Strategy<Value = SupervisionLimits> {
    (
        0..6_u32,
        1..400_i64,
        1..20_i64,
        0..60_i64,
        1..300_i64,
        1..4_u32,
        1..6_usize,
    )
        .prop_map(
            |(restarts, window, pause, more, healthy, strikes, inputs)| SupervisionLimits {
                restarts,
                window,
                pause,
                longest: pause + more,
                healthy,
                strikes,
                inputs,
            },
        )
}

proptest! {
    /// Failures and calls at any times, the clock set back now and then.
    #[test]
    fn no_window_ever_holds_more_restarts_than_the_budget(
        limits in limits(),
        steps in proptest::collection::vec((-5..60_i64, 0..8_u64, any::<bool>()), 1..200),
    ) {
        let mut one = Supervisor::new(limits, Timestamp(0)).unwrap();
        let mut now = 0;
        let mut restarts: Vec<i64> = Vec::new();
        let mut disabled = 0;
        let mut last_pause = 0;
        let mut last_start = 0;
        for (step, number, fails) in steps {
            now += step;
            let admitted = one.admit(Some(&input(number)), Timestamp(now)).is_ok();
            prop_assert!(one.inputs.len() <= limits.inputs);
            if !admitted || !fails {
                continue;
            }
            if let State::Running { since } = one.state() {
                last_start = since.0;
            }
            match one.failed(Some(input(number)), "trapped", Timestamp(now)).verdict {
                Verdict::Restart { at } => {
                    let pause = one.pause();
                    let waited = at.0 - now;
                    // Longer only where the clock was set back.
                    let set_back = restarts.last().is_some_and(|last| *last == at.0);
                    prop_assert!(waited <= limits.longest || set_back);
                    prop_assert!(waited >= limits.pause);
                    if now - last_start < limits.healthy {
                        prop_assert!(pause >= last_pause, "{pause} after {last_pause}");
                    }
                    last_pause = pause;
                    restarts.push(at.0);
                }
                Verdict::Disable { .. } => disabled += 1,
                Verdict::Nothing => {}
            }
            prop_assert!(one.inputs.len() <= limits.inputs);
        }
        prop_assert!(disabled <= 1);
        for (index, begin) in restarts.iter().enumerate() {
            let within = restarts[index..].iter().filter(|at| **at - begin < limits.window);
            prop_assert!(within.count() <= limits.restarts as usize);
        }
    }
}
