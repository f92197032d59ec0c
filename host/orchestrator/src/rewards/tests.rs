//! Rewards through restarts and repetitions.

use super::*;
use crate::MIGRATIONS;
use crate::arms::context::ContextId;
use proptest::prelude::*;

fn pending(choice: &str, candidate: &str, regime: &str) -> Pending {
    Pending {
        choice: choice.to_owned(),
        class: "validation".to_owned(),
        context: Context::of(&[("regime", regime)]),
        candidate: Digest::of(candidate.as_bytes()),
        time: Timestamp(1),
    }
}

async fn load(store: &Store) -> Result<Rewards, RewardError> {
    store.migrate(&[MIGRATIONS]).await?;
    Rewards::load(store, Some(store.writer()?), "", BTreeMap::new()).await
}

/// Everything that is known of a class, to the last bit.
fn state(rewards: &mut Rewards) -> Vec<String> {
    let arms = rewards.arms("validation");
    let mut lines = vec![format!("{:?}", arms.believed())];
    for (context, id) in arms.contexts() {
        for (arm, identity) in arms.identities() {
            for part in [Part::Value, Part::Cost, Part::Latency] {
                let gauge = arms.observed(id, arm, part);
                lines.push(format!("{context} {identity} {part:?} {gauge:?}"));
            }
        }
    }
    lines.sort();
    lines
}

#[test]
fn a_reward_is_credited_once_however_often_it_is_told() {
    bulkhead_store::wait(async {
        let store = Store::in_memory().await?;
        let mut rewards = load(&store).await.unwrap();
        rewards.expect(pending("c-1", "a", "calm")).unwrap();
        rewards.expect(pending("c-1", "b", "wild")).unwrap();
        let mut credit = |part, value| rewards.credit("c-1", part, value, Timestamp(2)).unwrap();
        assert_eq!(credit(Part::Latency, 0.5), Credited::Counted);
        assert_eq!(credit(Part::Latency, 0.7), Credited::Known);
        assert_eq!(credit(Part::Value, 1.0), Credited::Counted);
        assert_eq!(credit(Part::Value, 1.0), Credited::Known);
        let before = state(&mut rewards);
        rewards.writer.as_ref().unwrap().flush()?;
        drop(rewards);
        let mut again = load(&store).await.unwrap();
        let repeated = again.credit("c-1", Part::Value, 1.0, Timestamp(3)).unwrap();
        assert_eq!(repeated, Credited::Known);
        // Nor is it brought back by being announced again.
        again.expect(pending("c-1", "a", "calm")).unwrap();
        let repeated = again.credit("c-1", Part::Value, 1.0, Timestamp(3)).unwrap();
        assert_eq!(repeated, Credited::Known);
        again.writer.as_ref().unwrap().flush()?;
        assert_eq!(state(&mut again), before);
        Ok::<_, StoreError>(())
    })
    .unwrap();
}

#[test]
fn what_is_out_survives_a_restart_with_the_parts_it_was_credited() {
    bulkhead_store::wait(async {
        let store = Store::in_memory().await?;
        let mut rewards = load(&store).await.unwrap();
        rewards.expect(pending("c-1", "a", "calm")).unwrap();
        rewards.expect(pending("c-2", "a", "calm")).unwrap();
        rewards.expect(pending("c-3", "a", "calm")).unwrap();
        rewards
            .credit("c-1", Part::Cost, 0.02, Timestamp(2))
            .unwrap();
        rewards.give_up("c-3").unwrap();
        rewards.writer.as_ref().unwrap().flush()?;
        drop(rewards);
        let mut again = load(&store).await.unwrap();
        let mut out: Vec<_> = again.pending().cloned().collect();
        out.sort_by(|a, b| a.choice.cmp(&b.choice));
        assert_eq!(
            out,
            [pending("c-1", "a", "calm"), pending("c-2", "a", "calm")]
        );
        let mut credit = |choice, part| again.credit(choice, part, 0.02, Timestamp(3)).unwrap();
        assert_eq!(credit("c-1", Part::Cost), Credited::Known);
        assert_eq!(credit("c-2", Part::Cost), Credited::Counted);
        assert_eq!(credit("c-3", Part::Value), Credited::Known);
        Ok::<_, StoreError>(())
    })
    .unwrap();
}

