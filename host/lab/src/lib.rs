//! What is said of a session once it is over: its statistics and its report.
//!
//! A report is built from [session records](bulkhead_session::record) alone: it reads no clock, no file and
//! no random number, so equal sessions give byte-identical reports. What follows for callers: whatever has
//! to appear in a report has to be in the record first.

pub mod backtest;
pub mod diagnoses;
pub mod report;
pub mod result;
pub mod statistics;
pub mod terminal;
