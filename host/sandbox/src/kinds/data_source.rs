//! Data sources: on the I/O engine, served from a pool of warm instances.

use super::{Setup, accepted, refused};
use crate::bindings::data_source::exports::bulkhead::plugin::data_source as wit;
use crate::bindings::data_source::exports::bulkhead::plugin::lifecycle::Setup as Lifecycle;
use crate::bindings::data_source::{DataSourcePlugin as Bindings, DataSourcePluginPre};
use crate::convert::Accept;
use crate::error::{CallError, Cause, PluginError};
use crate::instance::Instance;
use crate::plugin::Plugin;
use crate::pool::{Lease, Pool, PoolPolicy};
use crate::state::{DrawKey, State};
use bulkhead_domain::data::{BarsPage, Dataset, InstrumentPage, PageRequest, SeriesPage};
use bulkhead_domain::{Digest, Problem, Refusal};
use bulkhead_manifest::{Kind, Manifest};
use std::sync::Arc;
use wasmtime::Store;

/// A configured data source.
pub struct DataSourcePlugin {
    plugin: Plugin,
    setup: Setup,
    pool: Pool<Instance<Bindings>>,
}

impl DataSourcePlugin {
    /// Takes a plugin as a data source, with its configuration.
    ///
    /// # Errors
    /// When it is of another kind.
    pub fn new(plugin: Plugin, setup: Setup, policy: PoolPolicy) -> Result<Self, Problem> {
        plugin.expect_kind(Kind::DataSource)?;
        Ok(DataSourcePlugin {
            plugin,
            setup,
            pool: Pool::new(policy),
        })
    }

    /// Its manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        self.plugin.manifest()
    }

    /// SHA-256 of the component.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.plugin.digest()
    }

    async fn lease(&self) -> Result<Lease<Instance<Bindings>>, PluginError> {
        if let Some(lease) = self.pool.take() {
            return Ok(lease);
        }
        let core = &self.plugin.core;
        let store = core.store(&self.setup.grants);
        let (store, bindings) = core
            .instantiate(store, async |store| {
                DataSourcePluginPre::new(core.pre.clone())?
                    .instantiate_async(store)
                    .await
            })
            .await?;
        let mut instance = Instance::new(Arc::clone(core), store, bindings);
        let setup = Lifecycle {
            config: self.setup.config(),
            instruments: self.setup.instruments(),
        };
        let outcome = instance
            .call_async("configure", DrawKey::default(), async |store, bindings| {
                bindings
                    .bulkhead_plugin_lifecycle()
                    .call_configure(store, &setup)
                    .await
            })
            .await?;
        match outcome {
            Ok(()) => Ok(Pool::fresh(instance)),
            Err(reason) => Err(core.error("configure", Cause::Configuration(reason), Vec::new())),
        }
    }

    async fn call<A, T, E>(
        &self,
        function: &'static str,
        call: impl AsyncFnOnce(&mut Store<State>, &Bindings) -> wasmtime::Result<Result<A, E>>,
    ) -> Result<T, CallError>
    where
        A: Accept<T>,
        E: Into<Refusal>,
    {
        let mut lease = self.lease().await?;
        let outcome = lease
            .value
            .call_async(function, DrawKey::default(), call)
            .await?;
        let checked = refused(&self.plugin.core, outcome)
            .and_then(|value| Ok(accepted(&mut lease.value, function, value)?));
        if lease.value.is_live() {
            self.pool.give_back(lease);
        }
        checked
    }

    /// Checks that the plugin takes its configuration.
    ///
    /// # Errors
    /// When it does not, or fails.
    pub async fn check(&self) -> Result<(), PluginError> {
        let lease = self.lease().await?;
        self.pool.give_back(lease);
        Ok(())
    }

    /// Data sets on offer.
    ///
    /// # Errors
    /// When the source refuses, or fails.
    pub async fn datasets(&self) -> Result<Vec<Dataset>, CallError> {
        self.call("datasets", async |store, bindings| {
            bindings
                .bulkhead_plugin_data_source()
                .call_datasets(store)
                .await
        })
        .await
    }

    /// One page of a data set's instruments.
    ///
    /// # Errors
    /// When the source refuses, or fails.
    pub async fn instruments(
        &self,
        dataset: &str,
        page: Option<&str>,
    ) -> Result<InstrumentPage, CallError> {
        self.call("instruments", async |store, bindings| {
            bindings
                .bulkhead_plugin_data_source()
                .call_instruments(store, dataset, page)
                .await
        })
        .await
    }

    /// One page of bars.
    ///
    /// # Errors
    /// When the source refuses, or fails.
    pub async fn bars(&self, request: PageRequest) -> Result<BarsPage, CallError> {
        let request = wit::BarsRequest {
            dataset: request.dataset,
            symbol: request.symbol,
            interval: request.interval,
            first: request.first.map(|time| time.0),
            last: request.last.map(|time| time.0),
            page: request.page,
        };
        self.call("bars", async |store, bindings| {
            bindings
                .bulkhead_plugin_data_source()
                .call_bars(store, &request)
                .await
        })
        .await
    }

    /// One page of a macro series.
    ///
    /// # Errors
    /// When the source refuses, or fails.
    pub async fn series(&self, request: PageRequest) -> Result<SeriesPage, CallError> {
        let request = wit::SeriesRequest {
            dataset: request.dataset,
            name: request.symbol,
            first: request.first.map(|time| time.0),
            last: request.last.map(|time| time.0),
            page: request.page,
        };
        self.call("series", async |store, bindings| {
            bindings
                .bulkhead_plugin_data_source()
                .call_series(store, &request)
                .await
        })
        .await
    }
}
