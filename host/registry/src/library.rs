//! Where a session's plugins come from: what is installed, the folder of components, files.

use crate::config::check_config;
use crate::grants;
use crate::installed::{Config, Installed, InstalledPlugin, Version};
use bulkhead_domain::{Digest, Instrument, Problem};
use bulkhead_manifest::{Manifest, read_section};
use bulkhead_sandbox::{Grants, Loader, Plugin, SessionClock, Setup};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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

/// What is installed and the components of one folder. Cheap to clone.
///
/// A plugin is named by its id: the installed one's active version, or else the folder's component; by
/// `ID@VERSION` or `ID@DIGEST`: that installed version; or by the path of a `.wasm` file, from the current folder or
/// else from the folder of components. The folder and files are
/// the developer's way: what is named so runs on what the session gives. A component that is installed runs on
/// what is installed for it (its grants, its default configuration), however it was named.
#[derive(Clone)]
pub struct Registry {
    loader: Arc<Loader>,
    folder: PathBuf,
    entries: Arc<BTreeMap<String, Entry>>,
    installed: Option<Installed>,
    pins: Arc<BTreeMap<String, Digest>>,
}

/// What a reference means.
enum Found {
    File(PathBuf),
    Installed(String, Box<Version>),
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
            entries: Arc::new(entries),
            ..Registry::without_folder(folder, loader)
        })
    }

    /// A registry of what is installed alone; `folder` is where a folder of components would be.
    #[must_use]
    pub fn without_folder(folder: impl Into<PathBuf>, loader: Loader) -> Registry {
        Registry {
            loader: Arc::new(loader),
            folder: folder.into(),
            entries: Arc::default(),
            installed: None,
            pins: Arc::default(),
        }
    }

    /// The registry with the plugins that are installed, which come before the folder's.
    #[must_use]
    pub fn with_installed(self, installed: Installed) -> Registry {
        Registry {
            installed: Some(installed),
            ..self
        }
    }

    /// A view in which these references mean exactly these components, whatever was swapped in since: what a
    /// session that is resumed began with. See [`Registry::resolve`].
    #[must_use]
    pub fn pinned(&self, pins: BTreeMap<String, Digest>) -> Registry {
        Registry {
            pins: Arc::new(pins),
            ..self.clone()
        }
    }

    /// What is installed, where this registry knows of it.
    #[must_use]
    pub fn installed(&self) -> Option<&Installed> {
        self.installed.as_ref()
    }

    /// What loads its components.
    #[must_use]
    pub fn loader(&self) -> &Arc<Loader> {
        &self.loader
    }

    /// Everything in the folder, by id.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// Loads a plugin by a reference.
    ///
    /// # Errors
    /// When there is none of that name, it is disabled, it is not the one that is pinned, or it does not load.
    pub fn load(&self, reference: &str) -> Result<Plugin, Problem> {
        match self.find(reference)? {
            Found::File(path) => {
                let plugin = self.loader.load_file(&path)?;
                // However it is named: what is installed and disabled does not run.
                if let Some(terms) = self.terms_of(&plugin)? {
                    terms.usable().map_err(|problem| problem.in_file(&path))?;
                }
                Ok(plugin)
            }
            Found::Installed(id, version) => {
                let component = self.component(&id, &version)?;
                self.loader.load(&component)
            }
        }
    }

    /// SHA-256 of the component that a reference means now. Compiles nothing.
    ///
    /// # Errors
    /// As [`Registry::load`], short of loading.
    pub fn resolve(&self, reference: &str) -> Result<Digest, Problem> {
        match self.find(reference)? {
            Found::File(path) => digest_of(&path),
            Found::Installed(_, version) => Ok(version.digest),
        }
    }

    fn find(&self, reference: &str) -> Result<Found, Problem> {
        let pin = self.pins.get(reference);
        let (id, wanted) = match reference.split_once('@') {
            _ if reference.ends_with(".wasm") => {
                return self.file(reference, self.path_of(reference), pin);
            }
            Some((id, wanted)) => (id, Some(wanted)),
            None => (reference, None),
        };
        let installed = match &self.installed {
            Some(installed) => installed.plugin(id)?,
            None => None,
        };
        let Some(plugin) = installed else {
            return match (self.entries.get(id), wanted) {
                (Some(entry), None) => self.file(reference, entry.path.clone(), pin),
                (Some(entry), Some(_)) => Err(Problem::user(
                    format!("plugin {id} is not installed, so there is no {reference}"),
                    format!("name it {id}, or install it with `bulkhead plugin install`"),
                )
                .in_file(&entry.path)),
                (None, _) => Err(self.unknown(id)?),
            };
        };
        plugin.usable()?;
        let version = match (pin, wanted) {
            (None, None) => plugin.version(&plugin.active),
            (None, Some(wanted)) => Some(plugin.find(wanted)?),
            (Some(pin), _) => match (plugin.version(pin), self.entries.get(id)) {
                (None, Some(entry)) => return self.file(reference, entry.path.clone(), Some(pin)),
                (found, _) => found,
            },
        };
        match (version, pin) {
            (Some(version), _) => Ok(Found::Installed(
                plugin.id.clone(),
                Box::new(version.clone()),
            )),
            (None, Some(pin)) => Err(Problem::user(
                format!(
                    "plugin {id} was used in version {}, which is not installed any more",
                    pin.short()
                ),
                "install that version again",
            )),
            (None, None) => Err(Problem::host(
                format!("the active version of plugin {id} is not among those installed"),
                "restore the database from a backup",
            )),
        }
    }

    /// A file by a path, from the current folder or else from the folder of components.
    fn path_of(&self, reference: &str) -> PathBuf {
        let path = PathBuf::from(reference);
        let beside = self.folder.join(&path);
        if !path.exists() && beside.is_file() {
            return beside;
        }
        path
    }

    /// A file, which has to be the component that is pinned, where one is.
    fn file(&self, reference: &str, path: PathBuf, pin: Option<&Digest>) -> Result<Found, Problem> {
        if let Some(pin) = pin {
            let found = digest_of(&path)?;
            if found != *pin {
                return Err(Problem::user(
                    format!(
                        "plugin {reference} was used in version {}, and this is {}",
                        pin.short(),
                        found.short()
                    ),
                    "put that version back",
                )
                .in_file(path));
            }
        }
        Ok(Found::File(path))
    }

    /// That there is no such plugin, or why that is not known.
    fn unknown(&self, id: &str) -> Result<Problem, Problem> {
        let installed = self.installed.as_ref().map(Installed::plugins);
        let installed = installed.transpose()?.unwrap_or_default();
        let mut names: Vec<&str> = (installed.iter().map(|plugin| plugin.id.as_str()))
            .chain(self.entries.keys().map(String::as_str))
            .collect();
        names.sort_unstable();
        names.dedup();
        Ok(Problem::user(
            format!("there is no plugin {id}"),
            format!("use one of: {}", names.join(", ")),
        )
        .in_file(&self.folder))
    }

    fn component(&self, id: &str, version: &Version) -> Result<Vec<u8>, Problem> {
        match &self.installed {
            Some(installed) => installed.component(id, version),
            None => Err(self.unknown(id)?),
        }
    }

    /// The installed plugin of which this is a version.
    fn terms_of(&self, plugin: &Plugin) -> Result<Option<InstalledPlugin>, Problem> {
        let Some(installed) = &self.installed else {
            return Ok(None);
        };
        let found = installed.plugin(&plugin.manifest().id)?;
        Ok(found.filter(|found| found.version(&plugin.digest()).is_some()))
    }

    /// The default configuration of an installed version, over which a session's settings go; empty where it is not
    /// installed.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn defaults(&self, plugin: &Plugin) -> Result<Config, Problem> {
        let terms = self.terms_of(plugin)?;
        Ok(terms.map_or_else(Config::new, |terms| {
            terms.config_of(&plugin.digest()).clone()
        }))
    }

    /// Checks a configuration and draws up the terms a plugin runs on: the session's settings over the installed
    /// default configuration, and a folder only where the manifest asks for files *and* the operator gives one;
    /// to an installed plugin only one that lies within a folder granted to it.
    ///
    /// # Errors
    /// When the configuration does not satisfy the plugin's schema, or the folder does not exist or is not
    /// granted.
    pub fn setup(
        &self,
        plugin: &Plugin,
        config: &Value,
        instruments: &[Instrument],
        operator: &Operator,
    ) -> Result<Setup, Problem> {
        let manifest = plugin.manifest();
        let terms = self.terms_of(plugin)?;
        let config = match &terms {
            Some(terms) => over(terms.config_of(&plugin.digest()), config),
            None => config.clone(),
        };
        check_config(manifest, &config)?;
        Ok(Setup {
            config: config.to_string(),
            instruments: instruments.to_vec(),
            grants: granted(terms.as_ref(), plugin, operator)?,
        })
    }

    /// SHA-256 of a component in the folder.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn digest(&self, entry: &Entry) -> Result<Digest, Problem> {
        digest_of(&entry.path)
    }
}

