//! Durable writes from synchronous code.
//!
//! Promises: statements are written in the order they were given; a group is written whole or not at
//! all; [`Writer::flush`] returns once everything before it is committed and synced; after a failure
//! every call returns that failure and nothing given later is written, so that what is on disk is always
//! a prefix of what was given. Dropping the last clone writes what is queued.
//!
//! Bounds: [`QUEUE`] messages wait at most, then [`Writer::write`] blocks; a transaction takes what has
//! queued up meanwhile and within [`LINGER`], at most [`BATCH`] statements (a larger group is still one
//! transaction). After a full one the file is left to other processes for [`GAP`]: SQLite keeps no queue of
//! who waits, and a writer that always comes back at once would keep them out for good.

use crate::wait::{runtime, thread_failed};
use crate::{Statement, Store, StoreError};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

/// Messages that may wait for the writer's thread.
pub const QUEUE: usize = 4_096;
/// How long the writer waits for more before it commits what nobody waits for. A flush commits at once.
pub const LINGER: Duration = Duration::from_millis(2);
/// Statements after which a transaction is committed although more are waiting.
pub const BATCH: usize = 2_048;

/// How long other processes have to take the write lock after a full transaction.
pub const GAP: Duration = Duration::from_millis(2);

enum Message {
    Write(Statement),
    Group(Vec<Statement>),
    Flush(SyncSender<()>),
}

/// A handle on the writing thread. Cheap to clone; safe to use inside and outside a runtime.
#[derive(Debug, Clone)]
pub struct Writer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    // `None` only while dropping: closing the channel ends the thread.
    sender: Option<SyncSender<Message>>,
    thread: Option<JoinHandle<()>>,
    failure: Arc<OnceLock<StoreError>>,
}

impl Writer {
    pub(crate) fn start(store: Store) -> Result<Self, StoreError> {
        let runtime = runtime()?;
        let (sender, receiver) = sync_channel(QUEUE);
        let failure = Arc::new(OnceLock::new());
        let seen = Arc::clone(&failure);
        let thread = std::thread::Builder::new()
            .name("bulkhead-writer".to_owned())
            .spawn(move || run(runtime, &store, &receiver, &seen))
            .map_err(|error| thread_failed(&error))?;
        Ok(Writer(Arc::new(Inner {
            sender: Some(sender),
            thread: Some(thread),
            failure,
        })))
    }

    /// Queues one statement.
    ///
    /// # Errors
    /// The failure of an earlier statement, if there was one.
    pub fn write(&self, statement: Statement) -> Result<(), StoreError> {
        self.send(Message::Write(statement))
    }

    /// Queues statements that are committed together or not at all.
    ///
    /// # Errors
    /// As [`Writer::write`].
    pub fn write_group(&self, statements: Vec<Statement>) -> Result<(), StoreError> {
        self.send(Message::Group(statements))
    }

    /// Returns once everything given before is committed and synced.
    ///
    /// # Errors
    /// The failure of any statement so far.
    pub fn flush(&self) -> Result<(), StoreError> {
        let (done, wait) = sync_channel(1);
        self.send(Message::Flush(done))?;
        let answered = wait.recv();
        self.health()?;
        answered.map_err(|_| thread_failed(&"the writer stopped"))
    }

    /// Whether everything so far went well; does not wait.
    ///
    /// # Errors
    /// The failure of any statement so far.
    pub fn health(&self) -> Result<(), StoreError> {
        self.0
            .failure
            .get()
            .map_or(Ok(()), |error| Err(error.clone()))
    }

    fn send(&self, message: Message) -> Result<(), StoreError> {
        self.health()?;
        self.0
            .sender
            .as_ref()
            .and_then(|sender| sender.send(message).ok())
            .ok_or_else(|| thread_failed(&"the writer stopped"))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let failed_before = self.failure.get().is_some();
        drop(self.sender.take());
        let panicked = self
            .thread
            .take()
            .is_some_and(|thread| thread.join().is_err());
        if let Some(error) = self.failure.get().filter(|_| !failed_before) {
            tracing::error!(%error, "writes were lost while closing the database");
        } else if panicked {
            tracing::error!("the database's writer panicked; writes were lost");
        }
    }
}

