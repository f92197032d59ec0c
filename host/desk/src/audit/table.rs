//! The log's tables.

use super::AuditKey;
use super::chain::{Anchor, End, Event, Kind, Record};
use bulkhead_domain::{Digest, Timestamp};
use bulkhead_store::{Migration, Row, Statement, Store, StoreError, column, parsed};

/// The log and its head.
pub(crate) const MIGRATION: Migration = Migration {
    version: 2,
    name: "the audit log",
    sql: "
CREATE TABLE audit_log (
    sequence BIGINT PRIMARY KEY,
    time BIGINT NOT NULL,
    session TEXT NOT NULL,
    actor TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    hash TEXT NOT NULL
);
CREATE INDEX audit_log_by_session ON audit_log (session, sequence);
CREATE INDEX audit_log_by_kind ON audit_log (kind, sequence);
CREATE TABLE audit_head (
    id BIGINT PRIMARY KEY,
    sequence BIGINT NOT NULL,
    hash TEXT NOT NULL,
    seal TEXT NOT NULL
);
",
};

/// What raised and lifted restrictions, under the seal too.
pub(crate) const MIGRATION_OF_RESTRICTIONS: Migration = Migration {
    version: 6,
    name: "restrictions under the seal",
    sql: "ALTER TABLE audit_head ADD COLUMN restrictions TEXT NOT NULL DEFAULT '';",
};

/// Every index of the log is one more tree that each record is put into before it is durable, so only those records
/// are in one that are looked for by what they are: restrictions at every start, a run's first when it is resumed.
pub(crate) const MIGRATION_OF_INDEXES: Migration = Migration {
    version: 7,
    name: "an index of restrictions and one of beginnings",
    sql: "
DROP INDEX audit_log_by_session;
DROP INDEX audit_log_by_kind;
CREATE INDEX audit_log_of_restrictions ON audit_log (sequence) WHERE kind IN ('raised', 'lowered', 'ended');
CREATE INDEX audit_log_of_beginnings ON audit_log (session, sequence) WHERE kind = 'session';
",
};

const INSERT: &str = "INSERT INTO audit_log (sequence, time, session, actor, kind, subject, body, hash) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const HEAD: &str = "INSERT INTO audit_head (id, sequence, hash, restrictions, seal) VALUES (1, $1, $2, $3, $4) \
    ON CONFLICT (id) DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash, \
    restrictions = excluded.restrictions, seal = excluded.seal";
const READ_HEAD: &str = "SELECT sequence, hash, restrictions, seal FROM audit_head WHERE id = 1";
const SINCE: &str = "SELECT sequence, time, session, actor, kind, subject, body, hash FROM audit_log \
    WHERE sequence >= $1 ORDER BY sequence";
const ONE: &str = "SELECT sequence, time, session, actor, kind, subject, body, hash FROM audit_log \
    WHERE sequence = $1";
const PAGE: &str = "SELECT sequence, time, session, actor, kind, subject, body, hash FROM audit_log \
    WHERE sequence > $1 ORDER BY sequence LIMIT $2";
const RESTRICTIONS: &str = "SELECT sequence, time, session, actor, kind, subject, body, hash FROM audit_log \
    WHERE kind IN ('raised', 'lowered', 'ended') ORDER BY sequence";
const NUMBERLESS: &str =
    "SELECT COUNT(*) AS count FROM audit_log WHERE sequence IS NULL OR sequence < 1";
// The plus keeps the planner from walking the whole log backwards by its number.
const BEGINNINGS: &str = "SELECT sequence, time, session, actor, kind, subject, body, hash FROM audit_log \
    WHERE kind = 'session' ORDER BY +sequence DESC LIMIT $1";
const BEGINNING: &str = "SELECT sequence, time, session, actor, kind, subject, body, hash FROM audit_log \
    WHERE kind = 'session' AND session = $1 ORDER BY sequence LIMIT 1";
