//! Opening a database file: ours, new, or refused with a reason.
//!
//! A file's header is read first, as plain bytes: SQLite itself may change a file by opening it, when a log
//! lies beside it. Only a file that is empty or carries our application id is given to SQLite, checked, and
//! opened for good (WAL, full sync, foreign keys). What a writer that is gone left in the journal is applied then.

use crate::error::{StoreError, code, primary_code};
use crate::redo::{self, Journal, Locked};
use crate::turns::Turns;
use crate::{Pool, Writer, wait};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How long a statement waits for another process's lock.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections to a file; one of them writes at a time.
const CONNECTIONS: u32 = 4;
/// Takes the write lock at once.
pub(crate) const BEGIN: &str = "BEGIN IMMEDIATE";
/// Statements that a writer keeps prepared: each table's of one row and of several, and whole transactions.
const STATEMENTS: usize = 512;
/// `BLKH`, in SQLite's header of every database of ours.
const APPLICATION_ID: i64 = 0x424c_4b48;
/// What a SQLite file begins with, and the length of its header (SQLite's file format, section 1.3).
const MAGIC: &[u8] = b"SQLite format 3\0";
const HEADER: usize = 100;
/// Files up to this size, in bytes, are checked page by page when they are opened.
const CHECKED_UP_TO: u64 = 64 << 20;

/// An open database. Cheap to clone; clones share one pool.
#[derive(Debug, Clone)]
pub struct Store {
    pool: Pool,
    /// Its file, where it is one: then there can be more connections than those of the pool.
    file: Option<Arc<Path>>,
    turns: Turns,
}

impl Store {
    /// Opens the database at `path`, creating it where there is none.
    ///
    /// # Errors
    /// [`StoreError::Unopenable`], [`StoreError::InUse`], [`StoreError::NotADatabase`] or
    /// [`StoreError::Foreign`], and the file is as it was; or [`StoreError::Damaged`], and nothing was
    /// written to it but what its own log held; or [`StoreError::Journal`], [`StoreError::JournalDamaged`] or
    /// [`StoreError::JournalRefused`], where the journal of a writer that is gone is not to be applied.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        read_header(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .busy_timeout(BUSY_TIMEOUT)
            .disable_statement_logging();
        let mut probe = options
            .connect()
            .await
            .map_err(|error| classify(path, &error))?;
        let looked = look(&mut probe, path).await;
        let closed = probe.close().await.map_err(|error| classify(path, &error));
        looked.and(closed)?;

