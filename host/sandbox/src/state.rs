//! What the host keeps beside one instance, and what one call has used so far.
//!
//! An outer call is armed once ([`State::arm`]); nothing inside the call re-arms anything, so a guest that
//! loops over a cheap import still ends.

use crate::error::Cause;
use crate::limits::Limits;
use crate::ticks::Ticks;
use crate::wasi::Wasi;
use bulkhead_domain::Digest;
use bulkhead_domain::order::{Bar, InstrumentHandle};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use wasmtime::ResourceLimiter;

/// The session's clock, as plugins see it.
#[derive(Debug, Clone, Default)]
pub struct SessionClock(Arc<AtomicI64>);

impl SessionClock {
    /// Moves the clock to a moment, nanoseconds since 1970.
    pub fn set(&self, now: i64) {
        self.0.store(now, Ordering::Release);
    }

    /// The moment, nanoseconds since 1970.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.0.load(Ordering::Acquire)
    }
}

/// A long computation's progress; answers whether to go on.
pub trait Progress: Send {
    /// `step` of `total` (0 when unknown). Returns false to ask the plugin to stop.
    fn report(&mut self, step: u64, total: u64, figures: &[(String, f64)]) -> bool;
}

/// Why the past could not be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HistoryError {
    /// No such instrument in the session.
    UnknownInstrument(InstrumentHandle),
    /// Not a declared feature.
    UnknownFeature(String),
}

/// The past as of the decision at hand. An implementation never returns anything later.
pub trait History: Send {
    /// The last `count` bars, oldest first.
    ///
    /// # Errors
    /// When the instrument is not in the session.
    fn bars(&self, instrument: InstrumentHandle, count: usize) -> Result<Vec<Bar>, HistoryError>;

    /// The last `count` values of a declared feature, oldest first.
    ///
    /// # Errors
    /// When the instrument or the feature is not known.
    fn feature(
        &self,
        instrument: InstrumentHandle,
        name: &str,
        count: usize,
    ) -> Result<Vec<f64>, HistoryError>;
}

/// What an instance is given besides its limits.
#[derive(Clone, Default)]
pub struct Grants {
    /// The one folder that `files` may read.
    pub folder: Option<PathBuf>,
    /// The session's clock.
    pub clock: SessionClock,
    /// The session's seed: keys every draw of `random`.
    pub seed: u64,
}

/// What is being computed: keys the draws of `random`, so that they do not depend on what was drawn before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct DrawKey {
    /// The moment, nanoseconds since 1970.
    pub(crate) time: i64,
    /// An instrument, an order or whatever else tells draws of one moment apart.
    pub(crate) item: u64,
}

/// Ends what the instances of a loaded plugin are in the middle of, from any thread. The calls that are out
/// fail with [`Cause::Interrupted`] as soon as their guests compute again, and their instances are retired; a
/// call that begins later is not touched. Time that a guest's call spends inside the host is waited for.
#[derive(Debug, Clone, Default)]
pub struct Interrupter(Arc<AtomicU64>);

impl Interrupter {
    /// Interrupts every call that is out.
    pub fn interrupt(&self) {
        self.0.fetch_add(1, Ordering::Release);
    }

