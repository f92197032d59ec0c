use super::*;
use crate::shadow::Pair;
use bulkhead_domain::{Timestamp, time::SECOND};
use proptest::prelude::*;
use rand_chacha::ChaCha12Rng;
use rand_core::SeedableRng as _;

const SKILL: Skill = Skill {
    pairs: 20,
    margin: 0.02,
    bound: 1.0,
    alpha: 0.05,
};

fn rule() -> Rule {
    Rule {
        calls: 200,
        skill: Some(SKILL),
        ..Rule::default()
    }
}

fn pair(difference: f64) -> Pair {
    Pair {
        old: 0.0,
        new: difference,
    }
}

/// A comparison with so many calls, answered alike and equally fast.
fn compared(calls: u64) -> Comparison {
    let mut comparison = Comparison {
        calls,
        mirrored: calls,
        agreed: calls,
        ..Comparison::default()
    };
    for _ in 0..calls {
        comparison.old.latency.record(Duration::from_micros(100));
        comparison.new.latency.record(Duration::from_micros(100));
    }
    comparison
}

fn failing(mut comparison: Comparison, failures: u64) -> Comparison {
    let errors = comparison
        .new
        .errors
        .entry("out-of-fuel".to_owned())
        .or_default();
    errors.count = failures;
    errors.last = "ran out of fuel".to_owned();
    comparison
}

