//! Durable writes from synchronous code.
//!
//! Promises: statements are written in the order they were given; a group is written whole or not at
//! all; [`Writer::flush`] returns once everything before it is committed and synced, [`Writer::sync`] once it is
//! durable; after a failure every call returns that failure and nothing given later is written, so that what is on
//! disk is always a prefix of what was given. Dropping the last clone writes what is queued.
//!
//! Where the writer has a journal (module `redo`), what [`Writer::sync`] waits for is one append to it, made by the
//! thread that waits. The database follows: its thread knows nothing of the journal but the number that it
//! writes with each transaction. Its commits do not sync then: the disk belongs to the journal, and the database's log is
//! synced when it is folded and where somebody waits for a flush (module `folding`). Until then the journal is what holds a group.
//!
//! Consecutive inserts of one form are executed several rows at a time (module `rows`), on a connection that the
//! writer has to itself where the database is a file.
//!
//! Bounds: [`QUEUE`] messages wait at most, then [`Writer::write`] blocks; a transaction takes what has
//! queued up meanwhile and within [`LINGER`] ([`BEHIND`] where there is a journal), at most [`BATCH`] statements (a larger group is still one
//! transaction). Between two it lets whoever begins a transaction through the same store go first. After a full one
//! the file is left to other processes for [`GAP`]: SQLite keeps no queue of who waits, and a writer that always comes back at once would keep them out for good.

mod folding;
mod queue;
mod rows;

use self::folding::Folding;
use self::queue::{Batch, Message, Queue, Unjournalled};
use self::rows::Forms;
use crate::error::is_of_statement;
use crate::open::{BEGIN, BUSY_TIMEOUT};
use crate::redo::{self, Journal};
use crate::statement::BindAll as _;
use crate::turns::YIELD;
use crate::wait::{runtime, thread_failed};
use crate::{Database, Statement, Store, StoreError};
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection, Transaction};
use std::borrow::Borrow;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Messages that may wait for the writer's thread. A halt with a thousand open orders writes some five thousand at
/// once, and must not wait for the database meanwhile.
pub const QUEUE: usize = 16_384;
/// How long the writer waits for more before it commits what nobody waits for. A flush commits at once.
pub const LINGER: Duration = Duration::from_millis(2);
/// The same for a writer with a journal: how far the database may be behind what is durable, besides the commit
/// itself. Fewer and larger transactions leave more of the disk to the journal.
pub const BEHIND: Duration = Duration::from_millis(10);
/// Statements by which [`Writer::keep_up`] lets the database be behind: some 50 ms of its time.
pub const BACKLOG: usize = 2 * BATCH;
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
    journal: Option<Mutex<Journal>>,
}

impl Writer {
    /// A writer, with the journal of the database if it is to have one.
    pub(crate) fn start(store: Store, journal: Option<Journal>) -> Result<Self, StoreError> {
        let runtime = runtime()?;
        let queue = Arc::new(match &journal {
            Some(journal) => Queue::new(journal.durable(), BEHIND, true),
            None => Queue::new(0, LINGER, false),
        });
        let journalled = journal.is_some();
        let taken = Arc::clone(&queue);
        let failure = Arc::new(OnceLock::new());
        let seen = Arc::clone(&failure);
        let thread = std::thread::Builder::new()
            .name("bulkhead-writer".to_owned())
            .spawn(move || run(runtime, Hand::new(&store, journalled), &taken, &seen))
            .map_err(|error| thread_failed(&error))?;
        Ok(Writer(Arc::new(Inner {
            queue,
            thread: Some(thread),
            failure,
            journal: journal.map(Mutex::new),
        })))
    }

    /// Queues one statement.
    ///
    /// # Errors
    /// The failure of an earlier statement, if there was one.
    pub fn write(&self, statement: Statement) -> Result<(), StoreError> {
        self.send(Message::Write(Arc::new([statement])))
    }

    /// Queues statements that are committed together or not at all.
    ///
    /// # Errors
    /// As [`Writer::write`].
    pub fn write_group(&self, statements: Vec<Statement>) -> Result<(), StoreError> {
        self.send(Message::Write(statements.into()))
    }

    /// Returns once everything given before is durable: whatever becomes of this process or of the machine, the
    /// database has it after the next opening. Until then other connections may not see it; with a journal it
    /// reaches them within about [`BEHIND`]. Without one this is [`Writer::flush`].
    ///
    /// # Errors
    /// The failure of any statement so far, or the journal's: everything after that fails too.
    pub fn sync(&self) -> Result<(), StoreError> {
        let Some(journal) = &self.0.journal else {
            return self.flush();
        };
        self.health()?;
        let wanted = self.0.queue.given();
        // Whoever panicked with it has told nobody that anything is durable.
        let mut journal = journal.lock().unwrap_or_else(PoisonError::into_inner);
        self.health()?;
        if journal.durable() >= wanted {
            return Ok(());
        }
        let Unjournalled {
            groups,
            first,
            secured,
        } = self.0.queue.unjournalled();
        match journal.append(first, &groups, secured) {
            Ok(true) => self.health(),
            Ok(false) => {
                self.flush()?;
                journal.committed(first + groups.len() as u64 - 1);
                Ok(())
            }
            Err(error) => Err(self.0.failure.get_or_init(|| error).clone()),
        }
    }

