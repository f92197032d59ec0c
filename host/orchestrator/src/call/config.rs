//! What a person configures of a task class's calls.

use crate::choice::ConfigError;
use crate::seconds;
use serde::{Deserialize, Serialize};

/// How often a call is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Retries {
    /// Most attempts in all.
    pub attempts: u32,
    /// Most attempts at one candidate.
    pub at_one: u32,
    /// Pause before the second attempt at one candidate, nanoseconds; it doubles with each further one.
    #[serde(rename = "pause-seconds", with = "crate::seconds")]
    pub pause: i64,
    /// Longest pause, nanoseconds. A candidate that asks for a longer one is not waited for.
    #[serde(rename = "longest-seconds", with = "crate::seconds")]
    pub longest: i64,
}

impl Default for Retries {
    fn default() -> Self {
        Retries {
            attempts: 6,
            at_one: 2,
            pause: bulkhead_domain::time::SECOND / 4,
            longest: 10 * bulkhead_domain::time::SECOND,
        }
    }
}

/// Whom to ask after a failure, by labels, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Fallbacks {
    /// After a failure of any other case. Empty: the policy chooses among those not yet asked.
    pub general: Vec<String>,
    /// After a context overflow. Empty: nobody has a larger window.
    pub context_window: Vec<String>,
    /// After a refusal of the content. Empty: nobody has another policy.
    pub content_policy: Vec<String>,
}

/// How a task class makes its calls.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct CallConfig {
    /// How often.
    pub retries: Retries,
    /// Whom else.
    pub fallbacks: Fallbacks,
}

impl CallConfig {
    /// Checks every figure and that every label is one of `labels`.
    ///
    /// # Errors
    /// The first figure or label that is wrong.
    pub fn check(&self, labels: &[String]) -> Result<(), ConfigError> {
        let retries = &self.retries;
        let figures = [
            (
                "attempts",
                f64::from(retries.attempts),
                retries.attempts > 0,
            ),
            ("at-one", f64::from(retries.at_one), retries.at_one > 0),
            (
                "pause-seconds",
                seconds::of(retries.pause),
                retries.pause > 0,
            ),
            (
                "longest-seconds",
                seconds::of(retries.longest),
                retries.longest >= retries.pause,
            ),
        ];
        for (field, value, holds) in figures {
            let allowed = "attempts are at least 1, a pause is above 0 and the longest no shorter than the first";
            ConfigError::unless(holds, field, value, allowed)?;
        }
        let Fallbacks {
            general,
            context_window,
            content_policy,
        } = &self.fallbacks;
        ConfigError::unless_known("general", general, labels)?;
        ConfigError::unless_known("context-window", context_window, labels)?;
        ConfigError::unless_known("content-policy", content_policy, labels)
    }
}
