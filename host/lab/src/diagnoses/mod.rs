//! Diagnoses: what a careful reader would object to in a run's result, one rule a file.
//!
//! Each rule looks at what is known of a run and says one sentence (what, why it matters, what to do) or nothing. Its
//! threshold is a named constant with its reason. Rules are pure and their randomness is seeded, so equal runs get equal
//! diagnoses; the one on speed looks at a clock's reading and is kept out of a result's digest by its caller.
//!
//! No diagnosis changes a result. A result without one is not therefore good.

mod beta;
mod bootstrap;
mod fees_doubled;
mod few_trades;
mod flat;
mod nothing_but_chance;
mod one_trade;
mod parameters;
mod speed;
mod stale_fills;

pub use beta::student_p_value;
pub use bootstrap::{bootstrap_p_value, mean_block};

use crate::statistics::{Performance, Statistics};
use serde::{Deserialize, Serialize};

/// How much a diagnosis takes from a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Good to know.
    Note,
    /// The figures may mislead.
    Warning,
    /// The result should not be acted on.
    Serious,
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Serious => "serious",
        })
    }
}

/// One objection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// The rule's name, stable: `few-trades`.
    pub rule: String,
    /// How much it matters.
    pub severity: Severity,
    /// What, why it matters, what to do.
    pub text: String,
    /// What was seen.
    pub observed: f64,
    /// What it was held against.
    pub threshold: f64,
}

impl Diagnosis {
    fn new(rule: &str, severity: Severity, observed: f64, threshold: f64, text: String) -> Self {
        Diagnosis {
            rule: rule.to_owned(),
            severity,
            text,
            observed,
            threshold,
        }
    }
}

/// What rules look at.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// What the run came to.
    pub performance: &'a Performance,
    /// Its statistics.
    pub statistics: &'a Statistics,
    /// Parameters that were free to be chosen: those of the strategy and of its models.
    pub parameters: u64,
    /// Fills by what their bars were; `None` when it was not recorded.
    pub fills: Option<FillQuality>,
    /// Seed of the bootstrap.
    pub seed: u64,
    /// How fast the run was; `None` leaves its rule out.
    pub speed: Option<Speed>,
}

/// Fills by what their bars were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FillQuality {
    /// All fills.
    pub fills: u64,
    /// At a bar that followed a gap of more than three of the series' usual intervals.
    pub stale: u64,
    /// At a bar without volume, where the series has volume.
    pub without_volume: u64,
}

/// How fast a run was.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Speed {
    /// Bars a second.
    pub bars_per_s: f64,
    /// Bars a second that a run of its kind reaches on one core.
    pub expected: f64,
}

/// All diagnoses of a run, the most severe first, else in the order of the rules.
#[must_use]
pub fn diagnose(of: &Subject<'_>) -> Vec<Diagnosis> {
    let rules = [
        nothing_but_chance::diagnose,
        few_trades::diagnose,
        one_trade::diagnose,
        fees_doubled::diagnose,
        parameters::diagnose,
        stale_fills::diagnose,
        flat::diagnose,
        speed::diagnose,
    ];
    let mut found: Vec<Diagnosis> = rules.iter().filter_map(|rule| rule(of)).collect();
    found.sort_by_key(|diagnosis| std::cmp::Reverse(diagnosis.severity));
    found
}

#[cfg(test)]
mod tests;
