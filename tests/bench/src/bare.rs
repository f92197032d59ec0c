//! The same component on bare wasmtime: same engine flags, same signature, typed bindings of its own, and
//! nothing of the sandbox: no limiter, fuel and epoch deadline set once and out of reach, no conversion.

use wasmtime::Result;
use wasmtime::component::{Component, HasSelf, InstancePre, Linker, ResourceAny};
use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, Store,
    WasmBacktraceDetails,
};

use bulkhead_sandbox::limits::{CEILING, POOL_INSTANCES, STACK_BYTES, TABLE_ELEMENTS};

/// Generated bindings of the contract.
#[expect(unreachable_pub, reason = "generated code")]
mod bindings {
    pub mod strategy {
        wasmtime::component::bindgen!({
            path: "../../wit",
            world: "strategy-plugin",
        });
    }

    pub mod vectorised {
        wasmtime::component::bindgen!({
            path: "../../wit",
            world: "with-vectorised",
            with: {
                "bulkhead:plugin/types": super::strategy::bulkhead::plugin::types,
            },
        });
    }
}

use bindings::strategy::bulkhead::plugin::{history, log, orders, random, types};
use bindings::strategy::exports::bulkhead::plugin::strategy;
use bindings::strategy::{StrategyPlugin, StrategyPluginPre};
use bindings::vectorised::{WithVectorised, WithVectorisedPre};

pub(crate) use strategy::State;
pub(crate) use types::{AssetClass, Bar, BarColumns, Decimal, Instrument};

/// The host's side of imports that a measured call never makes.
struct Host;

impl types::Host for Host {}
impl orders::Host for Host {}

impl log::Host for Host {
    fn write(&mut self, _: log::Level, _: String) {}
    fn panicked(&mut self, _: String) {}
}

impl random::Host for Host {
    fn bytes(&mut self, length: u32) -> Vec<u8> {
        vec![0; length as usize]
    }
}

impl history::Host for Host {
    fn bars(&mut self, instrument: u32, _: u32) -> Result<BarColumns, history::Error> {
        Err(history::Error::UnknownInstrument(instrument))
    }

    fn feature(&mut self, instrument: u32, _: String, _: u32) -> Result<Vec<f64>, history::Error> {
        Err(history::Error::UnknownInstrument(instrument))
    }
}

/// The component, compiled and linked.
pub(crate) struct Bare {
    pre: InstancePre<Host>,
}

/// One configured strategy.
pub(crate) struct Instance {
    store: Store<Host>,
    bindings: StrategyPlugin,
    resource: ResourceAny,
}

/// Its whole-series form.
pub(crate) struct Vectorised {
    store: Store<Host>,
    bindings: WithVectorised,
}

/// The flags of the sandbox's compute engine (`host/sandbox/src/engine.rs`), which does not show them.
fn config() -> Config {
    let mut pool = PoolingAllocationConfig::new();
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
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .concurrency_support(false)
        .wasm_simd(true)
        .wasm_relaxed_simd(true)
        .relaxed_simd_deterministic(true)
        .cranelift_nan_canonicalization(true)
        .cranelift_opt_level(OptLevel::Speed)
        .consume_fuel(true)
        .epoch_interruption(true)
        .max_wasm_stack(STACK_BYTES)
        .async_stack_size(STACK_BYTES * 2)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .generate_address_map(false)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

impl Bare {
    pub(crate) fn new(wasm: &[u8]) -> Result<Self> {
        let engine = Engine::new(&config())?;
        let component = Component::new(&engine, wasm)?;
        let mut linker = Linker::new(&engine);
        StrategyPlugin::add_to_linker::<_, HasSelf<Host>>(&mut linker, |host| host)?;
        // The bars that a strategy could take itself: nobody has it take them here.
        linker.define_unknown_imports_as_traps(&component)?;
        let pre = linker.instantiate_pre(&component)?;
        Ok(Bare { pre })
    }

    fn store(&self) -> Result<Store<Host>> {
        let mut store = Store::new(self.pre.engine(), Host);
        store.set_fuel(u64::MAX)?;
        store.set_epoch_deadline(u64::MAX / 2);
        Ok(store)
    }

    /// Makes one instance and drops it.
    pub(crate) fn start(&self) -> Result<()> {
        let mut store = self.store()?;
        self.pre.instantiate(&mut store)?;
        Ok(())
    }

    pub(crate) fn create(&self, config: &str, instruments: &[Instrument]) -> Result<Instance> {
        let mut store = self.store()?;
        let bindings = StrategyPluginPre::new(self.pre.clone())?.instantiate(&mut store)?;
        let resource = bindings
            .bulkhead_plugin_strategy()
            .instance()
            .call_create(&mut store, config, instruments)??;
        Ok(Instance {
            store,
            bindings,
            resource,
        })
    }

    pub(crate) fn vectorised(&self) -> Result<Vectorised> {
        let mut store = self.store()?;
        let bindings = WithVectorisedPre::new(self.pre.clone())?.instantiate(&mut store)?;
        Ok(Vectorised { store, bindings })
    }
}

impl Instance {
    /// One bar of one instrument.
    #[inline]
    pub(crate) fn on_bar(
        &mut self,
        instrument: u32,
        bar: Bar,
        state: State,
    ) -> Result<Vec<strategy::Intent>> {
        self.bindings
            .bulkhead_plugin_strategy()
            .instance()
            .call_on_bar(&mut self.store, self.resource, instrument, bar, state)
    }
}

impl Vectorised {
    /// Target quantities, one a bar of `chunk`.
    pub(crate) fn targets(
        &mut self,
        config: &str,
        warm_up: &BarColumns,
        chunk: &BarColumns,
    ) -> Result<Vec<f64>> {
        self.bindings
            .bulkhead_plugin_vectorised()
            .call_targets(&mut self.store, config, warm_up, chunk)?
            .map_err(wasmtime::Error::msg)
    }
}
