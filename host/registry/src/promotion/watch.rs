//! A promoted version's first calls: it goes back by itself when they fail.

use super::RuleError;
use super::betting::surely_above;
use bulkhead_domain::{Timestamp, time::SECOND};
use serde::{Deserialize, Serialize};

/// How a version is watched after its promotion.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Watch {
    /// Calls after which it is kept.
    pub calls: u64,
    /// Time after which it is kept, nanoseconds.
    pub time: i64,
    /// Largest share of calls that it may fail: it goes back once it surely fails more.
    pub error_rate: f64,
}

impl Default for Watch {
    fn default() -> Self {
        Watch {
            calls: 10_000,
            time: 3_600 * SECOND,
            error_rate: 0.02,
        }
    }
}

impl Watch {
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    pub(super) fn check(&self) -> Result<(), RuleError> {
        let unless = RuleError::unless;
        let fits = self.calls > 0;
        unless(fits, "watch.calls", self.calls as f64, "it is at least 1")?;
        unless(
            self.time > 0,
            "watch.time",
            self.time as f64,
            "it is above 0 ns",
        )?;
        let fits = (0.0..=1.0).contains(&self.error_rate);
        unless(fits, "watch.error-rate", self.error_rate, "it is 0 to 1")
    }
}

/// What is known of a promoted version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Watched {
    /// When it was promoted.
    pub since: Timestamp,
    /// Calls since then.
    pub calls: u64,
    /// Those that failed.
    pub failures: u64,
    /// Why its breaker is open, where it is.
    pub breaker: Option<String>,
}

/// What becomes of a promoted version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "outcome", content = "why")]
pub enum Outcome {
    /// It is watched on.
    Watching,
    /// It is kept; the version before need not stay warm.
    Kept,
    /// The version before goes back in service.
    RollBack(String),
}

/// Judges a promoted version at a moment.
#[must_use]
pub fn watch(rule: &Watch, watched: &Watched, now: Timestamp) -> Outcome {
    if let Some(why) = &watched.breaker {
        return Outcome::RollBack(format!("its breaker opened: {why}"));
    }
    let Watched {
        calls, failures, ..
    } = *watched;
    if surely_above(rule.error_rate, failures, calls) {
        return Outcome::RollBack(format!(
            "{failures} of {calls} calls failed since it was promoted, more than a share of {} allows",
            rule.error_rate
        ));
    }
    let passed = now.0.saturating_sub(watched.since.0);
    if calls >= rule.calls || passed >= rule.time {
        return Outcome::Kept;
    }
    Outcome::Watching
}
