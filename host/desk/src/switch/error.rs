//! What the gate says to whoever restricts, lifts or sends.

use super::latch::{Latch, Scope};
use crate::audit::AuditError;
use bulkhead_domain::Problem;
use serde::{Deserialize, Serialize};

/// Why the gate could not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum GateError {
    /// It could not be recorded.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The restriction holds in this process and did not reach the disk.
    #[error(
        "trading is restricted while this process lives, but the restriction is not on disk: {0}"
    )]
    NotDurable(AuditError),
    /// An automatic restriction wanted to close positions.
    #[error("an automatic restriction may not flatten; it was raised as halted")]
    AutomaticFlatten,
    /// There is nothing to lower.
    #[error("nothing is restricted in scope {0}")]
    NotRaised(Scope),
    /// A session is being resumed.
    #[error("a session is being resumed; nothing is lowered before it has caught up")]
    Resuming,
    /// Whoever lowers a restriction has to say why.
    #[error("lowering a restriction needs a reason")]
    NoReason,
}

impl From<GateError> for Problem {
    fn from(error: GateError) -> Self {
        match error {
            GateError::Audit(error) => error.into(),
            GateError::NotDurable(ref cause) => {
                let Problem { mend, .. } = cause.clone().into();
                Problem::host(
                    error.to_string(),
                    format!(
                        "{mend}; then restrict it again: a process that starts does not know of it"
                    ),
                )
            }
            GateError::NotRaised(_) => Problem::user(
                error.to_string(),
                "`bulkhead status` lists what is restricted",
            ),
            GateError::NoReason => Problem::user(error.to_string(), "give --reason TEXT"),
            GateError::Resuming => Problem::user(error.to_string(), "try again in a moment"),
            GateError::AutomaticFlatten => Problem::host(error.to_string(), "please report it"),
        }
    }
}

/// A restriction that holds, is on disk, and that nothing it forbids is ahead of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// The restriction that holds now in the scope; stricter than the one asked for where one was.
    pub latch: Latch,
    /// Sends that had passed before and that the broker has not answered yet: their outcome is unknown.
    pub in_flight: u32,
}

/// Why the gate let an order not pass.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A restriction forbids it.
    #[error("trading is {} in scope {}: {}", .0.state, .0.scope, .0.reason)]
    Restricted(Latch),
    /// It could not be recorded, so it is not sent.
    #[error("not recorded: {0}")]
    NotRecorded(String),
}
