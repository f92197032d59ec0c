//! Installed plugins as the host's own code sees them: in which order a change is made, who wins when two change
//! at once, and what a session is given.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../cli/components.rs"]
mod components;

mod changes;
mod given;

use bulkhead_domain::{Digest, Problem, Timestamp};
use bulkhead_registry::{
    Applied, Capabilities, Change, Config, Installed, Live, Ready, Recorded, Request, Settings,
    Terms,
};
use bulkhead_sandbox::{AotCache, Engines, Loader, Plugin};
use bulkhead_store::{Store, StoreError, wait};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// A process that runs no plugin.
pub(crate) struct NobodyLive;

impl Live for NobodyLive {
    fn ready(&self, _: &Plugin, _: &Config) -> Result<Vec<Box<dyn Ready>>, Problem> {
        Ok(Vec::new())
    }

    fn is_running(&self) -> bool {
        false
    }
}

/// A state folder with a store.
pub(crate) struct Stand {
    folder: tempfile::TempDir,
    pub(crate) installed: Installed,
    pub(crate) loader: Arc<Loader>,
    /// What was recorded.
    pub(crate) records: Mutex<Vec<String>>,
    /// What unfinished runs need.
    pub(crate) needed: Mutex<BTreeMap<Digest, String>>,
}

impl Stand {
    pub(crate) fn new() -> Stand {
        let folder = tempfile::tempdir().unwrap();
        let store = wait(async {
            let store = Store::open(folder.path().join("bulkhead.db")).await?;
            store.migrate(&[bulkhead_registry::MIGRATIONS]).await?;
            Ok::<_, StoreError>(store)
        })
        .unwrap();
        let cache = AotCache::open(concat!(env!("CARGO_TARGET_TMPDIR"), "/aot")).unwrap();
        Stand {
            installed: Installed::new(store, folder.path()),
            loader: Arc::new(Loader::new(
                Arc::new(Engines::start().unwrap()),
                Some(cache),
            )),
            folder,
            records: Mutex::default(),
            needed: Mutex::default(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn record(&self, recorded: &Recorded<'_>) -> Result<(), Problem> {
        let text = match &recorded.not_made {
            None => format!("{} {}", recorded.number, recorded.request.change.name()),
            Some(why) => format!("{} not made: {why}", recorded.number),
        };
        self.records.lock().unwrap().push(text);
        Ok(())
    }

    pub(crate) fn make(
        &self,
        by: &str,
        change: Change,
        live: &dyn Live,
    ) -> Result<Applied, Problem> {
        let request = Request {
            plugin: "ema-cross".to_owned(),
            change,
            reason: "a test".to_owned(),
            expect: None,
        };
        let terms = Terms {
            by,
            time: Timestamp(1_700_000_000_000_000_000),
            loader: &self.loader,
            live,
            needed: &|| Ok(self.needed.lock().unwrap().clone()),
            record: &|recorded| self.record(recorded),
        };
        self.installed.apply(&request, &terms)
    }

    pub(crate) fn does(&self, change: Change) -> Applied {
        self.make("person:me", change, &NobodyLive).unwrap()
    }

    /// Installs a component.
    pub(crate) fn install(&self, component: &[u8]) -> Digest {
        let digest = Digest::of(component);
        self.does(self.installing(component));
        digest
    }

    pub(crate) fn installing(&self, component: &[u8]) -> Change {
        let file = self.path("component.wasm");
        std::fs::write(&file, component).unwrap();
        Change::Install {
            file,
            digest: Digest::of(component),
            grant: Capabilities::default(),
        }
    }

    pub(crate) fn active(&self) -> (Digest, u64) {
        let plugin = self.installed.plugin("ema-cross").unwrap().unwrap();
        (plugin.active, plugin.generation)
    }
}

pub(crate) fn swap(to: &Digest) -> Change {
    Change::Swap {
        to: to.to_string(),
        settings: Settings::default(),
    }
}
