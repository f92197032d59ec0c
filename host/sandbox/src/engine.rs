//! Two engines by role, in one process.
//!
//! * **compute** (models, risk rules, strategies, simulated brokers): synchronous and deterministic. Fuel
//!   bounds every call; NaNs are canonical, relaxed SIMD is deterministic; there is no clock. Epochs are a
//!   back-stop for cancelling only.
//! * **I/O** (data sources, AI providers): asynchronous. Epochs and a wall-clock time-out bound every call.
//!
//! Both run with component-model concurrency off, which makes a call cost about a quarter of what it would.

use crate::error::Cause;
use crate::limits::{CEILING, EPOCH_TICK, Limits, POOL_INSTANCES, STACK_BYTES, TABLE_ELEMENTS};
use crate::text::one_line;
use bulkhead_domain::{Digest, Problem};
use std::hash::{Hash, Hasher};
use std::time::Duration;
use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig,
    WasmBacktraceDetails,
};

/// Which engine a plugin runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    /// Synchronous and deterministic.
    Compute,
    /// Asynchronous.
    Io,
}

/// A length of time in the engine's epochs, of one [`EPOCH_TICK`] each; at least one.
pub(crate) fn ticks(limit: Duration) -> u64 {
    let ticks = limit.as_nanos() / EPOCH_TICK.as_nanos().max(1);
    u64::try_from(ticks).unwrap_or(u64::MAX / 2).max(1)
}

/// The two engines.
pub struct Engines {
    compute: Engine,
    io: Engine,
}

impl Engines {
    /// Starts both engines and the thread that ticks their epochs. The thread ends with the engines.
    ///
    /// # Errors
    /// When this machine cannot run the engine.
    pub fn start() -> Result<Engines, Problem> {
        let failed = |error: wasmtime::Error| {
            Problem::host(
                format!("the WebAssembly engine does not start: {error:#}"),
                "report it with your CPU and kernel",
            )
        };
        let pooled = address_space_allows_pooling();
        let compute = Engine::new(&config(Role::Compute, pooled)).map_err(failed)?;
        let io = Engine::new(&config(Role::Io, pooled)).map_err(failed)?;
        let weak = [compute.weak(), io.weak()];
        std::thread::Builder::new()
            .name("epoch".to_owned())
            .spawn(move || {
                loop {
                    std::thread::sleep(EPOCH_TICK);
                    let alive: Vec<Engine> = weak
                        .iter()
                        .filter_map(wasmtime::EngineWeak::upgrade)
                        .collect();
                    if alive.is_empty() {
                        return;
                    }
                    alive.iter().for_each(Engine::increment_epoch);
                }
            })
            .map_err(|error| {
                Problem::host(
                    format!("the epoch thread does not start: {error}"),
                    "free some threads",
                )
            })?;
        Ok(Engines { compute, io })
    }

    pub(crate) fn of(&self, role: Role) -> &Engine {
        match role {
            Role::Compute => &self.compute,
            Role::Io => &self.io,
        }
    }

    /// What a result's digest says of the engine: wasmtime's version and the settings that decide what a
    /// guest computes, but nothing of this machine.
    #[must_use]
    pub fn identity() -> String {
        "wasmtime 48; nan-canonical; relaxed-simd-deterministic; no-threads; fuel".to_owned()
    }
}

/// What a compiled component depends on besides its bytes: engine version, settings and CPU features.
pub(crate) fn compatibility(engine: &Engine) -> Digest {
    struct Collect(Vec<u8>);
    impl Hasher for Collect {
        fn finish(&self) -> u64 {
            0
        }
        fn write(&mut self, bytes: &[u8]) {
            self.0.extend_from_slice(bytes);
        }
    }
    let mut collected = Collect(Vec::new());
    engine.precompile_compatibility_hash().hash(&mut collected);
    Digest::of(&collected.0)
}

fn config(role: Role, pooled: bool) -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .concurrency_support(false)
        .wasm_simd(true)
        .wasm_relaxed_simd(true)
        .relaxed_simd_deterministic(true)
        .cranelift_nan_canonicalization(role == Role::Compute)
        .cranelift_opt_level(OptLevel::Speed)
        .consume_fuel(role == Role::Compute)
        .epoch_interruption(true)
        .max_wasm_stack(STACK_BYTES)
        .async_stack_size(STACK_BYTES * 2)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .generate_address_map(false);
    if pooled {
        let mut pool = PoolingAllocationConfig::new();
        // A memory that comes back is given to the kernel whole. Resetting its first pages by hand would
        // save page faults if they were used, but a guest's stack lies there and grows down from above:
        // 256 KiB of it cost 4 µs an instance and stayed resident in every slot. The pages that were
        // written could be found by `pagemap_scan`, which misses those that are swapped out.
        pool.total_component_instances(POOL_INSTANCES)
            .total_core_instances(POOL_INSTANCES * 4)
            .total_memories(POOL_INSTANCES * 2)
            .total_tables(POOL_INSTANCES * 4)
            .max_core_instances_per_component(64)
            .max_memories_per_component(8)
            .max_tables_per_component(16)
            .max_component_instance_size(4 << 20)
            .max_core_instance_size(4 << 20)
            .table_elements(TABLE_ELEMENTS)
            .max_memory_size(CEILING.memory_bytes)
            .linear_memory_keep_resident(0)
            .table_keep_resident(64 << 10);
        if role == Role::Io {
            pool.total_stacks(POOL_INSTANCES);
        }
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    }
    config
}

