//! Restrictions on disk, for a process that starts.

use super::latch::{Latch, Latches, Scope, TradingState};
use bulkhead_domain::Timestamp;
use bulkhead_store::{Migration, Statement, Store, StoreError, Writer, column, parsed};

/// The restrictions that hold.
pub(crate) const MIGRATION: Migration = Migration {
    version: 3,
    name: "restrictions on trading",
    sql: "
CREATE TABLE restrictions (
    scope TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT NOT NULL,
    time BIGINT NOT NULL,
    cancel_protection BIGINT NOT NULL
);
",
};

const WRITE: &str = "INSERT INTO restrictions (scope, state, actor, reason, time, cancel_protection) \
    VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (scope) DO UPDATE SET state = excluded.state, \
    actor = excluded.actor, reason = excluded.reason, time = excluded.time, \
    cancel_protection = excluded.cancel_protection";
const DELETE: &str = "DELETE FROM restrictions WHERE scope = $1";
const READ: &str =
    "SELECT scope, state, actor, reason, time, cancel_protection FROM restrictions ORDER BY scope";

/// Queues a restriction.
///
/// # Errors
/// The failure of an earlier write.
pub fn write_latch(writer: &Writer, latch: &Latch) -> Result<(), StoreError> {
    writer.write(write_latch_statement(latch))
}

pub(super) fn write_latch_statement(latch: &Latch) -> Statement {
    Statement::new(WRITE)
        .bind(latch.scope.to_string())
        .bind(latch.state.name())
        .bind(&latch.actor)
        .bind(&latch.reason)
        .bind(latch.time)
        .bind(latch.cancel_protection)
}

pub(super) fn delete_latch_statement(scope: &Scope) -> Statement {
    Statement::new(DELETE).bind(scope.to_string())
}

/// The restrictions that hold. One that cannot be read counts as a global halt: what is not understood
/// must not be traded against.
///
/// # Errors
/// [`StoreError`] when the table cannot be read at all.
pub async fn read_latches(store: &Store) -> Result<Latches, StoreError> {
    let rows = sqlx::query(READ)
        .fetch_all(store.pool())
        .await
        .map_err(|error| StoreError::of_statement(READ, &error))?;
    let mut latches = Latches::default();
    for row in &rows {
        let read = || {
            Ok::<_, StoreError>(Latch {
                scope: parsed(row, "scope")?,
                state: parsed(row, "state")?,
                actor: column(row, "actor")?,
                reason: column(row, "reason")?,
                time: Timestamp(column(row, "time")?),
                cancel_protection: column::<i64>(row, "cancel_protection")? != 0,
            })
        };
        let latch = read().unwrap_or_else(|error| Latch {
            scope: Scope::Global,
            state: TradingState::Halted,
            actor: "host".to_owned(),
            reason: format!("a restriction in the database cannot be read: {error}"),
            time: Timestamp(0),
            cancel_protection: false,
        });
        latches.raise(latch);
    }
    Ok(latches)
}