/// A session's settings over a default configuration, key by key at the top.
#[must_use]
pub fn over(defaults: &Config, settings: &Value) -> Value {
    match settings {
        Value::Object(settings) => {
            let mut all = defaults.clone();
            all.extend(settings.clone());
            Value::Object(all)
        }
        _ => settings.clone(),
    }
}

fn granted(
    terms: Option<&InstalledPlugin>,
    plugin: &Plugin,
    operator: &Operator,
) -> Result<Grants, Problem> {
    let manifest = plugin.manifest();
    let folder = operator.folder.clone().filter(|_| manifest.requests.files);
    let folder = match (folder, terms) {
        (Some(missing), _) if !missing.is_dir() => {
            return Err(Problem::user(
                format!(
                    "the folder granted to plugin {} does not exist",
                    manifest.id
                ),
                "correct its path",
            )
            .in_file(missing));
        }
        (Some(folder), Some(terms)) => Some(grants::folder(manifest, &terms.granted, &folder)?),
        (folder, _) => folder,
    };
    Ok(Grants {
        folder,
        clock: operator.clock.clone(),
        seed: operator.seed,
    })
}

fn digest_of(path: &Path) -> Result<Digest, Problem> {
    bulkhead_sandbox::read_component(path)
        .map(|bytes| Digest::of(&bytes))
        .map_err(|problem| problem.in_file(path))
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
