//! Market data: calendars, bars, cleaning, corporate actions, the bar catalog, macro series, features.
//!
//! Prices are stored raw; corporate actions lie beside them. Everything derived from them is as-of by
//! construction: what a function returns for bar `n` never depends on the prices of bar `n + 1`, so a longer
//! file changes no earlier number. Only a file's ways of writing are told from all of it: its date format, the
//! distance of its rows, and how its adjusted closes are made and rounded ([`actions`]). Moments are nanoseconds since 1970 in UTC; a bar is stamped at its close.
//! What is wrong with an input is a [`bulkhead_domain::Problem`] that names file, line and column; no
//! function here panics on data.

pub mod actions;
pub mod bars;
pub mod calendar;
pub mod catalog;
pub mod clean;
pub mod csv;
mod dates;
pub mod factor;
pub mod features;
pub mod horizon;
pub mod indicators;
pub mod macro_series;

pub use bars::{BarColumns, BarSeries, RawBar, RawBars};
pub use calendar::{Calendar, Session};
pub use catalog::Catalog;
pub use clean::{CleanBars, CleanOptions, CleaningReport, clean};
pub use features::FeatureSet;
pub use macro_series::{MacroSeries, Observation};
