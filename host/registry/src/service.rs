//! The generations of one plugin in service.
//!
//! Promises: every call holds a lease on exactly one generation, from before it asks until after it is answered.
//! A swap returns at once; who enters after it gets the new generation, who entered before finishes on the old
//! one. No call waits for a swap, none is lost by one, and no lock is held while a call runs. Of two swaps that
//! were prepared at the same time one wins and the other is told. The generation before is kept warm, so that
//! going back to it is another swap.
//!
//! What bounds it: an old generation has until the deadline of [`Service::drain`]. Whoever is out then is
//! ended: the call in progress is stopped, and the lease gives [`Ended`] at its next use. A generation is
//! dropped once it is neither in service nor warm and its last lease is back, on the thread of an operator's
//! call ([`Service::swap`], [`Service::drain`], ...), not of a caller.

use bulkhead_domain::{Digest, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

mod handover;
mod install;
mod instances;
mod lease;
mod seat;
mod slot;
#[cfg(test)]
mod tests;

pub use handover::{HandedOver, Stateful, Way, hand_over, hand_over_model};
pub use install::{NotInService, Stage, install};
pub use instances::Instances;
pub use lease::{Ended, Lease};
pub use seat::{Seat, Succeeded, Successor};
use slot::{Departures, Slot};

/// Which version of a plugin a generation is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Version {
    /// The plugin's id.
    pub plugin: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of the component.
    pub digest: Digest,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} ({})",
            self.plugin,
            self.version,
            self.digest.short()
        )
    }
}

/// What is put in service: a version, ready to be called.
pub struct Generation<T> {
    number: u64,
    version: Version,
    value: T,
    stop: Option<Box<dyn Fn() + Send + Sync>>,
}

impl<T> Generation<T> {
    /// A generation. Numbers rise with every one that is put in service.
    #[must_use]
    pub fn new(number: u64, version: Version, value: T) -> Self {
        Generation {
            number,
            version,
            value,
            stop: None,
        }
    }

    /// Says how calls in progress are stopped when their time is over: for a sandboxed plugin, its
    /// [`Interrupter`](bulkhead_sandbox::Interrupter). Without it they end by their own limits.
    #[must_use]
    pub fn stopped_by(mut self, stop: impl Fn() + Send + Sync + 'static) -> Self {
        self.stop = Some(Box::new(stop));
        self
    }

    /// What is called.
    #[must_use]
    pub fn value(&self) -> &T {
        &self.value
    }

    /// Stops the calls in progress on it.
    pub fn stop_calls(&self) {
        if let Some(stop) = &self.stop {
            stop();
        }
    }

    /// Which version it is.
    #[must_use]
    pub fn version(&self) -> &Version {
        &self.version
    }
}

/// A generation as it is told to people and kept on record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct About {
    /// Its number.
    pub number: u64,
    /// Its version.
    #[serde(flatten)]
    pub version: Version,
    /// Since when it has been in service, the last time that it came there.
    pub since: Timestamp,
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "generation {}, {}", self.number, self.version)
    }
}

/// An old generation that somebody is still in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Draining {
    /// Which.
    #[serde(flatten)]
    pub about: About,
    /// Leases that are out.
    pub leases: usize,
    /// Whether those were told to end.
    pub ended: bool,
}

/// A swap that took place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Swapped {
    /// What was in service before.
    pub from: About,
    /// What is now.
    pub to: About,
}

/// A swap that did not take place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SwapError {
    /// Somebody else put a generation in service meanwhile.
    #[error(
        "generation {offered} comes too late: {current} was put in service meanwhile; look at it, then swap again"
    )]
    Superseded {
        /// The number that was offered.
        offered: u64,
        /// What is in service.
        current: Box<About>,
    },
    /// There is no earlier generation to go back to.
    #[error("there is no earlier generation to go back to: {current} stays")]
    NothingBefore {
        /// What is in service.
        current: Box<About>,
    },
}

/// Who was in the old generations, and what became of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drained {
    /// How long it took.
    pub took: Duration,
    /// Those who were out at the deadline and were told to end; empty when everybody had finished.
    pub ended: Vec<Draining>,
}

/// The generations of one plugin: one in service, at most one warm behind it, and those that drain.
pub struct Service<T> {
    /// Read for a few instructions by every caller: a lock of the standard library costs little beside the cheapest call
    /// into a plugin.
    current: RwLock<Arc<Slot<T>>>,
    book: Mutex<Book<T>>,
    departures: Arc<Departures>,
}

struct Book<T> {
    warm: Option<Arc<Slot<T>>>,
    /// Neither in service nor warm, oldest first.
    leaving: Vec<Arc<Slot<T>>>,
    highest: u64,
}

impl<T> Book<T> {
    fn old(&self) -> impl Iterator<Item = &Arc<Slot<T>>> {
        self.leaving.iter().chain(&self.warm)
    }