    /// Waits until the database is at most [`BACKLOG`] statements behind. Whoever could run ahead of it, and waits for
    /// nothing but the journal, calls this now and then: what waits for the database would wait for all that.
    pub fn keep_up(&self) {
        self.0.queue.wait_within(BACKLOG);
    }

    /// Returns once everything given before is committed and synced: every connection sees it.
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
    mut hand: Hand<'_>,
    queue: &Queue,
    failure: &OnceLock<StoreError>,
) {
    let _leaving = Leaving(queue);
    while let Some(batch) = queue.take() {
        hand.store.turns().give_way();
        if failure.get().is_none() && batch.statements > 0 {
            match runtime.block_on(hand.write(&batch)) {
                Ok(()) => hand.folding.note(batch.statements),
                // Where the journal has failed meanwhile, that is what is told.
                Err(error) => drop(failure.set(error)),
            }
        }
        if failure.get().is_none() && (batch.flushed.is_some() || hand.folding.is_due()) {
            match hand.secure() {
                Ok(()) => queue.secured(batch.last),
                Err(error) => drop(failure.set(error)),
            }
        }
        if let Some(done) = batch.flushed {
            // The caller may have gone; nobody is left to tell.
            let _ = done.send(());
        }
        if failure.get().is_none() {
            runtime.block_on(hand.fold());
        }
        if batch.statements >= BATCH {
            std::thread::sleep(GAP);
        }
    }
    if failure.get().is_none()
        && let Err(error) = hand.secure()
    {
        drop(failure.set(error));
    }
    if let Some(own) = hand.own {
        // What was written is on disk; closing only folds the log into the file.
        let _ = runtime.block_on(own.close());
    }
}

/// What writes.
struct Hand<'a> {
    store: &'a Store,
    /// The writer's own connection, from the first transaction on. Nobody else uses it, so what it has read and
    /// prepared stays good. A database in memory has one connection for everybody.
    own: Option<SqliteConnection>,
    /// Whether each transaction says how far it goes.
    journalled: bool,
    forms: Forms,
    folding: Folding,
}

impl<'a> Hand<'a> {
    fn new(store: &'a Store, journalled: bool) -> Self {
        Hand {
            store,
            own: None,
            journalled,
            forms: Forms::default(),
            folding: Folding::default(),
        }
    }

    /// Writes a batch in one transaction. Nothing of it is there when it fails.
    async fn write(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let applied = self.journalled.then(|| redo::applied(batch.last));
        let groups = batch.groups.iter().flat_map(|group| group.iter());
        let statements: Vec<&Statement> = groups.chain(&applied).collect();
        self.commit(&statements).await
    }

    /// Writes all statements in one transaction. Nothing of them is there when it fails.
    async fn commit(&mut self, batch: &[&Statement]) -> Result<(), StoreError> {
        if self.own.is_none() {
            let synced = !self.journalled;
            self.own = self.store.connection(synced).await?;
        }
        // One statement after the other tells which it was that was refused.
        if self.commit_at_once(batch).await? {
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
            .map_err(|error| StoreError::during("commit", &error))
    }

    /// Writes all statements as one text, where they are of the form for it and none of them is refused: then
    /// nothing of them is there.
    async fn commit_at_once(
        &mut self,
        batch: &[impl Borrow<Statement>],
    ) -> Result<bool, StoreError> {
        let Some(own) = &mut self.own else {
            return Ok(false);
        };
        let Some(text) = self.forms.transaction(batch) else {
            return Ok(false);
        };
        let values = batch.iter().flat_map(|of| of.borrow().arguments());
        let query = sqlx::query(AssertSqlSafe(text)).bind_all(values.cloned());
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

    /// Everything that was committed is on disk when this returns.
    fn secure(&mut self) -> Result<(), StoreError> {
        match (self.store.file(), self.journalled && self.own.is_some()) {
            (Some(file), true) => self.folding.sync(file),
            // Each commit has synced by itself, or there is nothing to sync.
            _ => Ok(()),
        }
    }

    /// Sees to the log, now that nobody waits for what was written.
    async fn fold(&mut self) {
        if let Some(own) = &mut self.own {
            self.folding.turn(own).await;
        }
    }
}

#[cfg(test)]
mod tests;
