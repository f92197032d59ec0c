//! One instance of a plugin: a store within its limits, and the calls into it.
//!
//! Every call is armed once and bounded by the limits of the plugin. An instance that fails is retired: its
//! store is dropped at once and the next use gets the error of the first failure, never the half-dead guest.

use crate::engine::{Noted, Role, cause_of, frames_of, ticks};
use crate::error::{Cause, PluginError};
use crate::limits::IO_TURN;
use crate::plugin::Core;
use crate::state::{DrawKey, Grants, State};
use std::sync::Arc;
use std::time::Instant;
use wasmtime::{Store, UpdateDeadline};

impl Core {
    /// A fresh store within the plugin's limits.
    pub(crate) fn store(&self, grants: &Grants) -> Store<State> {
        let state = State::new(
            Arc::clone(&self.id),
            self.digest,
            self.limits,
            grants.clone(),
            Arc::clone(&self.log),
        );
        let mut store = Store::new(self.engines.of(self.role), state);
        store.limiter(|state| state);
        store.set_hostcall_fuel(self.limits.result_bytes);
        store.set_max_component_handles(self.limits.handles);
        match self.role {
            Role::Compute => store.epoch_deadline_trap(),
            // A guest that computes lets the other tasks of its thread have their turn; its own time does
            // not stand still meanwhile.
            Role::Io => store.epoch_deadline_callback(|context| {
                let over = (context.data().deadline).is_none_or(|end| Instant::now() >= end);
                Ok(if over {
                    UpdateDeadline::Interrupt
                } else {
                    UpdateDeadline::Yield(ticks(IO_TURN))
                })
            }),
        }
        self.arm(&mut store, DrawKey::default());
        store
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
            Ok(Err(error)) => Err(crate::kinds::instantiation_failure(
                self, &mut store, &error,
            )),
            Err(_) => Err(self.error("instantiate", Cause::WallTime { limit }, Vec::new())),
        }
    }

    /// Instantiates on the compute engine.
    pub(crate) fn start_here(&self, store: &mut Store<State>) -> Result<(), PluginError> {
        self.pre
            .instantiate(&mut *store)
            .map(|_| ())
            .map_err(|error| crate::kinds::instantiation_failure(self, store, &error))
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
        match self.role {
            Role::Compute => {
                // Cannot fail: the compute engine consumes fuel.
                let _ = store.set_fuel(self.limits.fuel);
                store.set_epoch_deadline(ticks(self.limits.wall));
            }
            Role::Io => {
                store.data_mut().deadline = Some(Instant::now() + self.limits.wall);
                store.set_epoch_deadline(ticks(IO_TURN.min(self.limits.wall)));
            }
        }
    }

    /// The error for a call that did not return, from what the engine says and the host noted.
    pub(crate) fn failure(
        &self,
        function: &'static str,
        store: &mut Store<State>,
        error: &wasmtime::Error,
    ) -> PluginError {
        store.data_mut().drain_output();
        let budget = &mut store.data_mut().budget;
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
    last: Option<PluginError>,
}

impl<B> Instance<B> {
    pub(crate) fn new(core: Arc<Core>, store: Store<State>, bindings: B) -> Self {
        Instance {
            core,
            live: Some((store, bindings)),
            last: None,
        }
    }

    /// Whether calls can still be made.
    pub(crate) fn is_live(&self) -> bool {
        self.live.is_some()
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
        match call(store, bindings) {
            Ok(value) => {
                if store.data().wasi.is_some() {
                    store.data_mut().drain_output();
                }
                Ok(value)
            }
            Err(error) => {
                let failure = self.core.failure(function, store, &error);
                Err(self.retire(failure))
            }
        }
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
        let failure = match outcome {
            Ok(Ok(value)) => {
                store.data_mut().drain_output();
                return Ok(value);
            }
            Ok(Err(error)) => self.core.failure(function, store, &error),
            Err(_) => self
                .core
                .error(function, Cause::WallTime { limit }, Vec::new()),
        };
        Err(self.retire(failure))
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
