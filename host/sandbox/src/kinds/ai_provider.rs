//! AI providers: on the I/O engine, served from a pool of warm instances.

use super::{Setup, accepted, refused};
use crate::bindings::ai_provider::exports::bulkhead::plugin::lifecycle::Setup as Lifecycle;
use crate::bindings::ai_provider::{AiProviderPlugin as Bindings, AiProviderPluginPre};
use crate::error::{CallError, Cause, PluginError};
use crate::instance::Instance;
use crate::plugin::Plugin;
use crate::pool::{Lease, Pool, PoolPolicy};
use crate::state::DrawKey;
use bulkhead_domain::completion::{Chunk, Completion, CompletionRequest, ModelInfo};
use bulkhead_domain::{Digest, Problem};
use bulkhead_manifest::{Kind, Manifest};
use std::sync::Arc;
use wasmtime::component::ResourceAny;

/// A configured AI provider.
pub struct AiProviderPlugin {
    plugin: Plugin,
    setup: Setup,
    pool: Pool<Instance<Bindings>>,
}

/// An answer in the making, in an instance of its own. Dropping it cancels it.
pub struct Answer {
    instance: Instance<Bindings>,
    resource: ResourceAny,
}

impl AiProviderPlugin {
    /// Takes a plugin as an AI provider, with its configuration.
    ///
    /// # Errors
    /// When it is of another kind.
    pub fn new(plugin: Plugin, setup: Setup, policy: PoolPolicy) -> Result<Self, Problem> {
        plugin.expect_kind(Kind::AiProvider)?;
        Ok(AiProviderPlugin {
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
                AiProviderPluginPre::new(core.pre.clone())?
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

    /// Models on offer.
    ///
    /// # Errors
    /// When the provider refuses, or fails.
    pub async fn models(&self) -> Result<Vec<ModelInfo>, CallError> {
        let mut lease = self.lease().await?;
        let outcome = lease
            .value
            .call_async("models", DrawKey::default(), async |store, bindings| {
                bindings
                    .bulkhead_plugin_ai_provider()
                    .call_models(store)
                    .await
            })
            .await?;
        let checked = refused(&self.plugin.core, outcome)
            .and_then(|value| Ok(accepted(&mut lease.value, "models", value)?));
        if lease.value.is_live() {
            self.pool.give_back(lease);
        }
        checked
    }

    /// A whole answer.
    ///
    /// # Errors
    /// When the provider refuses, or fails.
    pub async fn complete(&self, request: CompletionRequest) -> Result<Completion, CallError> {
        let mut lease = self.lease().await?;
        let request = request.into();
        let outcome = lease
            .value
            .call_async("complete", DrawKey::default(), async |store, bindings| {
                bindings
                    .bulkhead_plugin_ai_provider()
                    .call_complete(store, &request)
                    .await
            })
            .await?;
        let checked = refused(&self.plugin.core, outcome)
            .and_then(|value| Ok(accepted(&mut lease.value, "complete", value)?));
        if lease.value.is_live() {
            self.pool.give_back(lease);
        }
        checked
    }

    /// An answer in pieces.
    ///
    /// # Errors
    /// When the provider refuses, or fails.
    pub async fn stream(&self, request: CompletionRequest) -> Result<Answer, CallError> {
        let mut instance = self.lease().await?.value;
        let request = request.into();
        let outcome = instance
            .call_async("stream", DrawKey::default(), async |store, bindings| {
                bindings
                    .bulkhead_plugin_ai_provider()
                    .call_stream(store, &request)
                    .await
            })
            .await?;
        let resource = refused(&self.plugin.core, outcome)?;
        Ok(Answer { instance, resource })
    }
}

impl Answer {
    /// The next piece; `None` after the last.
    ///
    /// # Errors
    /// When the provider refuses, or fails.
    pub async fn next(&mut self) -> Result<Option<Chunk>, CallError> {
        let core = Arc::clone(&self.instance.core);
        let resource = self.resource;
        let outcome = self
            .instance
            .call_async(
                "answer.next",
                DrawKey::default(),
                async |store, bindings| {
                    bindings
                        .bulkhead_plugin_ai_provider()
                        .answer()
                        .call_next(store, resource)
                        .await
                },
            )
            .await?;
        let chunk = refused(&core, outcome)?;
        Ok(accepted(&mut self.instance, "answer.next", chunk)?)
    }
}
