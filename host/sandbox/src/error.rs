//! What a plugin did wrong, named: which plugin, which version, which function, and why.

use bulkhead_domain::{Problem, Refusal};
use std::time::Duration;

/// Why a call into a plugin did not return.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// Computed past its fuel.
    #[error("ran out of fuel (limit {limit} units a call)")]
    OutOfFuel {
        /// Units one call may use.
        limit: u64,
    },
    /// Took longer than it may.
    #[error("exceeded its wall-clock limit of {limit:?} a call")]
    WallTime {
        /// Time one call may take.
        limit: Duration,
    },
    /// Called the host too often.
    #[error("called the host more than {limit} times in one call")]
    HostCalls {
        /// Host calls one call may make.
        limit: u64,
    },
    /// Kept the host busy too long.
    #[error("kept the host busy for more than {limit:?} in one call")]
    HostTime {
        /// Host time one call may use.
        limit: Duration,
    },
    /// Wanted more memory than it may have.
    #[error("wanted {wanted} bytes of memory (limit {limit})")]
    Memory {
        /// Bytes it wanted in all.
        wanted: usize,
        /// Bytes it may have.
        limit: usize,
    },
    /// Wanted a larger table than it may have.
    #[error("wanted a table of {wanted} elements (limit {limit})")]
    Table {
        /// Elements it wanted.
        wanted: usize,
        /// Elements it may have.
        limit: usize,
    },
    /// Recursed too deep.
    #[error("exhausted its stack of {limit} bytes")]
    StackOverflow {
        /// Bytes of stack.
        limit: usize,
    },
    /// Gave or returned more data than one call may carry.
    #[error("passed more than {limit} bytes to the host in one call")]
    ResultTooLarge {
        /// Bytes one call may carry.
        limit: usize,
    },
    /// Holds too many resource handles.
    #[error("holds more than {limit} resource handles")]
    Handles {
        /// Handles it may hold.
        limit: usize,
    },
    /// Tried to wait where nothing may wait.
    #[error("tried to wait ({what}); time on the compute engine moves with the session only")]
    Waited {
        /// The function it called.
        what: &'static str,
    },
    /// Panicked, with its own words.
    #[error("panicked: {message}")]
    Panicked {
        /// The panic's message and place.
        message: String,
    },
    /// Any other trap.
    #[error("trapped: {0}")]
    Trapped(String),
    /// Was in the middle of a call when its time to finish was over; see [`crate::Interrupter`].
    #[error("was stopped by the host: its time to finish was over")]
    Interrupted,
    /// Refused its configuration.
    #[error("refused its configuration: {0}")]
    Configuration(String),
    /// Returned something the contract does not allow.
    #[error("broke the contract: {0}")]
    Contract(String),
    /// The instance was retired by an earlier failure.
    #[error("was retired by an earlier failure: {0}")]
    Retired(String),
    /// No room for another instance.
    #[error("could not be instantiated: {0}")]
    Instantiation(String),
}

/// A call into a plugin that did not return. The instance is gone; the host is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("plugin {plugin} {version}: {function} {cause}{}", trace(.backtrace))]
pub struct PluginError {
    /// The plugin's id.
    pub plugin: String,
    /// The plugin's version.
    pub version: String,
    /// The exported function that was called.
    pub function: &'static str,
    /// Why it did not return.
    pub cause: Cause,
    /// Guest functions on the stack, innermost first.
    pub backtrace: Vec<String>,
}

/// Most guest frames that an error's one line shows.
const SHOWN_FRAMES: usize = 4;

fn trace(frames: &[String]) -> String {
    if frames.is_empty() {
        return String::new();
    }
    let shown: Vec<&str> = frames
        .iter()
        .take(SHOWN_FRAMES)
        .map(String::as_str)
        .collect();
    format!(" [at {}]", shown.join(" < "))
}

/// What a call can end with, besides a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The plugin answered with an error of its kind; its instance lives on.
    #[error("plugin {plugin}: {refusal}")]
    Refused {
        /// The plugin's id.
        plugin: String,
        /// What it answered.
        refusal: Refusal,
    },
    /// The call did not return.
    #[error(transparent)]
    Failed(#[from] PluginError),
}

impl CallError {
    /// The plugin's own answer, where it gave one.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            CallError::Refused { refusal, .. } => Some(refusal),
            CallError::Failed(_) => None,
        }
    }
}

impl Cause {
    /// What whoever runs the plugin can do about it.
    fn mend(&self) -> &'static str {
        match self {
            Cause::OutOfFuel { .. } => {
                "report it to the plugin's author; if it is no endless loop, `limits.fuel` in its plugin.toml asks for more"
            }
            Cause::WallTime { .. } => {
                "try again when the machine is less busy, or report it to the plugin's author; `limits.timeout-ms` in its plugin.toml asks for more"
            }
            Cause::Memory { .. } => {
                "report it to the plugin's author; `limits.memory-mib` in its plugin.toml asks for more"
            }
            Cause::ResultTooLarge { .. } => {
                "report it to the plugin's author; `limits.result-kib` in its plugin.toml asks for more"
            }
            Cause::Configuration(_) => "mend the plugin's settings",
            Cause::Interrupted => "ask again: what is in service now answers",
            Cause::Instantiation(_) => {
                "run fewer plugins at once; if it happens to this one alone, rebuild it"
            }
            Cause::HostCalls { .. }
            | Cause::HostTime { .. }
            | Cause::Table { .. }
            | Cause::StackOverflow { .. }
            | Cause::Handles { .. }
            | Cause::Waited { .. }
            | Cause::Panicked { .. }
            | Cause::Trapped(_)
            | Cause::Contract(_)
            | Cause::Retired(_) => "report it to the plugin's author",
        }
    }
}

impl From<PluginError> for Problem {
    fn from(error: PluginError) -> Problem {
        Problem::user(error.to_string(), error.cause.mend())
    }
}

impl From<CallError> for Problem {
    fn from(error: CallError) -> Problem {
        match error {
            CallError::Failed(failed) => failed.into(),
            refused @ CallError::Refused { .. } => Problem::user(refused.to_string(), ""),
        }
    }
}
