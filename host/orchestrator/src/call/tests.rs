//! Calls that fail in every way.

use super::*;
use crate::breaker::{Breaker, BreakerConfig};
use crate::choice::Exclusion;
use bulkhead_domain::Timestamp;
use proptest::prelude::*;

fn labels(count: usize) -> Vec<String> {
    (0..count).map(|place| format!("p{place}")).collect()
}

fn breakers(count: usize) -> Vec<Breaker> {
    let config = BreakerConfig {
        consecutive: 2,
        ..BreakerConfig::default()
    };
    vec![Breaker::new(config, Timestamp(0)); count]
}

/// The first that can be asked.
fn first(excluded: &[Option<Exclusion>]) -> Option<usize> {
    excluded.iter().position(Option::is_none)
}

struct Told {
    answer: Result<usize, CallError>,
    asked: Vec<usize>,
    waited: i64,
}

/// Calls `count` candidates of which each fails as `fails` says; the answer is who gave it.
fn told(
    config: &CallConfig,
    breakers: &mut [Breaker],
    excluded: &[Option<Exclusion>],
    fails: impl Fn(usize, u32) -> Option<FailureCase>,
) -> Told {
    let labels = labels(breakers.len());
    let (mut asked, mut waited) = (Vec::new(), 0);
    let run = Run::new(config, &labels, excluded);
    let answer = call(
        run,
        breakers,
        first,
        || Timestamp(0),
        |pause| waited += pause,
        |attempt| {
            asked.push(attempt.candidate);
            match fails(attempt.candidate, attempt.number) {
                None => Ok(attempt.candidate),
                Some(case) => Err(Failure::new(case, format!("{case:?}"))),
            }
        },
    );
    Told {
        answer,
        asked,
        waited,
    }
}

const EVERY_CASE: [FailureCase; 15] = [
    FailureCase::InvalidInput,
    FailureCase::Unauthorized,
    FailureCase::RateLimited(Some(7)),
    FailureCase::Unavailable,
    FailureCase::Unsupported,
    FailureCase::Timeout,
    FailureCase::InsufficientData,
    FailureCase::Cancelled,
    FailureCase::ContentPolicy,
    FailureCase::ContextOverflow,
    FailureCase::Rejected,
    FailureCase::Ambiguous,
    FailureCase::OverBudget,
    FailureCase::Trapped,
    FailureCase::Other,
];

#[test]
fn only_the_case_decides_who_is_asked_next() {
    for case in EVERY_CASE {
        let config = CallConfig::default();
        let told = told(&config, &mut breakers(3), &[], |place, _| {
            (place == 0).then_some(case)
        });
        match case {
            FailureCase::InvalidInput
            | FailureCase::Cancelled
            | FailureCase::Rejected
            | FailureCase::Ambiguous
            | FailureCase::ContentPolicy
            | FailureCase::ContextOverflow => {
                assert_eq!(told.asked, [0], "{case:?}");
                assert!(
                    matches!(told.answer, Err(CallError::GivenUp { .. })),
                    "{case:?}"
                );
            }
            FailureCase::Unavailable | FailureCase::RateLimited(_) => {
                assert_eq!(
                    (told.asked, told.answer),
                    (vec![0, 0, 1], Ok(1)),
                    "{case:?}"
                );
                assert!(told.waited > 0, "{case:?}");
            }
            _ => assert_eq!((told.asked, told.answer), (vec![0, 1], Ok(1)), "{case:?}"),
        }
    }
}

#[test]
fn the_callers_mistake_never_opens_a_breaker_and_a_trap_does() {
    for (case, opens) in [
        (FailureCase::InvalidInput, false),
        (FailureCase::ContextOverflow, false),
        (FailureCase::Trapped, true),
        (FailureCase::Timeout, true),
    ] {
        let mut breakers = breakers(2);
        let config = CallConfig::default();
        for _ in 0..5 {
            let _ = told(&config, &mut breakers, &[], |place, _| {
                (place == 0).then_some(case)
            });
        }
        assert_eq!(breakers[0].would_admit(Timestamp(0)), !opens, "{case:?}");
    }
}

