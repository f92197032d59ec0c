//! What a person configures of a task class.

use crate::arms::ARMS;
use crate::arms::learning::Learning;
use crate::breaker::BreakerConfig;
use crate::budget::Limits;
use crate::cache::CacheConfig;
use crate::call::{CallConfig, Fallbacks, Retries};
use crate::choice::{ConfigError, Configuration, LatencyBounds, Selection, Shadow};
use crate::seconds;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How a task class chooses, learns, calls, and what it may use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ClassConfig {
    /// How the winner is found.
    pub selection: Selection,
    /// Who answers beside it.
    pub shadow: Shadow,
    /// How long an answer may take.
    pub latency: LatencyBounds,
    /// How it learns.
    pub learning: Learning,
    /// How often a call is tried.
    pub retries: Retries,
    /// Whom to ask after a failure.
    pub fallbacks: Fallbacks,
    /// Groups of labels that are as good as each other: whichever of them the policy picks, the one with the
    /// fewest calls out is asked.
    pub equals: Vec<Vec<String>>,
    /// When a candidate that fails is left alone.
    pub breaker: BreakerConfig,
    /// What may be used in one UTC day.
    pub budget: BudgetConfig,
    /// Answers that are given again; nothing is kept when absent.
    pub cache: Option<CacheConfig>,
}

/// Limits for one UTC day.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct BudgetConfig {
    /// Of the class as a whole.
    pub all: Limits,
    /// Of single candidates, by label.
    pub each: BTreeMap<String, Limits>,
}

impl Default for ClassConfig {
    fn default() -> Self {
        ClassConfig {
            selection: Selection::Priority,
            shadow: Shadow::default(),
            latency: LatencyBounds::default(),
            learning: Learning::default(),
            retries: Retries::default(),
            fallbacks: Fallbacks::default(),
            equals: Vec::new(),
            breaker: BreakerConfig::default(),
            budget: BudgetConfig::default(),
            cache: None,
        }
    }
}

impl ClassConfig {
    /// Checks every figure, and that every label is one of `labels`.
    ///
    /// # Errors
    /// The first that is wrong.
    pub fn check(&self, labels: &[String]) -> Result<(), ConfigError> {
        #[expect(clippy::cast_precision_loss, reason = "a count")]
        ConfigError::unless(
            labels.len() <= ARMS,
            "candidates",
            labels.len() as f64,
            "a task class chooses among at most 64",
        )?;
        let choice = self.choice();
        choice.check()?;
        choice.check_labels(labels)?;
        self.calls().check(labels)?;
        self.breaker.check()?;
        if let Some(cache) = &self.cache {
            let ttl = seconds::of(cache.ttl);
            ConfigError::unless(cache.ttl >= 0, "ttl-seconds", ttl, "it is at least 0")?;
        }
        let equals = self.equals.iter().flatten();
        ConfigError::unless_known("equals", equals.clone(), labels)?;
        let distinct: BTreeSet<&String> = equals.clone().collect();
        #[expect(clippy::cast_precision_loss, reason = "a count")]
        ConfigError::unless(
            distinct.len() == equals.count(),
            "equals",
            distinct.len() as f64,
            "a label is in one group, once",
        )?;
        ConfigError::unless_known("budget", self.budget.each.keys(), labels)
    }

    /// Whether how long answers took has a say in who is asked.
    #[must_use]
    pub fn heeds_latency(&self) -> bool {
        self.selection == Selection::LeastLatency
            || self.learning.latency_weight > 0.0
            || self.latency.floor.is_some()
            || self.latency.ceiling.is_some()
    }

    /// Limits by account: the class's own under its name, a candidate's under `class/label`.
    #[must_use]
    pub fn limits(&self, class: &str) -> BTreeMap<String, Limits> {
        let each = self.budget.each.iter();
        each.map(|(label, limits)| (account(class, label), *limits))
            .chain([(class.to_owned(), self.budget.all)])
            .filter(|(_, limits)| *limits != Limits::default())
            .collect()
    }

    pub(super) fn choice(&self) -> Configuration {
        Configuration {
            selection: self.selection.clone(),
            shadow: self.shadow,
            latency: self.latency,
            learning: self.learning.clone(),
        }
    }

    pub(super) fn calls(&self) -> CallConfig {
        CallConfig {
            retries: self.retries,
            fallbacks: self.fallbacks.clone(),
        }
    }

    /// The group of each label; one of its own for who has no equals.
    pub(super) fn groups(&self, labels: &[String]) -> Vec<u16> {
        let alone = |place: usize| self.equals.len() + place;
        let group = |(place, label): (usize, &String)| {
            let shared = self.equals.iter().position(|group| group.contains(label));
            u16::try_from(shared.unwrap_or_else(|| alone(place))).unwrap_or(u16::MAX)
        };
        labels.iter().enumerate().map(group).collect()
    }
}

/// A candidate's budget account.
pub(super) fn account(class: &str, label: &str) -> String {
    format!("{class}/{label}")
}
