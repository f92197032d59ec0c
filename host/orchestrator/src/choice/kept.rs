//! The tables `slates` and `choices`.

use super::{ChoiceRecord, Slate};
use crate::tables::{broken, from_json};
use bulkhead_domain::Digest;
use bulkhead_store::{Statement, Store, StoreError, Writer, column, parsed};

/// Keeps a slate. The same slate twice is kept once; it is written before the choices that name it.
///
/// # Errors
/// When an earlier write failed.
pub fn write_slate(writer: &Writer, slate: &Slate) -> Result<(), StoreError> {
    let record = serde_json::to_string(slate).map_err(|error| broken("record", error))?;
    writer.write(
        Statement::new(
            "INSERT INTO slates (id, record) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING",
        )
        .bind(slate.id().to_string())
        .bind(record),
    )
}

/// Keeps a choice. The same choice twice is kept once.
///
/// # Errors
/// When an earlier write failed.
pub fn write_choice(writer: &Writer, record: &ChoiceRecord) -> Result<(), StoreError> {
    let mut bytes = Vec::new();
    record.encode(&mut bytes);
    let sequence = i64::try_from(record.sequence).map_err(|error| broken("sequence", error))?;
    writer.write(
        Statement::new(
            "INSERT INTO choices (id, slate, sequence, time, record) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (id) DO NOTHING",
        )
        .bind(record.id())
        .bind(record.slate.to_string())
        .bind(sequence)
        .bind(record.time)
        .bind(bytes),
    )
}

/// Finds a choice by its id, with the slate it was made on.
///
/// # Errors
/// When the database cannot be read, or a record in it is broken.
pub async fn find_choice(
    store: &Store,
    id: &str,
) -> Result<Option<(ChoiceRecord, Slate)>, StoreError> {
    const SQL: &str = "SELECT c.record AS choice, s.id AS slate_id, s.record AS slate
         FROM choices c JOIN slates s ON s.id = c.slate WHERE c.id = $1";
    let row = sqlx::query(SQL)
        .bind(id)
        .fetch_optional(store.pool())
        .await
        .map_err(|error| StoreError::of_statement(SQL, &error))?;
    let Some(row) = row else { return Ok(None) };
    let slate_id: Digest = parsed(&row, "slate_id")?;
    let bytes: Vec<u8> = column(&row, "choice")?;
    Ok(Some((
        ChoiceRecord::decode(slate_id, &bytes).map_err(|error| broken("choice", error))?,
        from_json(&row, "slate")?,
    )))
}

/// The number that the next choice on a slate takes, so that no draw comes twice.
///
/// # Errors
/// When the database cannot be read.
pub async fn next_sequence(store: &Store, slate: Digest) -> Result<u64, StoreError> {
    const SQL: &str = "SELECT max(sequence) AS last FROM choices WHERE slate = $1";
    let row = sqlx::query(SQL)
        .bind(slate.to_string())
        .fetch_one(store.pool())
        .await
        .map_err(|error| StoreError::of_statement(SQL, &error))?;
    let last: Option<i64> = column(&row, "last")?;
    Ok(last.map_or(0, |last| u64::try_from(last).unwrap_or(0) + 1))
}
