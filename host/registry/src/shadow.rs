//! Mirrored traffic: a candidate is asked what the version in service is asked, and only its figures are used.
//!
//! Promises: which calls are mirrored follows from their keys alone, so that a replay mirrors the same ones. A
//! caller has its answer before the candidate is asked; what it pays is a hash of the key, and for a mirrored
//! call a copy of question and answer and a place in a queue. It waits for nothing: where the queue is full, the
//! mirrored call is dropped and counted. The candidate runs on a thread of its own, so neither its time nor its
//! failures reach anybody, and a compute plugin never runs on an asynchronous runtime's thread.
//!
//! What bounds it: the queue's length, and the limits of the candidate's own calls. Calls are asked in the order
//! of the queue by one thread, so the candidate is measured with one call at a time. A candidate that keeps state
//! from call to call is only comparable when all calls are mirrored and none was dropped; the [`Comparison`]
//! says whether that is so.

use bulkhead_domain::digest::DigestBuilder;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

mod comparison;
mod latency;
#[cfg(test)]
mod tests;

pub use comparison::{Comparison, Errors, MOST_CASES, MOST_SCORES, Pair, ScoreError, Side};
pub use latency::Latency;

/// The share of calls that is mirrored, percent.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Share(f64);

/// A share that is none.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("a share of {0} %; it is above 0 and at most 100")]
pub struct NoShare(f64);

impl TryFrom<f64> for Share {
    type Error = NoShare;

    fn try_from(percent: f64) -> Result<Self, NoShare> {
        if percent > 0.0 && percent <= 100.0 {
            Ok(Share(percent))
        } else {
            Err(NoShare(percent))
        }
    }
}

impl From<Share> for f64 {
    fn from(share: Share) -> f64 {
        share.0
    }
}

impl Share {
    /// Every call.
    pub const ALL: Share = Share(100.0);

    /// Whether the call of this key is among them. `salt` tells shadows apart, so that two candidates are not
    /// always shown the same calls: SHA-256 over both, its first 53 bits as a fraction of one.
    #[must_use]
    pub fn covers(self, salt: &str, key: &[u8]) -> bool {
        let mut digest = DigestBuilder::new();
        digest.part("shadow", salt.as_bytes()).part("call", key);
        let digest = digest.finish();
        let first = digest.bytes().first_chunk().copied().unwrap_or_default();
        #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
        let fraction = (u64::from_be_bytes(first) >> 11) as f64 / (1_u64 << 53) as f64;
        fraction * 100.0 < self.0
    }
}

/// An answer, or the case and the text of what it failed with.
pub type Answered<A> = Result<A, Fault>;

/// A failure as it is compared: failures are counted by case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// One word: `timeout`, `out-of-fuel`, `rate-limited`.
    pub case: String,
    /// One line.
    pub text: String,
}

/// A candidate in the shadow of the version in service.
pub struct Mirror<Q, A> {
    share: Share,
    salt: String,
    queue: Option<SyncSender<Asked<Q, A>>>,
    books: Arc<Books>,
    stop: Option<Box<dyn Fn() + Send + Sync>>,
}

struct Asked<Q, A> {
    question: Q,
    answered: Answered<A>,
    took: Duration,
}

/// What caller and candidate write to. A caller only ever adds to the counters.
#[derive(Default)]
struct Books {
    calls: AtomicU64,
    dropped: AtomicU64,
    waiting: AtomicU64,
    over: AtomicBool,
    comparison: Mutex<Comparison>,
}

impl Books {
    fn comparison(&self) -> MutexGuard<'_, Comparison> {
        self.comparison
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a candidate is shown calls.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// How many.
    pub share: Share,
    /// Tells this shadow from others: the candidate's digest.
    pub salt: String,
    /// Most mirrored calls that wait.
    pub queue: usize,
}

impl<Q: Send + 'static, A: Send + 'static> Mirror<Q, A> {
    /// Starts a candidate's thread. `ask` asks it; `agree` says whether two answers come to the same.
    ///
    /// # Errors
    /// When there is no thread for it.
    pub fn start(
        shown: Shown,
        ask: impl FnMut(&Q) -> Answered<A> + Send + 'static,
        agree: impl Fn(&A, &A) -> bool + Send + 'static,
    ) -> std::io::Result<Self> {
        Mirror::made(shown, move || ask, agree)
    }

