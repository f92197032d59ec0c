//! The state of a plugin that exports `snapshot`, as the suites ask for it.

use bulkhead_sandbox::CallError;

/// Why a suite cannot ask for a state.
pub(crate) const NO_SNAPSHOT: &str = "it exports no `snapshot`";

/// A state that was asked for; `None` where there is none to be had.
pub(crate) fn saved(answer: Result<Option<Vec<u8>>, CallError>) -> Option<Result<Vec<u8>, String>> {
    answer.map_err(|error| error.to_string()).transpose()
}

/// Whether a state was taken back, or why not.
pub(crate) fn restored(answer: Result<bool, CallError>) -> Result<(), String> {
    match answer {
        Ok(true) => Ok(()),
        Ok(false) => Err(NO_SNAPSHOT.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
