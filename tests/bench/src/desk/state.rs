//! A state folder on the target folder's disk, for as long as a measurement takes.

use crate::place::Place;
use anyhow::{Context as _, Result};
use bulkhead_desk::switch::{self, Gate};
use bulkhead_desk::tables;
use bulkhead_store::{Migration, MigrationSet, Store, StoreError, wait};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

/// The table of the disk's own figures.
const PROBE: MigrationSet = MigrationSet {
    crate_name: "bench",
    migrations: &[Migration {
        version: 1,
        name: "a table of small rows",
        sql: "CREATE TABLE probe (id BIGINT PRIMARY KEY, text TEXT NOT NULL)",
    }],
};

/// The folder and what is open in it.
pub(super) struct State {
    // Closed before the folder goes.
    store: Store,
    gate: Arc<Gate>,
    folder: TempDir,
}

impl State {
    /// A new one. Not in the system's temporary folder, which may be memory.
    pub(super) fn new(place: &Place) -> Result<Self> {
        let target = place.json().parent().unwrap_or(place.root());
        let folder = tempfile::Builder::new()
            .prefix("bench-")
            .tempdir_in(target)
            .with_context(|| format!("no folder can be made in {}", target.display()))?;
        let path = folder.path().join("bench.db");
        let store = wait(async {
            let store = Store::open(&path).await?;
            store.migrate(&[tables::MIGRATIONS, PROBE]).await?;
            Ok::<_, StoreError>(store)
        })?;
        let gate = Arc::new(switch::open(&store, folder.path())?);
        Ok(State {
            store,
            gate,
            folder,
        })
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    pub(super) fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }
}
