//! Durable writes from synchronous code.
//!
//! Promises: statements are written in the order they were given; a group is written whole or not at
//! all; [`Writer::flush`] returns once everything before it is committed and synced; after a failure
//! every call returns that failure and nothing given later is written, so that what is on disk is always
//! a prefix of what was given. Dropping the last clone writes what is queued.
//!
//! Consecutive inserts of one form are executed several rows at a time (module `rows`), on a connection that the
//! writer has to itself where the database is a file.
//!
//! Bounds: [`QUEUE`] messages wait at most, then [`Writer::write`] blocks; a transaction takes what has
//! queued up meanwhile and within [`LINGER`], at most [`BATCH`] statements (a larger group is still one
//! transaction). Between two it lets whoever begins a transaction through the same store go first. After a full one
//! the file is left to other processes for [`GAP`]: SQLite keeps no queue of who waits, and a writer that always comes back at once would keep them out for good.

mod folding;
mod queue;
mod rows;

use self::folding::Folding;
use self::queue::{Batch, Message, Queue};
use self::rows::{BindAll as _, Forms};
use crate::error::is_of_statement;
use crate::open::{BEGIN, BUSY_TIMEOUT};
use crate::turns::YIELD;
use crate::wait::{runtime, thread_failed};
use crate::{Database, Statement, Store, StoreError};
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection, Transaction};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

/// Messages that may wait for the writer's thread.
pub const QUEUE: usize = 4_096;
/// How long the writer waits for more before it commits what nobody waits for. A flush commits at once.
pub const LINGER: Duration = Duration::from_millis(2);
/// Statements after which a transaction is committed although more are waiting.
pub const BATCH: usize = 2_048;

/// Longest that a commit waits for others, of this process and of other ones, before it fails.
pub const PATIENCE: Duration = BUSY_TIMEOUT.saturating_add(YIELD);

/// Takes back what a transaction that failed has done.
const ROLLBACK: &str = "ROLLBACK";

/// How long other processes have to take the write lock after a full transaction.
pub const GAP: Duration = Duration::from_millis(2);

/// A handle on the writing thread. Cheap to clone; safe to use inside and outside a runtime.
#[derive(Debug, Clone)]
pub struct Writer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
    failure: Arc<OnceLock<StoreError>>,
}

impl Writer {
    pub(crate) fn start(store: Store) -> Result<Self, StoreError> {
        let runtime = runtime()?;
        let queue = Arc::new(Queue::default());
        let taken = Arc::clone(&queue);
        let failure = Arc::new(OnceLock::new());
        let seen = Arc::clone(&failure);
        let thread = std::thread::Builder::new()
            .name("bulkhead-writer".to_owned())
            .spawn(move || run(runtime, &store, &taken, &seen))
            .map_err(|error| thread_failed(&error))?;
        Ok(Writer(Arc::new(Inner {
            queue,
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
        if self.0.queue.add(message) {
            Ok(())
        } else {
            Err(thread_failed(&"the writer stopped"))
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let failed_before = self.failure.get().is_some();
        self.queue.close();
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

/// Tells whoever waits that the thread is gone, however it ended.
struct Leaving<'a>(&'a Queue);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

fn run(
    runtime: &tokio::runtime::Handle,
    store: &Store,
    queue: &Queue,
    failure: &OnceLock<StoreError>,
) {
    let _leaving = Leaving(queue);
    let mut hand = Hand::new(store);
    while let Some(Batch {
        mut statements,
        flushed,
    }) = queue.take()
    {
        let full = statements.len() >= BATCH;
        store.turns().give_way();
        if failure.get().is_none()
            && !statements.is_empty()
            && let Err(error) = runtime.block_on(hand.commit(&mut statements))
        {
            // Only this thread sets it, so it cannot be set already.
            let _ = failure.set(error);
        }
        if let Some(done) = flushed {
            // The caller may have gone; nobody is left to tell.
            let _ = done.send(());
        }
        if failure.get().is_none() {
            runtime.block_on(hand.fold());
        }
        if full {
            std::thread::sleep(GAP);
        }
    }
    if let Some(own) = hand.own {
        // What was flushed is on disk; closing only folds the log into the file.
        let _ = runtime.block_on(own.close());
    }
}

/// What writes.
struct Hand<'a> {
    store: &'a Store,
    /// The writer's own connection, from the first transaction on. Nobody else uses it, so what it has read and
    /// prepared stays good. A database in memory has one connection for everybody.
    own: Option<SqliteConnection>,
    forms: Forms,
    folding: Folding,
}

impl<'a> Hand<'a> {
    fn new(store: &'a Store) -> Self {
        Hand {
            store,
            own: None,
            forms: Forms::default(),
            folding: Folding::default(),
        }
    }

    /// Writes all statements in one transaction. Nothing of them is there when it fails.
    async fn commit(&mut self, batch: &mut Vec<Statement>) -> Result<(), StoreError> {
        if self.own.is_none() {
            self.own = self.store.connection().await?;
        }
        let statements = batch.len();
        // One statement after the other tells which it was that was refused.
        if self.commit_at_once(batch).await? {
            self.folding.note(statements);
            return Ok(());
        }
        let mut transaction: Transaction<'_, Database> = match &mut self.own {
            Some(own) => own
                .begin_with(BEGIN)
                .await
                .map_err(|error| StoreError::during("begin a transaction", &error))?,
            None => self.store.begin().await?,
        };
        self.forms.write(&mut transaction, batch).await?;
        transaction
            .commit()
            .await
            .map_err(|error| StoreError::during("commit", &error))?;
        self.folding.note(statements);
        Ok(())
    }

    /// Writes all statements as one text, where they are of the form for it and none of them is refused: then
    /// nothing of them is there.
    async fn commit_at_once(&mut self, batch: &[Statement]) -> Result<bool, StoreError> {
        let Some(own) = &mut self.own else {
            return Ok(false);
        };
        let Some(text) = self.forms.transaction(batch) else {
            return Ok(false);
        };
        let query = sqlx::query(AssertSqlSafe(text))
            .bind_all(batch.iter().flat_map(Statement::arguments).cloned());
        let Err(error) = query.execute(&mut *own).await else {
            return Ok(true);
        };
        let _ = sqlx::query(ROLLBACK).execute(own).await;
        if is_of_statement(&error) {
            Ok(false)
        } else {
            Err(StoreError::during("commit", &error))
        }
    }

    /// Sees to the log, now that nobody waits for what was written.
    async fn fold(&mut self) {
        if let Some(own) = &mut self.own {
            self.folding.turn(self.store, own).await;
        }
    }
}

#[cfg(test)]
mod tests;
