//! What model plugins over a table of features have in common.
//!
//! Hyper-parameters that are declared and read from the same place ([`IntegerParameter`], [`RealParameter`],
//! [`ChoiceParameter`]), requests that are checked once, before any algorithm sees them ([`Request`]),
//! saved bytes that refuse what they did not write ([`seal`], [`open`]), and the few formulas for
//! probabilities. A [`Fault`] is every way to fail; it turns into the contract's error.

mod fault;
mod parameters;
pub mod planted;
mod probability;
mod request;
mod saved;
mod table;

pub use fault::Fault;
pub use parameters::{ChoiceParameter, Given, IntegerParameter, RealParameter};
pub use probability::{log_loss, normalise, softmax};
pub use request::{MAX_CLASSES, MIN_ROWS, Request, Targets, to_predict};
pub use saved::{open, seal};
pub use table::{Sample, Table, Watch};
