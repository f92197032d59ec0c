//! AI providers: on the I/O engine, served from a pool of warm instances.

use super::warm::{Served, Warm, served};
use super::{Setup, accepted, refused};
use crate::bindings::ai_provider::exports::bulkhead::plugin::lifecycle::Setup as Lifecycle;
use crate::bindings::ai_provider::{AiProviderPlugin as Bindings, AiProviderPluginPre};
use crate::error::CallError;
use crate::instance::Instance;
use crate::plugin::{Core, Plugin};
use crate::pool::PoolPolicy;
use crate::state::State;
use bulkhead_domain::completion::{Chunk, Completion, CompletionRequest, ModelInfo};
use bulkhead_domain::{Digest, Problem};
use bulkhead_manifest::{Kind, Manifest};
use std::sync::Arc;
use wasmtime::Store;
use wasmtime::component::ResourceAny;

/// A configured AI provider.
pub struct AiProviderPlugin {
    warm: Warm<Bindings>,
}

/// An answer in the making, in an instance of its own. Dropping it cancels it.
pub struct Answer {
    instance: Instance<Bindings>,
    resource: ResourceAny,
}

served!(Bindings, AiProviderPluginPre, Lifecycle);

impl AiProviderPlugin {
    /// Takes a plugin as an AI provider, with its configuration.
    ///
    /// # Errors
    /// When it is of another kind.
    pub fn new(plugin: Plugin, setup: Setup, policy: PoolPolicy) -> Result<Self, Problem> {
        let warm = Warm::new(plugin, Kind::AiProvider, setup, policy)?;
        Ok(AiProviderPlugin { warm })
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

    /// Models on offer.
    ///
    /// # Errors
    /// When the provider refuses, or fails.
    pub async fn models(&self) -> Result<Vec<ModelInfo>, CallError> {
        self.warm
            .call("models", async |store, bindings| {
                bindings
                    .bulkhead_plugin_ai_provider()
                    .call_models(store)
                    .await
            })
            .await
    }

    /// A whole answer.
    ///
    /// # Errors
    /// When the provider refuses, or fails.
    pub async fn complete(&self, request: CompletionRequest) -> Result<Completion, CallError> {
        let request = request.into();
        self.warm
            .call("complete", async |store, bindings| {
                bindings
                    .bulkhead_plugin_ai_provider()
                    .call_complete(store, &request)
                    .await
            })
            .await
    }

    /// An answer in pieces.
    ///
    /// # Errors
    /// When the provider refuses, or fails.
    pub async fn stream(&self, request: CompletionRequest) -> Result<Answer, CallError> {
        let mut lease = self.warm.lease().await?;
        let key = lease.value.moment();
        let request = request.into();
        let outcome = lease
            .value
            .call_async("stream", key, async |store, bindings| {
                bindings
                    .bulkhead_plugin_ai_provider()
                    .call_stream(store, &request)
                    .await
            })
            .await?;
        match refused(&self.warm.plugin.core, outcome) {
            Ok(resource) => Ok(Answer {
                instance: lease.value,
                resource,
            }),
            Err(refusal) => {
                self.warm.give_back(lease);
                Err(refusal)
            }
        }
    }
}

impl Answer {
    /// The next piece; `None` after the last.
    ///
    /// # Errors
    /// When the provider refuses, or fails.
    pub async fn next(&mut self) -> Result<Option<Chunk>, CallError> {
        let core = Arc::clone(&self.instance.core);
        let (key, resource) = (self.instance.moment(), self.resource);
        let outcome = self
            .instance
            .call_async("answer.next", key, async |store, bindings| {
                bindings
                    .bulkhead_plugin_ai_provider()
                    .answer()
                    .call_next(store, resource)
                    .await
            })
            .await?;
        let chunk = refused(&core, outcome)?;
        Ok(accepted(&mut self.instance, "answer.next", chunk)?)
    }
}
