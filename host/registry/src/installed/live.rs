//! Whoever runs plugins in this process, as seen by who changes them.

use super::change::Applied;
use super::state::Config;
use bulkhead_domain::Problem;
use bulkhead_sandbox::Plugin;

/// Runs plugins in this process.
pub trait Live: Send + Sync {
    /// Makes a version ready beside the one that serves, with the default configuration that it will have. Nothing
    /// changes for callers until [`Ready::serve`]; what is dropped instead was never seen by them.
    ///
    /// # Errors
    /// Why it cannot serve; the old version then goes on, and the change is not made.
    fn ready(&self, plugin: &Plugin, defaults: &Config) -> Result<Vec<Box<dyn Ready>>, Problem>;

    /// Whether plugins run in this process at all.
    fn is_running(&self) -> bool {
        true
    }

    /// Told of every change once it is made, after [`Ready::serve`]: that a plugin is disabled now, or that
    /// a candidate is to be compared. What is installed says how.
    fn changed(&self, _applied: &Applied) {}
}

/// A version that is ready to serve in one place.
pub trait Ready: Send {
    /// From now on calls go to it. Must not fail: everything that could was done before.
    fn serve(self: Box<Self>);
}
