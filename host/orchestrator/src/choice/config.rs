//! What a person configures for a task class.

use crate::arms::learning::Learning;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ConfigError {
    /// A figure is out of bounds.
    #[error("'{field}' is {value}; {allowed}")]
    Figure {
        /// The configuration's key.
        field: &'static str,
        /// What it is.
        value: f64,
        /// What it may be.
        allowed: &'static str,
    },
    /// A label names no candidate.
    #[error("'{field}' names '{label}', which is no candidate; there are: {}", known.join(", "))]
    Label {
        /// The configuration's key.
        field: &'static str,
        /// The label.
        label: String,
        /// The candidates' labels.
        known: Vec<String>,
    },
}

impl ConfigError {
    pub(crate) fn unless(
        holds: bool,
        field: &'static str,
        value: f64,
        allowed: &'static str,
    ) -> Result<(), Self> {
        if holds {
            return Ok(());
        }
        Err(ConfigError::Figure {
            field,
            value,
            allowed,
        })
    }

    pub(crate) fn unless_known<'a>(
        field: &'static str,
        labels: impl IntoIterator<Item = &'a String>,
        known: &[String],
    ) -> Result<(), Self> {
        match labels.into_iter().find(|label| !known.contains(label)) {
            None => Ok(()),
            Some(label) => Err(ConfigError::Label {
                field,
                label: label.clone(),
                known: known.to_vec(),
            }),
        }
    }
}

/// How the winner is found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "policy", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Selection {
    /// The named candidate or none.
    Pinned {
        /// Its label, `plugin/offering`.
        candidate: String,
    },
    /// The first in the order they were named.
    Priority,
    /// Drawn in proportion to fixed weights.
    Weighted {
        /// Weight by label; who is not named weighs 1.
        weights: BTreeMap<String, f64>,
    },
    /// The lowest mean latency; who was never timed goes first.
    LeastLatency,
    /// The highest draw from what is believed of each arm's mean reward.
    ///
    /// Thompson sampling (1933) with a normal posterior under discounting (Qi, Wang & Zhu 2023, "Discounted
    /// Thompson sampling for non-stationary bandit problems"). Normal rather than beta, because a reward less
    /// cost and latency is not bound to `[0, 1]`; on rewards that are, the two have the same first two
    /// moments but for the prior. The variance is estimated, not assumed.
    ThompsonSampling,
    /// The highest upper bound of the mean reward, `mean + s sqrt(4 x ln(n) / k)`, for exploration `x`,
    /// `n` the weight of all arms' observations, `k` of the arm's own, `s` the standard deviation of a reward.
    ///
    /// Discounted UCB (Garivier & Moulines 2008, "On upper-confidence bound policies for non-stationary
    /// bandit problems"), whose padding `2 B sqrt(x ln(n) / k)` is for rewards in `[0, B]`. Here `s` stands
    /// for `B`, so that it fits rewards of any scale.
    Ucb {
        /// Theirs is called xi, above 1/2 in their theorem for rewards anywhere in `[0, B]`. By default
        /// [`EXPLORATION`].
        #[serde(default = "exploration")]
        exploration: f64,
    },
    /// Mostly the highest mean reward; sometimes anyone.
    EpsilonGreedy {
        /// How often anyone, in `[0, 1]`.
        epsilon: f64,
    },
    /// Anyone.
    Random,
}

/// Exploration of [`Selection::Ucb`] where none is configured. Chosen among 0.25, 0.35, 0.5 and 0.7, with
/// discounts of 0.9998, 0.9995 and 0.999, by regret over [`crate::simulate::streams::STREAMS`] with 5 and 10 arms
/// and seeds 1000 to 1009.
pub const EXPLORATION: f64 = 0.25;

fn exploration() -> f64 {
    EXPLORATION
}

/// Who answers beside the winner, unheard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shadow {
    /// Nobody: the policy's pick answers.
    #[default]
    Off,
    /// The highest mean reward answers; the policy's pick, where it is another, only in shadow.
    Explore,
    /// The highest mean reward answers, all others in shadow.
    All,
}

/// How long an answer may take. Who is known to be outside is not asked.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct LatencyBounds {
    /// Mean latency that is suspiciously low, seconds: who answers faster did not do the work.
    pub floor: Option<f64>,
    /// Highest mean latency, seconds.
    pub ceiling: Option<f64>,
    /// Fewest observations, discounted, that a candidate is left out on. As they are forgotten it is
    /// tried again.
    pub samples: f64,
}

/// How a task class chooses and learns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Configuration {
    /// How the winner is found.
    pub selection: Selection,
    /// Who answers beside it.
    #[serde(default)]
    pub shadow: Shadow,
    /// How long an answer may take.
    #[serde(default)]
    pub latency: LatencyBounds,
    /// How it learns.
    #[serde(default)]
    pub learning: Learning,
}

