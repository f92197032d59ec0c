//! The past, as of the bar that is being decided on; strategies only. No call can return anything later, or
//! more than 100,000 rows.
//! Natively the past is what [`testing::set_history`](crate::testing::set_history) put there.

pub use crate::wire::history::Error;
use crate::{BarColumns, InstrumentHandle};

/// The last `count` bars (fewer when there are not so many), oldest first, the current one included.
///
/// # Errors
/// An unknown instrument, or more rows than one call may return.
pub fn bars(instrument: InstrumentHandle, count: u32) -> Result<BarColumns, Error> {
    #[cfg(target_arch = "wasm32")]
    {
        crate::wire::history::bars(instrument, count)
    }
    #[cfg(not(target_arch = "wasm32"))]
    {
        crate::testing::doubles::bars(instrument, count)
    }
}

/// The last `count` values of a declared feature, oldest first; NaN where it is not defined yet.
///
/// # Errors
/// An unknown instrument or feature, or more rows than one call may return.
pub fn feature(instrument: InstrumentHandle, name: &str, count: u32) -> Result<Vec<f64>, Error> {
    #[cfg(target_arch = "wasm32")]
    {
        crate::wire::history::feature(instrument, name, count)
    }
    #[cfg(not(target_arch = "wasm32"))]
    {
        crate::testing::doubles::feature(instrument, name, count)
    }
}