#[test]
fn each_list_serves_its_own_case() {
    let config = CallConfig {
        fallbacks: Fallbacks {
            general: vec!["p3".to_owned(), "p1".to_owned()],
            context_window: vec!["p2".to_owned(), "p4".to_owned()],
            content_policy: vec!["p4".to_owned()],
        },
        ..CallConfig::default()
    };
    for (case, then) in [
        (FailureCase::Timeout, 3),
        (FailureCase::ContextOverflow, 2),
        (FailureCase::ContentPolicy, 4),
    ] {
        let told = told(&config, &mut breakers(5), &[], |place, _| {
            (place == 0).then_some(case)
        });
        assert_eq!(
            (told.asked, told.answer),
            (vec![0, then], Ok(then)),
            "{case:?}"
        );
    }
    // Once a large window is needed, a time-out does not lead back to a small one.
    let fails = |place, _| match place {
        0 => Some(FailureCase::ContextOverflow),
        2 => Some(FailureCase::Timeout),
        _ => None,
    };
    assert_eq!(told(&config, &mut breakers(5), &[], fails).asked, [0, 2, 4]);
    // Nor does asking again in between.
    let fails = |place, _| match place {
        0 => Some(FailureCase::ContextOverflow),
        2 => Some(FailureCase::Unavailable),
        _ => None,
    };
    assert_eq!(
        told(&config, &mut breakers(5), &[], fails).asked,
        [0, 2, 2, 4]
    );
}

#[test]
fn a_fallback_that_names_nobody_is_refused() {
    let mut config = CallConfig::default();
    assert_eq!(config.check(&labels(2)), Ok(()));
    config.fallbacks.content_policy = vec!["p1".to_owned(), "p2".to_owned()];
    assert_eq!(
        config.check(&labels(2)).unwrap_err().to_string(),
        "'content-policy' names 'p2', which is no candidate; there are: p0, p1"
    );
    config.retries.attempts = 0;
    assert!(config.check(&labels(3)).is_err());
}

#[test]
fn with_every_candidate_down_each_is_named_with_its_reason() {
    let mut breakers = breakers(4);
    breakers[1].force_open(Timestamp(0));
    let excluded = [None, None, Some(Exclusion::OverBudget)];
    let config = CallConfig::default();
    let told = told(&config, &mut breakers, &excluded, |_, _| {
        Some(FailureCase::Timeout)
    });
    assert_eq!(told.asked, [0, 3]);
    assert_eq!(
        told.answer.unwrap_err().to_string(),
        "no candidate answered in 2 attempts: p0: Timeout; \
         p1: its breaker is open until 1970-01-01T00:00:05Z (opened from outside); \
         p2: its budget is spent; p3: Timeout"
    );
}

#[test]
fn without_any_candidate_there_is_an_error_and_no_default() {
    let config = CallConfig::default();
    let told = told(&config, &mut [], &[], |_, _| None);
    let nobody = CallError::NobodyAnswered {
        attempts: 0,
        each: Vec::new(),
    };
    assert_eq!(told.answer, Err(nobody));
}

#[test]
fn who_asks_for_too_long_a_wait_is_not_waited_for() {
    let config = CallConfig::default();
    let long = config.retries.longest + 1;
    let told = told(&config, &mut breakers(2), &[], |place, _| {
        (place == 0).then_some(FailureCase::RateLimited(Some(long)))
    });
    assert_eq!((told.asked, told.waited), (vec![0, 1], 0));
}

#[test]
fn a_call_that_is_dropped_without_an_answer_gives_its_place_back() {
    let config = CallConfig::default();
    let labels = labels(1);
    let mut breakers = breakers(1);
    breakers[0].force_open(Timestamp(0));
    let later = Timestamp(10 * bulkhead_domain::time::SECOND);
    let mut run = Run::new(&config, &labels, &[]);
    assert_eq!(run.next(&mut breakers, later, first).unwrap().candidate, 0);
    assert!(!breakers[0].would_admit(later), "its one probe is out");
    assert!(
        run.next(&mut breakers, later, first).is_err(),
        "it was asked"
    );
    assert!(breakers[0].would_admit(later));
}

proptest! {
    #[test]
    fn a_run_ends_within_its_attempts_and_asks_nobody_it_must_not(
        count in 0usize..6,
        script in proptest::collection::vec(0usize..15, 1..12),
        excluded in proptest::collection::vec(any::<bool>(), 6),
        open in proptest::collection::vec(any::<bool>(), 6),
    ) {
        let config = CallConfig::default();
        let excluded: Vec<_> = excluded.iter().map(|out| out.then_some(Exclusion::Disabled)).collect();
        let mut breakers = breakers(count);
        for (breaker, open) in breakers.iter_mut().zip(&open) {
            if *open {
                breaker.force_open(Timestamp(0));
            }
        }
        let told = told(&config, &mut breakers, &excluded, |_, number| {
            EVERY_CASE.get(script[(number as usize - 1) % script.len()]).copied()
        });
        prop_assert!(told.asked.len() <= config.retries.attempts as usize);
        for place in &told.asked {
            prop_assert!(excluded[*place].is_none() && !open[*place]);
            let times = told.asked.iter().filter(|other| *other == place).count();
            prop_assert!(times <= config.retries.at_one as usize);
        }
        if let Err(CallError::NobodyAnswered { each, .. }) = told.answer {
            prop_assert_eq!(each.len(), count);
        }
    }
}