impl Configuration {
    /// A selection with everything else at its default.
    #[must_use]
    pub fn of(selection: Selection) -> Self {
        Configuration {
            selection,
            shadow: Shadow::default(),
            latency: LatencyBounds::default(),
            learning: Learning::default(),
        }
    }

    /// Checks every figure.
    ///
    /// # Errors
    /// The first that is out of bounds.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.learning.check()?;
        for (field, bound) in [
            ("floor", self.latency.floor),
            ("ceiling", self.latency.ceiling),
            ("samples", Some(self.latency.samples)),
        ] {
            if let Some(value) = bound {
                ConfigError::unless(
                    value.is_finite() && value >= 0.0,
                    field,
                    value,
                    "it is at least 0",
                )?;
            }
        }
        match &self.selection {
            Selection::Weighted { weights } => {
                for weight in weights.values() {
                    ConfigError::unless(
                        weight.is_finite() && *weight >= 0.0,
                        "weights",
                        *weight,
                        "each is at least 0",
                    )?;
                }
                Ok(())
            }
            Selection::Ucb { exploration } => ConfigError::unless(
                exploration.is_finite() && *exploration >= 0.0,
                "exploration",
                *exploration,
                "it is at least 0",
            ),
            Selection::EpsilonGreedy { epsilon } => ConfigError::unless(
                (0.0..=1.0).contains(epsilon),
                "epsilon",
                *epsilon,
                "it is in [0, 1]",
            ),
            Selection::Pinned { .. }
            | Selection::Priority
            | Selection::LeastLatency
            | Selection::ThompsonSampling
            | Selection::Random => Ok(()),
        }
    }

    /// Checks that every label is one of `labels`.
    ///
    /// # Errors
    /// The first that is not.
    pub fn check_labels(&self, labels: &[String]) -> Result<(), ConfigError> {
        match &self.selection {
            Selection::Pinned { candidate } => {
                ConfigError::unless_known("candidate", [candidate], labels)
            }
            Selection::Weighted { weights } => {
                ConfigError::unless_known("weights", weights.keys(), labels)
            }
            _ => Ok(()),
        }
    }

    /// A candidate's fixed share under the selection: of [`Selection::Weighted`] its weight, of
    /// [`Selection::Pinned`] 1 for the pinned one and 0 for others; 1 elsewhere.
    #[must_use]
    pub fn share(&self, label: &str) -> f64 {
        match &self.selection {
            Selection::Pinned { candidate } => f64::from(u8::from(candidate == label)),
            Selection::Weighted { weights } => weights.get(label).copied().unwrap_or(1.0),
            _ => 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_reads_as_a_person_writes_it() {
        let read = |text| serde_json::from_str::<Configuration>(text);
        let config =
            read(r#"{"selection": {"policy": "ucb"}, "learning": {"discounts": [0.99]}}"#).unwrap();
        assert_eq!(
            config.selection,
            Selection::Ucb {
                exploration: EXPLORATION
            }
        );
        assert_eq!(config.check(), Ok(()));
        assert!(
            read(r#"{"selection": {"policy": "ucb"}, "learning": {"discount": 0.99}}"#).is_err()
        );
        assert!(read(r#"{"selection": {"policy": "best"}}"#).is_err());
        assert!(read(r#"{"selection": {"policy": "epsilon-greedy"}}"#).is_err());
    }

    #[test]
    fn a_label_that_names_nobody_is_told_with_those_that_there_are() {
        let labels = ["a/x".to_owned(), "b/x".to_owned()];
        let pinned = |label: &str| {
            let candidate = label.to_owned();
            Configuration::of(Selection::Pinned { candidate }).check_labels(&labels)
        };
        assert_eq!(pinned("b/x"), Ok(()));
        assert_eq!(
            pinned("c/x").unwrap_err().to_string(),
            "'candidate' names 'c/x', which is no candidate; there are: a/x, b/x"
        );
        let weights = BTreeMap::from([("x".to_owned(), 1.0)]);
        let weighted = Configuration::of(Selection::Weighted { weights });
        assert!(weighted.check_labels(&labels).is_err());
    }

    #[test]
    fn a_figure_out_of_bounds_is_named_with_what_it_may_be() {
        let mut config = Configuration::of(Selection::EpsilonGreedy { epsilon: 1.5 });
        assert_eq!(
            config.check().unwrap_err().to_string(),
            "'epsilon' is 1.5; it is in [0, 1]"
        );
        config.selection = Selection::Priority;
        config.learning.discounts = vec![0.9, 1.1];
        assert_eq!(
            config.check().unwrap_err().to_string(),
            "'discounts' is 1.1; each is above 0 and at most 1"
        );
        config.learning.discounts.clear();
        assert!(config.check().is_err());
        config.learning = Learning::default();
        config.latency.ceiling = Some(f64::NAN);
        assert!(config.check().is_err());
    }
}
