//! The process that owns a state folder: asked where there is one, taken the place of where there is none.

use crate::kept;
use bulkhead_desk::switch::control::{Answer, Ask, ask};
use bulkhead_desk::switch::{self, Gate, GatewayLock, LockError};
use bulkhead_domain::Problem;
use bulkhead_store::Store;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a process that has just started, or a command, may own the folder and not listen.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pause between two tries.
const RETRY: Duration = Duration::from_millis(20);

/// Who owns the folder.
pub(crate) enum Reached {
    /// A process, which answered.
    Owner(Answer),
    /// Nobody did; now this process does.
    Nobody(Alone),
}

/// This process in the place of the owner, until it is dropped.
pub(crate) struct Alone {
    pub(crate) gate: Arc<Gate>,
    pub(crate) store: Store,
    // Given back last.
    _lock: GatewayLock,
}

/// Asks the owner, or takes its place. `silent` says what it means that a process owns the folder and does not
/// listen.
pub(crate) fn reach(
    state: &Path,
    request: &Ask,
    silent: impl Fn(&str) -> Problem,
) -> Result<Reached, Problem> {
    // A kill switch has to work on a folder that nothing ran in yet.
    kept::make_folder(state)?;
    let begun = Instant::now();
    let lock = loop {
        // The owner is asked before the database is looked at: it stops whatever state that is in.
        match GatewayLock::take(state) {
            Ok(lock) => break lock,
            Err(LockError::Owned(owner)) => {
                if let Some(answer) = ask(state, request)? {
                    return Ok(Reached::Owner(answer));
                }
                if begun.elapsed() > PATIENCE {
                    return Err(silent(&owner).in_file(state));
                }
                std::thread::sleep(RETRY);
            }
            Err(error) => return Err(error.into()),
        }
    };
    let store = kept::open(state)?;
    let gate = Arc::new(switch::open(&store, state)?);
    Ok(Reached::Nobody(Alone {
        gate,
        store,
        _lock: lock,
    }))
}

/// What an answer means that is not the one that was asked for.
pub(crate) fn unexpected(answer: Answer) -> Problem {
    match answer {
        Answer::Refused {
            what,
            mend,
            host: true,
        } => Problem::host(what, mend),
        Answer::Refused { what, mend, .. } => Problem::user(what, mend),
        Answer::Ending => Problem::host(
            "the process that owns the broker connections is ending and does not come to an end; nothing was changed",
            "repeat the command",
        ),
        _ => Problem::host(
            "the process that owns the broker connections gave another answer than was asked for",
            "use the `bulkhead` of the same version as the one that runs",
        ),
    }
}
