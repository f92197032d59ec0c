//! Installed plugins: which versions there are, which one serves, and on what terms.
//!
//! Promises: of every plugin exactly one version is active, whenever the process ends; a change is made whole or
//! not at all, and whoever comes second is told who was first; a component is what was installed, or refused by
//! its digest; nothing is granted that was not given by name. A version serves only after it has loaded and started
//! and its configuration satisfies its schema, and a version that fails leaves the one before it untouched.
//! Whether it takes the configuration shows where it is put to work, since a session's settings lie over that.
//!
//! Bounds: changes of one state folder are made by the process that owns it (its gateway lock); every other one
//! reads. The history is never cut.
//!
//! For callers: this crate owns the tables [`MIGRATIONS`]; components lie in the state folder's `plugins`. Reads
//! and changes are synchronous and may wait for the disk, a change for a compiler too.

mod apply;
mod change;
mod compared;
mod components;
mod live;
mod plan;
mod state;
mod tables;
mod verify;

pub use change::{Applied, Change, Recorded, Request, Settings, Terms};
pub use compared::Kept;
pub use live::{Live, Ready};
pub use state::{Config, InstalledPlugin, Past, Served, Shadow, Standing, Version};
pub use tables::MIGRATIONS;

use bulkhead_domain::{Digest, Problem};
use bulkhead_store::{Store, wait};
use components::Components;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// The installed plugins of a state folder. Cheap to clone; clones take turns at changing.
#[derive(Clone)]
pub struct Installed {
    store: Store,
    components: Components,
    turn: Arc<Mutex<()>>,
}

impl Installed {
    /// The installed plugins of a state folder, whose database has the tables [`MIGRATIONS`].
    #[must_use]
    pub fn new(store: Store, state: &Path) -> Installed {
        Installed {
            store,
            components: Components::new(Installed::folder(state)),
            turn: Arc::default(),
        }
    }

    /// Where the components of a state folder lie.
    #[must_use]
    pub fn folder(state: &Path) -> PathBuf {
        state.join("plugins")
    }

    /// A plugin, where it is installed.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn plugin(&self, id: &str) -> Result<Option<InstalledPlugin>, Problem> {
        if id.is_empty() {
            return Ok(None);
        }
        let mut found = wait(tables::plugins(&self.store, Some(id)))?;
        Ok(found.pop())
    }

    /// Every installed plugin, in the order of ids.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn plugins(&self) -> Result<Vec<InstalledPlugin>, Problem> {
        Ok(wait(tables::plugins(&self.store, None))?)
    }

    /// Everything that was ever changed of a plugin, oldest first; also of one that was uninstalled.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn history(&self, id: &str) -> Result<Vec<Past>, Problem> {
        Ok(wait(tables::history(&self.store, id))?)
    }

    /// The component of an installed version.
    ///
    /// # Errors
    /// When it is gone, or is not what was installed.
    pub fn component(&self, id: &str, version: &Version) -> Result<Vec<u8>, Problem> {
        self.components
            .get(&version.digest, &format!("plugin {id} {}", version.label()))
    }

    /// Where the component of an installed version lies.
    #[must_use]
    pub fn path(&self, digest: &Digest) -> PathBuf {
        self.components.path(digest)
    }
}
