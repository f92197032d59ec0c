//! A typed handle per kind. None of them shows the engine.

mod ai_provider;
mod broker;
mod data_source;
mod model;
mod risk_rule;
mod snapshot;
mod strategy;
mod warm;

pub use ai_provider::{AiProviderPlugin, Answer};
pub use broker::{AccountState, BrokerPlugin, HeldPosition};
pub use data_source::DataSourcePlugin;
pub use model::{FittedModel, ModelPlugin};
pub use risk_rule::{PortfolioView, RiskRulePlugin};
pub use strategy::{Pulled, StrategyInstance, StrategyPlugin, VectorisedStrategy};

use crate::bindings::common::types as wit;
use crate::convert::{Accept, Invalid};
use crate::error::{CallError, Cause, PluginError};
use crate::instance::Instance;
use crate::plugin::Core;
use crate::state::{Grants, State};
use bulkhead_domain::{Instrument, Refusal};
use bulkhead_manifest::Kind;
use wasmtime::component::{HasSelf, Linker};

/// What a plugin of any kind but `strategy` is configured with.
#[derive(Clone, Default)]
pub struct Setup {
    /// A JSON object that satisfies the manifest's schema; empty means `{}`.
    pub config: String,
    /// Instruments whose handles later calls use.
    pub instruments: Vec<Instrument>,
    /// Folder, clock and seed.
    pub grants: Grants,
}

impl Setup {
    pub(crate) fn config(&self) -> String {
        if self.config.is_empty() {
            "{}".to_owned()
        } else {
            self.config.clone()
        }
    }

    pub(crate) fn instruments(&self) -> Vec<wit::Instrument> {
        self.instruments.iter().cloned().map(Into::into).collect()
    }
}

/// Adds a kind's imports, and only those.
pub(crate) fn link(linker: &mut Linker<State>, kind: Kind) -> wasmtime::Result<()> {
    use crate::bindings::common::{clock, files, history, log, orders, progress, random, types};
    types::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
    log::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
    random::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
    match kind {
        Kind::DataSource => {
            clock::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
            files::add_to_linker::<_, HasSelf<State>>(linker, |state| state)
        }
        Kind::AiProvider => clock::add_to_linker::<_, HasSelf<State>>(linker, |state| state),
        Kind::Broker | Kind::RiskRule => {
            orders::add_to_linker::<_, HasSelf<State>>(linker, |state| state)
        }
        Kind::Model => progress::add_to_linker::<_, HasSelf<State>>(linker, |state| state),
        Kind::Strategy => {
            orders::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
            history::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
            crate::ticks::link(linker)
        }
    }
}

/// A plugin's own error as the caller sees it.
fn refused<T>(core: &Core, outcome: Result<T, impl Into<Refusal>>) -> Result<T, CallError> {
    outcome.map_err(|error| CallError::Refused {
        plugin: core.manifest.id.clone(),
        refusal: error.into(),
    })
}

/// What a guest returned, checked against the contract. A breach retires the instance.
fn accepted<B, A: Accept<T>, T>(
    instance: &mut Instance<B>,
    function: &'static str,
    value: A,
) -> Result<T, PluginError> {
    value.accept().map_err(|Invalid(what)| {
        let failure = instance.core.error(
            function,
            Cause::Contract(format!("returned {what}")),
            Vec::new(),
        );
        instance.retire(failure)
    })
}

/// Instantiates and configures a plugin whose world exports `lifecycle`, on the compute engine.
macro_rules! configured {
    ($core:expr, $indices:ty, $setup:expr) => {{
        let core: &Arc<Core> = $core;
        let setup: &Setup = $setup;
        let mut store = core.store(&setup.grants);
        let instantiated = <$indices>::new(&core.pre).and_then(|indices| {
            let whole = core.pre.instantiate(&mut store)?;
            Ok((indices.load(&mut store, &whole)?, whole))
        });
        match instantiated {
            Ok((bindings, whole)) => {
                let mut instance =
                    Instance::new(Arc::clone(core), store, bindings).with_whole(whole);
                let wit_setup = Lifecycle {
                    config: setup.config(),
                    instruments: setup.instruments(),
                };
                let outcome =
                    instance.call("configure", DrawKey::default(), |store, bindings| {
                        bindings
                            .bulkhead_plugin_lifecycle()
                            .call_configure(store, &wit_setup)
                    })?;
                match outcome {
                    Ok(()) => Ok(instance),
                    Err(reason) => Err(core.refused_setup(&reason)),
                }
            }
            Err(error) => Err(core.instantiation_failure(&mut store, &error)),
        }
    }};
}
pub(crate) use configured;
