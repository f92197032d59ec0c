//! What is said of a run once it is over: its statistics, what it is to be doubted for, its report and its files.
//!
//! The report of a paper session is built from [session records](bulkhead_session::record) alone, the files of a backtest
//! from a [result](crate::result) and a [performance](statistics::Performance): nothing here reads a clock, a file or a
//! random number that is not seeded, so equal runs give byte-identical reports. What follows for callers: whatever has
//! to appear has to be in there first.

pub mod backtest;
pub mod diagnoses;
pub mod report;
pub mod result;
pub mod statistics;
pub mod terminal;
