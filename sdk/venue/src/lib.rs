//! How orders fill against bars, once for everybody.
//!
//! Pure: no clock, no randomness, no I/O. The paper broker's plugin and the host's sessions both drive
//! this crate, so a backtest and a paper session cannot disagree about a fill.

pub mod order;
