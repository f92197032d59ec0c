//! Plain types that every floor of the host shares: no I/O, no clock, no engine.

pub mod completion;
pub mod data;
pub mod digest;
pub mod instrument;
pub mod model;
pub mod number;
pub mod problem;
pub mod refusal;
pub mod risk;
pub mod strategy;
pub mod time;

pub use bulkhead_venue::order;
pub use digest::Digest;
pub use instrument::{AssetClass, Instrument};
pub use number::Value;
pub use problem::{Blame, Problem};
pub use refusal::Refusal;
pub use rust_decimal::Decimal;
pub use time::Timestamp;
