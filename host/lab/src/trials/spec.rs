//! What a trial is: everything that decides its result, and its digest.

use super::rule::Rule;
use crate::labels::{LabelSpec, TargetKind};
use crate::validation::{Embargo, Scheme};
use bulkhead_domain::digest::DigestBuilder;
use bulkhead_domain::{Digest, Problem, Timestamp, Value};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The learning algorithm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ModelSpec {
    /// Id of the plugin.
    pub plugin: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of its component.
    pub digest: Digest,
    /// One of its algorithms.
    pub algorithm: String,
    /// All hyper-parameters, those left at their defaults too: what is the same is written the same.
    pub parameters: BTreeMap<String, Value>,
}

/// The bars that a trial is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Span {
    /// Symbol.
    pub symbol: String,
    /// Length of a bar in nanoseconds.
    pub interval_ns: i64,
    /// Digest of the series.
    pub digest: Digest,
    /// Close of its first bar.
    pub first: Timestamp,
    /// Close of its last bar.
    pub last: Timestamp,
}

impl Span {
    /// Whether any moment belongs to both, of whatever symbols.
    #[must_use]
    pub fn overlaps(&self, other: &Span) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// A trial: two that are equal have equal results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TrialSpec {
    /// The hypothesis that it belongs to, by name.
    pub family: String,
    /// What learns.
    pub model: ModelSpec,
    /// From what.
    pub data: Span,
    /// Names of the features, in order.
    pub features: Vec<String>,
    /// What is asked of the future.
    pub label: LabelSpec,
    /// In which form.
    pub target: TargetKind,
    /// How it is validated.
    pub scheme: Scheme,
    /// How far apart what is learnt from stays.
    pub embargo: Embargo,
    /// Share of the samples, the newest, that stay sealed: 0 to below 1.
    pub sealed: f64,
    /// How predictions become positions.
    pub rule: Rule,
    /// Cost of trading, as a fraction of what is traded.
    pub cost: f64,
    /// Seed of everything that is drawn.
    pub seed: u64,
    /// What runs the plugin.
    pub engine: String,
}

/// Longest name of a family.
const LONGEST_NAME: usize = 100;

impl TrialSpec {
    /// Digest of everything that decides the result.
    ///
    /// # Errors
    /// The host's, where it cannot be written.
    pub fn digest(&self) -> Result<Digest, Problem> {
        let text = serde_json::to_vec(self).map_err(|error| unwritten(&error))?;
        Ok(DigestBuilder::new().part("trial", &text).finish())
    }

    /// Holds the numbers to what makes sense.
    ///
    /// # Errors
    /// In one line, what does not.
    pub fn check(&self) -> Result<(), Problem> {
        self.label.check()?;
        if self.family.trim().is_empty() || self.family.len() > LONGEST_NAME {
            return Err(Problem::user(
                format!("the family is called '{}'", self.family),
                "name the hypothesis that the trial belongs to in 1 to 100 letters",
            ));
        }
        if self.features.is_empty() {
            return Err(Problem::user(
                "there are no features to learn from",
                "name some with --features, as in return_5,rsi_14",
            ));
        }
        if !(0.0..0.9).contains(&self.sealed) {
            return Err(Problem::user(
                format!("a sealed share of {}", self.sealed),
                "seal from 0 to below 90 per cent of the samples",
            ));
        }
        if !(0.0..0.1).contains(&self.cost) {
            return Err(Problem::user(
                format!("a cost of {} of what is traded", self.cost),
                "give a cost from 0 to below 1000 basis points",
            ));
        }
        Ok(())
    }
}

/// A failure to write JSON, which is ours.
pub(super) fn unwritten(error: &serde_json::Error) -> Problem {
    Problem::host(format!("a trial cannot be written: {error}"), "report this")
}
