//! What a policy would have earned where every arm's reward is known: how policies are compared, with each
//! other and with other programs on the same table.
//!
//! Everything but the time a decision takes follows from table, policy, seed and delay.

pub mod streams;

use crate::arms::{ARMS, ArmId, Arms, Part};
use crate::choice::{
    ChoiceRecord, Chooser, ConfigError, Configuration, EXPLORATION, Selection, Slate,
};
use crate::task::{Candidate, Task, TaskKind};
use bulkhead_domain::{Digest, Timestamp};
use serde::Serialize;
use std::time::Instant;

/// Names of the policies that [`simulate`] knows.
pub const POLICIES: [&str; 6] = [
    "thompson-sampling",
    "ucb",
    "epsilon-greedy",
    "random",
    "priority",
    "weighted",
];

/// The one discount of the policy called `ucb`: half of a reward is forgotten after some 1,400 others. Chosen
/// with [`EXPLORATION`]. Its bounds never stop exploring, so it needs no weighing of several discounts.
const UCB_DISCOUNT: f64 = 0.9995;

/// What came of a simulation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Simulation {
    /// The policy's name.
    pub policy: String,
    /// Choices made, one a row.
    pub steps: usize,
    /// Sum of the rewards of the chosen arms.
    pub total_reward: f64,
    /// What the best single arm in hindsight would have earned more.
    pub regret: f64,
    /// What the best arm of every row would have earned more. It counts luck that nobody could foresee.
    pub dynamic_regret: f64,
    /// Choices of another arm than the one before.
    pub switches: usize,
    /// Mean time of a choice, its record included, nanoseconds. The only figure that differs by machine.
    pub ns_per_decision: f64,
}

/// Why nothing can be simulated.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SimulationError {
    /// The table has no row.
    #[error("the table has no row of rewards")]
    Empty,
    /// Too few or too many columns.
    #[error("the table has {0} arms; 1 to {ARMS} can be simulated")]
    Arms(usize),
    /// A row of another length than the first.
    #[error("row {row} has {found} rewards, the first has {expected}")]
    Ragged {
        /// Counted from 0.
        row: usize,
        /// Rewards in it.
        found: usize,
        /// Rewards in the first row.
        expected: usize,
    },
    /// A reward that is no finite number.
    #[error("the reward of arm {arm} in row {row} is {value}, not a finite number")]
    NotFinite {
        /// Counted from 0.
        row: usize,
        /// Counted from 0.
        arm: usize,
        /// What it is.
        value: f64,
    },
    /// The configuration is out of bounds.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// No policy of that name.
    #[error("there is no policy '{0}'; there are: {list}", list = POLICIES.join(", "))]
    Policy(String),
}

/// The configuration that stands for a policy's name. Epsilon-greedy is the textbook's, which forgets
/// nothing.
///
/// # Errors
/// [`SimulationError::Policy`] when there is none.
pub fn named(policy: &str) -> Result<Configuration, SimulationError> {
    let selection = match policy {
        "thompson-sampling" => Selection::ThompsonSampling,
        "ucb" => {
            let selection = Selection::Ucb {
                exploration: EXPLORATION,
            };
            return Ok(under(selection, UCB_DISCOUNT));
        }
        "epsilon-greedy" => {
            let selection = Selection::EpsilonGreedy { epsilon: 0.1 };
            return Ok(under(selection, 1.0));
        }
        "random" => Selection::Random,
        "priority" => Selection::Priority,
        "weighted" => Selection::Weighted {
            weights: std::collections::BTreeMap::new(),
        },
        other => return Err(SimulationError::Policy(other.to_owned())),
    };
    Ok(Configuration::of(selection))
}

fn under(selection: Selection, discount: f64) -> Configuration {
    let mut config = Configuration::of(selection);
    config.learning.discounts = vec![discount];
    config
}

/// Lets a named policy choose once a row. A row's reward is known after `delay` further choices.
///
/// # Errors
/// When the table has no shape, holds what is no number, or the policy is unknown.
pub fn simulate(
    rewards: &[Vec<f64>],
    policy: &str,
    seed: u64,
    delay: usize,
) -> Result<Simulation, SimulationError> {
    simulate_with(rewards, policy, named(policy)?, seed, delay)
}

/// As [`simulate`], with a configuration of one's own under a name of one's own.
///
/// # Errors
/// As [`simulate`], and when the configuration is out of bounds.
pub fn simulate_with(
    rewards: &[Vec<f64>],
    name: &str,
    config: Configuration,
    seed: u64,
    delay: usize,
) -> Result<Simulation, SimulationError> {
    let width = check(rewards)?;
    config.check()?;
    let mut arms = Arms::new(config.learning.clone());
    let mut chooser = Chooser::new(slate(width, config, seed), &mut arms)
        .map_err(|_| SimulationError::Arms(width))?;
    let mut chosen: Vec<usize> = Vec::with_capacity(rewards.len());
    let mut record = ChoiceRecord::default();
    let mut encoded = Vec::new();
    let mut spent = std::time::Duration::ZERO;
    for step in 0..rewards.len() {
        let begun = Instant::now();
        let pick = chooser.choose(&arms, &[], step as u64, Timestamp(0), &mut record);
        encoded.clear();
        record.encode(&mut encoded);
        spent += begun.elapsed();
        // Nobody is excluded, so somebody wins.
        chosen.push(pick.winner.unwrap_or(0));
        if let Some(matured) = step.checked_sub(delay) {
            let won = chosen[matured];
            let arm = chooser.arm(won).unwrap_or(ArmId::FIRST);
            arms.observe(chooser.context(), arm, Part::Value, rewards[matured][won]);
        }
    }
    Ok(sum_up(rewards, name, &chosen, spent.as_nanos()))
}

