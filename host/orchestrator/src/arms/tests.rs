//! Arms against arithmetic by hand.

use super::*;
use proptest::prelude::*;

fn arms(discounts: &[f64], pooling: f64) -> (Arms, ArmId, ArmId) {
    let mut arms = Arms::new(Learning {
        discounts: discounts.to_vec(),
        pooling,
        ..Learning::default()
    });
    let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
    let (a, b) = (arms.enter(a), arms.enter(b));
    (arms, a, b)
}

proptest! {
    #[test]
    fn an_arm_holds_what_discounting_by_hand_gives(
        rewards in proptest::collection::vec((any::<bool>(), -3.0f64..3.0), 1..60),
        discount in 0.8f64..1.0,
    ) {
        let (mut arms, a, b) = arms(&[discount], 1.0);
        for (first, value) in &rewards {
            arms.observe(ContextId::CLASS, if *first { a } else { b }, Part::Value, *value);
        }
        let (mut weight, mut sum, mut aged) = (0.0, 0.0, 1.0);
        for (first, value) in rewards.iter().rev() {
            if *first {
                weight += aged;
                sum += aged * value;
            }
            aged *= discount;
        }
        let gauge = arms.observed(ContextId::CLASS, a, Part::Value);
        prop_assert!((gauge.weight - weight).abs() < 1e-9);
        prop_assert!((gauge.weight * gauge.mean - sum).abs() < 1e-9);
    }

    #[test]
    fn beliefs_in_the_discounts_are_probabilities(
        values in proptest::collection::vec(-1e6f64..1e6, 1..60),
    ) {
        let (mut arms, a, b) = arms(&[1.0, 0.99, 0.5], 1.0);
        for (index, value) in values.into_iter().enumerate() {
            arms.observe(ContextId::CLASS, if index % 3 == 0 { a } else { b }, Part::Value, value);
        }
        prop_assert!((arms.believed().iter().sum::<f64>() - 1.0).abs() < 1e-9);
        prop_assert!(arms.believed().iter().all(|p| *p > 0.0));
    }
}

#[test]
fn parts_are_kept_apart() {
    let (mut arms, a, _) = arms(&[1.0], 1.0);
    arms.observe(ContextId::CLASS, a, Part::Cost, 5.0);
    assert_eq!(arms.observed(ContextId::CLASS, a, Part::Value).weight, 0.0);
    assert_eq!(
        arms.observed(ContextId::CLASS, a, Part::Latency).weight,
        0.0
    );
    assert_eq!(arms.estimate(ContextId::CLASS, a, Part::Cost).mean, 5.0);
    assert!(!arms.observe(ContextId::CLASS, a, Part::Cost, f64::NAN));
    assert_eq!(arms.observed(ContextId::CLASS, a, Part::Cost).weight, 1.0);
}

#[test]
fn a_context_without_data_borrows_and_one_with_data_does_not() {
    let (mut arms, a, _) = arms(&[1.0], 5.0);
    let calm = arms.context(&Context::of(&[("regime", "calm")]));
    let wild = arms.context(&Context::of(&[("regime", "wild")]));
    (0..200).for_each(|_| assert!(arms.observe(calm, a, Part::Value, 1.0)));
    let mean = |arms: &Arms| arms.estimate(wild, a, Part::Value).mean;
    assert!(mean(&arms) > 0.95, "borrowed: {}", mean(&arms));
    arms.observe(wild, a, Part::Value, 0.0);
    assert!((0.75..0.9).contains(&mean(&arms)), "{}", mean(&arms));
    (0..200).for_each(|_| assert!(arms.observe(wild, a, Part::Value, 0.0)));
    assert!(mean(&arms) < 0.05, "its own: {}", mean(&arms));
    let weight = arms.estimate(wild, a, Part::Value).weight;
    assert!((weight - 206.0).abs() < 1e-9, "{weight}");
}

#[test]
fn a_new_version_starts_from_its_predecessor_and_is_soon_its_own() {
    let (mut arms, a, _) = arms(&[1.0], 1.0);
    (0..500).for_each(|_| assert!(arms.observe(ContextId::CLASS, a, Part::Value, 1.0)));
    let next = arms.succeed(a, Digest::of(b"a2"));
    let of = |arms: &Arms| arms.estimate(ContextId::CLASS, next, Part::Value);
    assert!((of(&arms).mean - 1.0).abs() < 0.01);
    assert!(
        (of(&arms).weight - 11.0).abs() < 1e-9,
        "{}",
        of(&arms).weight
    );
    (0..40).for_each(|_| assert!(arms.observe(ContextId::CLASS, next, Part::Value, 0.0)));
    assert!(of(&arms).mean < 0.25, "{}", of(&arms).mean);
    // Coming again changes nothing.
    assert_eq!(arms.succeed(a, Digest::of(b"a2")), next);
    assert!(of(&arms).mean < 0.25);
}

#[test]
fn a_world_that_jumps_is_believed_to_forget_and_one_that_does_not_is_not() {
    let believed = |period: usize| {
        let (mut arms, a, _) = arms(&[1.0, 0.95], 1.0);
        for step in 0..2_000 {
            let noise = 0.1 * (step % 5) as f64;
            let level = (step / period % 2) as f64;
            arms.observe(ContextId::CLASS, a, Part::Value, 3.0 * level + noise);
        }
        arms.believed()[1]
    };
    assert!(believed(200) > 0.9, "{}", believed(200));
    assert!(believed(usize::MAX) < 0.1, "{}", believed(usize::MAX));
}

#[test]
fn where_there_is_no_room_whoever_was_observed_least_goes() {
    let mut arms = Arms::new(Learning::default());
    let name = |index: usize| Digest::of(&[u8::try_from(index).unwrap()]);
    for index in 0..ARMS {
        let arm = arms.enter(name(index));
        // One was observed once, long ago; one never.
        let often = [1, 0].get(index).copied().unwrap_or(2);
        for _ in 0..often {
            arms.observe(ContextId::CLASS, arm, Part::Value, 1.0);
        }
    }
    let changes = arms.changes();
    assert_eq!(arms.admit(Digest::of(b"more")), None);
    assert_eq!(arms.admit(name(0)), arms.find(name(0)));
    assert_eq!(arms.changes(), changes);
    for gone in [1, 0] {
        let new = arms.enter(Digest::of(&[200, u8::try_from(gone).unwrap()]));
        assert_eq!(arms.find(name(gone)), None);
        for part in [Part::Value, Part::Cost, Part::Latency] {
            assert_eq!(arms.observed(ContextId::CLASS, new, part).weight, 0.0);
        }
        arms.observe(ContextId::CLASS, new, Part::Value, 1.0);
        arms.observe(ContextId::CLASS, new, Part::Value, 1.0);
    }
    // A predecessor does not make room for its own successor.
    let old = (2..ARMS).map(|index| arms.find(name(index)).unwrap());
    let old = old.min_by(|a, b| {
        let weight = |arm| arms.observed(ContextId::CLASS, arm, Part::Value).weight;
        weight(*a).total_cmp(&weight(*b))
    });
    let old = old.unwrap();
    let next = arms.succeed(old, Digest::of(b"next"));
    assert_ne!(next, old);
    let weight = |arm| arms.observed(ContextId::CLASS, arm, Part::Value).weight;
    assert_eq!(weight(next), weight(old));
    assert_eq!(arms.identities().count(), ARMS);
}