    fn count(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

/// Log lines of one plugin: those that were kept, and those that came too fast.
#[derive(Debug, Default)]
pub struct LogCount {
    /// Lines kept.
    pub kept: AtomicU64,
    /// Lines dropped.
    pub dropped: AtomicU64,
}

/// What one call has used.
#[derive(Debug)]
pub(crate) struct Budget {
    host_calls: u64,
    host_time: Duration,
    pub(crate) log_lines: u64,
    /// Set by whatever stopped the guest, more precise than the trap it caused.
    pub(crate) stopped: Option<Cause>,
    /// Memory or table elements that the guest was denied. It may have gone on without.
    pub(crate) denied: Option<Cause>,
    pub(crate) panic: Option<String>,
}

/// Data of one store.
pub(crate) struct State {
    pub(crate) plugin: Arc<str>,
    pub(crate) digest: Digest,
    pub(crate) limits: Limits,
    pub(crate) grants: Grants,
    pub(crate) budget: Budget,
    pub(crate) draw_key: DrawKey,
    pub(crate) draws: Option<rand_chacha::ChaCha12Rng>,
    pub(crate) log: Arc<LogCount>,
    pub(crate) progress: Option<Box<dyn Progress>>,
    pub(crate) history: Option<Box<dyn History>>,
    /// Bars that a strategy takes itself.
    pub(crate) ticks: Ticks,
    pub(crate) wasi: Option<Box<Wasi>>,
    /// Bytes of all linear memories together.
    memory_bytes: usize,
    /// When the call at hand must end; `None` until it is looked at for the first time.
    pub(crate) deadline: Option<Instant>,
    interrupter: Interrupter,
    /// Interruptions before the call at hand.
    interruptions: u64,
}

impl State {
    pub(crate) fn new(
        plugin: Arc<str>,
        digest: Digest,
        limits: Limits,
        grants: Grants,
        log: Arc<LogCount>,
        interrupter: Interrupter,
    ) -> Self {
        State {
            plugin,
            digest,
            limits,
            grants,
            budget: Budget {
                host_calls: 0,
                host_time: Duration::ZERO,
                log_lines: 0,
                stopped: None,
                denied: None,
                panic: None,
            },
            draw_key: DrawKey::default(),
            draws: None,
            log,
            progress: None,
            history: None,
            ticks: Ticks::default(),
            wasi: None,
            memory_bytes: 0,
            deadline: None,
            interrupter,
            interruptions: 0,
        }
    }

    /// Begins an outer call.
    #[inline]
    pub(crate) fn arm(&mut self, key: DrawKey) {
        self.budget.host_calls = 0;
        self.budget.host_time = Duration::ZERO;
        self.budget.log_lines = 0;
        self.budget.stopped = None;
        self.budget.denied = None;
        self.budget.panic = None;
        self.draw_key = key;
        self.draws = None;
        self.deadline = None;
        self.interruptions = self.interrupter.count();
    }

    /// Stops a guest that was interrupted since its call began.
    pub(crate) fn not_interrupted(&mut self) -> wasmtime::Result<()> {
        if self.interrupter.count() == self.interruptions {
            return Ok(());
        }
        Err(self.stop(Cause::Interrupted))
    }

    /// Counts one call from the guest into the host.
    #[inline]
    pub(crate) fn host_call(&mut self) -> wasmtime::Result<()> {
        self.budget.host_calls += 1;
        self.within_host_calls()
    }

    /// Counts one call from the guest into WASI, which leaves no room for a refusal there: whoever asks
    /// [`State::within_host_calls`] next ends the call.
    pub(crate) fn wasi_call(&mut self) {
        self.budget.host_calls += 1;
    }

    /// Stops a guest that has called the host too often.
    #[inline]
    pub(crate) fn within_host_calls(&mut self) -> wasmtime::Result<()> {
        if self.budget.host_calls > self.limits.host_calls {
            return Err(self.stop(Cause::HostCalls {
                limit: self.limits.host_calls,
            }));
        }
        Ok(())
    }

    /// Runs host work that takes real time on the guest's behalf, and charges it.
    pub(crate) fn charged<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> wasmtime::Result<T> {
        self.host_call()?;
        let begun = Instant::now();
        let value = work(self);
        self.budget.host_time += begun.elapsed();
        if self.budget.host_time > self.limits.host_time {
            return Err(self.stop(Cause::HostTime {
                limit: self.limits.host_time,
            }));
        }
        Ok(value)
    }

    /// Notes the cause and gives the error that traps the guest.
    pub(crate) fn stop(&mut self, cause: Cause) -> wasmtime::Error {
        let error = wasmtime::Error::msg(cause.to_string());
        self.budget.stopped = Some(cause);
        error
    }
}

impl ResourceLimiter for State {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            // Beyond what the guest itself declared: no matter of the limit.
            return Ok(false);
        }
        // A component may have several memories: the limit is on all of them together. What the machine
        // then fails to give stays counted, which errs on the safe side.
        let wanted = self.memory_bytes.saturating_add(desired - current);
        if wanted > self.limits.memory_bytes {
            self.budget.denied = Some(Cause::Memory {
                wanted,
                limit: self.limits.memory_bytes,
            });
            return Ok(false);
        }
        self.memory_bytes = wanted;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let allowed = desired <= self.limits.table_elements;
        if !allowed {
            self.budget.denied = Some(Cause::Table {
                wanted: desired,
                limit: self.limits.table_elements,
            });
        }
        Ok(allowed)
    }
}
