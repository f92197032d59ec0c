//! Folding the write-ahead log into the file: often and little.
//!
//! SQLite folds a log that has grown long in the commit that finds it so: megabytes of pages that were touched here
//! and there, in one sync of the disk. While that goes on every other sync waits, of any file, and the journal's is
//! what orders wait for. So the writer's connection never leaves it to a commit, and the writer folds once a little
//! was written and nobody waits for it: the syncs stay small, the log begins anew at its start before it has
//! grown, and its file is written again and again in place.
//!
//! Bounds: it is folded after [`AFTER`] statements and commits, some hundred kilobytes with rows of ordinary size. It
//! is counted in statements, not in bytes: large rows lengthen the log. So does whoever goes on reading, since
//! it cannot begin anew before what a reader sees of it.

use sqlx::SqliteConnection;

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
}

impl Folding {
    /// Takes note of a commit.
    pub(super) fn note(&mut self, statements: usize) {
        self.written += statements + COMMIT;
    }

    /// Folds where it is time to.
    pub(super) async fn turn(&mut self, own: &mut SqliteConnection) {
        if self.written < AFTER {
            return;
        }
        self.written = 0;
        // What was committed is safe in the log: it is folded the next time.
        if let Err(error) = sqlx::query(FOLD).execute(own).await {
            tracing::warn!(%error, "the database's log cannot be folded into its file");
        }
    }
}
