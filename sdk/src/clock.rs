//! Time as the session sees it: virtual in a replay or backtest. Only kinds that talk to the outside have it
//! (data sources, AI providers, brokers that are not simulated). Natively it stands where
//! [`testing::set_clock`](crate::testing::set_clock) put it, at 0 unless told.

use crate::Timestamp;

/// The present.
#[must_use]
pub fn now() -> Timestamp {
    #[cfg(target_arch = "wasm32")]
    {
        crate::wire::clock::now()
    }
    #[cfg(not(target_arch = "wasm32"))]
    {
        crate::testing::doubles::clock()
    }
}
