//! What waits for the writer's thread.
//!
//! Promises: messages come out in the order in which they were put in; a flush is the last of its batch.
//!
//! Bounds: [`QUEUE`] messages wait at most, then whoever adds one waits. The thread is woken by the first message,
//! by a flush and by a full batch, not by each message: waking costs more than the message.

use super::{BATCH, LINGER, QUEUE};
use crate::Statement;
use std::collections::VecDeque;
use std::sync::mpsc::SyncSender;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

pub(super) enum Message {
    Write(Statement),
    Group(Vec<Statement>),
    Flush(SyncSender<()>),
}

impl Message {
    fn statements(&self) -> usize {
        match self {
            Message::Write(_) => 1,
            Message::Group(statements) => statements.len(),
            Message::Flush(_) => 0,
        }
    }
}

#[derive(Default)]
struct Waiting {
    messages: VecDeque<Message>,
    statements: usize,
    flushes: usize,
    /// Nobody adds any more.
    closed: bool,
    /// Nobody takes any more.
    gone: bool,
}

impl Waiting {
    /// Whether there is nothing to linger for.
    fn is_due(&self) -> bool {
        self.flushes > 0 || self.statements >= BATCH || self.closed
    }
}

#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    /// There is something to take.
    filled: Condvar,
    /// There is room to add.
    emptied: Condvar,
}

/// Statements of one transaction, and who waits for it.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) statements: Vec<Statement>,
    pub(super) flushed: Option<SyncSender<()>>,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing here is left half-changed.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a message. False when the thread has ended.
    pub(super) fn add(&self, message: Message) -> bool {
        let mut waiting = self
            .emptied
            .wait_while(self.lock(), |waiting| {
                waiting.messages.len() >= QUEUE && !waiting.gone
            })
            .unwrap_or_else(PoisonError::into_inner);
        if waiting.gone {
            return false;
        }
        let was_due = waiting.is_due();
        let first = waiting.messages.is_empty();
        waiting.statements += message.statements();
        waiting.flushes += usize::from(matches!(message, Message::Flush(_)));
        waiting.messages.push_back(message);
        let wakes = first || (waiting.is_due() && !was_due) || waiting.messages.len() >= QUEUE;
        drop(waiting);
        if wakes {
            self.filled.notify_one();
        }
        true
    }

    /// The next batch: what has queued up and comes within [`LINGER`], up to a flush or a full transaction.
    /// `None` once the queue is closed and empty.
    pub(super) fn take(&self) -> Option<Batch> {
        let waiting = self
            .filled
            .wait_while(self.lock(), |waiting| {
                waiting.messages.is_empty() && !waiting.closed
            })
            .unwrap_or_else(PoisonError::into_inner);
        let (mut waiting, _) = self
            .filled
            .wait_timeout_while(waiting, LINGER, |waiting| {
                !waiting.is_due() && waiting.messages.len() < QUEUE
            })
            .unwrap_or_else(PoisonError::into_inner);
        if waiting.messages.is_empty() {
            return None;
        }
        let mut batch = Batch::default();
        while batch.statements.len() < BATCH
            && let Some(message) = waiting.messages.pop_front()
        {
            waiting.statements -= message.statements();
            match message {
                Message::Write(statement) => batch.statements.push(statement),
                Message::Group(statements) => batch.statements.extend(statements),
                Message::Flush(done) => {
                    waiting.flushes -= 1;
                    batch.flushed = Some(done);
                    break;
                }
            }
        }
        drop(waiting);
        self.emptied.notify_all();
        Some(batch)
    }

    /// Nothing more comes.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
    }

    /// Nothing more is taken; whoever waits is told.
    pub(super) fn leave(&self) {
        let mut waiting = self.lock();
        waiting.gone = true;
        waiting.messages.clear();
        drop(waiting);
        self.emptied.notify_all();
    }
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Queue")
    }
}
