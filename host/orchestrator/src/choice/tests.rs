//! Choosing, excluding, and making a choice again.

use super::*;
use crate::arms::context::Context;
use crate::arms::learning::Learning;
use crate::arms::{Arms, Part};
use crate::task::{Candidate, Task, TaskKind};
use bulkhead_domain::{Digest, Timestamp};
use std::collections::BTreeMap;

fn candidate(name: &str) -> Candidate {
    Candidate {
        plugin: name.to_owned(),
        version: "1.0.0".to_owned(),
        digest: Digest::of(name.as_bytes()),
        offering: "chat".to_owned(),
        config: Digest::of(&[]),
    }
}

fn slate(config: Configuration, candidates: usize) -> Slate {
    Slate {
        task: Task {
            kind: TaskKind::Predict,
            class: "validation".to_owned(),
            context: "IBM".to_owned(),
        },
        context: Context::of(&[("instrument", "IBM")]),
        seed: 7,
        config,
        candidates: (0..candidates)
            .map(|i| candidate(&format!("p{i}")))
            .collect(),
    }
}

struct Desk {
    arms: Arms,
    chooser: Chooser,
    record: ChoiceRecord,
}

impl Desk {
    fn new(config: Configuration, candidates: usize) -> Self {
        assert_eq!(config.check(), Ok(()));
        let mut arms = Arms::new(config.learning.clone());
        let chooser = Chooser::new(slate(config, candidates), &mut arms).unwrap();
        Desk {
            arms,
            chooser,
            record: ChoiceRecord::default(),
        }
    }

    fn observe(&mut self, candidate: usize, part: Part, value: f64) {
        let arm = self.chooser.arm(candidate).unwrap();
        assert!(self.arms.observe(self.chooser.context(), arm, part, value));
    }

    fn choose(&mut self, excluded: &[Option<Exclusion>], sequence: u64) -> Pick {
        let time = Timestamp(9);
        self.chooser
            .choose(&self.arms, excluded, sequence, time, &mut self.record)
    }

    fn winners(&mut self, choices: u64) -> Vec<usize> {
        let mut counts = vec![0; self.chooser.slate().candidates.len()];
        for sequence in 0..choices {
            counts[self.choose(&[], sequence).winner.unwrap()] += 1;
        }
        counts
    }
}

fn selections() -> Vec<Selection> {
    vec![
        Selection::Pinned {
            candidate: "p1/chat".to_owned(),
        },
        Selection::Priority,
        Selection::Weighted {
            weights: BTreeMap::from([("p0/chat".to_owned(), 0.0)]),
        },
        Selection::LeastLatency,
        Selection::ThompsonSampling,
        Selection::Ucb { exploration: 0.5 },
        Selection::EpsilonGreedy { epsilon: 0.3 },
        Selection::Random,
    ]
}

#[test]
fn who_is_excluded_never_wins_nor_answers_in_shadow() {
    for selection in selections() {
        for shadow in [Shadow::Off, Shadow::Explore, Shadow::All] {
            let mut config = Configuration::of(selection.clone());
            config.shadow = shadow;
            let mut desk = Desk::new(config, 4);
            let excluded = [
                Some(Exclusion::Disabled),
                None,
                None,
                Some(Exclusion::BreakerOpen),
            ];
            for sequence in 0..200 {
                let pick = desk.choose(&excluded, sequence);
                assert!(matches!(pick.winner, Some(1 | 2)), "{selection:?} {pick:?}");
                assert_eq!(pick.shadow & 0b1001, 0, "{selection:?} {pick:?}");
            }
            let nobody = desk.choose(&[Some(Exclusion::OverBudget); 4], 0);
            assert_eq!(nobody.winner, None);
            assert_eq!(nobody.reason, Reason::Nobody);
        }
    }
}

#[test]
fn the_pinned_candidate_has_no_stand_in() {
    let pinned = Selection::Pinned {
        candidate: "p2/chat".to_owned(),
    };
    let mut desk = Desk::new(Configuration::of(pinned), 3);
    assert_eq!(desk.choose(&[], 0).winner, Some(2));
    assert_eq!(
        desk.choose(&[None, None, Some(Exclusion::Disabled)], 0)
            .winner,
        None
    );
}

#[test]
fn a_choice_is_explained_in_one_line() {
    let mut config = Configuration::of(Selection::EpsilonGreedy { epsilon: 0.0 });
    config.shadow = Shadow::All;
    let mut desk = Desk::new(config, 3);
    (0..9).for_each(|_| desk.observe(1, Part::Value, 0.5));
    desk.observe(2, Part::Value, 0.25);
    desk.choose(&[Some(Exclusion::BreakerOpen)], 0);
    assert_eq!(
        desk.chooser.slate().explain(&desk.record),
        "p1/chat has the highest mean reward (0.4997 ± 0.0030) of 2 that can be asked; \
         not p0/chat: its breaker lets nothing through; p2/chat answers in shadow"
    );
    desk.choose(&[Some(Exclusion::Disabled); 3], 0);
    let words = desk.chooser.slate().explain(&desk.record);
    assert!(
        words.starts_with("no candidate can be asked; not p0/chat: it is out of service"),
        "{words}"
    );
}

