//! Turns at the write lock within one process.
//!
//! SQLite keeps no queue of who waits for its write lock: who is refused sleeps for up to a tenth of a second before
//! it asks again, and a writer that comes back at once is always there first. So whoever begins a transaction through
//! [`crate::Store::begin`] says so here, and the writer waits its turn between two of its own, at most [`YIELD`].

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Longest that the writer waits for others before it goes on; they sleep for less between two tries.
pub(crate) const YIELD: Duration = Duration::from_millis(250);
/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(1);

/// How many wait for the lock. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Turns(Arc<AtomicUsize>);

/// One that waits, until it is dropped.
pub(crate) struct Waiting<'a>(&'a AtomicUsize);

impl Turns {
    /// Somebody waits from now on.
    pub(crate) fn wait(&self) -> Waiting<'_> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Waiting(&self.0)
    }

    /// Lets those who wait go first.
    pub(crate) fn give_way(&self) {
        let begun = Instant::now();
        while self.0.load(Ordering::SeqCst) > 0 && begun.elapsed() < YIELD {
            std::thread::sleep(LOOK);
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
