//! One instance of a plugin: a store within its limits, and the calls into it.
//!
//! Every call is armed once and bounded by the limits of the plugin. An instance that fails is retired: its
//! store is dropped at once and the next use gets the error of the first failure, never the half-dead guest.

use crate::engine::{Noted, Role, cause_of, frames_of, ticks};
use crate::error::{Cause, PluginError};
use crate::limits::TURN;
use crate::plugin::Core;
use crate::state::{DrawKey, Grants, State};
use crate::text::one_line;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wasmtime::{Store, UpdateDeadline, component};

impl Core {
    /// A fresh store within the plugin's limits.
    pub(crate) fn store(&self, grants: &Grants) -> Store<State> {
        let state = State::new(
            Arc::clone(&self.id),
            self.digest,
            self.limits,
            grants.clone(),
            Arc::clone(&self.log),
            self.interrupter.clone(),
        );
        let mut store = Store::new(self.engines.of(self.role), state);
        store.limiter(|state| state);
        store.set_hostcall_fuel(self.limits.result_bytes);
        store.set_max_component_handles(self.limits.handles);
        let (role, turn, wall) = (self.role, self.turn(), self.limits.wall);
        store.epoch_deadline_callback(move |mut context| {
            let state = context.data_mut();
            state.within_host_calls()?;
            state.not_interrupted()?;
            let now = Instant::now();
            // Looked at for the first time after one turn: the clock is not read at the start of a call that
            // is over sooner.
            let end = *(state.deadline).get_or_insert_with(|| now + wall.saturating_sub(turn));
            let left = end.saturating_duration_since(now);
            if left.is_zero() {
                return Ok(UpdateDeadline::Interrupt);
            }
            let next = ticks(turn.min(left));
            Ok(match role {
                // A guest that computes lets the other tasks of its thread have their turn; its own time
                // does not stand still meanwhile.
                Role::Io => UpdateDeadline::Yield(next),
                Role::Compute => UpdateDeadline::Continue(next),
            })
        });
        self.arm(&mut store, DrawKey::default());
        store
    }

    /// How long a guest computes before it is looked at: whether its time is over, whether it was
    /// interrupted, and whether it called WASI too often, where calls are counted and cannot be refused.
    fn turn(&self) -> Duration {
        TURN.min(self.limits.wall)
    }

    /// Instantiates on the I/O engine. Start-up code is bounded as a call is, by the wall clock too.
    pub(crate) async fn instantiate<B>(
        &self,
        mut store: Store<State>,
        instantiate: impl AsyncFnOnce(&mut Store<State>) -> wasmtime::Result<B>,
    ) -> Result<(Store<State>, B), PluginError> {
        let limit = self.limits.wall;
        match tokio::time::timeout(limit, instantiate(&mut store)).await {
            Ok(Ok(bindings)) => Ok((store, bindings)),
            Ok(Err(error)) => Err(self.instantiation_failure(&mut store, &error)),
            Err(_) => Err(self.error("instantiate", Cause::WallTime { limit }, Vec::new())),
        }
    }

    /// Instantiates on the compute engine.
    pub(crate) fn start_here(&self, store: &mut Store<State>) -> Result<(), PluginError> {
        self.pre
            .instantiate(&mut *store)
            .map(|_| ())
            .map_err(|error| self.instantiation_failure(store, &error))
    }

    /// Instantiates on the compute engine, on a thread of its own: the caller may be an asynchronous task,
    /// where start-up code that calls WASI would find a runtime that it must not block. A thread costs
    /// several times what the instance does, so that only WASI's guests get one.
    pub(crate) fn start_aside(&self, store: &mut Store<State>) -> Result<(), PluginError> {
        let work = || self.start_here(store);
        std::thread::scope(
            |scope| match std::thread::Builder::new().spawn_scoped(scope, work) {
                Ok(thread) => thread
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
                Err(error) => Err(self.error(
                    "instantiate",
                    Cause::Instantiation(format!("no thread: {error}")),
                    Vec::new(),
                )),
            },
        )
    }

    /// Begins an outer call: fuel, deadline and counters once, never again inside the call.
    #[inline]
    pub(crate) fn arm(&self, store: &mut Store<State>, key: DrawKey) {
        store.data_mut().arm(key);
        if self.role == Role::Compute {
            // Cannot fail: the compute engine consumes fuel.
            let _ = store.set_fuel(self.limits.fuel);
        }
        if self.role == Role::Io || self.imports_wasi {
            // Time inside the host may be long here, and it counts.
            store.data_mut().deadline = Some(Instant::now() + self.limits.wall);
        }
        store.set_epoch_deadline(ticks(self.turn()));
    }

    /// What is left to see to after a call that returned: what it printed, and whether it called WASI too
    /// often for anybody to have noticed meanwhile.
    #[inline]
    fn settle(&self, store: &mut Store<State>) -> wasmtime::Result<()> {
        if !self.imports_wasi {
            return Ok(());
        }
        store.data_mut().within_host_calls()?;
        store.data_mut().drain_output();
        Ok(())
    }

    /// The error for a call that did not return, from what the engine says and the host noted.
    pub(crate) fn failure(
        &self,
        function: &'static str,
        store: &mut Store<State>,
        error: &wasmtime::Error,
    ) -> PluginError {
        let state = store.data_mut();
        state.drain_output();
        // Whatever else ended it meanwhile: that it went over is certain, when that was seen is not.
        let _ = state.within_host_calls();
        let budget = &mut state.budget;
        let noted = Noted {
            stopped: budget.stopped.take(),
            denied: budget.denied.take(),
            panic: budget.panic.take(),
        };
        self.error(
            function,
            cause_of(error, &self.limits, noted),
            frames_of(error),
        )
    }

