//! What a command works with: engines, the loader with its cache, and the registry of plugins.

use crate::kept;
use crate::options::GlobalOptions;
use bulkhead_domain::Problem;
use bulkhead_registry::{Installed, Registry};
use bulkhead_sandbox::{AotCache, Engines, Loader};
use bulkhead_store::Store;
use std::path::PathBuf;
use std::sync::Arc;

/// Everything that a command on installed plugins needs.
pub(crate) struct Environment {
    /// The plugins.
    pub(crate) registry: Registry,
    /// Folder of everything that is kept.
    pub(crate) state: PathBuf,
    /// Folder of the catalog of bars, in `state`.
    pub(crate) catalog: PathBuf,
}

impl Environment {
    /// Starts the engines and reads the plugins' manifests; compiles nothing yet.
    ///
    /// # Errors
    /// When the folder of plugins is broken, or missing where nothing is installed either, or the machine cannot
    /// run the engines.
    pub(crate) fn open(options: &GlobalOptions) -> Result<Environment, Problem> {
        let loader = loader(options)?;
        let installed = Installed::folder(&options.state).is_dir();
        let registry = if installed && !options.plugins.exists() {
            Registry::without_folder(&options.plugins, loader)
        } else {
            Registry::open(&options.plugins, loader)?
        };
        Ok(Environment {
            registry,
            state: options.state.clone(),
            catalog: options.catalog(),
        })
    }

    /// With what is installed, where anything was kept in the state folder.
    ///
    /// # Errors
    /// A database that cannot be opened.
    pub(crate) fn with_anything_installed(self) -> Result<Environment, Problem> {
        if !kept::path(&self.state).is_file() {
            return Ok(self);
        }
        let store = kept::open(&self.state)?;
        Ok(self.with_installed(&store))
    }

    /// With what is installed in the state folder, whose database this is.
    pub(crate) fn with_installed(self, store: &Store) -> Environment {
        let installed = Installed::new(store.clone(), &self.state);
        Environment {
            registry: self.registry.with_installed(installed),
            ..self
        }
    }
}

/// Starts the engines over the cache of compiled components.
///
/// # Errors
/// When the cache cannot be used, or the machine cannot run the engines.
pub(crate) fn loader(options: &GlobalOptions) -> Result<Loader, Problem> {
    let cache = match options.cache() {
        Some(folder) => Some(AotCache::open(folder)?),
        None => {
            tracing::warn!("there is no cache folder: name one with --cache");
            None
        }
    };
    Ok(Loader::new(Arc::new(Engines::start()?), cache))
}
