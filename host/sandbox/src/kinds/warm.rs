//! What the kinds on the I/O engine share: a pool of warm, configured instances, and calls on them.

use super::{Setup, accepted, refused};
use crate::convert::Accept;
use crate::error::{CallError, PluginError};
use crate::instance::Instance;
use crate::plugin::{Core, Plugin};
use crate::pool::{Lease, Pool, PoolPolicy};
use crate::state::{DrawKey, State};
use bulkhead_domain::{Problem, Refusal};
use bulkhead_manifest::Kind;
use std::sync::Arc;
use wasmtime::Store;

/// Bindings of a world on the I/O engine that exports `lifecycle`.
pub(super) trait Served: Sized {
    /// Instantiates the component.
    async fn instantiate(core: &Core, store: &mut Store<State>) -> wasmtime::Result<Self>;

    /// Calls `lifecycle.configure`.
    async fn configure(
        &self,
        store: &mut Store<State>,
        setup: &Setup,
    ) -> wasmtime::Result<Result<(), String>>;
}

/// Implements [`Served`] for the bindings of a world.
macro_rules! served {
    ($bindings:ty, $pre:ident, $lifecycle:ident) => {
        impl Served for $bindings {
            async fn instantiate(core: &Core, store: &mut Store<State>) -> wasmtime::Result<Self> {
                $pre::new(core.pre.clone())?.instantiate_async(store).await
            }

            async fn configure(
                &self,
                store: &mut Store<State>,
                setup: &Setup,
            ) -> wasmtime::Result<Result<(), String>> {
                let setup = $lifecycle {
                    config: setup.config(),
                    instruments: setup.instruments(),
                };
                self.bulkhead_plugin_lifecycle()
                    .call_configure(store, &setup)
                    .await
            }
        }
    };
}
pub(super) use served;

/// A plugin, its configuration, and the instances that are warm.
pub(super) struct Warm<B> {
    pub(super) plugin: Plugin,
    setup: Setup,
    pool: Pool<Instance<B>>,
}

impl<B: Served> Warm<B> {
    pub(super) fn new(
        plugin: Plugin,
        kind: Kind,
        setup: Setup,
        policy: PoolPolicy,
    ) -> Result<Self, Problem> {
        plugin.expect_kind(kind)?;
        Ok(Warm {
            plugin,
            setup,
            pool: Pool::new(policy),
        })
    }

    /// A configured instance: an idle one, or else a new one.
    pub(super) async fn lease(&self) -> Result<Lease<Instance<B>>, PluginError> {
        if let Some(lease) = self.pool.take() {
            return Ok(lease);
        }
        let core = &self.plugin.core;
        let store = core.store(&self.setup.grants);
        let (store, bindings) = core
            .instantiate(store, async |store| B::instantiate(core, store).await)
            .await?;
        let mut instance = Instance::new(Arc::clone(core), store, bindings);
        let outcome = instance
            .call_async("configure", DrawKey::default(), async |store, bindings| {
                bindings.configure(store, &self.setup).await
            })
            .await?;
        match outcome {
            Ok(()) => Ok(Pool::fresh(instance)),
            Err(reason) => Err(core.refused_setup(&reason)),
        }
    }

    /// One call on a leased instance, which goes back unless it failed.
    pub(super) async fn call<A, T, E>(
        &self,
        function: &'static str,
        call: impl AsyncFnOnce(&mut Store<State>, &B) -> wasmtime::Result<Result<A, E>>,
    ) -> Result<T, CallError>
    where
        A: Accept<T>,
        E: Into<Refusal>,
    {
        let mut lease = self.lease().await?;
        let key = lease.value.moment();
        let outcome = lease.value.call_async(function, key, call).await?;
        let checked = refused(&self.plugin.core, outcome)
            .and_then(|value| Ok(accepted(&mut lease.value, function, value)?));
        self.give_back(lease);
        checked
    }

    pub(super) fn give_back(&self, lease: Lease<Instance<B>>) {
        if lease.value.is_live() {
            self.pool.give_back(lease);
        }
    }
}
