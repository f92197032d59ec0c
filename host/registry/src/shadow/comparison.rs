//! What is known of a candidate beside the version in service.

use super::{Fault, Latency};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Most cases of failure that are told apart; further ones count as `other`.
pub const MOST_CASES: usize = 32;

/// Most paired scores that are kept. What they have not decided by then, more of them rarely will.
pub const MOST_SCORES: usize = 10_000;

/// Failures of one case.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Errors {
    /// How many.
    pub count: u64,
    /// The last one's text.
    pub last: String,
}

/// One version's side.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Side {
    /// How long its calls took, failed ones included.
    pub latency: Latency,
    /// What failed, by case.
    pub errors: BTreeMap<String, Errors>,
}

impl Side {
    /// Failures of all cases.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.errors.values().map(|errors| errors.count).sum()
    }

    pub(super) fn took(&mut self, took: Duration, fault: Option<Fault>) {
        self.latency.record(took);
        let Some(fault) = fault else {
            return;
        };
        let known = self.errors.contains_key(&fault.case) || self.errors.len() < MOST_CASES;
        let case = if known {
            fault.case
        } else {
            "other".to_owned()
        };
        let errors = self.errors.entry(case).or_default();
        errors.count += 1;
        errors.last = fault.text;
    }
}

/// The scores of both versions on one outcome; higher is better.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Pair {
    /// Of the version in service.
    #[serde(with = "exact")]
    pub old: f64,
    /// Of the candidate.
    #[serde(with = "exact")]
    pub new: f64,
}

/// A float as text, which reads back as the same float; a JSON reader's own numbers may be off in the last bit.
mod exact {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<f64, D::Error> {
        let text = String::deserialize(from)?;
        text.parse()
            .map_err(|_| D::Error::custom(format!("'{text}' is no number")))
    }
}

impl Pair {
    /// How much better the candidate did.
    #[must_use]
    pub fn difference(self) -> f64 {
        self.new - self.old
    }
}

/// Why a score was not taken.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum ScoreError {
    /// It is no number.
    #[error("a paired score of {old} and {new}; both must be finite")]
    NotFinite {
        /// Of the version in service.
        old: f64,
        /// Of the candidate.
        new: f64,
    },
    /// There are enough.
    #[error("there are {MOST_SCORES} paired scores already")]
    Full,
}

/// Everything that a promotion is judged by, and that a person is shown.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Comparison {
    /// Calls of the version in service, mirrored or not.
    pub calls: u64,
    /// Calls that the candidate was asked too.
    pub mirrored: u64,
    /// Calls that it should have been asked, and was not because it was too slow.
    pub dropped: u64,
    /// Mirrored calls that both answered, and alike.
    pub agreed: u64,
    /// Mirrored calls that both answered, and not alike.
    pub disagreed: u64,
    /// The version in service, over the mirrored calls.
    pub old: Side,
    /// The candidate.
    pub new: Side,
    /// Paired scores in the order in which their outcomes became known. All of them are kept, so that whoever
    /// doubts a verdict can come to it again.
    pub scores: Vec<Pair>,
}

impl Comparison {
    /// Share of answers that agreed; `None` before there was a pair of answers.
    #[must_use]
    pub fn agreement(&self) -> Option<f64> {
        share(self.agreed, self.agreed + self.disagreed)
    }

    /// Share of mirrored calls that the candidate failed; `None` before there was one.
    #[must_use]
    pub fn error_rate(&self) -> Option<f64> {
        share(self.new.failures(), self.mirrored)
    }

    /// Adds the scores of an outcome that became known.
    ///
    /// # Errors
    /// When a score is not finite, or there are [`MOST_SCORES`] already.
    pub fn score(&mut self, pair: Pair) -> Result<(), ScoreError> {
        let Pair { old, new } = pair;
        if !old.is_finite() || !new.is_finite() {
            return Err(ScoreError::NotFinite { old, new });
        }
        if self.scores.len() >= MOST_SCORES {
            return Err(ScoreError::Full);
        }
        self.scores.push(pair);
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share for a bound")]
fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