/// Uniform in [0, 1).
fn uniform(random: &mut ChaCha12Rng) -> f64 {
    (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

/// Differences with a given mean: by two points far apart, evenly within a narrow range, and rare large losses.
type Draw = fn(&mut ChaCha12Rng, f64) -> f64;
const DRAWS: [(&str, Draw); 3] = [
    ("two points", |random, mean| {
        if uniform(random) < (1.0 + mean) / 2.0 {
            1.0
        } else {
            -1.0
        }
    }),
    ("even", |random, mean| mean + 0.4 * (uniform(random) - 0.5)),
    ("rare losses", |random, mean| {
        // -1 once in a hundred; else what makes up for it.
        if uniform(random) < 0.01 {
            -1.0
        } else {
            (mean + 0.01) / 0.99
        }
    }),
];

/// The finding after at most `length` scores, looked at after each of them, as the fold does.
fn stream(draw: Draw, mean: f64, length: usize, seed: u64) -> Option<Finding> {
    let mut random = ChaCha12Rng::seed_from_u64(seed);
    let scores: Vec<Pair> = (0..length).map(|_| pair(draw(&mut random, mean))).collect();
    evidence(&SKILL, &scores).unwrap().finding
}

#[test]
fn a_worse_candidate_is_ever_promoted_with_at_most_the_stated_probability() {
    const STREAMS: u64 = 2_000;
    for (name, draw) in DRAWS {
        let promoted = (0..STREAMS)
            .filter(|seed| {
                let finding = stream(draw, -SKILL.margin, 1_000, *seed);
                matches!(finding, Some(Finding::NoWorse { .. }))
            })
            .count();
        let share = promoted as f64 / STREAMS as f64;
        // Four standard deviations of a binomial.
        let noise = 4.0 * (SKILL.alpha * (1.0 - SKILL.alpha) / STREAMS as f64).sqrt();
        println!(
            "promoted at the margin, {name}: {share:.4} (at most {})",
            SKILL.alpha
        );
        assert!(share <= SKILL.alpha + noise, "{name}: {share}");
    }
}

#[test]
fn a_candidate_that_is_no_worse_is_ever_refused_as_worse_with_at_most_that_probability() {
    const STREAMS: u64 = 2_000;
    for (name, draw) in DRAWS {
        let refused = (0..STREAMS)
            .filter(|seed| {
                let finding = stream(draw, -SKILL.margin, 1_000, *seed);
                matches!(finding, Some(Finding::Worse { .. }))
            })
            .count();
        let share = refused as f64 / STREAMS as f64;
        let noise = 4.0 * (SKILL.alpha * (1.0 - SKILL.alpha) / STREAMS as f64).sqrt();
        assert!(share <= SKILL.alpha + noise, "{name}: {share}");
    }
}

/// Share of streams with the finding, and the median number of scores that it took.
fn power(draw: Draw, mean: f64, wanted: fn(Finding) -> Option<usize>) -> (f64, usize) {
    const STREAMS: u64 = 200;
    let mut after: Vec<usize> = (0..STREAMS)
        .filter_map(|seed| stream(draw, mean, 5_000, seed).and_then(wanted))
        .collect();
    after.sort_unstable();
    let median = after.get(after.len() / 2).copied().unwrap_or(usize::MAX);
    (after.len() as f64 / STREAMS as f64, median)
}

fn no_worse(finding: Finding) -> Option<usize> {
    match finding {
        Finding::NoWorse { after } => Some(after),
        Finding::Worse { .. } => None,
    }
}

fn worse(finding: Finding) -> Option<usize> {
    match finding {
        Finding::Worse { after } => Some(after),
        Finding::NoWorse { .. } => None,
    }
}

#[test]
fn an_equal_a_better_and_a_worse_candidate_are_told_apart_in_time() {
    // Differences spread by 0.115 (evenly over 0.4), a margin of 0.02.
    let (_, even) = DRAWS[1];
    let (equal, equal_after) = power(even, 0.0, no_worse);
    let (better, better_after) = power(even, 0.02, no_worse);
    let (inferior, inferior_after) = power(even, -0.06, worse);
    println!("equal: {equal:.3} promoted, half of them within {equal_after} scores");
    println!("better by 0.02: {better:.3}, half within {better_after}");
    println!("worse by 0.06: {inferior:.3} refused, half within {inferior_after}");
    assert!(
        equal >= 0.95 && equal_after < 1_500,
        "{equal} {equal_after}"
    );
    assert!(
        better >= 0.95 && better_after < equal_after,
        "{better} {better_after}"
    );
    assert!(
        inferior >= 0.95 && inferior_after < 1_500,
        "{inferior} {inferior_after}"
    );
}

#[test]
fn everything_that_is_asked_has_to_be_shown() {
    let mut random = ChaCha12Rng::seed_from_u64(1);
    let mut comparison = compared(200);
    let scored: Vec<Pair> = (0..2_000)
        .map(|_| pair(DRAWS[1].1(&mut random, 0.05)))
        .collect();
    comparison.scores.clone_from(&scored);
    assert_eq!(judge(&rule(), &comparison), Verdict::Promote);

    let wait = |rule: &Rule, comparison: &Comparison| match judge(rule, comparison) {
        Verdict::Wait(why) => why,
        other => panic!("{other:?}"),
    };
    let few = Comparison {
        mirrored: 199,
        ..comparison.clone()
    };
    assert_eq!(wait(&rule(), &few), "199 of 200 mirrored calls");
    let unscored = Comparison {
        scores: Vec::new(),
        ..comparison.clone()
    };
    assert_eq!(wait(&rule(), &unscored), "0 of 20 paired scores");
    let undecided = Comparison {
        scores: vec![pair(0.0); 20],
        ..comparison.clone()
    };
    let why = wait(&rule(), &undecided);
    assert!(
        why.starts_with("not shown yet that it is no worse by 0.02: evidence 1."),
        "{why}"
    );
    let alike = Rule {
        agreement: Some(0.95),
        ..rule()
    };
    let other = Comparison {
        agreed: 180,
        disagreed: 20,
        ..comparison.clone()
    };
    assert_eq!(
        wait(&alike, &other),
        "0.9000 of the answers agree, 0.95 are asked for"
    );
    let mut slow = comparison.clone();
    for _ in 0..5 {
        slow.new.latency.record(Duration::from_millis(1));
    }
    assert!(wait(&rule(), &slow).starts_with("one call in a hundred takes longer than 1."));
    let fast = Rule {
        latency_factor: None,
        latency_most: Some(1_000),
        ..rule()
    };
    assert!(wait(&fast, &comparison).contains("1µs is allowed"));
    let patient = Rule {
        most_calls: Some(200),
        ..rule()
    };
    assert_eq!(
        judge(&patient, &unscored),
        Verdict::Reject("not promoted after 200 mirrored calls: 0 of 20 paired scores".to_owned())
    );
    let beyond = Comparison {
        scores: vec![pair(1.5)],
        ..comparison
    };
    assert!(wait(&rule(), &beyond).starts_with("paired score 1 differs by 1.5"));
}

#[test]
fn a_candidate_that_fails_too_often_is_refused_at_once() {
    let Verdict::Reject(why) = judge(&rule(), &failing(compared(10), 3)) else {
        panic!("not refused");
    };
    assert_eq!(
        why,
        "3 of 10 mirrored calls failed, more than a share of 0.01 allows, most of them out-of-fuel: ran out of fuel"
    );
    // One failure in ten calls is no proof.
    assert!(matches!(
        judge(&rule(), &failing(compared(10), 1)),
        Verdict::Wait(_)
    ));
    let never = Rule {
        error_rate: 0.0,
        skill: None,
        ..rule()
    };
    assert_eq!(judge(&never, &compared(200)), Verdict::Promote);
    let one = judge(&never, &failing(compared(200), 1));
    assert!(matches!(one, Verdict::Reject(_)), "{one:?}");
    let any = Rule {
        error_rate: 1.0,
        ..never
    };
    assert_eq!(judge(&any, &failing(compared(200), 200)), Verdict::Promote);
}

/// Shares of the candidates that fail calls with this probability, and are judged after every one of 2,000, which are
/// promoted and refused.
fn judged_by_failures(rate: f64) -> (f64, f64) {
    const CANDIDATES: u64 = 1_000;
    let rule = Rule {
        skill: None,
        latency_factor: None,
        ..Rule::default()
    };
    let (mut promoted, mut refused) = (0.0, 0.0);
    for seed in 0..CANDIDATES {
        let mut random = ChaCha12Rng::seed_from_u64(seed);
        let mut comparison = failing(Comparison::default(), 0);
        for _ in 0..2_000 {
            comparison.mirrored += 1;
            if uniform(&mut random) < rate {
                comparison
                    .new
                    .errors
                    .values_mut()
                    .for_each(|errors| errors.count += 1);
            }
            match judge(&rule, &comparison) {
                Verdict::Wait(_) => continue,
                Verdict::Promote => promoted += 1.0,
                Verdict::Reject(_) => refused += 1.0,
            }
            break;
        }
    }
    (promoted / CANDIDATES as f64, refused / CANDIDATES as f64)
}

#[test]
fn looking_after_every_call_refuses_few_that_fail_as_allowed_and_promotes_few_that_fail_twice_as_often()
 {
    let noise = 4.0 * (DOUBT * (1.0 - DOUBT) / 1_000.0).sqrt();
    let (_, refused) = judged_by_failures(0.01);
    assert!(refused <= DOUBT + noise, "{refused}");
    let (promoted, _) = judged_by_failures(0.02);
    assert!(promoted <= DOUBT + noise, "{promoted}");
    // And both are told apart in time.
    let (promoted, _) = judged_by_failures(0.001);
    assert!(promoted > 0.95, "{promoted}");
    let (_, refused) = judged_by_failures(0.05);
    assert!(refused > 0.95, "{refused}");
}

#[test]
fn a_worse_candidate_is_refused_early_and_an_undecided_one_in_the_end() {
    let worse = Comparison {
        scores: vec![pair(-0.5); 100],
        ..compared(100)
    };
    let Verdict::Reject(why) = judge(&rule(), &worse) else {
        panic!("not refused");
    };
    assert!(
        why.starts_with("it is worse by more than 0.02: shown after"),
        "{why}"
    );
    let at_the_margin = Comparison {
        scores: vec![pair(-0.02); MOST_SCORES],
        ..compared(100)
    };
    let Verdict::Reject(why) = judge(&rule(), &at_the_margin) else {
        panic!("not refused");
    };
    assert!(
        why.starts_with("10000 paired scores decide nothing"),
        "{why}"
    );
}

#[test]
fn what_was_shown_stays_shown() {
    let mut scores = vec![pair(0.3); 200];
    let shown = evidence(&SKILL, &scores).unwrap().finding;
    assert!(matches!(shown, Some(Finding::NoWorse { .. })), "{shown:?}");
    scores.extend(vec![pair(-1.0); 2_000]);
    assert_eq!(evidence(&SKILL, &scores).unwrap().finding, shown);
}

#[test]
fn a_rule_that_cannot_be_is_refused_by_its_key() {
    for (wrong, said) in [
        (
            Rule { calls: 0, ..rule() },
            "'calls' is 0; it is at least 1",
        ),
        (
            Rule {
                error_rate: 1.5,
                ..rule()
            },
            "'error-rate' is 1.5; it is 0 to 1",
        ),
        (
            Rule {
                most_calls: Some(10),
                ..rule()
            },
            "'most-calls' is 10; it is no less than 'calls'",
        ),
        (
            Rule {
                skill: Some(Skill {
                    margin: 1.0,
                    ..SKILL
                }),
                ..rule()
            },
            "'skill.margin' is 1; it is 0 or more, and below 'skill.bound'",
        ),
        (
            Rule {
                skill: Some(Skill {
                    alpha: 0.0,
                    ..SKILL
                }),
                ..rule()
            },
            "'skill.alpha' is 0; it is above 0 and at most 0.5",
        ),
        (
            Rule {
                skill: None,
                automatic: true,
                ..rule()
            },
            "'automatic' promotes by 'skill' or by 'agreement', and the rule has neither; add one, or promote by hand",
        ),
    ] {
        assert_eq!(wrong.check().unwrap_err().to_string(), said);
    }
    assert_eq!(Rule::default().check(), Ok(()));
    let json = r#"{"automatic": true, "agreement": 0.99, "watch": {"calls": 500}}"#;
    let read: Rule = serde_json::from_str(json).unwrap();
    assert_eq!((read.check(), read.watch.calls), (Ok(()), 500));
    assert!(serde_json::from_str::<Rule>(r#"{"margin": 1}"#).is_err());
}

#[test]
fn a_promoted_version_goes_back_when_it_fails_or_its_breaker_opens_and_is_kept_else() {
    let rule = Watch {
        calls: 1_000,
        time: 60 * SECOND,
        error_rate: 0.02,
    };
    let fine = Watched {
        since: Timestamp(0),
        calls: 10,
        failures: 1,
        breaker: None,
    };
    assert_eq!(watch(&rule, &fine, Timestamp(1)), Outcome::Watching);
    let third = Watched {
        failures: 3,
        ..fine.clone()
    };
    assert_eq!(
        watch(&rule, &third, Timestamp(1)),
        Outcome::RollBack(
            "3 of 10 calls failed since it was promoted, more than a share of 0.02 allows"
                .to_owned()
        )
    );
    let open = Watched {
        breaker: Some("5 failures in a row".to_owned()),
        ..fine.clone()
    };
    assert_eq!(
        watch(&rule, &open, Timestamp(1)),
        Outcome::RollBack("its breaker opened: 5 failures in a row".to_owned())
    );
    assert_eq!(watch(&rule, &fine, Timestamp(60 * SECOND)), Outcome::Kept);
    let many = Watched {
        calls: 1_000,
        failures: 20,
        ..fine
    };
    assert_eq!(watch(&rule, &many, Timestamp(1)), Outcome::Kept);
}

proptest! {
    #[test]
    fn a_verdict_can_be_come_to_again_from_what_was_stored(
        differences in proptest::collection::vec(-1.0..1.0_f64, 0..200),
        failures in 0..5_u64,
        calls in 0..300_u64,
    ) {
        let scores = differences.into_iter().map(pair).collect();
        let comparison = failing(Comparison { scores, ..compared(calls) }, failures);
        let verdict = judge(&rule(), &comparison);
        let stored = serde_json::to_string(&(rule(), &comparison)).unwrap();
        let (rule, read): (Rule, Comparison) = serde_json::from_str(&stored).unwrap();
        prop_assert_eq!(&read, &comparison);
        prop_assert_eq!(judge(&rule, &read), verdict);
    }
}
