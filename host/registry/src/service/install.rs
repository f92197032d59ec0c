//! From a command to a generation in service: load, first call, swap; or one line that says why not.

use super::{About, Generation, Service, SwapError, Swapped};
use crate::background;
use bulkhead_domain::{Problem, Timestamp};
use std::fmt;

/// How far a generation came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Reading, checking, compiling, starting, configuring.
    Load,
    /// The first call, whose answer is looked at before any caller gets one.
    FirstCall,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::Load => "it does not load",
            Stage::FirstCall => "its first call failed",
        })
    }
}

/// Why a generation was not put in service. What was in service still is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotInService {
    /// It is no good.
    #[error("not put in service, {stage}: {problem}; {stays} stays in service")]
    Unfit {
        /// How far it came.
        stage: Stage,
        /// What went wrong.
        problem: Box<Problem>,
        /// What stays.
        stays: Box<About>,
    },
    /// Somebody else was faster.
    #[error(transparent)]
    Late(#[from] SwapError),
}

impl From<NotInService> for Problem {
    fn from(error: NotInService) -> Problem {
        match &error {
            NotInService::Unfit { problem, .. } => Problem {
                blame: problem.blame,
                mend: String::new(),
                ..Problem::user(error.to_string(), "")
            },
            NotInService::Late(_) => Problem::user(error.to_string(), ""),
        }
    }
}

/// Loads a generation, calls it once, and puts it in service. Nothing that goes wrong before the swap touches
/// what is in service, and a panic-free caller of the service never waits for any of it; it is done in the
/// [`background`].
///
/// # Errors
/// When `load` or `first_call` fails, or another generation was put in service meanwhile.
pub fn install<T: Send>(
    service: &Service<T>,
    now: Timestamp,
    load: impl FnOnce() -> Result<Generation<T>, Problem> + Send,
    first_call: impl FnOnce(&T) -> Result<(), Problem> + Send,
) -> Result<Swapped, NotInService> {
    let made = background(|| {
        let next = load().map_err(|problem| (Stage::Load, Box::new(problem)))?;
        first_call(next.value()).map_err(|problem| (Stage::FirstCall, Box::new(problem)))?;
        Ok(next)
    });
    let next = made.map_err(|(stage, problem)| NotInService::Unfit {
        stage,
        problem,
        stays: Box::new(service.about()),
    })?;
    Ok(service.swap(next, now)?)
}
