//! The one instance that carries state from call to call, and how another takes its place.
//!
//! Promises: every call is made on exactly one instance, and the instance that takes over knows every call before
//! it: the state is handed over between two calls, and who waits for the old instance meanwhile is served by the
//! new one. A hand-over that fails leaves the old instance in its place. Old instances are not kept: one that
//! missed a call is no instance to go back to. Going back is handing over to the earlier version.
//!
//! What bounds it: calls wait for as long as state is saved and restored (or replayed), not for loading or making
//! the new instance. Calls that began before are waited for; what is still out at the deadline is stopped, and its
//! instance then has no state to give, so the past is told again.

use super::handover::{HandedOver, Stateful, Way, hand_over};
use super::{About, Generation, NotInService, Service, Stage, Swapped, Version};
use crate::background;
use bulkhead_domain::{Problem, Timestamp};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

/// How often a hand-over looks whether the call in progress is over, once it has looked all the time for a while:
/// most calls are over sooner than a thread that sleeps is woken.
const LOOK: Duration = Duration::from_micros(100);
const AT_ONCE: Duration = Duration::from_micros(50);

/// How often calls are stopped once their time is over: whoever waited for the instance begins one meanwhile.
const STOP: Duration = Duration::from_millis(10);

/// The place of one stateful instance.
pub struct Seat<I> {
    service: Service<Mutex<I>>,
    pause: Pause,
}

/// Where callers wait who come while an instance is handed over; else those who come all the time would always be
/// before it.
#[derive(Default)]
struct Pause {
    hand_overs: AtomicUsize,
    lock: Mutex<()>,
    over: Condvar,
}

impl Pause {
    fn wait(&self) {
        if self.hand_overs.load(Ordering::Acquire) == 0 {
            return;
        }
        let mut held = lock(&self.lock);
        while self.hand_overs.load(Ordering::Acquire) > 0 {
            held = self.over.wait(held).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn begin(&self) -> Paused<'_> {
        self.hand_overs.fetch_add(1, Ordering::AcqRel);
        Paused(self)
    }
}

struct Paused<'a>(&'a Pause);

impl Drop for Paused<'_> {
    fn drop(&mut self) {
        let _held = lock(&self.0.lock);
        self.0.hand_overs.fetch_sub(1, Ordering::AcqRel);
        self.0.over.notify_all();
    }
}

/// The version that is to take over.
pub struct Successor {
    /// Its number; see [`Generation::new`].
    pub number: u64,
    /// Which it is.
    pub version: Version,
    /// How a call of it is stopped; see [`Generation::stopped_by`].
    pub stop: Box<dyn Fn() + Send + Sync>,
}

/// A hand-over that took place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Succeeded {
    /// From what to what.
    pub swapped: Swapped,
    /// How the state came over.
    pub way: Way,
    /// How long calls had to wait.
    pub took: Duration,
}

impl<I: Stateful + Send> Seat<I> {
    /// Seats the first instance.
    #[must_use]
    pub fn new(first: Successor, instance: I, now: Timestamp) -> Self {
        Seat {
            service: Service::new(seated(first, instance), now),
            pause: Pause::default(),
        }
    }

    /// One call, alone on the instance.
    pub fn call<R>(&self, call: impl FnOnce(&mut I) -> R) -> R {
        loop {
            self.pause.wait();
            let lease = self.service.enter();
            let Ok(instance) = lease.get() else {
                continue;
            };
            let mut instance = lock(instance);
            // It was handed over while this caller waited: the call belongs to the new one.
            if self.service.is_in_service(&lease) {
                return call(&mut instance);
            }
        }
    }

    /// Which version is in its place.
    #[must_use]
    pub fn about(&self) -> About {
        self.service.about()
    }

    /// Puts another instance in its place. `make` makes one, `replay` tells a fresh one the past; a call that is
    /// out is waited for `within` some time.
    ///
    /// # Errors
    /// When no instance can be made or told the past, or another one was seated meanwhile.
    pub fn hand_over(
        &self,
        next: Successor,
        now: Timestamp,
        within: Duration,
        mut make: impl FnMut() -> Result<I, Problem> + Send,
        replay: impl FnOnce(&mut I) -> Result<(), Problem>,
    ) -> Result<Succeeded, NotInService> {
        let unfit = |problem| NotInService::Unfit {
            stage: Stage::Load,
            problem: Box::new(problem),
            stays: Box::new(self.about()),
        };
        // Made before anybody has to wait.
        let mut ready = Some(background(&mut make).map_err(unfit)?);
        let paused = self.pause.begin();
        let lease = self.service.enter();
        let Ok(instance) = lease.get() else {
            return Err(self.service.late(next.number).into());
        };
        let mut old = Self::between_calls(instance, within, || lease.stop());
        if !self.service.is_in_service(&lease) {
            return Err(self.service.late(next.number).into());
        }
        let begun = Instant::now();
        let make = || ready.take().map_or_else(&mut make, Ok);
        let HandedOver { instance, way, .. } = hand_over(&mut *old, make, replay).map_err(unfit)?;
        let swapped = self.service.swap(seated(next, instance), now)?;
        let took = begun.elapsed();
        drop(old);
        drop(paused);
        drop(lease);
        self.service.retire_previous();
        Ok(Succeeded { swapped, way, took })
    }

