//! Folding the write-ahead log into the file beside the writing.
//!
//! SQLite folds a log that has grown long in the commit that finds it so, and that commit, with all that wait for
//! it, is late by milliseconds, many times a second under load. The writer's connection never does. Once much
//! has been written, another connection folds what there is while the writer goes on; then the writer folds the
//! little that came meanwhile, so that the log begins anew at its start instead of growing.
//!
//! Bounds: folding begins after [`AFTER`] statements and commits, so with rows of ordinary size the log takes some
//! tens of megabytes. It is counted in statements, not in bytes: large rows lengthen it. So does whoever goes on
//! reading, since the log cannot begin anew before what a reader sees of it. Where the other connection fails, the
//! writer folds everything itself.

use crate::Store;
use sqlx::SqliteConnection;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// Statements after which the log is folded; a commit counts as [`COMMIT`] of them, for the pages that it alone
/// touches.
const AFTER: usize = 16_384;
const COMMIT: usize = 8;

/// Folds what no reader holds back and no writer is about to change; waits for nobody.
const FOLD: &str = "PRAGMA wal_checkpoint(PASSIVE)";

/// How far it is.
#[derive(Default)]
pub(super) struct Folding {
    written: usize,
    beside: Option<JoinHandle<()>>,
}

impl Folding {
    /// Takes note of a commit.
    pub(super) fn note(&mut self, statements: usize) {
        self.written += statements + COMMIT;
    }

    /// Folds where it is time to.
    pub(super) async fn turn(&mut self, store: &Store, own: &mut SqliteConnection) {
        match &self.beside {
            Some(beside) if beside.is_finished() => {
                self.beside = None;
                self.written = 0;
                // What was committed is safe in the log: it is folded the next time.
                if let Err(error) = sqlx::query(FOLD).execute(own).await {
                    tracing::warn!(%error, "the database's log cannot be folded into its file");
                }
            }
            None if self.written >= AFTER => {
                let pool = store.pool().clone();
                self.beside = Some(Handle::current().spawn(async move {
                    // Where it fails, the writer does it.
                    let _ = sqlx::query(FOLD).execute(&pool).await;
                }));
            }
            _ => {}
        }
    }
}