const OF_SESSION: &str = "SELECT sequence, time, session, actor, kind, subject, body, hash FROM audit_log \
    WHERE sequence >= COALESCE(\
    (SELECT MIN(sequence) FROM audit_log WHERE kind = 'session' AND session = $1), \
    (SELECT MIN(sequence) FROM audit_log WHERE session = $1)) \
    AND (session = $1 OR (session = '' AND kind IN ('raised', 'lowered'))) ORDER BY sequence";

/// Most records that are read at once.
pub const PAGE_LENGTH: u32 = 4_096;

pub(super) fn insert(sequence: u64, event: Event, hash: Digest) -> Statement {
    Statement::new(INSERT)
        .bind(integer(sequence))
        .bind(event.time)
        .bind(event.session)
        .bind(event.actor)
        .bind(event.kind.name())
        .bind(event.subject)
        .bind(event.body)
        .bind(hash.to_string())
}

pub(super) fn write_head(end: &End, key: &AuditKey) -> Statement {
    let restrictions = end.restrictions.to_string();
    let seal = key.seal(&end.anchor, &restrictions);
    Statement::new(HEAD)
        .bind(integer(end.anchor.sequence))
        .bind(end.anchor.hash.to_string())
        .bind(restrictions)
        .bind(seal)
}

fn integer(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}

/// A record as it is stored: its kind may be one that this version does not know.
pub(super) fn record(row: &Row) -> Result<Record, StoreError> {
    let sequence: i64 = column(row, "sequence")?;
    let kind: String = column(row, "kind")?;
    Ok(Record {
        sequence: u64::try_from(sequence).unwrap_or(0),
        event: Event {
            time: Timestamp(column(row, "time")?),
            session: column(row, "session")?,
            actor: column(row, "actor")?,
            kind: Kind::named(&kind).ok_or_else(|| StoreError::Column {
                column: "kind".to_owned(),
                text: format!("record {sequence} is of the unknown kind '{kind}'"),
            })?,
            subject: column(row, "subject")?,
            body: column(row, "body")?,
        },
        hash: parsed(row, "hash")?,
    })
}

async fn fetch(
    store: &Store,
    sql: &'static str,
    argument: sqlx::query::Query<'static, bulkhead_store::Database, sqlx::sqlite::SqliteArguments>,
) -> Result<Vec<Row>, StoreError> {
    argument
        .fetch_all(store.pool())
        .await
        .map_err(|error| StoreError::of_statement(sql, &error))
}

/// The head as it is stored.
pub(super) struct Head {
    /// The last record when it was written.
    pub(super) anchor: Anchor,
    /// The chain over restrictions up to it, as text: it may be anything until the seal is found to be right.
    pub(super) restrictions: String,
    seal: String,
}

impl Head {
    /// Whether it was written with this key.
    pub(super) fn is_of(&self, key: &AuditKey) -> bool {
        self.seal == key.seal(&self.anchor, &self.restrictions)
    }
}

pub(super) async fn head(store: &Store) -> Result<Option<Head>, StoreError> {
    let rows = fetch(store, READ_HEAD, sqlx::query(READ_HEAD)).await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let sequence: i64 = column(row, "sequence")?;
    Ok(Some(Head {
        anchor: Anchor {
            sequence: u64::try_from(sequence).unwrap_or(0),
            hash: parsed(row, "hash")?,
        },
        restrictions: column(row, "restrictions")?,
        seal: column(row, "seal")?,
    }))
}

/// Records from number `sequence` on, in order.
///
/// # Errors
/// [`StoreError`].
pub async fn records_since(store: &Store, sequence: i64) -> Result<Vec<Record>, StoreError> {
    let rows = fetch(store, SINCE, sqlx::query(SINCE).bind(sequence)).await?;
    rows.iter().map(record).collect()
}

/// The record with this number.
pub(super) async fn one(store: &Store, sequence: u64) -> Result<Option<Record>, StoreError> {
    let query = sqlx::query(ONE).bind(integer(sequence));
    let rows = fetch(store, ONE, query).await?;
    rows.first().map(record).transpose()
}

/// The next stored rows after number `sequence`, at most [`PAGE_LENGTH`].
pub(super) async fn page(store: &Store, sequence: u64) -> Result<Vec<Row>, StoreError> {
    let query = sqlx::query(PAGE)
        .bind(integer(sequence))
        .bind(i64::from(PAGE_LENGTH));
    fetch(store, PAGE, query).await
}