        let options = options
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            // Where a plain sync stops at the drive's cache (macOS), go through it.
            .pragma("fullfsync", "1");
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS)
            .connect_with(options)
            .await
            .map_err(|error| classify(path, &error))?;
        redo::opened(path, &pool).await?;
        Ok(Store {
            pool,
            file: Some(path.into()),
            turns: Turns::default(),
        })
    }

    /// A database that lives as long as this store and its clones, for tests and trial runs. It has one
    /// connection, so a reader waits for a transaction in progress.
    ///
    /// # Errors
    /// When the machine gives no memory or thread for it.
    pub async fn in_memory() -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .in_memory(true)
            .foreign_keys(true)
            .disable_statement_logging();
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options)
            .await
            .map_err(|error| classify(Path::new(":memory:"), &error))?;
        Ok(Store {
            pool,
            file: None,
            turns: Turns::default(),
        })
    }

    /// The connections, for reading.
    #[must_use]
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Begins a transaction that holds the write lock from the start, so that it cannot fail half-way
    /// for want of it. Dropped without `commit`, it is rolled back. This store's own writer lets it go first.
    ///
    /// # Errors
    /// When the lock is not free within [`BUSY_TIMEOUT`].
    pub async fn begin(&self) -> Result<sqlx::Transaction<'static, crate::Database>, StoreError> {
        let _waiting = self.turns.wait();
        self.pool
            .begin_with(BEGIN)
            .await
            .map_err(|error| StoreError::during("begin a transaction", &error))
    }

    /// Who waits for the write lock.
    pub(crate) fn turns(&self) -> &Turns {
        &self.turns
    }

    /// The database's file; none where it is in memory.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// A connection beside the pool's, where the database is a file. Where its commits are not `synced`, somebody else
    /// has to see to it that what they wrote is on disk.
    pub(crate) async fn connection(
        &self,
        synced: bool,
    ) -> Result<Option<SqliteConnection>, StoreError> {
        if self.file.is_none() {
            return Ok(None);
        }
        let options = (*self.pool.connect_options())
            .clone()
            .statement_cache_capacity(STATEMENTS)
            .synchronous(if synced {
                SqliteSynchronous::Full
            } else {
                SqliteSynchronous::Normal
            })
            // The writer folds the log by its own rule.
            .pragma("wal_autocheckpoint", "0");
        let connected = options.connect().await;
        connected
            .map(Some)
            .map_err(|error| StoreError::during("open a connection", &error))
    }

    /// A writer for synchronous code, with a thread of its own.
    ///
    /// # Errors
    /// When the machine gives no thread for it.
    pub fn writer(&self) -> Result<Writer, StoreError> {
        Writer::start(self.clone(), None)
    }

    /// A writer whose [`Writer::sync`] need not wait for the database: it has the database's journal. Everything that
    /// an earlier one left there is in the database when this returns. There is one at a time; a database in memory
    /// has no journal, so there it is [`Store::writer`].
    ///
    /// # Errors
    /// [`StoreError::InUse`] when there is one already, in this process or another; [`StoreError::Journal`],
    /// [`StoreError::JournalDamaged`] or [`StoreError::JournalRefused`]; when the machine gives no thread for it.
    pub fn journalled_writer(&self) -> Result<Writer, StoreError> {
        let Some(path) = &self.file else {
            return self.writer();
        };
        let mut locked = Locked::take(path)?;
        let (locked, mark) = wait(async {
            self.migrate(&[redo::STATE]).await?;
            let mark = redo::recover(&mut locked, &self.pool).await?;
            Ok::<_, StoreError>((locked, mark))
        })?;
        let mark = mark.ok_or_else(|| StoreError::Damaged {
            path: path.to_path_buf(),
            text: "it does not say how much of its journal it has".to_owned(),
        })?;
        Writer::start(self.clone(), Some(Journal::new(locked, &mark)))
    }

    /// Waits for running statements and closes the pool's connections. The last connection to a file folds the log
    /// into it: that of a [`Writer`], where one is still there, as it ends.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// Refuses a file whose first bytes say that it is not ours; one that is absent or empty is new.
fn read_header(path: &Path) -> Result<(), StoreError> {
    let failed = |text: String| StoreError::Unopenable {
        path: path.to_owned(),
        text,
    };
    match std::fs::metadata(path) {
        Ok(found) if !found.is_file() => return Err(failed("it is no file".to_owned())),
        Ok(found) if found.len() == 0 => return Ok(()),
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error.to_string())),
    }
    let mut header = Vec::with_capacity(HEADER);
    File::open(path)
        .and_then(|file| file.take(HEADER as u64).read_to_end(&mut header))
        .map_err(|error| failed(error.to_string()))?;
    if !header.starts_with(MAGIC) {
        return Err(StoreError::NotADatabase {
            path: path.to_owned(),
        });
    }
    match header.get(68..72).and_then(|bytes| bytes.try_into().ok()) {
        Some(bytes) if i64::from(u32::from_be_bytes(bytes)) == APPLICATION_ID => Ok(()),
        Some(bytes) => Err(StoreError::Foreign {
            path: path.to_owned(),
            application_id: i64::from(u32::from_be_bytes(bytes)),
        }),
        None => Err(StoreError::Damaged {
            path: path.to_owned(),
            text: "it ends within its header".to_owned(),
        }),
    }
}