fn run(
    runtime: &tokio::runtime::Handle,
    store: &Store,
    receiver: &Receiver<Message>,
    failure: &OnceLock<StoreError>,
) {
    let mut batch = Vec::new();
    while let Ok(first) = receiver.recv() {
        let mut flushed = None;
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Write(statement) => batch.push(statement),
                Message::Group(statements) => batch.extend(statements),
                Message::Flush(done) => {
                    flushed = Some(done);
                    break;
                }
            }
            next = (batch.len() < BATCH)
                .then(|| receiver.recv_timeout(LINGER).ok())
                .flatten();
        }
        let full = batch.len() >= BATCH;
        if failure.get().is_some() {
            batch.clear();
        } else if !batch.is_empty()
            && let Err(error) = runtime.block_on(commit(store, &mut batch))
        {
            // Only this thread sets it, so it cannot be set already.
            let _ = failure.set(error);
        }
        if let Some(done) = flushed {
            // The caller may have gone; nobody is left to tell.
            let _ = done.send(());
        }
        if full {
            std::thread::sleep(GAP);
        }
    }
}

async fn commit(store: &Store, batch: &mut Vec<Statement>) -> Result<(), StoreError> {
    let mut transaction = store.begin().await?;
    for statement in batch.drain(..) {
        let sql = statement.sql();
        statement
            .into_query()
            .execute(&mut *transaction)
            .await
            .map_err(|error| StoreError::of_statement(sql, &error))?;
    }
    transaction
        .commit()
        .await
        .map_err(|error| StoreError::during("commit", &error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Argument, Migration, MigrationSet, column, decimal, optional_decimal, wait};
    use bulkhead_domain::{Decimal, Timestamp};

    const SETS: &[MigrationSet] = &[MigrationSet {
        crate_name: "test",
        migrations: &[Migration {
            version: 1,
            name: "create",
            sql: "CREATE TABLE a (id BIGINT PRIMARY KEY, price TEXT, time BIGINT)",
        }],
    }];
    const INSERT: &str = "INSERT INTO a (id, price, time) VALUES ($1, $2, $3)";

    fn store() -> Store {
        wait(async {
            let store = Store::in_memory().await?;
            store.migrate(SETS).await?;
            Ok::<_, StoreError>(store)
        })
        .unwrap()
    }

    fn insert(id: i64) -> Statement {
        Statement::new(INSERT)
            .bind(id)
            .bind(Decimal::new(123_450, 3))
            .bind(Timestamp(id * 10))
    }

    fn ids(store: &Store) -> Vec<i64> {
        wait(async {
            sqlx::query_scalar("SELECT id FROM a ORDER BY id")
                .fetch_all(store.pool())
                .await
                .map_err(|error| StoreError::during("read", &error))
        })
        .unwrap()
    }

    #[test]
    fn what_was_flushed_is_there_in_full() {
        let store = store();
        let writer = store.writer().unwrap();
        for id in 0..5_000 {
            writer.write(insert(id)).unwrap();
        }
        writer.flush().unwrap();
        assert_eq!(ids(&store), (0..5_000).collect::<Vec<_>>());
        let row = wait(async {
            sqlx::query("SELECT price, time, NULL AS absent FROM a WHERE id = 7")
                .fetch_one(store.pool())
                .await
                .map_err(|error| StoreError::during("read", &error))
        })
        .unwrap();
        assert_eq!(decimal(&row, "price").unwrap(), Decimal::new(12_345, 2));
        assert_eq!(optional_decimal(&row, "absent").unwrap(), None);
        assert_eq!(column::<i64>(&row, "time").unwrap(), 70);
        assert!(decimal(&row, "absent").is_err());
    }

    #[test]
    fn dropping_the_last_clone_writes_what_is_queued() {
        let store = store();
        let writer = store.writer().unwrap();
        let clone = writer.clone();
        clone.write(insert(1)).unwrap();
        drop(writer);
        clone.write(insert(2)).unwrap();
        drop(clone);
        assert_eq!(ids(&store), [1, 2]);
    }

    #[test]
    fn a_failed_write_surfaces_and_stops_all_later_ones() {
        let store = store();
        let writer = store.writer().unwrap();
        writer.write(insert(1)).unwrap();
        writer.flush().unwrap();
        writer.write(insert(1)).unwrap();
        let error = writer.flush().unwrap_err();
        assert!(
            error.to_string().contains("UNIQUE") && error.to_string().contains("INSERT INTO a"),
            "{error}"
        );
        assert_eq!(writer.write(insert(2)), Err(error.clone()));
        assert_eq!(writer.flush(), Err(error.clone()));
        assert_eq!(writer.health(), Err(error));
        drop(writer);
        assert_eq!(ids(&store), [1]);
    }

    #[test]
    fn a_group_is_written_whole_or_not_at_all() {
        let store = store();
        let writer = store.writer().unwrap();
        writer.write_group(vec![insert(1), insert(2)]).unwrap();
        writer.flush().unwrap();
        writer
            .write_group(vec![insert(3), insert(4), insert(1)])
            .unwrap();
        assert!(writer.flush().is_err());
        assert_eq!(ids(&store), [1, 2]);
    }

    #[test]
    fn a_writer_may_be_used_inside_a_runtime() {
        let store = store();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let writer = store.writer().unwrap();
            writer.write(insert(1)).unwrap();
            writer.flush().unwrap();
        });
        assert_eq!(ids(&store), [1]);
    }

    #[test]
    fn flushed_rows_survive_reopening_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let open = || {
            wait(async {
                let store = Store::open(&path).await?;
                store.migrate(SETS).await?;
                Ok::<_, StoreError>(store)
            })
            .unwrap()
        };
        let first = open();
        let writer = first.writer().unwrap();
        writer.write(insert(1)).unwrap();
        writer.flush().unwrap();
        // The first store is still open: the second reads through the WAL.
        assert_eq!(ids(&open()), [1]);
    }

    #[test]
    fn a_writer_without_a_pause_keeps_nobody_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let open = || wait(async { Store::open(&path).await }).unwrap();
        let busy = open();
        wait(busy.migrate(SETS)).unwrap();
        let other = open();
        let writer = busy.writer().unwrap();
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            let flood = scope.spawn(|| {
                let mut id = 0;
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    writer.write(insert(id)).unwrap();
                    id += 1;
                }
                id
            });
            for id in 1..=10 {
                let came = wait(async {
                    // Reading and preparing take no lock; what is written has to wait its turn.
                    other.migrate(SETS).await?;
                    let mut turn = other.begin().await?;
                    insert(-id)
                        .into_query()
                        .execute(&mut *turn)
                        .await
                        .map_err(|error| StoreError::during("write", &error))?;
                    turn.commit()
                        .await
                        .map_err(|error| StoreError::during("commit", &error))
                });
                if came.is_err() {
                    done.store(true, std::sync::atomic::Ordering::Relaxed);
                }
                came.unwrap();
            }
            done.store(true, std::sync::atomic::Ordering::Relaxed);
            assert!(flood.join().unwrap() > 0);
        });
        writer.flush().unwrap();
    }

    #[test]
    fn absent_values_keep_their_type() {
        assert_eq!(Argument::from(None::<Decimal>), Argument::Text(None));
        assert_eq!(Argument::from(None::<i64>), Argument::Integer(None));
        assert_eq!(Argument::from(Some(1.5)), Argument::Real(Some(1.5)));
    }
}
