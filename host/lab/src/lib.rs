//! What is learnt from history before money follows it, and what is said of a run or session once it is over.
//!
//! An [`audit`] looks for look-ahead in what is handed more than one bar at a time. A [`backtest`] runs a strategy and leaves a [`result`]. [`trials`] judge models on labelled samples ([`labels`]) by
//! purged splits ([`validation`]), and remember every one that was tried. A [`report`] of a paper session is built from
//! [session records](bulkhead_session::record) alone, the files of a backtest from its result and
//! [performance](statistics::Performance): statistics, diagnoses and pages read no clock, no file and no random number that
//! is not seeded, so equal runs give byte-identical reports. What follows for callers: whatever has to appear has to be
//! in there first.

pub mod audit;
pub mod backtest;
pub mod diagnoses;
pub mod labels;
pub mod report;
pub mod result;
pub mod statistics;
pub mod sweep;
pub mod terminal;
pub mod trials;
pub mod validation;

pub use trials::tables::MIGRATIONS;
