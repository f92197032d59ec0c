//! Which crates of a workspace are plugins, as cargo and their manifests say.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bulkhead_manifest::Manifest;
use serde::Deserialize;

use super::error::{BuildError, io_at};
use crate::process;
use crate::rustc;

/// What `cargo metadata` says, as far as it is needed.
#[derive(Deserialize)]
pub(super) struct Metadata {
    packages: Vec<Package>,
    pub(super) workspace_root: PathBuf,
    pub(super) target_directory: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    path: Option<PathBuf>,
}

/// One plugin of a workspace.
pub(super) struct PluginCrate {
    pub(super) package: String,
    pub(super) source: PathBuf,
    pub(super) manifest_path: PathBuf,
    pub(super) manifest: Manifest,
}

impl Metadata {
    pub(super) fn read(folder: &Path) -> Result<Self, BuildError> {
        let text = process::output(
            rustc::cargo_command()
                .args(["metadata", "--no-deps", "--format-version", "1"])
                .current_dir(folder),
        )?;
        serde_json::from_str(&text).map_err(|error| BuildError::Answer {
            folder: folder.to_owned(),
            reason: error.to_string(),
        })
    }

    /// Folders outside of the workspace that its members depend on, with the crates' names.
    pub(super) fn outside(&self) -> BTreeMap<PathBuf, String> {
        (self.packages.iter())
            .flat_map(|package| &package.dependencies)
            .filter_map(|dependency| Some((dependency.path.clone()?, dependency.name.clone())))
            .filter(|(path, _)| !path.starts_with(&self.workspace_root))
            .collect()
    }

    /// The wanted members that are plugins, by id.
    pub(super) fn plugins(
        &self,
        wanted: impl Fn(&Path) -> bool,
    ) -> Result<BTreeMap<String, PluginCrate>, BuildError> {
        let mut plugins: BTreeMap<String, PluginCrate> = BTreeMap::new();
        for package in &self.packages {
            let Some(source) = package.manifest_path.parent() else {
                continue;
            };
            let path = source.join("plugin.toml");
            if !wanted(source) || !path.is_file() {
                continue;
            }
            let text = std::fs::read_to_string(&path).map_err(io_at(&path))?;
            let manifest = Manifest::from_toml(&text).map_err(|error| BuildError::Manifest {
                path: path.clone(),
                source: error,
            })?;
            let id = manifest.id.clone();
            let member = PluginCrate {
                package: package.name.clone(),
                source: source.to_owned(),
                manifest_path: package.manifest_path.clone(),
                manifest,
            };
            if let Some(other) = plugins.insert(id.clone(), member) {
                return Err(BuildError::SameId {
                    id,
                    first: other.source,
                    second: source.to_owned(),
                });
            }
        }
        Ok(plugins)
    }
}
