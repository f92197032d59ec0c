//! Applying what a journal holds and the database has not.

use super::format::{ALIGNED, Found, HEADER, Header, Record, is_known, read_header};
use super::{APPLIED, Locked, failed};
use crate::error::{is_of_statement, named};
use crate::open::BEGIN;
use crate::statement::BindAll as _;
use crate::{Pool, StoreError, column};
use sqlx::AssertSqlSafe;
use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::Path;
use std::sync::Arc;

/// What the database knows of its journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) identity: String,
    /// It has everything up to this number.
    pub(crate) applied: u64,
}

const MARK: &str = "SELECT identity, applied FROM store_journal WHERE id = 1";

/// Brings the database up to what the journal holds, and gives what the database knows of it then; nothing where
/// it knows of none.
///
/// # Errors
/// [`StoreError::JournalDamaged`] when the journal is broken before its end, lacks something, or is another
/// database's: nothing is applied then. [`StoreError::JournalRefused`] when the database refuses a statement: what
/// comes before its group is applied.
pub(crate) async fn recover(locked: &mut Locked, pool: &Pool) -> Result<Option<Mark>, StoreError> {
    let mark = mark(pool).await?;
    let path = locked.path.clone();
    let bytes = read(&mut locked.file).map_err(|error| failed(&path, &error))?;
    let left = left(&bytes, mark.as_ref()).map_err(|text| StoreError::JournalDamaged {
        path: path.clone(),
        text,
    })?;
    let Some(mut mark) = mark else {
        return Ok(None);
    };
    let Some(first) = left.first() else {
        return Ok(Some(mark));
    };
    tracing::info!(
        groups = left.len(),
        from = first.number,
        "what was acknowledged before the process ended is written to the database"
    );
    match apply(pool, &left).await? {
        Applied::All => mark.applied = left.last().map_or(mark.applied, |last| last.number),
        Applied::But { refused, sql, text } => {
            apply(pool, left.get(..refused).unwrap_or_default()).await?;
            return Err(StoreError::JournalRefused {
                path,
                statement: named(&sql),
                text,
                groups: left.len() - refused,
            });
        }
    }
    Ok(Some(mark))
}

/// A file's bytes as long as it says that it is.
fn read(file: &mut File) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.rewind()?;
    let length = file.metadata()?.len();
    file.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

async fn mark(pool: &Pool) -> Result<Option<Mark>, StoreError> {
    let row = match sqlx::query(MARK).fetch_optional(pool).await {
        Ok(row) => row,
        // A database that never had one has no table of it.
        Err(error) if is_of_statement(&error) => return Ok(None),
        Err(error) => return Err(StoreError::of_statement(MARK, &error)),
    };
    row.map(|row| {
        Ok(Mark {
            identity: column(&row, "identity")?,
            applied: column::<i64>(&row, "applied")?.cast_unsigned(),
        })
    })
    .transpose()
}

/// A group that the database has not.
struct Left {
    number: u64,
    statements: Vec<Found>,
}

/// What the database has not, in order; an error in words where that cannot be told for sure.
fn left(bytes: &[u8], mark: Option<&Mark>) -> Result<Vec<Left>, String> {
    let Some(head) = bytes.get(..HEADER) else {
        // It was being made.
        return Ok(Vec::new());
    };
    if head.iter().all(|byte| *byte == 0) {
        return Ok(Vec::new());
    }
    let header = read_header(head).ok_or("its header is broken")?;
    if !is_known(&header) {
        return Err(format!(
            "it is of version {}, which this program does not know",
            header.version
        ));
    }
    let applied = match mark {
        Some(mark) if mark.identity == header.identity => mark.applied,
        _ => return foreign(bytes, &header),
    };
    let mut left: Vec<Left> = Vec::new();
    for segment in segments(bytes, &header) {
        left.extend(scan(segment, applied)?);
    }
    left.sort_by_key(|group| group.number);
    let mut before = applied;
    for group in &left {
        if group.number != before + 1 {
            return Err(format!(
                "it goes on with {} where the database has everything up to {before}",
                group.number
            ));
        }
        before = group.number;
    }
    Ok(left)
}