#[test]
fn weights_are_kept_to() {
    let weights = BTreeMap::from([("p0/chat".to_owned(), 3.0), ("p2/chat".to_owned(), 0.0)]);
    let mut desk = Desk::new(Configuration::of(Selection::Weighted { weights }), 3);
    let counts = desk.winners(4_000);
    assert!((2_850..3_150).contains(&counts[0]), "{counts:?}");
    assert_eq!(counts[2], 0);
}

#[test]
fn the_quickest_is_asked_once_all_were_timed() {
    let mut desk = Desk::new(Configuration::of(Selection::LeastLatency), 3);
    for (candidate, seconds) in [(0, 0.2), (2, 0.1)] {
        desk.observe(candidate, Part::Latency, seconds);
    }
    assert_eq!(desk.choose(&[], 0).winner, Some(1), "it was never timed");
    desk.observe(1, Part::Latency, 0.3);
    assert_eq!(desk.choose(&[], 0).winner, Some(2));
}

#[test]
fn who_is_too_slow_or_too_fast_is_left_out_with_the_reason_until_it_is_forgotten() {
    let mut config = Configuration::of(Selection::Priority);
    config.latency = LatencyBounds {
        floor: Some(0.01),
        ceiling: Some(1.0),
        samples: 2.0,
    };
    config.learning.discounts = vec![0.9];
    let mut desk = Desk::new(config, 3);
    desk.observe(0, Part::Latency, 3.0);
    assert_eq!(desk.choose(&[], 0).winner, Some(0), "once is no rule");
    for _ in 0..4 {
        desk.observe(0, Part::Latency, 3.0);
        desk.observe(1, Part::Latency, 0.001);
    }
    assert_eq!(desk.choose(&[], 0).winner, Some(2));
    let why: Vec<_> = desk
        .record
        .figures
        .iter()
        .map(|figure| figure.excluded)
        .collect();
    assert_eq!(
        why,
        [Some(Exclusion::TooSlow), Some(Exclusion::TooFast), None]
    );
    (0..9).for_each(|_| desk.observe(2, Part::Latency, 0.1));
    assert_eq!(desk.choose(&[], 0).winner, Some(0), "it may have mended");
}

#[test]
fn a_reward_weighs_value_against_cost_and_latency() {
    let best = |cost_weight, latency_weight| {
        let mut config = Configuration::of(Selection::EpsilonGreedy { epsilon: 0.0 });
        config.learning.cost_weight = cost_weight;
        config.learning.latency_weight = latency_weight;
        let mut desk = Desk::new(config, 3);
        for (candidate, figures) in [[0.9, 0.5, 0.1], [0.8, 0.1, 4.0], [0.7, 0.1, 0.1]]
            .into_iter()
            .enumerate()
        {
            for _ in 0..20 {
                for (part, figure) in [Part::Value, Part::Cost, Part::Latency]
                    .into_iter()
                    .zip(figures)
                {
                    desk.observe(candidate, part, figure);
                }
            }
        }
        desk.choose(&[], 0).winner
    };
    assert_eq!(best(0.0, 0.0), Some(0));
    assert_eq!(best(1.0, 0.0), Some(1));
    assert_eq!(best(1.0, 0.1), Some(2));
}

#[test]
fn exploring_in_shadow_leaves_the_answer_to_the_best() {
    let mut config = Configuration::of(Selection::Random);
    config.shadow = Shadow::Explore;
    let mut desk = Desk::new(config.clone(), 3);
    for (candidate, value) in [(0, 0.1), (1, 0.9), (2, 0.2)] {
        desk.observe(candidate, Part::Value, value);
    }
    let mut seen = 0;
    for sequence in 0..60 {
        let pick = desk.choose(&[], sequence);
        assert_eq!(pick.winner, Some(1));
        assert!(pick.shadow.count_ones() <= 1);
        seen |= pick.shadow;
    }
    assert_eq!(seen, 0b101);
    config.shadow = Shadow::All;
    let mut desk = Desk::new(config, 3);
    desk.observe(1, Part::Value, 1.0);
    desk.observe(0, Part::Value, 0.0);
    desk.observe(2, Part::Value, 0.0);
    assert_eq!(desk.choose(&[], 0).shadow, 0b101);
}

