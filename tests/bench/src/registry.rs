//! Versions replaced while they are called, beside the same calls without a swap.
//!
//! Components are loaded anew for every swap, their code from a warm cache. `swap.serving_ms` is from the command
//! (load, start, first call, swap) to the end of the first call of the stream that the new version answered.

mod kinds;
mod leak;
mod light;
mod load;
mod rule;
mod strategy;
mod swap;

pub(crate) use kinds::{SPECS as KINDS, kinds};
pub(crate) use leak::{LEAK, LEAK_STATEFUL, leak};
pub(crate) use light::{SPECS as LIGHT, light};
pub(crate) use swap::{SPECS as SWAP, swap};