    /// Those nobody is in any more, to be dropped outside of the lock.
    fn gone(&mut self) -> Vec<Arc<Slot<T>>> {
        let (gone, leaving) = self.leaving.drain(..).partition(|slot| slot.out() == 0);
        self.leaving = leaving;
        gone
    }
}

impl<T> Service<T> {
    /// Puts the first generation in service.
    #[must_use]
    pub fn new(first: Generation<T>, now: Timestamp) -> Self {
        let departures = Arc::<Departures>::default();
        let highest = first.number;
        let slot = Arc::new(Slot::new(first, now, Arc::clone(&departures)));
        Service {
            current: RwLock::new(slot),
            book: Mutex::new(Book {
                warm: None,
                leaving: Vec::new(),
                highest,
            }),
            departures,
        }
    }

    /// A lease on the generation in service. It counts until it is dropped.
    #[must_use]
    pub fn enter(&self) -> Lease<T> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        // Counted under the lock: once a swap has returned, nobody can still be on the way in.
        Lease::on(&current)
    }

    /// Puts a generation in service. The one it replaces stays warm; the one that was warm drains.
    ///
    /// # Errors
    /// When a generation of this or a higher number was put in service before; nothing has changed then.
    pub fn swap(&self, next: Generation<T>, now: Timestamp) -> Result<Swapped, SwapError> {
        let mut book = self.book();
        let from = self.current();
        if next.number <= book.highest {
            return Err(self.late(next.number));
        }
        book.highest = next.number;
        let next = Arc::new(Slot::new(next, now, Arc::clone(&self.departures)));
        let to = next.about();
        self.put(next);
        let before = book.warm.replace(Arc::clone(&from));
        book.leaving.extend(before);
        let gone = book.gone();
        drop(book);
        drop(gone);
        Ok(Swapped {
            from: from.about(),
            to,
        })
    }

    /// Puts the warm generation back in service, at once. The one that it replaces drains and is not kept: to
    /// go back once more is no rollback.
    ///
    /// # Errors
    /// When no generation is warm; nothing has changed then.
    pub fn rollback(&self, now: Timestamp) -> Result<Swapped, SwapError> {
        let mut book = self.book();
        let from = self.current();
        let Some(back) = book.warm.take() else {
            return Err(SwapError::NothingBefore {
                current: Box::new(from.about()),
            });
        };
        back.in_service_since(now);
        let to = back.about();
        self.put(back);
        book.leaving.push(Arc::clone(&from));
        let gone = book.gone();
        drop(book);
        drop(gone);
        Ok(Swapped {
            from: from.about(),
            to,
        })
    }

    /// Keeps the generation before no longer. Whoever is in it finishes. `None` when none was kept.
    pub fn retire_previous(&self) -> Option<About> {
        let mut book = self.book();
        let retired = book.warm.take()?;
        let about = retired.about();
        book.leaving.push(retired);
        let gone = book.gone();
        drop(book);
        drop(gone);
        Some(about)
    }

    /// Whether what the lease is on is in service still.
    #[must_use]
    pub fn is_in_service(&self, lease: &Lease<T>) -> bool {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        lease.is_on(&current)
    }

    fn late(&self, offered: u64) -> SwapError {
        SwapError::Superseded {
            offered,
            current: Box::new(self.about()),
        }
    }

    /// Stops the calls in progress on what is in service, and on nothing else: the next ones are made.
    pub fn stop_calls(&self) {
        self.current().stop();
    }

    /// What is in service.
    #[must_use]
    pub fn about(&self) -> About {
        self.current().about()
    }

    /// What a rollback would put back in service.
    #[must_use]
    pub fn previous(&self) -> Option<About> {
        self.book().warm.as_ref().map(|slot| slot.about())
    }

    /// The old generations that somebody is still in, oldest first.
    #[must_use]
    pub fn draining(&self) -> Vec<Draining> {
        self.book()
            .old()
            .filter_map(|slot| slot.draining())
            .collect()
    }

    /// Waits until nobody is in an old generation any more. Whoever is still out after `within` is ended, and
    /// not waited for. Blocks: call it from a thread that may wait.
    pub fn drain(&self, within: Duration) -> Drained {
        let begun = Instant::now();
        let empty = || self.book().old().all(|slot| slot.out() == 0);
        self.departures.wait_until(empty, begun.checked_add(within));
        let mut book = self.book();
        let ended = book.old().filter_map(|slot| slot.end()).collect();
        let gone = book.gone();
        drop(book);
        drop(gone);
        Drained {
            took: begun.elapsed(),
            ended,
        }
    }

    fn current(&self) -> Arc<Slot<T>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current)
    }

    fn put(&self, slot: Arc<Slot<T>>) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = slot;
    }

    fn book(&self) -> std::sync::MutexGuard<'_, Book<T>> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
