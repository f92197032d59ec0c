//! Sharing calls. Locks are held for the length of a look-up, never during a call; wakers run outside them.

use super::entries::Entries;
use super::{CacheConfig, CacheKey};
use bulkhead_domain::Timestamp;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// A cache. Cheap to clone; clones share everything.
pub struct Cache<V> {
    shared: Arc<Mutex<Shared<V>>>,
}

struct Shared<V> {
    entries: Entries<V>,
    /// Calls that are out, with who waits for each.
    flights: HashMap<CacheKey, VecDeque<Arc<Waiter<V>>>>,
}

/// Where a request stands.
#[derive(Debug)]
pub enum Begun<V: Clone> {
    /// The answer.
    Answer(V),
    /// Make the call and tell the flight.
    Lead(Flight<V>),
    /// Somebody else makes the call: wait, as a thread or as a future.
    Wait(Ticket<V>),
}

/// The duty to make a call. Dropped without [`Flight::answer`], it passes to one who waits.
#[must_use = "whoever waits is kept waiting until this is answered or dropped"]
pub struct Flight<V: Clone> {
    cache: Cache<V>,
    key: CacheKey,
    answered: bool,
}

/// A place among those who wait.
#[must_use = "a ticket is waited on, by `wait` or as a future"]
pub struct Ticket<V: Clone> {
    cache: Cache<V>,
    key: CacheKey,
    waiter: Arc<Waiter<V>>,
}

struct Waiter<V> {
    state: Mutex<Waiting<V>>,
    told: Condvar,
}

enum Waiting<V> {
    /// Nothing yet; whom to wake, where a future waits.
    Still(Option<Waker>),
    /// The answer is there.
    Answer(V),
    /// The call is this one's to make.
    Lead,
    /// It waits no more.
    Gone,
}

/// A panic elsewhere leaves what is locked whole: every change is made in one go.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<V> Clone for Cache<V> {
    fn clone(&self) -> Self {
        Cache {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<V: Clone> Cache<V> {
    /// An empty cache.
    #[must_use]
    pub fn new(config: CacheConfig) -> Self {
        Cache {
            shared: Arc::new(Mutex::new(Shared {
                entries: Entries::new(config),
                flights: HashMap::new(),
            })),
        }
    }

    /// Looks a request up. Never waits.
    pub fn begin(&self, key: CacheKey, now: Timestamp) -> Begun<V> {
        let mut shared = lock(&self.shared);
        if let Some(answer) = shared.entries.get(key, now) {
            return Begun::Answer(answer);
        }
        if let Some(waiting) = shared.flights.get_mut(&key) {
            let waiter = Arc::new(Waiter {
                state: Mutex::new(Waiting::Still(None)),
                told: Condvar::new(),
            });
            waiting.push_back(Arc::clone(&waiter));
            return Begun::Wait(Ticket {
                cache: self.clone(),
                key,
                waiter,
            });
        }
        shared.flights.insert(key, VecDeque::new());
        Begun::Lead(self.flight(key))
    }

    /// Entries and bytes that are kept.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        lock(&self.shared).entries.size()
    }

    fn flight(&self, key: CacheKey) -> Flight<V> {
        Flight {
            cache: self.clone(),
            key,
            answered: false,
        }
    }

    /// Passes the duty to the first who still waits, or to nobody.
    fn hand_over(&self, key: CacheKey) {
        let mut shared = lock(&self.shared);
        let Some(waiting) = shared.flights.get_mut(&key) else {
            return;
        };
        while let Some(waiter) = waiting.pop_front() {
            if let Some(wake) = waiter.tell(Waiting::Lead) {
                drop(shared);
                wake.now();
                return;
            }
        }
        shared.flights.remove(&key);
    }
}

/// Whom to wake once no lock is held.
struct Wake<V>(Arc<Waiter<V>>, Option<Waker>);

impl<V> Wake<V> {
    fn now(self) {
        self.0.told.notify_one();
        if let Some(waker) = self.1 {
            waker.wake();
        }
    }
}

impl<V> Waiter<V> {
    /// `None` when it waits no more.
    fn tell(self: &Arc<Self>, news: Waiting<V>) -> Option<Wake<V>> {
        let mut state = lock(&self.state);
        let Waiting::Still(waker) = &mut *state else {
            return None;
        };
        let wake = Wake(Arc::clone(self), waker.take());
        *state = news;
        Some(wake)
    }
}

impl<V: Clone> Flight<V> {
    /// Keeps the answer, of so many bytes, from `now` on, and gives it to everyone who waits.
    pub fn answer(mut self, value: V, bytes: usize, now: Timestamp) {
        self.answered = true;
        let mut shared = lock(&self.cache.shared);
        let waiting = shared.flights.remove(&self.key).unwrap_or_default();
        shared.entries.insert(self.key, value.clone(), bytes, now);
        drop(shared);
        for waiter in waiting {
            if let Some(wake) = waiter.tell(Waiting::Answer(value.clone())) {
                wake.now();
            }
        }
    }
}

impl<V: Clone> Drop for Flight<V> {
    fn drop(&mut self) {
        if !self.answered {
            self.cache.hand_over(self.key);
        }
    }
}

impl<V: Clone> Ticket<V> {
    /// Blocks the thread until there is an answer, or the call is this one's to make. Never
    /// [`Begun::Wait`].
    #[must_use]
    pub fn wait(self) -> Begun<V> {
        let mut state = lock(&self.waiter.state);
        loop {
            if let Some(news) = self.take(&mut state) {
                return news;
            }
            let woken = self.waiter.told.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes the news, if there are any.
    fn take(&self, state: &mut Waiting<V>) -> Option<Begun<V>> {
        if matches!(state, Waiting::Still(_)) {
            return None;
        }
        match std::mem::replace(state, Waiting::Gone) {
            Waiting::Answer(value) => Some(Begun::Answer(value)),
            // Whoever polls a future again after its end is given the duty of nobody's call: none.
            Waiting::Lead => Some(Begun::Lead(self.cache.flight(self.key))),
            Waiting::Still(_) | Waiting::Gone => None,
        }
    }
}

impl<V: Clone> Future for Ticket<V> {
    type Output = Begun<V>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Begun<V>> {
        let mut state = lock(&self.waiter.state);
        if let Some(news) = self.take(&mut state) {
            return Poll::Ready(news);
        }
        if let Waiting::Still(waker) = &mut *state {
            *waker = Some(context.waker().clone());
        }
        Poll::Pending
    }
}

impl<V: Clone> Drop for Ticket<V> {
    fn drop(&mut self) {
        let news = std::mem::replace(&mut *lock(&self.waiter.state), Waiting::Gone);
        if matches!(news, Waiting::Lead) {
            self.cache.hand_over(self.key);
        }
    }
}

impl<V> fmt::Debug for Cache<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").finish_non_exhaustive()
    }
}

impl<V: Clone> fmt::Debug for Flight<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Flight").field(&self.key).finish()
    }
}

impl<V: Clone> fmt::Debug for Ticket<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ticket").field(&self.key).finish()
    }
}

#[cfg(test)]
mod tests;
