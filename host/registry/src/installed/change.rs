//! What an operator can change, and what became of it.

use super::live::Live;
use super::state::Config;
use crate::grants::Capabilities;
use bulkhead_domain::{Digest, Problem, Timestamp};
use bulkhead_sandbox::Loader;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A change that is asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Request {
    /// The plugin's id.
    pub plugin: String,
    /// What to change.
    pub change: Change,
    /// Why. Disabling needs a reason.
    #[serde(default)]
    pub reason: String,
    /// The revision that whoever asks has seen: where anything was changed since, nothing is changed.
    #[serde(default)]
    pub expect: Option<u64>,
}

/// What can be changed of a plugin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Change {
    /// Add a version. The first one becomes the active one of a plugin that is disabled.
    Install {
        /// The component; absolute.
        file: PathBuf,
        /// What whoever asks has seen in it.
        digest: Digest,
        /// What is given with it. Grants belong to the plugin, so a version beside the active one brings none.
        #[serde(default)]
        grant: Capabilities,
    },
    /// Let it run.
    Enable,
    /// Keep it from running.
    Disable,
    /// Remove a version, or all of the plugin.
    Uninstall {
        /// Which version; all of the plugin where there is none.
        version: Option<String>,
        /// Also what an unfinished run needs, which cannot be resumed then.
        #[serde(default)]
        force: bool,
    },
    /// Give capabilities; of the storage the larger.
    Grant(Capabilities),
    /// Take away what is granted; of the storage all, where any is named.
    Revoke(Capabilities),
    /// Change the default configuration.
    ConfigSet(Settings),
    /// Put another version in service.
    Swap {
        /// Which.
        to: String,
        /// What changes in the configuration with it.
        #[serde(default)]
        settings: Settings,
    },
    /// Put the version back in service that served before, with the configuration it had.
    Rollback,
    /// Compare another version with the active one.
    Shadow {
        /// Which.
        to: String,
        /// How much of the traffic it sees, 1 to 100.
        percent: u8,
        /// When it is promoted: a [`crate::promotion::Rule`], or nothing.
        #[serde(default)]
        rule: Value,
        /// What is different in its configuration.
        #[serde(default)]
        settings: Settings,
    },
    /// Compare no longer.
    StopShadow,
    /// Put the compared version in service.
    Promote,
}

impl Change {
    /// Its name in records.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Change::Install { .. } => "install",
            Change::Enable => "enable",
            Change::Disable => "disable",
            Change::Uninstall { .. } => "uninstall",
            Change::Grant(_) => "grant",
            Change::Revoke(_) => "revoke",
            Change::ConfigSet(_) => "config-set",
            Change::Swap { .. } => "swap",
            Change::Rollback => "rollback",
            Change::Shadow { .. } => "shadow",
            Change::StopShadow => "stop-shadow",
            Change::Promote => "promote",
        }
    }
}

/// A change of a configuration, by its keys at the top.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// Start from nothing instead of from what is set.
    pub replace: bool,
    /// Keys to remove.
    pub unset: Vec<String>,
    /// Keys to set.
    pub set: Config,
}

impl Settings {
    /// # Errors
    /// When a key is to be removed that is not set.
    pub(super) fn over(&self, config: &Config) -> Result<Config, Problem> {
        let missing = |key: &&String| self.replace || !config.contains_key(*key);
        match self.unset.iter().find(missing) {
            Some(key) => Err(Problem::user(
                format!("'{key}' is not set"),
                "`bulkhead plugin config show` prints what is",
            )),
            None => Ok(self.loosely_over(config)),
        }
    }

    /// The same, where what is to be removed may be missing.
    pub(super) fn loosely_over(&self, config: &Config) -> Config {
        let mut config = if self.replace {
            Config::new()
        } else {
            config.clone()
        };
        config.retain(|key, _| !self.unset.contains(key));
        config.extend(self.set.clone());
        config
    }
}

/// Who changes, when, and with what.
pub struct Terms<'a> {
    /// Who, as in the audit log: `person:NAME`.
    pub by: &'a str,
    /// When.
    pub time: Timestamp,
    /// Loads what is to serve.
    pub loader: &'a Loader,
    /// Whoever runs plugins in this process.
    pub live: &'a dyn Live,
    /// The versions that unfinished runs need, each with such a run. They are not uninstalled.
    pub needed: &'a dyn Fn() -> Result<BTreeMap<Digest, String>, Problem>,
    /// Records what is about to be done, on disk when it returns. Where it fails nothing is done.
    pub record: &'a dyn Fn(&Recorded<'_>) -> Result<(), Problem>,
}

/// What is recorded of a change before it is made. A number is given to one change alone: a record whose number
/// comes again, or is in no history, tells of a change that was not made, because its process ended first.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Recorded<'a> {
    /// Number of the change.
    pub number: u64,
    /// What was asked for.
    #[serde(flatten)]
    pub request: &'a Request,
    /// What it does, in words.
    pub what: &'a str,
    /// The generation that it leaves.
    pub generation: u64,
    /// The version that is active after it.
    pub active: Digest,
    /// Why it was not made after all, where an earlier record says that it would be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_made: Option<String>,
}

/// A change that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Applied {
    /// Number of the change.
    pub number: u64,
    /// The plugin.
    pub plugin: String,
    /// Which change.
    pub change: String,
    /// What it did, in words.
    pub what: String,
    /// The version that is active now.
    pub version: String,
    /// Its digest.
    pub active: Digest,
    /// The generation now.
    pub generation: u64,
    /// The revision now, which the next change can expect.
    pub revision: u64,
    /// Whether the plugin may run.
    pub enabled: bool,
    /// Whether it was handed to somebody who runs the plugin in the process that made the change.
    pub taken: bool,
    /// What keeps it from being enabled, where that is known.
    pub lacks: Option<String>,
}