/// The table's width, if it has one.
fn check(rewards: &[Vec<f64>]) -> Result<usize, SimulationError> {
    let width = rewards.first().ok_or(SimulationError::Empty)?.len();
    if width == 0 || width > ARMS {
        return Err(SimulationError::Arms(width));
    }
    for (row, cells) in rewards.iter().enumerate() {
        if cells.len() != width {
            return Err(SimulationError::Ragged {
                row,
                found: cells.len(),
                expected: width,
            });
        }
        if let Some(arm) = cells.iter().position(|cell| !cell.is_finite()) {
            return Err(SimulationError::NotFinite {
                row,
                arm,
                value: cells[arm],
            });
        }
    }
    Ok(width)
}

fn slate(width: usize, config: Configuration, seed: u64) -> Slate {
    let candidate = |arm: usize| Candidate {
        plugin: "arm".to_owned(),
        version: String::new(),
        digest: Digest::of(b"arm"),
        offering: arm.to_string(),
        config: Digest::of(&[]),
    };
    Slate {
        task: Task {
            kind: TaskKind::Predict,
            class: "simulation".to_owned(),
            context: String::new(),
        },
        context: crate::arms::context::Context::default(),
        seed,
        config,
        candidates: (0..width).map(candidate).collect(),
    }
}

fn sum_up(rewards: &[Vec<f64>], name: &str, chosen: &[usize], nanoseconds: u128) -> Simulation {
    let total: f64 = rewards.iter().zip(chosen).map(|(row, arm)| row[*arm]).sum();
    let best = |cells: &mut dyn Iterator<Item = f64>| cells.fold(f64::NEG_INFINITY, f64::max);
    let columns = 0..rewards[0].len();
    let fixed = best(&mut columns.map(|arm| rewards.iter().map(|row| row[arm]).sum()));
    let moving: f64 = rewards
        .iter()
        .map(|row| best(&mut row.iter().copied()))
        .sum();
    #[expect(clippy::cast_precision_loss, reason = "a mean for people")]
    let mean = nanoseconds as f64 / rewards.len() as f64;
    Simulation {
        policy: name.to_owned(),
        steps: rewards.len(),
        total_reward: total,
        regret: fixed - total,
        dynamic_regret: moving - total,
        switches: chosen.windows(2).filter(|pair| pair[0] != pair[1]).count(),
        ns_per_decision: mean,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_table_is_refused_with_the_place() {
        let refused = |rewards: &[Vec<f64>]| simulate(rewards, "random", 1, 0).unwrap_err();
        assert_eq!(refused(&[]), SimulationError::Empty);
        assert_eq!(refused(&[vec![]]), SimulationError::Arms(0));
        assert_eq!(refused(&[vec![0.0; 65]]), SimulationError::Arms(65));
        let ragged = refused(&[vec![0.0, 1.0], vec![0.0]]);
        assert_eq!(ragged.to_string(), "row 1 has 1 rewards, the first has 2");
        let infinite = refused(&[vec![0.0, 1.0], vec![0.0, f64::INFINITY]]);
        assert_eq!(
            infinite.to_string(),
            "the reward of arm 1 in row 1 is inf, not a finite number"
        );
        let unknown = simulate(&[vec![0.0]], "best", 1, 0).unwrap_err();
        assert!(
            unknown.to_string().contains("thompson-sampling"),
            "{unknown}"
        );
        let mut config = Configuration::of(Selection::Random);
        config.learning.discounts.clear();
        let config = simulate_with(&[vec![0.0]], "mine", config, 1, 0);
        assert!(matches!(config, Err(SimulationError::Config(_))));
    }

    #[test]
    fn figures_follow_from_the_choices() {
        // The first arm pays 1 a step; the second 3 in every other.
        let table: Vec<Vec<f64>> = (0..10)
            .map(|step| vec![1.0, 3.0 * f64::from(step % 2)])
            .collect();
        let first = simulate(&table, "priority", 1, 0).unwrap();
        assert_eq!((first.steps, first.switches), (10, 0));
        assert!((first.total_reward - 10.0).abs() < 1e-12);
        assert!((first.regret - 5.0).abs() < 1e-12, "the second pays 15");
        assert!(
            (first.dynamic_regret - 10.0).abs() < 1e-12,
            "the best of each 20"
        );
    }

    #[test]
    fn the_same_seed_gives_the_same_choices_and_a_reward_counts_after_its_delay() {
        let table = streams::stream(streams::Stream::Abrupt, 4, 300, 1);
        for policy in POLICIES {
            let of = |seed, delay| simulate(&table, policy, seed, delay).unwrap().total_reward;
            assert_eq!(of(1, 3).to_bits(), of(1, 3).to_bits(), "{policy}");
        }
        // With rewards that never come in time nothing is learned: greedy choice stays with the first.
        let blind = simulate(&table, "ucb", 1, 300).unwrap();
        assert_eq!(blind.switches, 0);
        let seeing = simulate(&table, "ucb", 1, 0).unwrap();
        assert!(seeing.switches > 0);
    }
}