/// The records after number `sequence`, in order, at most [`PAGE_LENGTH`].
///
/// # Errors
/// [`StoreError`].
pub async fn records_after(store: &Store, sequence: u64) -> Result<Vec<Record>, StoreError> {
    let rows = page(store, sequence).await?;
    rows.iter().map(record).collect()
}

/// Rows that no record has: without a number, or with one below 1.
pub(super) async fn numberless(store: &Store) -> Result<u64, StoreError> {
    let rows = fetch(store, NUMBERLESS, sqlx::query(NUMBERLESS)).await?;
    let count: i64 = rows.first().map_or(Ok(0), |row| column(row, "count"))?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// What raised a restriction, lowered one, or ended the run that some belonged to; in order.
pub(crate) async fn restrictions(store: &Store) -> Result<Vec<Record>, StoreError> {
    let rows = fetch(store, RESTRICTIONS, sqlx::query(RESTRICTIONS)).await?;
    rows.iter().map(record).collect()
}

/// Whether there is a log already: one that has a head.
///
/// # Errors
/// [`StoreError`].
pub async fn is_begun(store: &Store) -> Result<bool, StoreError> {
    Ok(!fetch(store, READ_HEAD, sqlx::query(READ_HEAD))
        .await?
        .is_empty())
}

/// The beginnings of the newest runs, the newest first, at most so many.
pub(crate) async fn beginnings(store: &Store, newest: u32) -> Result<Vec<Record>, StoreError> {
    let query = sqlx::query(BEGINNINGS).bind(i64::from(newest));
    let rows = fetch(store, BEGINNINGS, query).await?;
    rows.iter().map(record).collect()
}

/// The record of a run's beginning.
///
/// # Errors
/// [`StoreError`].
pub async fn beginning_of(store: &Store, session: &str) -> Result<Option<Record>, StoreError> {
    let query = sqlx::query(BEGINNING).bind(session.to_owned());
    let rows = fetch(store, BEGINNING, query).await?;
    rows.first().map(record).transpose()
}

/// What one run of a session left from its first record on, and the restrictions that concern it and were
/// raised or lowered from outside since, in order.
///
/// # Errors
/// [`StoreError`].
pub async fn records_of(store: &Store, session: &str) -> Result<Vec<Record>, StoreError> {
    let rows = fetch(
        store,
        OF_SESSION,
        sqlx::query(OF_SESSION).bind(session.to_owned()),
    )
    .await?;
    rows.iter().map(record).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bulkhead_store::wait;
    use sqlx::Row as _;

    #[test]
    fn restrictions_and_beginnings_are_looked_up_and_a_run_is_read_from_its_beginning_on() {
        let plan = |sql: &str| {
            let explained = format!("EXPLAIN QUERY PLAN {}", sql.replace("$1", "'s-1'"));
            wait(async {
                let store = Store::in_memory().await?;
                store.migrate(&[crate::tables::MIGRATIONS]).await?;
                let rows = sqlx::query(sqlx::AssertSqlSafe(explained))
                    .fetch_all(store.pool())
                    .await
                    .unwrap();
                let steps = rows.iter().map(|row| row.get::<String, _>("detail"));
                Ok::<_, StoreError>(steps.collect::<Vec<_>>().join("; "))
            })
            .unwrap()
        };
        let restrictions = plan(RESTRICTIONS);
        assert!(
            restrictions.contains("USING INDEX audit_log_of_restrictions"),
            "{restrictions}"
        );
        let session = plan(OF_SESSION);
        assert!(
            session.contains("INDEX audit_log_of_beginnings (session=?)"),
            "{session}"
        );
        assert!(session.contains("(sequence>?)"), "{session}");
        let one = plan(BEGINNING);
        assert!(
            one.contains("INDEX audit_log_of_beginnings (session=?)"),
            "{one}"
        );
        let newest = plan(BEGINNINGS);
        assert!(
            newest.contains("USING INDEX audit_log_of_beginnings"),
            "{newest}"
        );
    }
}
