//! `bulkhead plugin list`

use crate::environment::Environment;
use crate::operations;
use crate::options::GlobalOptions;
use crate::output;
use bulkhead_domain::{Digest, Problem};
use bulkhead_manifest::Manifest;
use bulkhead_registry::{InstalledPlugin, Version};
use serde::Serialize;
use std::path::PathBuf;

/// One component.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Row {
    id: String,
    version: String,
    kind: bulkhead_manifest::Kind,
    description: String,
    digest: Digest,
    path: PathBuf,
    /// `installed` or `folder`.
    source: &'static str,
    /// What it does there.
    state: String,
    /// Of an installed plugin.
    generation: Option<u64>,
    /// Of an installed plugin, for `--expect`.
    revision: Option<u64>,
}

pub(crate) fn run(options: &GlobalOptions) -> Result<(), Problem> {
    let environment = Environment::open(options)?;
    let registry = &environment.registry;
    let mut rows = Vec::new();
    if let Some(installed) = operations::installed(options)? {
        for plugin in installed.plugins()? {
            for version in &plugin.versions {
                let row = row(
                    &version.manifest,
                    version.digest,
                    installed.path(&version.digest),
                );
                rows.push(Row {
                    source: "installed",
                    state: state(&plugin, version),
                    generation: Some(plugin.generation),
                    revision: Some(plugin.revision),
                    ..row
                });
            }
        }
    }
    for entry in registry.entries() {
        let digest = registry.digest(entry)?;
        rows.push(row(&entry.manifest, digest, entry.path.clone()));
    }
    if options.json {
        return output::json(&rows);
    }
    if rows.is_empty() {
        return output::line(format!(
            "nothing is installed in {}, and there are no components in {}",
            options.state.display(),
            options.plugins.display()
        ));
    }
    output::table(
        [
            "plugin",
            "version",
            "kind",
            "sha-256",
            "state",
            "description",
        ],
        rows.into_iter().map(|row| {
            [
                row.id,
                row.version,
                row.kind.to_string(),
                row.digest.short(),
                row.state,
                row.description,
            ]
        }),
    )
}

/// A component of the folder.
fn row(manifest: &Manifest, digest: Digest, path: PathBuf) -> Row {
    Row {
        id: manifest.id.clone(),
        version: manifest.version.clone(),
        kind: manifest.kind,
        description: manifest.description.clone(),
        digest,
        path,
        source: "folder",
        state: "in the folder of plugins".to_owned(),
        generation: None,
        revision: None,
    }
}

/// What an installed version does.
fn state(plugin: &InstalledPlugin, version: &Version) -> String {
    let digest = version.digest;
    if plugin.active == digest {
        let standing = &plugin.standing;
        return if standing.enabled {
            format!("active, generation {}", plugin.generation)
        } else {
            format!("disabled: {}", standing.reason)
        };
    }
    if let Some(shadow) = plugin
        .shadow
        .as_ref()
        .filter(|shadow| shadow.digest == digest)
    {
        return format!("compared on {} %", shadow.percent);
    }
    let served = plugin
        .previous
        .as_ref()
        .is_some_and(|previous| previous.digest == digest);
    if served { "served before" } else { "installed" }.to_owned()
}
