//! One generation where it stands, with the count of those who are in it.

use super::{About, Draining, Generation};
use bulkhead_domain::Timestamp;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

pub(super) struct Slot<T> {
    generation: Generation<T>,
    since: AtomicI64,
    out: AtomicUsize,
    /// How often those who were in it were ended. Whoever entered before the last time is ended.
    ends: AtomicU64,
    /// Whether that was since it last came in service.
    ended: AtomicBool,
    departures: Arc<Departures>,
}

impl<T> Slot<T> {
    pub(super) fn new(
        generation: Generation<T>,
        now: Timestamp,
        departures: Arc<Departures>,
    ) -> Self {
        Slot {
            generation,
            since: AtomicI64::new(now.0),
            out: AtomicUsize::new(0),
            ends: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            departures,
        }
    }

    pub(super) fn about(&self) -> About {
        About {
            number: self.generation.number,
            version: self.generation.version.clone(),
            since: Timestamp(self.since.load(Ordering::Relaxed)),
        }
    }

    pub(super) fn number(&self) -> u64 {
        self.generation.number
    }

    pub(super) fn value(&self) -> &T {
        &self.generation.value
    }

    pub(super) fn in_service_since(&self, now: Timestamp) {
        self.since.store(now.0, Ordering::Relaxed);
        self.ended.store(false, Ordering::Relaxed);
    }

    /// Leases that are out.
    pub(super) fn out(&self) -> usize {
        self.out.load(Ordering::SeqCst)
    }

    pub(super) fn draining(&self) -> Option<Draining> {
        let leases = self.out();
        (leases > 0).then(|| Draining {
            about: self.about(),
            leases,
            ended: self.ended.load(Ordering::Relaxed),
        })
    }

    pub(super) fn ends(&self) -> u64 {
        self.ends.load(Ordering::Acquire)
    }

    /// Ends whoever is in it; `None` when nobody is.
    pub(super) fn end(&self) -> Option<Draining> {
        let before = self.draining()?;
        self.ends.fetch_add(1, Ordering::AcqRel);
        self.ended.store(true, Ordering::Relaxed);
        self.stop();
        Some(Draining {
            ended: true,
            ..before
        })
    }

    /// Stops the calls in progress.
    pub(super) fn stop(&self) {
        self.generation.stop_calls();
    }

    pub(super) fn came_in(&self) {
        self.out.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn went_out(&self) {
        if self.out.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.departures.announce();
        }
    }
}

/// Where those who wait for an empty generation are told of the last one out.
#[derive(Default)]
pub(super) struct Departures {
    waiting: AtomicUsize,
    lock: Mutex<()>,
    left: Condvar,
}

impl Departures {
    /// Costs a caller one load where nobody waits. The count of leases is written before `waiting` is read
    /// here, and read after it is written below, all in one order: one of the two sees the other.
    fn announce(&self) {
        if self.waiting.load(Ordering::SeqCst) > 0 {
            let _held = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
            self.left.notify_all();
        }
    }

    /// Waits until `empty` holds, or until the deadline; for ever where there is none.
    pub(super) fn wait_until(&self, empty: impl Fn() -> bool, deadline: Option<Instant>) {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let mut held = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        while !empty() {
            let Some(deadline) = deadline else {
                held = self.left.wait(held).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let woken = self.left.wait_timeout(held, left);
            held = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(held);
        self.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}
