//! The bars that a strategy takes itself (`bars` and `pulled` of the contract).
//!
//! A call from the host to a guest costs several times what a call from the guest to the host does, so where the host
//! knows that nothing but the strategy has a say in what comes next, it lays bars out and makes one call for all of them.
//!
//! Promises: a bar is handed out only once the guest has done with the one before, so at no bar has anything of a later one
//! been seen. Each bar is a call of its own in all that bounds one: fuel, host calls, log lines and draws begin anew, and an
//! interruption ends it. It still ends: there are as many bars as were laid out.

use crate::bindings::common::bars;
use crate::state::{DrawKey, State};
use bulkhead_domain::strategy::Tick;
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentExportIndex, Linker};

const INTERFACE: &str = "bulkhead:plugin/bars@0.1.0";
const PULLED: &str = "bulkhead:plugin/pulled@0.1.0";

/// Bars laid out, and how many of them were taken.
#[derive(Default)]
pub(crate) struct Ticks {
    ready: Vec<bars::Tick>,
    taken: usize,
}

impl Ticks {
    /// Lays out bars in place of those that were.
    pub(crate) fn lay_out(&mut self, ticks: &[Tick]) {
        self.ready.clear();
        self.ready.extend(ticks.iter().map(bars::Tick::from));
        self.taken = 0;
    }

    /// How many were taken.
    pub(crate) fn taken(&self) -> usize {
        self.taken
    }
}

impl From<&Tick> for bars::Tick {
    #[inline]
    fn from(tick: &Tick) -> Self {
        let Tick {
            instrument,
            bar,
            state,
        } = tick;
        bars::Tick {
            instrument: *instrument,
            bar: bar.into(),
            position: state.position,
            entry_price: state.entry_price,
            working: state.working,
            cash: state.cash,
            equity: state.equity,
        }
    }
}

/// Adds the import.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.instance(INTERFACE)?.func_wrap("next", next)
}

#[inline]
fn next(
    mut context: StoreContextMut<'_, State>,
    (): (),
) -> wasmtime::Result<(Option<bars::Tick>,)> {
    let state = context.data_mut();
    let Some(tick) = state.ticks.ready.get(state.ticks.taken).copied() else {
        state.host_call()?;
        return Ok((None,));
    };
    state.not_interrupted()?;
    state.ticks.taken += 1;
    state.arm(DrawKey {
        time: tick.bar.time,
        item: u64::from(tick.instrument),
    });
    let fuel = state.limits.fuel;
    context.set_fuel(fuel)?;
    Ok((Some(tick),))
}

/// Where a component that takes its bars itself exports the function for it.
pub(crate) fn pull_of(component: &wasmtime::component::Component) -> Option<ComponentExportIndex> {
    let interface = component.get_export_index(None, PULLED)?;
    component.get_export_index(Some(&interface), "pull")
}
