//! Components with their code from a cache that is warm after the first time.

use crate::place::Place;
use anyhow::{Context as _, Result, ensure};
use bulkhead_registry::service::Version;
use bulkhead_sandbox::{AotCache, Engines, Loader, Origin, Plugin};
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

pub(super) struct Shelf {
    loader: Loader,
    folder: PathBuf,
    _cache: TempDir,
}

impl Shelf {
    pub(super) fn new(place: &Place) -> Result<Self> {
        let cache = tempfile::Builder::new()
            .prefix("bulkhead-bench-")
            .tempdir()
            .context("a folder for the compile cache")?;
        let aot = AotCache::open(cache.path().join("aot"))?;
        Ok(Shelf {
            loader: Loader::new(Arc::new(Engines::start()?), Some(aot)),
            folder: place.plugins().to_owned(),
            _cache: cache,
        })
    }

    /// Compiles a component into the cache.
    pub(super) fn warm(&self, name: &str) -> Result<()> {
        self.load(name)?;
        let again = self.load(name)?;
        ensure!(
            again.origin() == Origin::Cached,
            "{name} is not in the cache"
        );
        Ok(())
    }

    /// Loads a component from its file, as a swap does.
    pub(super) fn load(&self, name: &str) -> Result<Plugin, bulkhead_domain::Problem> {
        self.loader
            .load_file(&self.folder.join(format!("{name}.wasm")))
    }
}

pub(super) fn version(plugin: &Plugin) -> Version {
    let manifest = plugin.manifest();
    Version {
        plugin: manifest.id.clone(),
        version: manifest.version.clone(),
        digest: plugin.digest(),
    }
}