    /// The same, of a candidate that is made ready on its own thread before it is asked anything.
    ///
    /// # Errors
    /// When there is no thread for it.
    pub fn made<F: FnMut(&Q) -> Answered<A>>(
        shown: Shown,
        make: impl FnOnce() -> F + Send + 'static,
        agree: impl Fn(&A, &A) -> bool + Send + 'static,
    ) -> std::io::Result<Self> {
        let Shown { share, salt, queue } = shown;
        let books = Arc::<Books>::default();
        let (to_candidate, asked) = sync_channel(queue);
        let thread = std::thread::Builder::new().name("shadow".to_owned());
        let own = Arc::clone(&books);
        thread.spawn(move || follow(&asked, &own, make(), agree))?;
        Ok(Mirror {
            share,
            salt,
            queue: Some(to_candidate),
            books,
            stop: None,
        })
    }

    /// Says how a call of the candidate that is in progress is stopped when the shadow ends.
    #[must_use]
    pub fn stopped_by(mut self, stop: impl Fn() + Send + Sync + 'static) -> Self {
        self.stop = Some(Box::new(stop));
        self
    }

    /// Goes on with what an earlier shadow of the same candidate came to.
    #[must_use]
    pub fn continuing(self, before: Comparison) -> Self {
        self.books.calls.store(before.calls, Ordering::Relaxed);
        self.books.dropped.store(before.dropped, Ordering::Relaxed);
        *self.books.comparison() = before;
        self
    }

    /// Shows the candidate a call that was answered, if it is among the share. `copy` is only asked if so. Tells
    /// whether the call is one that it should see and does not.
    pub fn show(
        &self,
        key: &[u8],
        took: Duration,
        copy: impl FnOnce() -> (Q, Answered<A>),
    ) -> bool {
        self.books.calls.fetch_add(1, Ordering::Relaxed);
        let Some(queue) = &self.queue else {
            return false;
        };
        if !self.share.covers(&self.salt, key) {
            return false;
        }
        let (question, answered) = copy();
        let asked = Asked {
            question,
            answered,
            took,
        };
        self.books.waiting.fetch_add(1, Ordering::AcqRel);
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = queue.try_send(asked) {
            self.books.waiting.fetch_sub(1, Ordering::AcqRel);
            self.books.dropped.fetch_add(1, Ordering::Relaxed);
            return true;
        }
        false
    }

    /// Mirrored calls that the candidate has still to answer.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.books.waiting.load(Ordering::Acquire)
    }

    /// Adds the scores of an outcome that became known: of the version in service and of the candidate, higher
    /// is better.
    ///
    /// # Errors
    /// When a score is not finite, or there are [`MOST_SCORES`] already.
    pub fn score(&self, pair: Pair) -> Result<(), ScoreError> {
        self.books.comparison().score(pair)
    }

    /// The comparison so far.
    #[must_use]
    pub fn comparison(&self) -> Comparison {
        Comparison {
            calls: self.books.calls.load(Ordering::Relaxed),
            dropped: self.books.dropped.load(Ordering::Relaxed),
            ..self.books.comparison().clone()
        }
    }
}

impl<Q, A> Drop for Mirror<Q, A> {
    /// Ends the shadow: what waits is not asked any more, and a call in progress is stopped.
    fn drop(&mut self) {
        self.books.over.store(true, Ordering::Release);
        self.queue = None;
        if let Some(stop) = &self.stop {
            stop();
        }
    }
}

/// The candidate's thread.
fn follow<Q, A>(
    asked: &Receiver<Asked<Q, A>>,
    books: &Books,
    mut ask: impl FnMut(&Q) -> Answered<A>,
    agree: impl Fn(&A, &A) -> bool,
) {
    while let Ok(one) = asked.recv() {
        if books.over.load(Ordering::Acquire) {
            return;
        }
        let begun = Instant::now();
        let candidate = ask(&one.question);
        let took = begun.elapsed();
        let agreed = match (&one.answered, &candidate) {
            (Ok(old), Ok(new)) => Some(agree(old, new)),
            _ => None,
        };
        if books.over.load(Ordering::Acquire) {
            return;
        }
        let mut comparison = books.comparison();
        comparison.mirrored += 1;
        match agreed {
            Some(true) => comparison.agreed += 1,
            Some(false) => comparison.disagreed += 1,
            None => {}
        }
        comparison.old.took(one.took, one.answered.err());
        comparison.new.took(took, candidate.err());
        drop(comparison);
        books.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}
