//! The folder of components and what may be done with them.

use crate::config::check_config;
use bulkhead_domain::{Digest, Instrument, Problem};
use bulkhead_manifest::{Manifest, read_section};
use bulkhead_sandbox::{Grants, Loader, Plugin, SessionClock, Setup};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A component on disk.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Where it is.
    pub path: PathBuf,
    /// What it says of itself.
    pub manifest: Manifest,
}

/// What the operator gives a plugin.
#[derive(Debug, Clone, Default)]
pub struct Operator {
    /// The folder it may read.
    pub folder: Option<PathBuf>,
    /// The session's clock.
    pub clock: SessionClock,
    /// The session's seed.
    pub seed: u64,
}

/// The components of one folder.
pub struct Registry {
    loader: Loader,
    folder: PathBuf,
    entries: BTreeMap<String, Entry>,
}

impl Registry {
    /// Indexes a folder by reading the manifest of every `.wasm` file in it. Nothing is compiled yet.
    ///
    /// # Errors
    /// When the folder cannot be read, a component in it has no valid manifest, or two have the same id.
    pub fn open(folder: impl Into<PathBuf>, loader: Loader) -> Result<Registry, Problem> {
        let folder = folder.into();
        let unreadable = |error: std::io::Error| {
            Problem::user(
                format!("the plugin folder cannot be read: {error}"),
                "build the plugins with `cargo xtask plugins`, or name their folder with --plugins",
            )
            .in_file(&folder)
        };
        let mut paths = Vec::new();
        for entry in folder.read_dir().map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "wasm")
            {
                paths.push(path);
            }
        }
        paths.sort();
        let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
        for path in paths {
            let entry = read_entry(&path)?;
            if let Some(other) = entries.get(&entry.manifest.id) {
                return Err(Problem::user(
                    format!(
                        "two components call themselves {}: this one and {}",
                        entry.manifest.id,
                        other.path.display()
                    ),
                    "remove one of them",
                )
                .in_file(path));
            }
            entries.insert(entry.manifest.id.clone(), entry);
        }
        Ok(Registry {
            loader,
            folder,
            entries,
        })
    }

    /// Everything in the folder, by id.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// Loads a plugin by its id, or by the path of a `.wasm` file.
    ///
    /// # Errors
    /// When there is none of that name, or it does not load.
    pub fn load(&self, reference: &str) -> Result<Plugin, Problem> {
        if reference.ends_with(".wasm") {
            return self.loader.load_file(Path::new(reference));
        }
        match self.entries.get(reference) {
            Some(entry) => self.loader.load_file(&entry.path),
            None => Err(Problem::user(
                format!("there is no plugin {reference}"),
                format!(
                    "use one of: {}",
                    self.entries
                        .keys()
                        .map(String::as_str)
                        .collect::<Vec<_>>()
                        .join(", ")
                ),
            )
            .in_file(&self.folder)),
        }
    }

    /// Checks a configuration and draws up the terms a plugin runs on: a folder only where the manifest asks
    /// for files *and* the operator gives one.
    ///
    /// # Errors
    /// When the configuration does not satisfy the plugin's schema, or the folder does not exist.
    pub fn setup(
        &self,
        plugin: &Plugin,
        config: &Value,
        instruments: &[Instrument],
        operator: &Operator,
    ) -> Result<Setup, Problem> {
        let manifest = plugin.manifest();
        check_config(manifest, config)?;
        Ok(Setup {
            config: config.to_string(),
            instruments: instruments.to_vec(),
            grants: self.grants(plugin, operator)?,
        })
    }

    fn grants(&self, plugin: &Plugin, operator: &Operator) -> Result<Grants, Problem> {
        let folder = operator
            .folder
            .clone()
            .filter(|_| plugin.manifest().requests.files);
        if let Some(missing) = folder.as_ref().filter(|folder| !folder.is_dir()) {
            return Err(Problem::user(
                format!(
                    "the folder granted to plugin {} does not exist",
                    plugin.manifest().id
                ),
                "correct its path",
            )
            .in_file(missing));
        }
        Ok(Grants {
            folder,
            clock: operator.clock.clone(),
            seed: operator.seed,
        })
    }

    /// SHA-256 of a component in the folder.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn digest(&self, entry: &Entry) -> Result<Digest, Problem> {
        std::fs::read(&entry.path)
            .map(|bytes| Digest::of(&bytes))
            .map_err(|error| {
                Problem::user(
                    format!("the plugin cannot be read: {error}"),
                    "check the path",
                )
                .in_file(&entry.path)
            })
    }
}

fn read_entry(path: &Path) -> Result<Entry, Problem> {
    let bytes = std::fs::read(path).map_err(|error| {
        Problem::user(
            format!("the plugin cannot be read: {error}"),
            "check its permissions",
        )
        .in_file(path)
    })?;
    let manifest = read_section(&bytes).map_err(|error| {
        Problem::user(
            error.to_string(),
            "rebuild it with `bulkhead plugin build`, or remove it",
        )
        .in_file(path)
    })?;
    Ok(Entry {
        path: path.to_owned(),
        manifest,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bulkhead_sandbox::Engines;
    use std::sync::Arc;

    fn loader() -> Loader {
        Loader::new(Arc::new(Engines::start().unwrap()), None)
    }

    #[test]
    fn a_missing_folder_is_named_with_the_way_out() {
        let problem = Registry::open("/no/such/folder", loader()).err().unwrap();
        assert!(
            problem.to_string().contains("cargo xtask plugins"),
            "{problem}"
        );
    }

    #[test]
    fn a_broken_component_in_the_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("x.wasm"), b"not wasm").unwrap();
        let problem = Registry::open(folder.path(), loader()).err().unwrap();
        assert!(problem.to_string().contains("x.wasm"), "{problem}");
        assert_eq!(problem.exit_code(), 2);
    }

    /// A component with nothing in it but a manifest.
    fn component(id: &str) -> Vec<u8> {
        let manifest = serde_json::json!({
            "id": id, "version": "1.0.0", "kind": "strategy", "api": "0.1",
            "licence": "Apache-2.0", "description": "d",
            "config-schema": { "type": "object" }
        });
        let manifest = Manifest::from_json(manifest.to_string().as_bytes()).unwrap();
        bulkhead_manifest::append_section(b"\0asm\x0d\0\x01\0", &manifest).unwrap()
    }

    #[test]
    fn two_components_of_one_id_are_refused_and_both_named() {
        let folder = tempfile::tempdir().unwrap();
        let write = |file: &str, id: &str| {
            std::fs::write(folder.path().join(file), component(id)).unwrap();
        };
        write("a.wasm", "first");
        write("b.wasm", "second");
        write("notes.txt", "first");
        let registry = Registry::open(folder.path(), loader()).unwrap();
        let ids: Vec<&str> = registry
            .entries()
            .map(|entry| entry.manifest.id.as_str())
            .collect();
        assert_eq!(ids, ["first", "second"]);

        write("c.wasm", "first");
        let problem = Registry::open(folder.path(), loader()).err().unwrap();
        let said = problem.to_string();
        assert!(said.contains("call themselves first"), "{said}");
        assert!(said.contains("a.wasm") && said.contains("c.wasm"), "{said}");
        assert_eq!(problem.exit_code(), 2);
    }

    #[test]
    fn an_unknown_plugin_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let registry = Registry::open(folder.path(), loader()).unwrap();
        assert!(
            registry
                .load("nobody")
                .err()
                .unwrap()
                .to_string()
                .contains("there is no plugin nobody")
        );
    }
}
