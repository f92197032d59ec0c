//! State that can move to another instance: optional, for the kinds whose instance is pinned.
//!
//! The plugin exports the interface or it does not: that is the probe. To save is a call like any other, so a
//! plugin that fails in it is retired; one that answers that it has no state to give lives on.

use super::refused;
use crate::bindings::snapshot::WithSnapshot;
use crate::error::{CallError, PluginError};
use crate::instance::Instance;
use crate::state::DrawKey;
use bulkhead_domain::Refusal;
use std::sync::Arc;

const SAVE: &str = "snapshot.save";
const RESTORE: &str = "snapshot.restore";

/// The state of an instance; `None` where the plugin has no `snapshot`.
pub(super) fn save<B>(instance: &mut Instance<B>) -> Result<Option<Vec<u8>>, CallError> {
    let Some(snapshot) = probe(instance, SAVE)? else {
        return Ok(None);
    };
    let core = Arc::clone(&instance.core);
    let key = instance.moment();
    let outcome = instance.call(SAVE, key, |store, _| {
        snapshot.bulkhead_plugin_snapshot().call_save(store)
    })?;
    refused(&core, outcome.map_err(Refusal::InvalidInput)).map(Some)
}

/// Gives an instance a state; `false` where the plugin has no `snapshot`.
pub(super) fn restore<B>(instance: &mut Instance<B>, state: &[u8]) -> Result<bool, CallError> {
    let Some(snapshot) = probe(instance, RESTORE)? else {
        return Ok(false);
    };
    let core = Arc::clone(&instance.core);
    let outcome = instance.call(RESTORE, DrawKey::default(), |store, _| {
        snapshot
            .bulkhead_plugin_snapshot()
            .call_restore(store, state)
    })?;
    refused(&core, outcome.map_err(Refusal::InvalidInput)).map(|()| true)
}

fn probe<B>(
    instance: &mut Instance<B>,
    function: &'static str,
) -> Result<Option<WithSnapshot>, PluginError> {
    instance.optional(function, |store, whole| WithSnapshot::new(store, whole))
}

/// Gives a pinned kind its two functions.
macro_rules! stateful {
    ($kind:ty) => {
        impl $kind {
            /// Its state, which another instance of the same plugin or of a newer version may take;
            /// `None` where the plugin has no `snapshot`.
            ///
            /// # Errors
            /// When the plugin says that it has no state to give, or fails (it is then retired), or was retired
            /// before.
            pub fn save(&mut self) -> Result<Option<Vec<u8>>, CallError> {
                super::snapshot::save(&mut self.instance)
            }

            /// Takes a state in place of its own; `false` where the plugin has no `snapshot`.
            ///
            /// # Errors
            /// When the plugin says why it cannot use the state, fails, or was retired before. What its state
            /// is then, is not known: use a fresh instance.
            pub fn restore(&mut self, state: &[u8]) -> Result<bool, CallError> {
                super::snapshot::restore(&mut self.instance, state)
            }
        }
    };
}
pub(super) use stateful;
