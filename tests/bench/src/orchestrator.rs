//! What a choice among ten costs, and what the policies lose on streams that stay, drift and jump.
//!
//! A choice is made on arms that have been observed, with its record encoded as it is kept; Thompson sampling draws
//! for every candidate, so it is the dearest. Regret is against the best single arm in hindsight, whose own is 0 (on
//! streams that change a policy can do better than it), the mean over some seeds; beside ours stand random choice and
//! the textbook's epsilon-greedy.

use crate::figure::{Figure, Spec};
use crate::measure::median_of;
use crate::place::Place;
use anyhow::Result;
use bulkhead_domain::{Digest, Timestamp};
use bulkhead_orchestrator::arms::context::Context;
use bulkhead_orchestrator::arms::{Arms, Part};
use bulkhead_orchestrator::choice::{ChoiceRecord, Chooser, Configuration, Selection, Slate};
use bulkhead_orchestrator::simulate::simulate;
use bulkhead_orchestrator::simulate::streams::{STREAMS, stream};
use bulkhead_orchestrator::{Candidate, Task, TaskKind};
use std::hint::black_box;
use std::time::Instant;

pub(crate) static DECIDE: Spec = Spec::at_most("orchestrator.decide.us", "us", 2.0);
pub(crate) static RECORD: Spec = Spec::informative("orchestrator.record.bytes", "B");

const CANDIDATES: usize = 10;
const CHOICES: u64 = 20_000;
/// Observations of every arm before anything is timed.
const OBSERVED: usize = 200;

const STEPS: usize = 10_000;
const ARMS: usize = 5;
const SEEDS: std::ops::Range<u64> = 0..10;
const POLICIES: [&str; 4] = ["thompson-sampling", "ucb", "epsilon-greedy", "random"];

macro_rules! regrets {
    ($($stream:literal)*) => {
        /// By stream, then by policy.
        pub(crate) static REGRETS: [[Spec; 4]; STREAMS.len()] = [$([
            Spec::informative(concat!("orchestrator.regret.", $stream, ".thompson-sampling"), "reward"),
            Spec::informative(concat!("orchestrator.regret.", $stream, ".ucb"), "reward"),
            Spec::informative(concat!("orchestrator.regret.", $stream, ".epsilon-greedy"), "reward"),
            Spec::informative(concat!("orchestrator.regret.", $stream, ".random"), "reward"),
        ]),*];
        pub(crate) static REGRET_SPECS: [&Spec; 4 * STREAMS.len()] = {
            let mut all = [&DECIDE; 4 * STREAMS.len()];
            let mut at = 0;
            while at < all.len() {
                all[at] = &REGRETS[at / 4][at % 4];
                at += 1;
            }
            all
        };
    };
}
regrets!("stationary-bernoulli" "stationary-gaussian" "drifting" "abrupt" "abrupt-gaussian");

fn candidate(number: usize) -> Candidate {
    let name = format!("provider-{number}");
    Candidate {
        digest: Digest::of(name.as_bytes()),
        plugin: name,
        version: "1.0.0".to_owned(),
        offering: "model".to_owned(),
        config: Digest::of(b"{}"),
    }
}

/// One choice among ten, record included.
pub(crate) fn decide(_: &Place) -> Result<Vec<Figure>> {
    let config = Configuration::of(Selection::ThompsonSampling);
    let mut arms = Arms::new(config.learning.clone());
    let context = Context::of(&[("instrument", "IBM"), ("regime", "calm")]);
    let slate = Slate {
        task: Task {
            kind: TaskKind::Validate,
            class: "validation".to_owned(),
            context: context.to_string(),
        },
        context: context.clone(),
        seed: 7,
        config,
        candidates: (0..CANDIDATES).map(candidate).collect(),
    };
    let mut chooser = Chooser::new(slate, &mut arms)?;
    for step in 0..OBSERVED * CANDIDATES {
        if let Some(arm) = chooser.arm(step % CANDIDATES) {
            let value = (step * 7919 % 1000) as f64 / 1000.0;
            arms.observe(chooser.context(), arm, Part::Value, value);
            arms.observe(chooser.context(), arm, Part::Latency, value / 10.0);
        }
    }
    let mut record = ChoiceRecord::default();
    let mut bytes = Vec::new();
    let mut sequence = 0;
    let seconds = median_of(|| {
        let begun = Instant::now();
        for _ in 0..CHOICES {
            sequence += 1;
            chooser.choose(&arms, &[], sequence, Timestamp(0), &mut record);
            bytes.clear();
            record.encode(&mut bytes);
            black_box(&bytes);
        }
        Ok(begun.elapsed().as_secs_f64() / CHOICES as f64)
    })?;
    Ok(vec![
        DECIDE.is(seconds * 1e6),
        RECORD.is(bytes.len() as f64),
    ])
}

/// What the policies lose.
pub(crate) fn regret(_: &Place) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for ((_, kind), specs) in STREAMS.iter().zip(&REGRETS) {
        for (policy, spec) in POLICIES.iter().zip(specs) {
            let mut total = 0.0;
            for seed in SEEDS {
                let table = stream(*kind, ARMS, STEPS, seed);
                total += simulate(&table, policy, seed, 0)?.regret;
            }
            figures.push(spec.is(total / SEEDS.count() as f64));
        }
    }
    Ok(figures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_named_after_their_streams() {
        for ((name, _), specs) in STREAMS.iter().zip(&REGRETS) {
            for (policy, spec) in POLICIES.iter().zip(specs) {
                assert_eq!(spec.name, format!("orchestrator.regret.{name}.{policy}"));
            }
        }
    }
}