/// The pool reserves about four gibibytes of addresses for each memory. A machine with a small address
/// space (or a limit on it) gets the on-demand allocator instead: slower to instantiate, otherwise equal.
fn address_space_allows_pooling() -> bool {
    let mut probe = Config::new();
    let mut pool = PoolingAllocationConfig::new();
    pool.total_memories(POOL_INSTANCES * 4)
        .max_memory_size(CEILING.memory_bytes);
    probe.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Engine::new(&probe).is_ok()
}

/// What the host noted while a call ran.
pub(crate) struct Noted {
    /// Why the host stopped the guest.
    pub(crate) stopped: Option<Cause>,
    /// What the guest was denied.
    pub(crate) denied: Option<Cause>,
    /// The guest's last words.
    pub(crate) panic: Option<String>,
}

/// Names the trap behind an engine error. What ended the call for certain comes before what may have: a
/// guest can be denied memory and go on, and it can say that it panics and go on.
pub(crate) fn cause_of(error: &wasmtime::Error, limits: &Limits, noted: Noted) -> Cause {
    if let Some(cause) = noted.stopped {
        return cause;
    }
    let trap = error.downcast_ref::<wasmtime::Trap>();
    match trap {
        Some(wasmtime::Trap::OutOfFuel) => return Cause::OutOfFuel { limit: limits.fuel },
        Some(wasmtime::Trap::Interrupt) => return Cause::WallTime { limit: limits.wall },
        Some(wasmtime::Trap::StackOverflow) => return Cause::StackOverflow { limit: STACK_BYTES },
        _ => {}
    }
    // The root alone: what is wrapped around it quotes the guest's names for its functions.
    let root = error.root_cause().to_string();
    if trap.is_none() {
        // The engine has no types for these two.
        if root.contains("fuel allocated for hostcalls") {
            return Cause::ResultTooLarge {
                limit: limits.result_bytes,
            };
        }
        if root.contains("handle limit") {
            return Cause::Handles {
                limit: limits.handles,
            };
        }
    }
    match (noted.panic, noted.denied) {
        (Some(message), _) => Cause::Panicked { message },
        (None, Some(denied)) => denied,
        (None, None) => Cause::Trapped(one_line(&root)),
    }
}

/// Guest frames of an error, innermost first, with the noise of the language's runtime left out.
pub(crate) fn frames_of(error: &wasmtime::Error) -> Vec<String> {
    let Some(backtrace) = error.downcast_ref::<wasmtime::WasmBacktrace>() else {
        return Vec::new();
    };
    let noise = [
        "rust_panic",
        "panicking",
        "std::sys",
        "core::panic",
        "alloc::raw_vec",
        "__rust",
        "rustc_demangle",
        "cabi_",
    ];
    backtrace
        .frames()
        .iter()
        .map(|frame| match frame.func_name() {
            // The name is the guest's own and may be anything.
            Some(name) => one_line(&demangled(name)),
            None => format!("function {}", frame.func_index()),
        })
        .filter(|name| !noise.iter().any(|part| name.contains(part)))
        .collect()
}

/// A Rust symbol without its hash; anything else as it is.
fn demangled(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identity_names_the_engine_that_is_linked() {
        let lock = include_str!("../../../Cargo.lock");
        let package = lock
            .split("[[package]]")
            .find(|package| package.contains("\nname = \"wasmtime\"\n"))
            .unwrap();
        let version = package
            .lines()
            .find_map(|line| line.strip_prefix("version = \""))
            .unwrap();
        let (major, _) = version.split_once('.').unwrap();
        let engine = format!("wasmtime {major};");
        assert!(
            Engines::identity().starts_with(&engine),
            "{version}: {}",
            Engines::identity()
        );
    }

    #[test]
    fn epochs_never_come_to_none() {
        assert_eq!(ticks(Duration::ZERO), 1);
        assert_eq!(ticks(Duration::from_millis(200)), 200);
        assert_eq!(ticks(Duration::MAX), u64::MAX / 2);
    }
}
