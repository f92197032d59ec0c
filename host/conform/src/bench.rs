//! The component on the bench: loaded anew for whoever wants a fresh one.

use crate::Terms;
use bulkhead_domain::Instrument;
use bulkhead_manifest::Manifest;
use bulkhead_sandbox::{Grants, Loader, Plugin, SessionClock, Setup};

/// A moment that no data lies beyond: 2024-01-02T21:00:00Z in nanoseconds since 1970.
pub(crate) const NOW: i64 = 1_704_229_200_000_000_000;

/// What every check works on.
pub(crate) struct Bench<'a> {
    pub(crate) loader: &'a Loader,
    pub(crate) wasm: &'a [u8],
    pub(crate) terms: &'a Terms,
}

impl Bench<'_> {
    /// The component, loaded once more.
    pub(crate) fn plugin(&self) -> Result<Plugin, String> {
        self.loader
            .load(self.wasm)
            .map_err(|problem| problem.to_string())
    }

    /// What an instance is given: the folder only where the manifest asks for files.
    pub(crate) fn grants(&self, manifest: &Manifest) -> Grants {
        let clock = SessionClock::default();
        clock.set(NOW);
        Grants {
            folder: self
                .terms
                .folder
                .clone()
                .filter(|_| manifest.requests.files),
            clock,
            seed: self.terms.seed,
        }
    }

    /// Configuration, instruments and grants.
    pub(crate) fn setup(&self, manifest: &Manifest, instruments: &[Instrument]) -> Setup {
        Setup {
            config: self.terms.config.to_string(),
            instruments: instruments.to_vec(),
            grants: self.grants(manifest),
        }
    }
}

/// Runs what waits, on this thread.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> Result<T, String> {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map(|runtime| runtime.block_on(work))
        .map_err(|error| format!("no thread to wait on: {error}"))
}
