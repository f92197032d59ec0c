//! Folding the write-ahead log into the file: often and little.
//!
//! SQLite folds a log that has grown long in the commit that finds it so: megabytes of pages that were touched here
//! and there, in one sync of the disk. While that goes on every other sync waits, of any file, and the journal's is
//! what orders wait for. So the writer's connection never leaves it to a commit, and the writer folds once a little
//! was written and nobody waits for it: the syncs stay small, the log begins anew at its start before it has
//! grown, and its file is written again and again in place.
//!
//! Beside a journal the commits do not sync: what orders wait for is the journal's own small sync, and a second one
//! after each commit would stand in its way. The log is synced before it is folded and where somebody waits for a flush.
//!
//! Bounds: it is folded after [`AFTER`] statements and commits, some hundred kilobytes with rows of ordinary size. It
//! is counted in statements, not in bytes: large rows lengthen the log. So does whoever goes on reading, since
//! it cannot begin anew before what a reader sees of it.

use crate::StoreError;
use sqlx::SqliteConnection;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Statements after which the log is folded; a commit counts as [`COMMIT`] of them, for the pages that it alone
/// touches.
const AFTER: usize = 1_024;
const COMMIT: usize = 8;

/// Folds what no reader holds back; waits for nobody.
const FOLD: &str = "PRAGMA wal_checkpoint(PASSIVE)";

/// How far it is.
#[derive(Default)]
pub(super) struct Folding {
    written: usize,
    /// The log, once it has been synced.
    log: Option<File>,
}

/// The log of a database.
fn log_of(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

impl Folding {
    /// Takes note of a commit.
    pub(super) fn note(&mut self, statements: usize) {
        self.written += statements + COMMIT;
    }

    /// Whether it is time to fold.
    pub(super) fn is_due(&self) -> bool {
        self.written >= AFTER
    }

    /// Puts on disk what is in the log of a database that a connection has open: nobody takes the log away meanwhile.
    pub(super) fn sync(&mut self, database: &Path) -> Result<(), StoreError> {
        let failed = |error| StoreError::of_disk("sync the log", &error);
        let log = match self.log.take() {
            Some(log) => log,
            None => opened(database).map_err(failed)?,
        };
        log.sync_data().map_err(failed)?;
        self.log = Some(log);
        Ok(())
    }

    /// Folds where it is time to.
    pub(super) async fn turn(&mut self, own: &mut SqliteConnection) {
        if !self.is_due() {
            return;
        }
        self.written = 0;
        // What was committed is safe in the log: it is folded the next time.
        if let Err(error) = sqlx::query(FOLD).execute(own).await {
            tracing::warn!(%error, "the database's log cannot be folded into its file");
        }
    }
}

/// The log, with its name in the folder on disk: a connection whose commits do not sync has not seen to that.
fn opened(database: &Path) -> std::io::Result<File> {
    let log = File::open(log_of(database))?;
    let folder = database
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(log)
}