/// A journal that is another database's may lie here only where it holds nothing.
fn foreign(bytes: &[u8], header: &Header<'_>) -> Result<Vec<Left>, String> {
    let holds = |segment: &[u8]| Record::read(segment).is_some();
    if segments(bytes, header).any(holds) {
        return Err("it is the journal of another database than the one beside it".to_owned());
    }
    Ok(Vec::new())
}

fn segments<'a>(bytes: &'a [u8], header: &Header<'_>) -> impl Iterator<Item = &'a [u8]> {
    let all = bytes.get(HEADER..).unwrap_or_default();
    all.chunks(header.segment.max(ALIGNED)).take(2)
}

/// The groups of a segment that the database has not. Behind the records of its present use lie those of earlier
/// ones, which have lower numbers.
fn scan(segment: &[u8], applied: u64) -> Result<Vec<Left>, String> {
    let mut left = Vec::new();
    let mut texts = Vec::new();
    let (mut at, mut last) = (0, 0);
    let from = |at: usize| segment.get(at..).unwrap_or_default();
    while let Some(record) = Record::read(from(at)).filter(|record| record.first > last) {
        let groups = record
            .groups(&mut texts)
            .ok_or_else(|| format!("its record {} is not what was written", record.first))?;
        let numbered = (record.first..).zip(groups);
        left.extend(
            numbered
                .filter(|(number, _)| *number > applied)
                .map(|(number, statements)| Left { number, statements }),
        );
        last = record.last();
        at += record.len();
    }
    // Only the last record may be broken: the one behind it is not begun before it is on disk.
    let newer =
        |at: usize| Record::read(from(at)).filter(|record| record.last() > last.max(applied));
    match (at..segment.len()).step_by(ALIGNED).find_map(newer) {
        Some(record) => Err(format!(
            "what follows {} in it is broken, and {} stands behind that",
            last.max(applied),
            record.first
        )),
        None => Ok(left),
    }
}

enum Applied {
    All,
    /// Nothing was applied: the database refused a statement of the group at `refused`.
    But {
        refused: usize,
        sql: Arc<str>,
        text: String,
    },
}

/// Writes groups in one transaction, with the number of the last.
async fn apply(pool: &Pool, groups: &[Left]) -> Result<Applied, StoreError> {
    let Some(last) = groups.last() else {
        return Ok(Applied::All);
    };
    let mut transaction = pool
        .begin_with(BEGIN)
        .await
        .map_err(|error| StoreError::during("begin a transaction", &error))?;
    for (at, group) in groups.iter().enumerate() {
        for Found { sql, arguments } in &group.statements {
            let query =
                sqlx::query(AssertSqlSafe(Arc::clone(sql))).bind_all(arguments.iter().cloned());
            match query.execute(&mut *transaction).await {
                Ok(_) => {}
                Err(error) if is_of_statement(&error) => {
                    return Ok(Applied::But {
                        refused: at,
                        sql: Arc::clone(sql),
                        text: error.to_string(),
                    });
                }
                Err(error) => return Err(StoreError::of_statement(sql, &error)),
            }
        }
    }
    sqlx::query(APPLIED)
        .bind(last.number.cast_signed())
        .execute(&mut *transaction)
        .await
        .map_err(|error| StoreError::of_statement(APPLIED, &error))?;
    transaction
        .commit()
        .await
        .map_err(|error| StoreError::during("commit", &error))?;
    Ok(Applied::All)
}

/// Applies what lies beside a database that is being opened, where no living writer has it.
pub(crate) async fn opened(database: &Path, pool: &Pool) -> Result<(), StoreError> {
    match Locked::existing(database)? {
        Some(mut locked) => recover(&mut locked, pool).await.map(drop),
        None => Ok(()),
    }
}
