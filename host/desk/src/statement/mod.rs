//! What an account did, for whoever has to answer for it: statements, a log of trades, a daily report.
//!
//! Promises: a statement adds up exactly, opening equity plus every flow is closing equity, or it is an
//! error; the trade log's profits sum to the profit the books realised; text that comes from outside
//! cannot become a formula in a spreadsheet.
//!
//! Bounds: everything is a pure function of what it is given, held in memory; amounts are bounded as in
//! [`crate::ledger`].
//!
//! For callers: take a [`Snapshot`] of the books at both ends of a period and keep the entries between.
//! The CSV functions write to any [`std::io::Write`]; writing a file whole or not at all is the caller's.

mod books;
pub mod cells;
mod daily;
mod flows;
mod period;
mod snapshot;
#[cfg(test)]
mod tests;
mod trades;

pub use books::{Books, Close, Period};
pub use daily::{DailyRow, SessionDay, daily_report, write_daily};
pub use flows::Flows;
pub use period::{CurrencySection, InstrumentFlows, Statement};
pub use snapshot::{PositionMark, Snapshot};
pub use trades::{Trade, TradeEvent, TradeFill, closed_trades, write_trades};

use crate::ledger::{Currency, LedgerError};
use bulkhead_domain::{Decimal, Timestamp};

/// Why there is no statement, trade log or report.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// The books refuse a figure or an event.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The entries between two snapshots are not all there, or not in order.
    #[error(
        "entry {expected} of the books is missing: entries {first} to {last} are needed in order"
    )]
    MissingEntry {
        /// Number of the missing entry.
        expected: u64,
        /// First needed.
        first: u64,
        /// Last needed.
        last: u64,
    },
    /// Two snapshots that are no period of the same books.
    #[error("the snapshots of {from} and {to} are no period: {why}")]
    NoPeriod {
        /// Time of the opening one.
        from: Timestamp,
        /// Time of the closing one.
        to: Timestamp,
        /// What is wrong with them.
        why: &'static str,
    },
    /// A figure that does not follow from the others.
    #[error(
        "the statement does not add up: {what} in '{currency}' is {observed}, expected {expected}"
    )]
    Unreconciled {
        /// What was compared.
        what: String,
        /// In which currency.
        currency: Currency,
        /// What the snapshots say.
        observed: Decimal,
        /// What the entries say.
        expected: Decimal,
    },
    /// Events that are not in the order of time.
    #[error("{what} of {observed} comes after one of {before}; give them in the order of time")]
    OutOfOrder {
        /// What.
        what: &'static str,
        /// The time before.
        before: Timestamp,
        /// The earlier time that came after it.
        observed: Timestamp,
    },
    /// Writing failed.
    #[error("writing failed: {0}")]
    Write(#[from] std::io::Error),
}
