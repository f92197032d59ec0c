//! The database of sessions, in the state folder.

use bulkhead_domain::{Blame, Problem};
use bulkhead_store::{MigrationSet, Store, StoreError};
use std::path::{Path, PathBuf};

/// Tables of every crate that keeps something, in the order they are made.
const MIGRATIONS: [MigrationSet; 5] = [
    bulkhead_registry::MIGRATIONS,
    bulkhead_orchestrator::MIGRATIONS,
    bulkhead_desk::tables::MIGRATIONS,
    bulkhead_session::MIGRATIONS,
    bulkhead_lab::MIGRATIONS,
];

/// Where the database is.
pub(crate) fn path(state: &Path) -> PathBuf {
    state.join("bulkhead.db")
}

/// Makes the state folder where there is none.
pub(crate) fn make_folder(state: &Path) -> Result<(), Problem> {
    std::fs::create_dir_all(state).map_err(|error| {
        Problem::user(
            format!("the state folder cannot be made: {error}"),
            "name another with --state",
        )
        .in_file(state)
    })
}

/// Opens the database of a state folder in which something was kept.
///
/// # Errors
/// When there is none, and as [`open`].
pub(crate) fn existing(state: &Path) -> Result<Store, Problem> {
    let path = path(state);
    if !path.is_file() {
        return Err(Problem::user(
            "there is no database of sessions",
            "name the state folder with --state, or run a session",
        )
        .in_file(path));
    }
    open(state)
}

/// Opens the database, making it where there is none, and brings its tables up to date.
///
/// # Errors
/// When the folder cannot be made, or the file is broken or not ours.
pub(crate) fn open(state: &Path) -> Result<Store, Problem> {
    make_folder(state)?;
    let path = path(state);
    bulkhead_store::wait(async {
        let store = Store::open(&path).await?;
        store.migrate(&MIGRATIONS).await?;
        Ok::<_, StoreError>(store)
    })
    .map_err(|error| match error {
        // Only this program writes here: a file that is ours and broken is the machine's failure, or ours. One
        // that was never ours is a mistake of whoever named the folder.
        StoreError::Damaged { .. } => Problem {
            blame: Blame::Host,
            ..error.into()
        },
        other => other.into(),
    })
}
