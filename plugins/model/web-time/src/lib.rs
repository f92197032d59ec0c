//! Stands in for the crate `web-time` where there is neither a clock nor a browser.
//!
//! argmin, the optimiser under linfa's logistic regression, can time its iterations and takes its clock from
//! `web-time`. For `wasm32-unknown-unknown` that crate assumes a browser and imports its functions, which
//! no plugin may; that linfa never switches the timing on does not remove the imports. This crate has as much
//! of the interface as argmin names, and panics should anybody ask the time.

pub use std::time::Duration;

/// A point in time; there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(());

impl Instant {
    /// The time now.
    ///
    /// # Panics
    /// Always: a model has no clock.
    #[must_use]
    pub fn now() -> Self {
        panic!("a model plugin has no clock")
    }

    /// The time since.
    ///
    /// # Panics
    /// Always: a model has no clock.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        panic!("a model plugin has no clock")
    }
}
