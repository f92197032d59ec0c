use super::*;
use std::sync::mpsc::channel;

fn shown(queue: usize) -> Shown {
    Shown {
        share: Share::ALL,
        salt: "candidate".to_owned(),
        queue,
    }
}

fn fault(case: &str) -> Fault {
    Fault {
        case: case.to_owned(),
        text: format!("it was a {case}"),
    }
}

/// Waits until the candidate was asked so often.
fn asked(mirror: &Mirror<u64, u64>, count: u64) -> Comparison {
    let begun = Instant::now();
    loop {
        let comparison = mirror.comparison();
        if comparison.mirrored == count {
            return comparison;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{comparison:?}");
        std::thread::yield_now();
    }
}

#[test]
fn the_share_is_met_and_follows_from_the_keys() {
    let share = Share::try_from(25.0).unwrap();
    let covered = |salt: &str| -> Vec<u64> {
        (0..20_000)
            .filter(|key: &u64| share.covers(salt, &key.to_le_bytes()))
            .collect()
    };
    let first = covered("a");
    // Four standard deviations of a binomial of 20,000 at 0.25 are 245.
    assert!((4_755..=5_245).contains(&first.len()), "{}", first.len());
    assert_eq!(first, covered("a"));
    assert_ne!(first, covered("b"));
    assert!((0..1_000_u64).all(|key| Share::ALL.covers("a", &key.to_le_bytes())));
}

#[test]
fn a_share_is_a_percentage() {
    for wrong in [0.0, -1.0, 100.5, f64::NAN] {
        assert!(Share::try_from(wrong).is_err(), "{wrong}");
    }
    let error = serde_json::from_str::<Share>("0").unwrap_err().to_string();
    assert!(error.starts_with("a share of 0 %"), "{error}");
}

#[test]
fn answers_failures_and_times_of_both_are_compared() {
    let ask = |question: &u64| match question % 4 {
        0 => Err(fault("timeout")),
        1 => Ok(0),
        _ => Ok(*question),
    };
    let mirror = Mirror::start(shown(64), ask, |old: &u64, new| old == new).unwrap();
    for key in 0..40_u64 {
        let old = if key == 39 {
            Err(fault("panic"))
        } else {
            Ok(key)
        };
        mirror.show(&key.to_le_bytes(), Duration::from_micros(10), || (key, old));
    }
    let comparison = asked(&mirror, 40);
    assert_eq!((comparison.calls, comparison.dropped), (40, 0));
    assert_eq!((comparison.agreed, comparison.disagreed), (19, 10));
    assert_eq!(comparison.agreement(), Some(19.0 / 29.0));
    assert_eq!(comparison.new.errors["timeout"].count, 10);
    assert_eq!(comparison.new.errors["timeout"].last, "it was a timeout");
    assert_eq!(comparison.error_rate(), Some(0.25));
    assert_eq!(comparison.old.failures(), 1);
    assert_eq!(comparison.old.latency.count(), 40);
    assert!(comparison.old.latency.p99().unwrap() >= Duration::from_micros(10));
    let json = serde_json::to_string(&comparison).unwrap();
    assert_eq!(
        serde_json::from_str::<Comparison>(&json).unwrap(),
        comparison
    );
}

#[test]
fn a_candidate_that_hangs_delays_nobody_and_what_it_missed_is_counted() {
    let (end, ended) = channel::<()>();
    // Hangs in its first call, until it is stopped.
    let ask = move |_: &u64| {
        let _ = ended.recv();
        Err::<u64, _>(fault("interrupted"))
    };
    let mirror = Mirror::start(shown(8), ask, |_: &u64, _: &u64| true)
        .unwrap()
        .stopped_by(move || {
            let _ = end.send(());
        });
    let begun = Instant::now();
    for key in 0..10_000_u64 {
        mirror.show(&key.to_le_bytes(), Duration::ZERO, || (key, Ok(key)));
    }
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    let comparison = mirror.comparison();
    assert_eq!(comparison.calls, 10_000);
    assert_eq!(comparison.mirrored, 0);
    // The queue, and the one in hand if it was taken already.
    assert!(
        (9_991..=9_992).contains(&comparison.dropped),
        "{}",
        comparison.dropped
    );
    drop(mirror);
}

#[test]
fn what_is_not_mirrored_is_not_copied() {
    let few = Shown {
        share: Share::try_from(1e-12).unwrap(),
        ..shown(8)
    };
    let mirror = Mirror::start(few, |_: &u64| Ok(0_u64), |_, _| true).unwrap();
    for key in 0..1_000_u64 {
        mirror.show(&key.to_le_bytes(), Duration::ZERO, || panic!("copied"));
    }
    assert_eq!(mirror.comparison().calls, 1_000);
}

#[test]
fn cases_without_end_are_not_kept_without_end() {
    let mut side = Side::default();
    for number in 0..1_000 {
        side.took(Duration::ZERO, Some(fault(&format!("case-{number}"))));
    }
    assert_eq!(side.errors.len(), MOST_CASES + 1);
    assert_eq!(side.failures(), 1_000);
    assert_eq!(side.errors["other"].last, "it was a case-999");
}

#[test]
fn scores_are_finite_and_not_without_end() {
    let mut comparison = Comparison::default();
    let wrong = Pair {
        old: 0.0,
        new: f64::NAN,
    };
    assert!(matches!(
        comparison.score(wrong),
        Err(ScoreError::NotFinite { .. })
    ));
    let pair = Pair { old: 0.1, new: 0.2 };
    for _ in 0..MOST_SCORES {
        comparison.score(pair).unwrap();
    }
    assert_eq!(comparison.score(pair), Err(ScoreError::Full));
}
