//! Where things are. `cargo xtask bench` says it by the environment; without that, the checkout's own
//! target folder is assumed.

use anyhow::{Context as _, Result};
use std::path::{Path, PathBuf};

pub(crate) struct Place {
    root: PathBuf,
    plugins: PathBuf,
    json: PathBuf,
}

impl Place {
    pub(crate) fn find() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .ancestors()
            .nth(2)
            .unwrap_or(Path::new("."))
            .to_owned();
        let given = |name: &str, default: &str| {
            std::env::var_os(name).map_or_else(|| root.join(default), PathBuf::from)
        };
        Place {
            plugins: given("BULKHEAD_PLUGINS", "target/plugins"),
            json: given("BULKHEAD_BENCH_JSON", "target/bench.json"),
            root,
        }
    }

    /// Root of the checkout.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Folder of the built components.
    pub(crate) fn plugins(&self) -> &Path {
        &self.plugins
    }

    /// The file of results.
    pub(crate) fn json(&self) -> &Path {
        &self.json
    }

    /// The bytes of a built component.
    pub(crate) fn component(&self, name: &str) -> Result<Vec<u8>> {
        let path = self.plugins.join(name);
        std::fs::read(&path)
            .with_context(|| format!("{} is missing: run `cargo xtask plugins`", path.display()))
    }

    /// The host's binary as the demo runs it.
    pub(crate) fn bulkhead(&self) -> PathBuf {
        let target = self.plugins.parent().unwrap_or(&self.root);
        target
            .join("debug/bulkhead")
            .with_extension(std::env::consts::EXE_EXTENSION)
    }
}
