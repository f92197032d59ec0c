//! The locked-down WASI that a component gets which imports it: no files, no sockets, no environment, no
//! arguments. Output goes to the plugin's log, randomness is seeded, the clocks are the session's.
//!
//! Calls into it count as calls into the host, though none of them can be refused: a guest that has made too
//! many is ended when it is next looked at, after a turn of computing or at the end of its call.
//!
//! On the compute engine nothing can wait: the clock subscriptions, which would sleep inside a host call
//! where neither fuel nor epochs act, trap instead.

use crate::bindings::common::log::Level;
use crate::error::Cause;
use crate::limits::{OUTPUT_BYTES, RANDOM_BYTES};
use crate::state::{Grants, SessionClock, State};
use bulkhead_domain::Digest;
use bulkhead_domain::digest::DigestBuilder;
use rand_chacha::ChaCha12Rng;
use rand_core::SeedableRng;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use wasmtime::component::{Linker, Resource, ResourceTable};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{DynPollable, OutputStream, Pollable, StreamResult};
use wasmtime_wasi::{
    HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView,
};

/// WASI state of one store.
pub(crate) struct Wasi {
    ctx: WasiCtx,
    table: ResourceTable,
    output: Output,
}

/// What the guest printed since the last drain.
#[derive(Default)]
struct Printed {
    kept: Vec<u8>,
    /// Lines that ended after there was no room left.
    lost: u64,
}

#[derive(Clone, Default)]
struct Output(Arc<Mutex<Printed>>);

impl Output {
    fn take(&self) -> Printed {
        self.0
            .lock()
            .map(|mut printed| std::mem::take(&mut *printed))
            .unwrap_or_default()
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}

impl OutputStream for Output {
    fn write(&mut self, bytes: bytes::Bytes) -> StreamResult<()> {
        if let Ok(mut printed) = self.0.lock() {
            let room = OUTPUT_BYTES.saturating_sub(printed.kept.len());
            let (kept, lost) = bytes.split_at(bytes.len().min(room));
            printed.kept.extend_from_slice(kept);
            printed.lost += lost.iter().filter(|byte| **byte == b'\n').count() as u64;
        }
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(OUTPUT_BYTES)
    }
}

/// The session's time as WASI's clocks: the wall clock tells the session's moment, the monotonic clock the
/// same in nanoseconds.
struct Clock(SessionClock);

impl HostWallClock for Clock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.now()).unwrap_or(0))
    }
}

impl HostMonotonicClock for Clock {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        u64::try_from(self.0.now()).unwrap_or(0)
    }
}

impl Wasi {
    fn new(plugin: &Digest, grants: &Grants) -> Self {
        let output = Output::default();
        let generator = |name: &str| {
            let mut builder = DigestBuilder::new();
            builder
                .part("plugin", plugin.bytes())
                .part("seed", &grants.seed.to_le_bytes())
                .part("wasi", name.as_bytes());
            ChaCha12Rng::from_seed(*builder.finish().bytes())
        };
        let ctx = WasiCtxBuilder::new()
            .stdout(output.clone())
            .stderr(output.clone())
            .secure_random(generator("secure"))
            .insecure_random(generator("insecure"))
            .max_random_size(u64::from(RANDOM_BYTES))
            .insecure_random_seed(u128::from(grants.seed))
            .wall_clock(Clock(grants.clock.clone()))
            .monotonic_clock(Clock(grants.clock.clone()))
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .build();
        Wasi {
            ctx,
            table: ResourceTable::new(),
            output,
        }
    }
}

impl State {
    /// Moves what the guest printed into its log.
    pub(crate) fn drain_output(&mut self) {
        let Some(printed) = self.wasi.as_ref().map(|wasi| wasi.output.take()) else {
            return;
        };
        self.log.dropped.fetch_add(printed.lost, Ordering::Relaxed);
        for line in String::from_utf8_lossy(&printed.kept)
            .lines()
            .filter(|line| !line.trim().is_empty())
        {
            self.log_line(Level::Info, line);
        }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        // The engine asks for this once a call, and only a component that imports WASI calls.
        self.wasi_call();
        let State {
            wasi,
            digest,
            grants,
            ..
        } = self;
        let wasi = wasi.get_or_insert_with(|| Box::new(Wasi::new(digest, grants)));
        WasiCtxView {
            ctx: &mut wasi.ctx,
            table: &mut wasi.table,
        }
    }
}

/// Adds the locked-down WASI to a compute linker: waiting traps.
pub(crate) fn link_compute(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_sync(linker)?;
    linker.allow_shadowing(true);
    let mut clock = linker.instance("wasi:clocks/monotonic-clock@0.2.12")?;
    for function in ["subscribe-duration", "subscribe-instant"] {
        clock.func_wrap(
            function,
            move |mut store: wasmtime::StoreContextMut<'_, State>,
                  (_,): (u64,)|
                  -> wasmtime::Result<(Resource<DynPollable>,)> {
                Err(store.data_mut().stop(Cause::Waited { what: function }))
            },
        )?;
    }
    linker.allow_shadowing(false);
    Ok(())
}

/// Adds the locked-down WASI to an I/O linker: waiting yields, and the call's wall-clock limit ends it.
pub(crate) fn link_io(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)
}
