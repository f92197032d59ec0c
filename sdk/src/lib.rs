//! What a plugin author depends on.
//!
//! A plugin is a plain Rust type that implements the one trait of its kind, made into a component by one
//! macro:
//!
//! ```
//! use bulkhead_sdk::strategy::{Error, Intent, Requirements, State, Strategy};
//! use bulkhead_sdk::{Bar, Decimal, Instrument, InstrumentHandle};
//!
//! #[derive(serde::Deserialize, schemars::JsonSchema)]
//! #[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
//! struct Config {
//!     /// Units to hold.
//!     size: u32,
//! }
//!
//! impl Default for Config {
//!     fn default() -> Self {
//!         Config { size: 100 }
//!     }
//! }
//!
//! struct BuyAndHold {
//!     size: Decimal,
//!     bought: bool,
//! }
//!
//! impl Strategy for BuyAndHold {
//!     type Config = Config;
//!
//!     fn new(config: Config, _instruments: &[Instrument]) -> Result<Self, String> {
//!         Ok(BuyAndHold { size: config.size.into(), bought: false })
//!     }
//!
//!     fn requirements(&self) -> Requirements {
//!         Requirements::bars(0)
//!     }
//!
//!     fn on_bar(&mut self, instrument: InstrumentHandle, _bar: &Bar, _state: &State) -> Vec<Intent> {
//!         if std::mem::replace(&mut self.bought, true) {
//!             return Vec::new();
//!         }
//!         vec![Intent::target(instrument, self.size, "bought once")]
//!     }
//! }
//!
//! bulkhead_sdk::export!(strategy: BuyAndHold);
//!
//! # fn main() -> Result<(), String> {
//! let mut plugin = BuyAndHold::new(Config::default(), &[Instrument::us_equity(1, "AAPL")])?;
//! let bar = bulkhead_sdk::testing::bar(0, 10.0);
//! assert_eq!(plugin.on_bar(1, &bar, &State::default()).len(), 1);
//! assert!(plugin.on_bar(1, &bar, &State::default()).is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! **Native tests.** The same type runs under plain `cargo test`: the log goes to standard error, randomness
//! is seeded, and [`testing`] supplies files, history and time. The macro adds a test that holds the
//! configuration's JSON Schema in `plugin.toml` to the Rust type (see [`testing::assert_schema`]).
//!
//! **Bounds.** The kind decides the world. A plugin that calls a module its kind does not import (a strategy
//! that asks [`clock`]) builds, and is refused by the host when it is loaded. There are no threads, no files
//! but [`files`], no sockets, and `Instant::now` panics.
//!
//! **Panics** are logged with their place before they trap; the host names them in its error.

pub mod ai_provider;
pub mod broker;
pub mod clock;
pub mod config;
pub mod data_source;
mod entry;
mod export;
pub mod files;
pub mod history;
mod instrument;
pub mod log;
pub mod model;
pub mod number;
mod orders;
pub mod progress;
pub mod random;
pub mod risk_rule;
#[cfg(not(target_arch = "wasm32"))]
mod schema;
pub mod snapshot;
pub mod strategy;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
pub mod wire;

pub use bulkhead_venue::order;
pub use instrument::{AssetClass, Instrument};
pub use number::{Fields, InvalidDecimal, Value};
pub use order::{Bar, InstrumentHandle};
pub use rust_decimal::Decimal;
pub use wire::types::{BarColumns, Matrix, Nanoseconds, Timestamp};

/// Nanoseconds in a second.
pub const SECOND: Nanoseconds = 1_000_000_000;
/// Nanoseconds in a day of 24 hours.
pub const DAY: Nanoseconds = 86_400 * SECOND;
