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
mod tests {
    use super::*;
    use bulkhead_domain::Digest;
    use proptest::prelude::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const NOW: Timestamp = Timestamp(0);

    fn key() -> CacheKey {
        CacheKey(Digest::of(b"request"))
    }

    fn cache() -> Cache<u32> {
        Cache::new(CacheConfig::default())
    }

    fn lead(begun: Begun<u32>) -> Flight<u32> {
        match begun {
            Begun::Lead(flight) => flight,
            other => panic!("{other:?}"),
        }
    }

    fn ticket(begun: Begun<u32>) -> Ticket<u32> {
        match begun {
            Begun::Wait(ticket) => ticket,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn identical_requests_make_one_call_and_all_get_its_answer() {
        let cache = cache();
        let (calls, running) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let answers: Vec<u32> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        let mut begun = cache.begin(key(), NOW);
                        loop {
                            begun = match begun {
                                Begun::Answer(answer) => return answer,
                                Begun::Wait(ticket) => ticket.wait(),
                                Begun::Lead(flight) => {
                                    assert_eq!(running.fetch_add(1, Ordering::SeqCst), 0);
                                    std::thread::yield_now();
                                    let call = calls.fetch_add(1, Ordering::SeqCst);
                                    running.fetch_sub(1, Ordering::SeqCst);
                                    // The first three fail.
                                    if call < 3 {
                                        drop(flight);
                                    } else {
                                        flight.answer(7, 1, NOW);
                                    }
                                    cache.begin(key(), NOW)
                                }
                            };
                        }
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        assert_eq!(answers, [7; 8]);
        assert_eq!(calls.load(Ordering::SeqCst), 4);
    }

    #[test]
    fn a_future_waits_as_well_as_a_thread() {
        struct Count(AtomicUsize);
        impl std::task::Wake for Count {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
        let cache = cache();
        let flight = lead(cache.begin(key(), NOW));
        let mut ticket = ticket(cache.begin(key(), NOW));
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&count));
        let mut context = Context::from_waker(&waker);
        assert!(Pin::new(&mut ticket).poll(&mut context).is_pending());
        flight.answer(5, 1, NOW);
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
        let ready = Pin::new(&mut ticket).poll(&mut context);
        assert!(matches!(ready, Poll::Ready(Begun::Answer(5))), "{ready:?}");
    }

    #[test]
    fn a_dropped_waiter_does_not_swallow_the_duty_it_was_given() {
        let cache = cache();
        let flight = lead(cache.begin(key(), NOW));
        let first = ticket(cache.begin(key(), NOW));
        let second = ticket(cache.begin(key(), NOW));
        let third = ticket(cache.begin(key(), NOW));
        drop(second);
        drop(flight);
        // The duty is with the first now, who leaves without knowing.
        drop(first);
        lead(third.wait()).answer(1, 1, NOW);
        assert!(matches!(cache.begin(key(), NOW), Begun::Answer(1)));
    }

    #[test]
    fn with_nobody_waiting_a_failed_call_leaves_nothing_behind() {
        let cache = cache();
        drop(lead(cache.begin(key(), NOW)));
        assert!(lock(&cache.shared).flights.is_empty());
        lead(cache.begin(key(), NOW)).answer(2, 1, NOW);
        assert_eq!(cache.size(), (1, 1));
    }

    #[test]
    fn another_input_configuration_or_function_is_another_request() {
        use crate::task::Candidate;
        let candidate = Candidate {
            plugin: "p".to_owned(),
            version: "1".to_owned(),
            digest: Digest::of(b"code"),
            offering: "m".to_owned(),
            config: Digest::of(b"config"),
        };
        let mut other = candidate.clone();
        other.config = Digest::of(b"other");
        let base = CacheKey::new(&candidate, "complete", b"x");
        assert_eq!(base, CacheKey::new(&candidate, "complete", b"x"));
        assert_ne!(base, CacheKey::new(&candidate, "complete", b"y"));
        assert_ne!(base, CacheKey::new(&candidate, "models", b"x"));
        assert_ne!(base, CacheKey::new(&other, "complete", b"x"));
    }

    proptest! {
        #[test]
        fn there_is_never_more_than_one_call_out_and_nobody_is_lost(
            steps in proptest::collection::vec((0u8..5, any::<prop::sample::Index>()), 1..120)
        ) {
            // Answers are not kept, so that every request begins a call or joins one.
            let cache: Cache<u32> = Cache::new(CacheConfig { ttl: 0, ..CacheConfig::default() });
            let mut flight: Option<Flight<u32>> = None;
            let mut waiting: Vec<Ticket<u32>> = Vec::new();
            for (action, which) in steps {
                match action {
                    0 | 1 => match cache.begin(key(), NOW) {
                        Begun::Lead(new) => {
                            prop_assert!(flight.is_none() && waiting.is_empty());
                            flight = Some(new);
                        }
                        Begun::Wait(ticket) => waiting.push(ticket),
                        Begun::Answer(_) => prop_assert!(false, "nothing is kept"),
                    },
                    2 => drop(flight.take()),
                    3 if !waiting.is_empty() => drop(waiting.swap_remove(which.index(waiting.len()))),
                    _ => {
                        if let Some(flight) = flight.take() {
                            flight.answer(1, 1, NOW);
                        }
                    }
                }
                // Whoever has news takes it.
                let mut context = Context::from_waker(Waker::noop());
                let mut still = Vec::new();
                for mut ticket in waiting {
                    match Pin::new(&mut ticket).poll(&mut context) {
                        Poll::Pending => still.push(ticket),
                        Poll::Ready(Begun::Lead(new)) => {
                            prop_assert!(flight.is_none());
                            flight = Some(new);
                        }
                        Poll::Ready(_) => {}
                    }
                }
                waiting = still;
                prop_assert!(flight.is_some() || waiting.is_empty(), "waiting for nobody");
            }
        }
    }
}
