//! What a session runs, and where: its plugins as inputs, and the places to which new versions may come.

use crate::record::Input;
use bulkhead_domain::{Digest, Problem};
use bulkhead_manifest::Kind;
use bulkhead_registry::Registry;
use bulkhead_sandbox::Plugin;
use serde_json::Value;

/// Where a session runs a plugin.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) kind: Kind,
    pub(crate) id: String,
    /// How the configuration names it.
    reference: String,
    /// SHA-256 of the component that the session begins with.
    pub(crate) digest: Digest,
    /// What the session sets of its configuration.
    pub(crate) settings: Value,
}

impl Place {
    /// Whether a new version of a plugin may come here: it is named by its id alone. Who names a version or a file
    /// wants that one.
    pub(crate) fn follows(&self, id: &str) -> bool {
        self.reference == id && self.id == id
    }
}

/// What a session is found to run.
#[derive(Default)]
pub(super) struct Found {
    pub(super) inputs: Vec<Input>,
    pub(super) places: Vec<Place>,
}

impl Found {
    /// A component that the session runs, with what is installed as its default configuration, where that says
    /// anything: another one makes another session.
    pub(super) fn runs(&mut self, registry: &Registry, plugin: &Plugin) -> Result<(), Problem> {
        self.inputs.push(plugin_input(plugin));
        if let Some(digest) = defaults_digest(registry, plugin)? {
            self.inputs.push(Input {
                kind: "settings".to_owned(),
                name: plugin.manifest().id.clone(),
                digest: digest.to_string(),
            });
        }
        Ok(())
    }

    /// The same, where another version may come in its place.
    pub(super) fn place(
        &mut self,
        registry: &Registry,
        plugin: &Plugin,
        reference: &str,
        settings: Value,
    ) -> Result<(), Problem> {
        self.runs(registry, plugin)?;
        self.places.push(Place {
            kind: plugin.manifest().kind,
            id: plugin.manifest().id.clone(),
            reference: reference.to_owned(),
            digest: plugin.digest(),
            settings,
        });
        Ok(())
    }
}

/// SHA-256 of the default configuration that is installed for a component; `None` where that is empty.
pub(crate) fn defaults_digest(
    registry: &Registry,
    plugin: &Plugin,
) -> Result<Option<Digest>, Problem> {
    let defaults = registry.defaults(plugin)?;
    let text = Value::Object(defaults.clone()).to_string();
    Ok((!defaults.is_empty()).then(|| Digest::of(text.as_bytes())))
}

pub(super) fn plugin_input(plugin: &Plugin) -> Input {
    let manifest = plugin.manifest();
    Input {
        kind: "plugin".to_owned(),
        name: format!("{} {}", manifest.id, manifest.version),
        digest: plugin.digest().to_string(),
    }
}