#[test]
fn what_is_no_number_is_refused_and_changes_nothing() {
    bulkhead_store::wait(async {
        let store = Store::in_memory().await?;
        let mut rewards = load(&store).await.unwrap();
        rewards.expect(pending("c-1", "a", "calm")).unwrap();
        let refused = rewards.credit("c-1", Part::Value, f64::NAN, Timestamp(2));
        assert!(
            matches!(refused, Err(RewardError::NotFinite { .. })),
            "{refused:?}"
        );
        let later = rewards.credit("c-1", Part::Value, 1.0, Timestamp(2));
        assert_eq!(later, Ok(Credited::Counted));
        Ok::<_, StoreError>(())
    })
    .unwrap();
}

#[test]
fn standings_say_who_earns_what_where_with_intervals_that_narrow() {
    bulkhead_store::wait(async {
        let store = Store::in_memory().await?;
        let mut rewards = load(&store).await.unwrap();
        let mut tell = |from: u32, to: u32| {
            for index in from..to {
                let (candidate, regime) = if index % 2 == 0 {
                    ("a", "calm")
                } else {
                    ("b", "wild")
                };
                let choice = format!("c-{index}");
                rewards.expect(pending(&choice, candidate, regime)).unwrap();
                rewards
                    .credit(&choice, Part::Latency, 0.25, Timestamp(2))
                    .unwrap();
                let value = f64::from(u8::from(index % 3 == 0 || index % 2 == 0));
                rewards
                    .credit(&choice, Part::Value, value, Timestamp(2))
                    .unwrap();
            }
            rewards.standings("validation")
        };
        let (few, many) = (tell(0, 20), tell(20, 400));
        assert_eq!(
            few.len(),
            4,
            "two in the class, one in each context: {few:#?}"
        );
        let of = |standings: &[ArmStanding], candidate: &str, levels: usize| {
            let identity = Digest::of(candidate.as_bytes());
            let found = standings
                .iter()
                .find(|s| s.candidate == identity && s.context.0.len() == levels);
            found.unwrap().clone()
        };
        assert_eq!(of(&many, "a", 1).context.to_string(), "regime=calm");
        assert!(of(&many, "a", 1).value.lower > of(&many, "b", 1).value.upper);
        let width = |standing: &ArmStanding| standing.value.upper - standing.value.lower;
        assert!(width(&of(&many, "b", 1)) < width(&of(&few, "b", 1)));
        assert!((of(&many, "a", 0).latency.unwrap().value - 0.25).abs() < 1e-12);
        assert_eq!(of(&many, "a", 0).cost, None);
        assert!(rewards.standings("nothing").is_empty());
        Ok::<_, StoreError>(())
    })
    .unwrap();
}

#[test]
fn a_scope_goes_on_with_however_many_candidates_and_is_read_back_as_it_was() {
    bulkhead_store::wait(async {
        let store = Store::in_memory().await?;
        let mut rewards = load(&store).await.unwrap();
        for index in 0..3 * crate::arms::ARMS {
            let choice = format!("c-{index}");
            rewards.expect(pending(&choice, &choice, "calm")).unwrap();
            let credited = rewards.credit(&choice, Part::Value, 0.5, Timestamp(2));
            assert_eq!(credited, Ok(Credited::Counted));
        }
        let before = state(&mut rewards);
        rewards.writer.as_ref().unwrap().flush()?;
        drop(rewards);
        assert_eq!(state(&mut load(&store).await.unwrap()), before);
        Ok::<_, StoreError>(())
    })
    .unwrap();
}