    /// The instance when no call is out on it.
    fn between_calls<'a>(
        instance: &'a Mutex<I>,
        within: Duration,
        stop: impl Fn(),
    ) -> MutexGuard<'a, I> {
        let begun = Instant::now();
        let mut patience = within;
        loop {
            match instance.try_lock() {
                Ok(held) => return held,
                Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {}
            }
            if begun.elapsed() >= patience {
                stop();
                patience = begun.elapsed() + STOP;
            }
            if begun.elapsed() > AT_ONCE {
                std::thread::sleep(LOOK);
            } else {
                std::thread::yield_now();
            }
        }
    }
}

fn seated<I>(successor: Successor, instance: I) -> Generation<Mutex<I>> {
    let Successor {
        number,
        version,
        stop,
    } = successor;
    Generation::new(number, version, Mutex::new(instance)).stopped_by(stop)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bulkhead_domain::Digest;
    use bulkhead_sandbox::CallError;
    use std::sync::atomic::{AtomicBool, Ordering};

    struct Counter {
        count: u64,
        snapshot: bool,
    }

    impl Stateful for Counter {
        fn save(&mut self) -> Result<Option<Vec<u8>>, CallError> {
            Ok(self.snapshot.then(|| self.count.to_le_bytes().to_vec()))
        }

        fn restore(&mut self, state: &[u8]) -> Result<bool, CallError> {
            if self.snapshot {
                self.count = u64::from_le_bytes(state.try_into().unwrap());
            }
            Ok(self.snapshot)
        }
    }

    fn counter() -> Counter {
        Counter {
            count: 0,
            snapshot: true,
        }
    }

    fn successor(number: u64) -> Successor {
        Successor {
            number,
            version: Version {
                plugin: "counter".to_owned(),
                version: format!("{number}.0.0"),
                digest: Digest::of(b"counter"),
            },
            stop: Box::new(|| {}),
        }
    }

    const SOON: Duration = Duration::from_secs(60);

    #[test]
    fn no_call_is_lost_or_made_twice_over_thousands_of_hand_overs() {
        let seat = Seat::new(successor(1), counter(), Timestamp(0));
        let over = AtomicBool::new(false);
        let calls: u64 = std::thread::scope(|scope| {
            let callers: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        let mut calls = 0;
                        while !over.load(Ordering::SeqCst) {
                            seat.call(|counter| counter.count += 1);
                            calls += 1;
                        }
                        calls
                    })
                })
                .collect();
            for number in 2..=2_000 {
                let handed = seat.hand_over(
                    successor(number),
                    Timestamp(0),
                    SOON,
                    || Ok(counter()),
                    |_| panic!("replayed"),
                );
                assert_eq!(handed.unwrap().way, Way::Snapshot { bytes: 8 });
            }
            over.store(true, Ordering::SeqCst);
            callers
                .into_iter()
                .map(|caller| caller.join().unwrap())
                .sum()
        });
        assert_eq!(seat.call(|counter| counter.count), calls);
    }

    #[test]
    fn what_cannot_be_told_the_past_does_not_take_over() {
        let seat = Seat::new(successor(1), counter(), Timestamp(0));
        seat.call(|counter| counter.count = 5);
        let mute = || {
            Ok(Counter {
                snapshot: false,
                ..counter()
            })
        };
        let no = |_: &mut Counter| Err(Problem::user("no past", ""));
        let error = seat
            .hand_over(successor(2), Timestamp(0), SOON, mute, no)
            .unwrap_err();
        assert!(error.to_string().contains("no past"), "{error}");
        assert_eq!(seat.call(|counter| counter.count), 5);
        assert_eq!(seat.about().number, 1);
        let told = |counter: &mut Counter| {
            counter.count += 7;
            Ok(())
        };
        let handed = seat.hand_over(successor(2), Timestamp(0), SOON, mute, told);
        let because = "the new version exports no snapshot".to_owned();
        assert_eq!(handed.unwrap().way, Way::Replay { because });
        assert_eq!(seat.call(|counter| counter.count), 7);
        let late = seat.hand_over(successor(2), Timestamp(0), SOON, mute, told);
        assert!(late.unwrap_err().to_string().contains("comes too late"));
    }
}