#[test]
fn every_choice_is_made_again_to_the_last_bit_from_its_bytes() {
    for selection in selections() {
        let mut desk = Desk::new(Configuration::of(selection.clone()), 4);
        for step in 0..50 {
            let excluded = [
                None,
                None,
                (step % 3 == 0).then_some(Exclusion::BreakerOpen),
            ];
            let pick = desk.choose(&excluded, step);
            let slate = desk.chooser.slate();
            let mut bytes = Vec::new();
            desk.record.encode(&mut bytes);
            let kept = ChoiceRecord::decode(slate.id(), &bytes).unwrap();
            assert_eq!(
                slate.rederive(&kept),
                RederivedChoice::Same,
                "{selection:?} {step}"
            );

            let mut forged = kept.clone();
            forged.pick.winner = Some((pick.winner.unwrap() + 1) % 4);
            assert!(matches!(
                slate.rederive(&forged),
                RederivedChoice::Different(_)
            ));
            let mut other = slate.clone();
            other.seed += 1;
            assert_eq!(other.rederive(&kept), RederivedChoice::OtherSlate);
            #[expect(clippy::cast_precision_loss, reason = "small")]
            desk.observe(pick.winner.unwrap(), Part::Value, (step % 7) as f64);
        }
    }
}

#[test]
fn a_kept_choice_is_found_with_its_slate_and_made_again() {
    use bulkhead_store::{Store, StoreError};
    bulkhead_store::wait(async {
        let store = Store::in_memory().await?;
        store.migrate(&[crate::MIGRATIONS]).await?;
        let writer = store.writer()?;
        for selection in selections() {
            let mut desk = Desk::new(Configuration::of(selection.clone()), 3);
            let slate = desk.chooser.slate().clone();
            assert_eq!(next_sequence(&store, slate.id()).await?, 0);
            write_slate(&writer, &slate)?;
            for sequence in 0..3 {
                desk.choose(&[Some(Exclusion::OverBudget)], sequence);
                desk.observe(1, Part::Value, 0.1);
                write_choice(&writer, &desk.record)?;
                write_choice(&writer, &desk.record)?;
            }
            writer.flush()?;
            let (kept, on) = find_choice(&store, &desk.record.id()).await?.unwrap();
            assert_eq!(on, slate);
            assert_eq!(on.rederive(&kept), RederivedChoice::Same, "{selection:?}");
            assert_eq!(kept.figures[0].excluded, Some(Exclusion::OverBudget));
            let words = on.explain(&kept);
            assert!(
                words.contains("not p0/chat: its budget is spent"),
                "{words}"
            );
            assert_eq!(next_sequence(&store, slate.id()).await?, 3);
        }
        assert!(find_choice(&store, "c-none").await?.is_none());
        Ok::<_, StoreError>(())
    })
    .unwrap();
}

#[test]
fn a_damaged_record_is_refused() {
    let mut desk = Desk::new(Configuration::of(Selection::Random), 3);
    desk.choose(&[], 1);
    let (slate, mut bytes) = (desk.record.slate, Vec::new());
    desk.record.encode(&mut bytes);
    for length in 0..bytes.len() {
        assert!(ChoiceRecord::decode(slate, &bytes[..length]).is_err());
    }
    bytes.push(0);
    assert!(matches!(
        ChoiceRecord::decode(slate, &bytes),
        Err(BrokenRecord::Damaged(_))
    ));
    bytes[0] = 9;
    assert_eq!(
        ChoiceRecord::decode(slate, &bytes),
        Err(BrokenRecord::Format(9))
    );
}

#[test]
fn the_codes_of_a_record_are_the_places_in_their_lists() {
    for exclusion in record::EXCLUSIONS {
        assert_eq!(record::EXCLUSIONS[exclusion as usize], exclusion);
    }
    for reason in record::REASONS {
        assert_eq!(record::REASONS[reason as usize], reason);
    }
}

/// `cargo test --profile bench -p bulkhead-orchestrator -- --ignored --nocapture microseconds`
#[test]
#[ignore = "a measurement"]
fn a_decision_among_ten_takes_no_more_than_two_microseconds_record_included() {
    let mut desk = Desk::new(Configuration::of(Selection::ThompsonSampling), 10);
    for step in 0..500 {
        for part in [Part::Value, Part::Latency] {
            desk.observe(step % 10, part, 0.1 * (step % 7) as f64);
        }
    }
    let mut bytes = Vec::new();
    let runs = 200_000;
    let begun = std::time::Instant::now();
    for sequence in 0..runs {
        desk.choose(&[], sequence);
        bytes.clear();
        desk.record.encode(&mut bytes);
    }
    let microseconds = begun.elapsed().as_secs_f64() * 1e6 / runs as f64;
    println!(
        "{microseconds:.3} us a decision, {} bytes a record",
        bytes.len()
    );
    assert!(microseconds <= 2.0);
}

#[test]
fn a_class_forgets_what_it_is_told_to_forget() {
    let learning = Learning {
        discounts: vec![0.5],
        ..Learning::default()
    };
    let mut config = Configuration::of(Selection::EpsilonGreedy { epsilon: 0.0 });
    config.learning = learning;
    let mut desk = Desk::new(config, 2);
    (0..100).for_each(|_| desk.observe(0, Part::Value, 1.0));
    desk.observe(1, Part::Value, 0.5);
    assert_eq!(desk.choose(&[], 0).winner, Some(0));
    (0..6).for_each(|_| desk.observe(0, Part::Value, 0.0));
    assert_eq!(desk.choose(&[], 0).winner, Some(1));
}