    /// An instance that could not be made: by the guest's own start-up code, or for want of room.
    pub(crate) fn instantiation_failure(
        &self,
        store: &mut Store<State>,
        error: &wasmtime::Error,
    ) -> PluginError {
        let budget = &store.data().budget;
        let by_the_guest = error.downcast_ref::<wasmtime::Trap>().is_some()
            || budget.stopped.is_some()
            || budget.denied.is_some();
        if by_the_guest {
            return self.failure("instantiate", store, error);
        }
        let cause = Cause::Instantiation(one_line(&format!("{error:#}")));
        self.error("instantiate", cause, Vec::new())
    }

    /// The error for a configuration that the plugin refused in its own words.
    pub(crate) fn refused_setup(&self, reason: &str) -> PluginError {
        let cause = Cause::Configuration(one_line(reason));
        self.error("configure", cause, Vec::new())
    }

    pub(crate) fn error(
        &self,
        function: &'static str,
        cause: Cause,
        backtrace: Vec<String>,
    ) -> PluginError {
        PluginError {
            plugin: self.manifest.id.clone(),
            version: self.manifest.version.clone(),
            function,
            cause,
            backtrace,
        }
    }
}

/// One instance: a store, its bindings, and whether it still lives.
pub(crate) struct Instance<B> {
    pub(crate) core: Arc<Core>,
    live: Option<(Store<State>, B)>,
    /// The component's instance behind the bindings, where more is asked of it than its kind has.
    whole: Option<component::Instance>,
    last: Option<PluginError>,
}

impl<B> Instance<B> {
    pub(crate) fn new(core: Arc<Core>, store: Store<State>, bindings: B) -> Self {
        Instance {
            core,
            live: Some((store, bindings)),
            whole: None,
            last: None,
        }
    }

    /// The same, with the component's instance for what is optional.
    pub(crate) fn with_whole(mut self, whole: component::Instance) -> Self {
        self.whole = Some(whole);
        self
    }

    /// Looks for an optional interface, of which `function` is to be called: `None` where the component does not
    /// export it. That is the probe: it exports the interface or it does not.
    pub(crate) fn optional<O>(
        &mut self,
        function: &'static str,
        probe: impl FnOnce(&mut Store<State>, &component::Instance) -> wasmtime::Result<O>,
    ) -> Result<Option<O>, PluginError> {
        let Some((store, _)) = &mut self.live else {
            return Err(self.retired(function));
        };
        Ok(self
            .whole
            .as_ref()
            .and_then(|whole| probe(store, whole).ok()))
    }

    /// Whether calls can still be made.
    pub(crate) fn is_live(&self) -> bool {
        self.live.is_some()
    }

    /// The session's moment, as the key of draws that nothing else tells apart.
    pub(crate) fn moment(&self) -> DrawKey {
        let live = self.live.as_ref();
        let time = live.map_or(0, |(store, _)| store.data().grants.clock.now());
        DrawKey { time, item: 0 }
    }

    /// The store's data, while the instance lives.
    pub(crate) fn state(&mut self) -> Option<&mut State> {
        self.live.as_mut().map(|(store, _)| store.data_mut())
    }

    /// Makes one outer call. A failure retires the instance: its store is dropped.
    #[inline]
    pub(crate) fn call<T>(
        &mut self,
        function: &'static str,
        key: DrawKey,
        call: impl FnOnce(&mut Store<State>, &B) -> wasmtime::Result<T>,
    ) -> Result<T, PluginError> {
        let Some((store, bindings)) = &mut self.live else {
            return Err(self.retired(function));
        };
        self.core.arm(store, key);
        let outcome = call(store, bindings)
            .and_then(|value| self.core.settle(store).map(|()| value))
            .map_err(|error| self.core.failure(function, store, &error));
        outcome.map_err(|failure| self.retire(failure))
    }

    /// Makes one outer call on the I/O engine, ended by the wall clock if by nothing else.
    pub(crate) async fn call_async<T>(
        &mut self,
        function: &'static str,
        key: DrawKey,
        call: impl AsyncFnOnce(&mut Store<State>, &B) -> wasmtime::Result<T>,
    ) -> Result<T, PluginError> {
        let Some((store, bindings)) = &mut self.live else {
            return Err(self.retired(function));
        };
        self.core.arm(store, key);
        let limit = self.core.limits.wall;
        let outcome = tokio::time::timeout(limit, call(store, bindings)).await;
        let outcome = match outcome {
            Ok(returned) => returned
                .and_then(|value| self.core.settle(store).map(|()| value))
                .map_err(|error| self.core.failure(function, store, &error)),
            Err(_) => {
                store.data_mut().drain_output();
                let cause = Cause::WallTime { limit };
                Err(self.core.error(function, cause, Vec::new()))
            }
        };
        outcome.map_err(|failure| self.retire(failure))
    }

    /// Retires the instance for a reason found outside a call.
    pub(crate) fn retire(&mut self, failure: PluginError) -> PluginError {
        self.live = None;
        self.last = Some(failure.clone());
        failure
    }

    fn retired(&self, function: &'static str) -> PluginError {
        let reason = self.last.as_ref().map_or_else(String::new, |last| {
            format!("{} {}", last.function, last.cause)
        });
        self.core
            .error(function, Cause::Retired(reason), Vec::new())
    }
}
