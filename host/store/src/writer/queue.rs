//! What waits for the writer's thread.
//!
//! Promises: groups are numbered and come out in the order in which they were put in; a flush is the last of its
//! batch. Where the writer has a journal, groups are kept for it until the database has them on disk.
//!
//! Bounds: [`QUEUE`] messages wait at most, then whoever adds one waits; for the journal at most these, one batch and
//! what is committed between two foldings are kept. The thread is woken by the first message, by a flush and by a full batch, not by each message: waking
//! costs more than the message.

use super::{BATCH, QUEUE};
use crate::redo::Group;
use std::collections::VecDeque;
use std::sync::mpsc::SyncSender;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub(super) enum Message {
    Write(Group),
    Flush(SyncSender<()>),
}

impl Message {
    fn statements(&self) -> usize {
        match self {
            Message::Write(group) => group.len(),
            Message::Flush(_) => 0,
        }
    }
}

#[derive(Default)]
struct Waiting {
    messages: VecDeque<Message>,
    statements: usize,
    flushes: usize,
    /// The number of the last group that was added, that was taken, and that the database has on disk.
    given: u64,
    taken: u64,
    secured: u64,
    /// Groups up to the last one, of which some may be in the journal or the database only when it is looked.
    unjournalled: VecDeque<Group>,
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

pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    /// There is something to take.
    filled: Condvar,
    /// There is room to add.
    emptied: Condvar,
    linger: Duration,
    /// Whether there is a journal to keep groups for.
    journalled: bool,
}

/// Groups of one transaction, and who waits for it.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) groups: Vec<Group>,
    pub(super) statements: usize,
    /// The number of the last group.
    pub(super) last: u64,
    pub(super) flushed: Option<SyncSender<()>>,
}

/// Groups that are neither in the journal nor known to be on the database's disk.
pub(super) struct Unjournalled {
    pub(super) groups: Vec<Group>,
    /// The number of the first.
    pub(super) first: u64,
    /// The database has everything up to this number on disk.
    pub(super) secured: u64,
}

impl Queue {
    /// A queue after so many groups that the database has. Where nobody waits for it, a batch takes what comes
    /// within `linger`.
    pub(super) fn new(secured: u64, linger: Duration, journalled: bool) -> Queue {
        Queue {
            waiting: Mutex::new(Waiting {
                given: secured,
                taken: secured,
                secured,
                ..Waiting::default()
            }),
            filled: Condvar::new(),
            emptied: Condvar::new(),
            linger,
            journalled,
        }
    }

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
        match &message {
            Message::Write(group) => {
                waiting.given += 1;
                if self.journalled {
                    waiting.unjournalled.push_back(Group::clone(group));
                }
            }
            Message::Flush(_) => waiting.flushes += 1,
        }
        waiting.messages.push_back(message);
        let wakes = first || (waiting.is_due() && !was_due) || waiting.messages.len() >= QUEUE;
        drop(waiting);
        if wakes {
            self.filled.notify_one();
        }
        true
    }

    /// The next batch: what has queued up and comes while it lingers, up to a flush or a full transaction.
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
            .wait_timeout_while(waiting, self.linger, |waiting| {
                !waiting.is_due() && waiting.messages.len() < QUEUE
            })
            .unwrap_or_else(PoisonError::into_inner);
        if waiting.messages.is_empty() {
            return None;
        }
        let mut batch = Batch::default();
        while batch.statements < BATCH
            && let Some(message) = waiting.messages.pop_front()
        {
            waiting.statements -= message.statements();
            match message {
                Message::Write(group) => {
                    waiting.taken += 1;
                    batch.statements += group.len();
                    batch.groups.push(group);
                }
                Message::Flush(done) => {
                    waiting.flushes -= 1;
                    batch.flushed = Some(done);
                    break;
                }
            }
        }
        batch.last = waiting.taken;
        drop(waiting);
        self.emptied.notify_all();
        Some(batch)
    }

    /// Takes note that the database has everything up to this number on disk.
    pub(super) fn secured(&self, last: u64) {
        let mut waiting = self.lock();
        waiting.secured = last;
        let later = waiting.given - last;
        while waiting.unjournalled.len() as u64 > later {
            waiting.unjournalled.pop_front();
        }
    }

    /// Waits until no more statements than this are queued, or the thread has ended.
    pub(super) fn wait_within(&self, statements: usize) {
        let waiting = self.emptied.wait_while(self.lock(), |waiting| {
            waiting.statements > statements && !waiting.gone
        });
        drop(waiting);
    }

    /// The number of the last group that was added.
    pub(super) fn given(&self) -> u64 {
        self.lock().given
    }

    /// Takes what the journal has not.
    pub(super) fn unjournalled(&self) -> Unjournalled {
        let mut waiting = self.lock();
        let groups: Vec<Group> = std::mem::take(&mut waiting.unjournalled).into();
        Unjournalled {
            first: waiting.given - groups.len() as u64 + 1,
            groups,
            secured: waiting.secured,
        }
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