/// Refuses what is not ours or damaged, and marks what is new.
async fn look(connection: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    let failed = |error: sqlx::Error| classify(path, &error);
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_master")
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)?;
    let application_id: i64 = sqlx::query_scalar("PRAGMA application_id")
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)?;
    if application_id != APPLICATION_ID {
        if tables > 0 || application_id != 0 {
            return Err(StoreError::Foreign {
                path: path.to_owned(),
                application_id,
            });
        }
        sqlx::query(sqlx::AssertSqlSafe(format!(
            "PRAGMA application_id = {APPLICATION_ID}"
        )))
        .execute(&mut *connection)
        .await
        .map_err(failed)?;
    }
    let size = std::fs::metadata(path).map(|data| data.len()).unwrap_or(0);
    if size <= CHECKED_UP_TO {
        let verdict: String = sqlx::query_scalar("PRAGMA quick_check(1)")
            .fetch_one(&mut *connection)
            .await
            .map_err(failed)?;
        if verdict != "ok" {
            return Err(StoreError::Damaged {
                path: path.to_owned(),
                text: verdict,
            });
        }
    }
    Ok(())
}

fn classify(path: &Path, error: &sqlx::Error) -> StoreError {
    let (path, text) = (path.to_owned(), error.to_string());
    match primary_code(error) {
        Some(code::NOT_A_DATABASE) => StoreError::NotADatabase { path },
        Some(code::CORRUPT) => StoreError::Damaged { path, text },
        Some(code::BUSY | code::LOCKED) => StoreError::InUse { path, text },
        _ => StoreError::Unopenable { path, text },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait;
    use bulkhead_domain::Problem;

    async fn tables(store: &Store) -> Result<i64, StoreError> {
        sqlx::query_scalar("SELECT count(*) FROM sqlite_master")
            .fetch_one(store.pool())
            .await
            .map_err(|error| StoreError::during("count tables", &error))
    }

    #[test]
    fn a_new_database_is_durable_by_default_and_opens_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bulkhead.db");
        for _ in 0..2 {
            wait(async {
                let store = Store::open(&path).await?;
                let mut connection = store.pool().acquire().await.unwrap();
                let mut ask = async |pragma: &'static str| -> String {
                    use sqlx::Row as _;
                    let row = sqlx::query(pragma)
                        .fetch_one(&mut *connection)
                        .await
                        .unwrap();
                    row.try_get::<String, _>(0)
                        .or_else(|_| row.try_get::<i64, _>(0).map(|value| value.to_string()))
                        .unwrap()
                };
                assert_eq!(ask("PRAGMA journal_mode").await, "wal");
                assert_eq!(ask("PRAGMA synchronous").await, "2");
                assert_eq!(ask("PRAGMA foreign_keys").await, "1");
                drop(connection);
                store.close().await;
                Ok::<_, StoreError>(())
            })
            .unwrap();
        }
    }

    #[test]
    fn a_file_that_is_no_database_is_refused_in_one_line_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        let text = "these are my notes\n".repeat(200);
        std::fs::write(&path, &text).unwrap();
        let problem: Problem = wait(Store::open(&path)).unwrap_err().into();
        assert_eq!(
            problem.to_string(),
            format!(
                "{} is not a SQLite database; give another path for the database, or move this file away",
                path.display()
            )
        );
        assert_eq!(problem.exit_code(), 2);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }

    #[test]
    fn another_programs_database_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("photos.db");
        wait(async {
            let mut connection = SqliteConnectOptions::new()
                .filename(&path)
                .create_if_missing(true)
                .connect()
                .await
                .unwrap();
            sqlx::query("CREATE TABLE photos (name TEXT)")
                .execute(&mut connection)
                .await
                .unwrap();
            connection.close().await.unwrap();
            Ok::<_, StoreError>(())
        })
        .unwrap();
        let before = std::fs::read(&path).unwrap();
        let error = wait(Store::open(&path)).unwrap_err();
        assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }

    #[test]
    fn the_log_beside_another_programs_database_is_left_alone_too() {
        let folder = tempfile::tempdir().unwrap();
        let (theirs, path) = (folder.path().join("a.db"), folder.path().join("b.db"));
        wait(async {
            let mut connection = SqliteConnectOptions::new()
                .filename(&theirs)
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .connect()
                .await
                .unwrap();
            sqlx::query("CREATE TABLE photos (name TEXT)")
                .execute(&mut connection)
                .await
                .unwrap();
            // As a crash leaves it: the table is in the log alone.
            std::fs::copy(&theirs, &path).unwrap();
            std::fs::copy(
                folder.path().join("a.db-wal"),
                folder.path().join("b.db-wal"),
            )
            .unwrap();
            connection.close().await.unwrap();
            Ok::<_, StoreError>(())
        })
        .unwrap();
        let log = folder.path().join("b.db-wal");
        let before = (std::fs::read(&path).unwrap(), std::fs::read(&log).unwrap());
        assert!(!before.1.is_empty());
        let error = wait(Store::open(&path)).unwrap_err();
        assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
        let after = (std::fs::read(&path).unwrap(), std::fs::read(&log).unwrap());
        assert!(before == after);
    }

    #[test]
    fn a_database_that_another_process_holds_is_said_to_be_in_use() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("held.db");
        let error = wait(async {
            let hold = || {
                SqliteConnectOptions::new()
                    .filename(&path)
                    .create_if_missing(true)
            };
            let mut first = hold().connect().await.unwrap();
            sqlx::raw_sql("CREATE TABLE a (x TEXT); BEGIN EXCLUSIVE")
                .execute(&mut first)
                .await
                .unwrap();
            let mut second = hold().busy_timeout(Duration::ZERO).connect().await.unwrap();
            let failed = sqlx::query("SELECT count(*) FROM sqlite_master")
                .execute(&mut second)
                .await
                .unwrap_err();
            Ok::<_, StoreError>(classify(&path, &failed))
        })
        .unwrap();
        assert!(matches!(error, StoreError::InUse { .. }), "{error}");
        assert!(
            Problem::from(error)
                .to_string()
                .ends_with("let the other process end and repeat, or give another path")
        );
    }

    #[test]
    fn a_damaged_database_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bulkhead.db");
        wait(async {
            let store = Store::open(&path).await?;
            sqlx::raw_sql("CREATE TABLE a (x TEXT); CREATE INDEX a_x ON a (x)")
                .execute(store.pool())
                .await
                .unwrap();
            store.close().await;
            Ok::<_, StoreError>(())
        })
        .unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        let end = bytes.len();
        bytes[4096..end].fill(0x5a);
        std::fs::write(&path, &bytes).unwrap();
        let error = wait(Store::open(&path)).unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");

        std::fs::write(&path, &bytes[..4096]).unwrap();
        let error = wait(Store::open(&path)).unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    }

    #[test]
    fn a_missing_folder_and_a_folder_in_place_of_a_file_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        for path in [
            folder.path().join("no/such/place.db"),
            folder.path().to_owned(),
        ] {
            let error = wait(Store::open(&path)).unwrap_err();
            assert!(matches!(error, StoreError::Unopenable { .. }), "{error}");
        }
    }

    #[test]
    fn a_store_in_memory_is_empty_and_its_own() {
        wait(async {
            let store = Store::in_memory().await?;
            assert_eq!(tables(&store).await?, 0);
            sqlx::raw_sql("CREATE TABLE a (x TEXT)")
                .execute(store.pool())
                .await
                .unwrap();
            assert_eq!(tables(&store).await?, 1);
            assert_eq!(tables(&Store::in_memory().await?).await?, 0);
            Ok::<_, StoreError>(())
        })
        .unwrap();
    }
}
