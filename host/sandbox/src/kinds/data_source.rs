//! Data sources: on the I/O engine, served from a pool of warm instances.

use super::Setup;
use super::warm::{Served, Warm, served};
use crate::bindings::data_source::exports::bulkhead::plugin::data_source as wit;
use crate::bindings::data_source::exports::bulkhead::plugin::lifecycle::Setup as Lifecycle;
use crate::bindings::data_source::{DataSourcePlugin as Bindings, DataSourcePluginPre};
use crate::error::{CallError, PluginError};
use crate::plugin::{Core, Plugin};
use crate::pool::PoolPolicy;
use crate::state::State;
use bulkhead_domain::data::{BarsPage, Dataset, InstrumentPage, PageRequest, SeriesPage};
use bulkhead_domain::{Digest, Problem};
use bulkhead_manifest::{Kind, Manifest};
use wasmtime::Store;

/// A configured data source.
pub struct DataSourcePlugin {
    warm: Warm<Bindings>,
}

served!(Bindings, DataSourcePluginPre, Lifecycle);

impl DataSourcePlugin {
    /// Takes a plugin as a data source, with its configuration.
    ///
    /// # Errors
    /// When it is of another kind.
    pub fn new(plugin: Plugin, setup: Setup, policy: PoolPolicy) -> Result<Self, Problem> {
        let warm = Warm::new(plugin, Kind::DataSource, setup, policy)?;
        Ok(DataSourcePlugin { warm })
    }

    /// Its manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        self.warm.plugin.manifest()
    }

    /// SHA-256 of the component.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.warm.plugin.digest()
    }

    /// Checks that the plugin takes its configuration.
    ///
    /// # Errors
    /// When it does not, or fails.
    pub async fn check(&self) -> Result<(), PluginError> {
        let lease = self.warm.lease().await?;
        self.warm.give_back(lease);
        Ok(())
    }

    /// Data sets on offer.
    ///
    /// # Errors
    /// When the source refuses, or fails.
    pub async fn datasets(&self) -> Result<Vec<Dataset>, CallError> {
        self.warm
            .call("datasets", async |store, bindings| {
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
        self.warm
            .call("instruments", async |store, bindings| {
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
        self.warm
            .call("bars", async |store, bindings| {
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
        self.warm
            .call("series", async |store, bindings| {
                bindings
                    .bulkhead_plugin_data_source()
                    .call_series(store, &request)
                    .await
            })
            .await
    }
}