#[test]
fn a_latency_that_decides_nothing_here_is_kept_for_later() {
    bulkhead_store::wait(async {
        let store = Store::in_memory().await?;
        let mut rewards = load(&store).await.unwrap();
        for (choice, measured) in [("c-1", 1.0), ("c-2", 3.0)] {
            rewards.expect(pending(choice, "a", "calm")).unwrap();
            rewards.time(choice, measured, Timestamp(2)).unwrap();
            rewards
                .credit_known_latency(choice, 0.5, Timestamp(2))
                .unwrap();
        }
        let believed = |rewards: &Rewards| rewards.standings("validation")[0].latency.unwrap();
        assert_eq!(believed(&rewards).value, 0.5);
        rewards.writer.as_ref().unwrap().flush()?;
        drop(rewards);
        let mut again = load(&store).await.unwrap();
        assert_eq!(believed(&again).value, 0.5);
        let measured = measured_latencies(&store, "validation").await?;
        assert_eq!(measured, BTreeMap::from([(Digest::of(b"a"), 2.0)]));
        // What follows has a number of its own.
        again.credit("c-2", Part::Value, 1.0, Timestamp(3)).unwrap();
        again.writer.as_ref().unwrap().flush()
    })
    .unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn reading_the_table_again_gives_the_arms_as_they_were_to_the_last_bit(
        steps in proptest::collection::vec((0u8..4, 0u8..3, 0u8..5, -2.0f64..2.0), 1..60)
    ) {
        let (before, after) = bulkhead_store::wait(async {
            let store = Store::in_memory().await?;
            let mut rewards = load(&store).await.unwrap();
            for (index, (what, candidate, regime, value)) in steps.iter().enumerate() {
                let name = candidate.to_string();
                if *what == 0 {
                    let next = Digest::of(format!("{name}{regime}").as_bytes());
                    let old = Digest::of(name.as_bytes());
                    rewards.succeed("validation", old, next, Timestamp(0)).unwrap();
                    continue;
                }
                let choice = format!("c-{}", index % 20);
                rewards.expect(pending(&choice, &name, &regime.to_string())).unwrap();
                let part = [Part::Value, Part::Cost, Part::Latency][usize::from(*what) - 1];
                rewards.credit(&choice, part, *value, Timestamp(0)).unwrap();
            }
            let before = state(&mut rewards);
            rewards.writer.as_ref().unwrap().flush()?;
            drop(rewards);
            let mut again = load(&store).await.unwrap();
            // Arms and contexts that nothing was observed of are not kept: the slates name them.
            Ok::<_, StoreError>((before, state(&mut again)))
        }).unwrap();
        let told = |lines: Vec<String>| -> Vec<String> {
            lines.into_iter().filter(|line| !line.contains("weight: 0.0")).collect()
        };
        prop_assert_eq!(told(before), told(after));
    }

    #[test]
    fn the_class_as_a_whole_sees_every_observation(
        regimes in proptest::collection::vec(0u8..4, 1..30)
    ) {
        let weight = bulkhead_store::wait(async {
            let store = Store::in_memory().await?;
            store.migrate(&[MIGRATIONS]).await?;
            let learning = Learning { discounts: vec![1.0], ..Learning::default() };
            let learning = BTreeMap::from([("validation".to_owned(), learning)]);
            let mut rewards = Rewards::load(&store, Some(store.writer()?), "", learning).await.unwrap();
            for (index, regime) in regimes.iter().enumerate() {
                let choice = index.to_string();
                rewards.expect(pending(&choice, "a", &regime.to_string())).unwrap();
                rewards.credit(&choice, Part::Value, 1.0, Timestamp(0)).unwrap();
            }
            let arms = rewards.arms("validation");
            let arm = arms.find(Digest::of(b"a")).unwrap();
            Ok::<_, StoreError>(arms.observed(ContextId::CLASS, arm, Part::Value).weight)
        }).unwrap();
        prop_assert_eq!(weight, regimes.len() as f64);
    }
}
