//! What the policies lose on streams whose best arm is known, beside random choice and epsilon-greedy.

#![expect(clippy::unwrap_used, reason = "a test's own tables are well formed")]

use bulkhead_orchestrator::simulate::streams::{Stream, stream};
use bulkhead_orchestrator::simulate::{simulate, simulate_with};
use bulkhead_orchestrator::{arms, choice};

const STEPS: usize = 6_000;
const SEEDS: std::ops::Range<u64> = 100..116;

/// Total rewards, one a seed.
fn totals(kind: Stream, policy: &str) -> Vec<f64> {
    SEEDS
        .map(|seed| {
            let table = stream(kind, 6, STEPS, seed);
            simulate(&table, policy, seed, 0).unwrap().total_reward
        })
        .collect()
}

/// Whether `ours` earned more than `theirs` on the same streams by at least `margin` a step on average, with
/// the mean difference more than five of its standard errors above zero.
fn beats(ours: &[f64], theirs: &[f64], margin: f64) -> bool {
    let differences: Vec<f64> = ours.iter().zip(theirs).map(|(a, b)| a - b).collect();
    let n = differences.len() as f64;
    let mean = differences.iter().sum::<f64>() / n;
    let squares: f64 = differences.iter().map(|d| (d - mean) * (d - mean)).sum();
    let error = (squares / (n - 1.0) / n).sqrt();
    mean > margin * STEPS as f64 && mean > 5.0 * error
}

#[test]
fn on_changing_streams_both_earn_more_than_random_and_epsilon_greedy() {
    for kind in [Stream::Drifting, Stream::Abrupt, Stream::AbruptGaussian] {
        for policy in ["thompson-sampling", "ucb"] {
            let ours = totals(kind, policy);
            assert!(
                beats(&ours, &totals(kind, "random"), 0.1),
                "{policy} on {kind:?}"
            );
            assert!(
                beats(&ours, &totals(kind, "epsilon-greedy"), 0.0),
                "{policy} on {kind:?}"
            );
        }
    }
}

#[test]
fn on_changing_streams_forgetting_earns_more_than_remembering_everything() {
    let mut config = choice::Configuration::of(choice::Selection::ThompsonSampling);
    config.learning = arms::learning::Learning {
        discounts: vec![1.0],
        ..config.learning
    };
    for kind in [Stream::Abrupt, Stream::AbruptGaussian] {
        let remembering: Vec<f64> = SEEDS
            .map(|seed| {
                let table = stream(kind, 6, STEPS, seed);
                let run = simulate_with(&table, "remembering", config.clone(), seed, 0);
                run.unwrap().total_reward
            })
            .collect();
        let ours = totals(kind, "thompson-sampling");
        assert!(beats(&ours, &remembering, 0.02), "{kind:?}");
    }
}

#[test]
fn on_stationary_streams_both_are_near_the_best_arm() {
    for kind in [Stream::StationaryBernoulli, Stream::StationaryGaussian] {
        let regret = |policy| -> f64 {
            SEEDS
                .map(|seed| {
                    let table = stream(kind, 6, STEPS, seed);
                    simulate(&table, policy, seed, 0).unwrap().regret
                })
                .sum()
        };
        let random = regret("random");
        let (sampling, bounds) = (regret("thompson-sampling"), regret("ucb"));
        assert!(sampling < 0.1 * random, "{kind:?}: {sampling} of {random}");
        assert!(bounds < 0.25 * random, "{kind:?}: {bounds} of {random}");
    }
}

#[test]
fn rewards_that_come_late_cost_little_more() {
    for seed in SEEDS {
        let table = stream(Stream::StationaryBernoulli, 6, STEPS, seed);
        let late = simulate(&table, "thompson-sampling", seed, 50).unwrap();
        let random = simulate(&table, "random", seed, 50).unwrap();
        assert!(late.regret < 0.2 * random.regret, "{late:?}");
    }
}

#[test]
fn a_scale_of_another_size_changes_no_choice_to_speak_of() {
    // Returns of some basis points: the estimates find the scale themselves.
    let table: Vec<Vec<f64>> = stream(Stream::StationaryGaussian, 6, STEPS, 1)
        .into_iter()
        .map(|row| row.into_iter().map(|cell| 0.001 * cell + 5.0).collect())
        .collect();
    let ours = simulate(&table, "thompson-sampling", 1, 0).unwrap();
    let random = simulate(&table, "random", 1, 0).unwrap();
    assert!(ours.regret < 0.1 * random.regret, "{ours:?} {random:?}");
}

/// Rewards that hardly vary tell nothing of an arm that nobody tries: only forgetting makes it worth a try.
#[test]
fn an_arm_that_became_better_unseen_is_found() {
    let rewards: Vec<Vec<f64>> = (0..20_000)
        .map(|step| {
            let wobble = f64::from(step % 7) / 70.0;
            let second = if step < 1_000 { 0.0 } else { 0.9 };
            vec![0.3 + wobble, second + wobble]
        })
        .collect();
    for policy in ["thompson-sampling", "ucb"] {
        for seed in 0..5 {
            let came = simulate(&rewards, policy, seed, 0).unwrap();
            // The second alone would have earned 17,957.
            assert!(came.total_reward > 17_200.0, "{seed}: {came:?}");
        }
    }
}
