//! Why the desk refused an event or its own set-up. Denied orders are no errors.

use crate::ledger::LedgerError;
use crate::orders::OrderError;
use bulkhead_domain::order::InstrumentHandle;
use bulkhead_domain::{Decimal, Problem, Timestamp};

/// A refusal of the desk; nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeskError {
    /// The limits make no sense.
    #[error(transparent)]
    Limits(#[from] Problem),
    /// An order's update does not fit.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// An event cannot be booked.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Two instruments with one handle, or with one symbol.
    #[error("instrument '{0}' is given twice")]
    InstrumentTwice(String),
    /// Two rules with one name.
    #[error("risk rule '{0}' is given twice")]
    RuleTwice(String),
    /// An instrument's tick, lot or multiplier is out of bounds.
    #[error("instrument '{symbol}': {what} is {observed}; it must be above 0 and at most 1000")]
    Increment {
        /// Which instrument.
        symbol: String,
        /// Which increment.
        what: &'static str,
        /// What was given.
        observed: Decimal,
    },
    /// An amount in another currency than the account's.
    #[error("{what} is in {observed}, the account in {expected}")]
    Currency {
        /// What amount.
        what: String,
        /// Its currency.
        observed: String,
        /// The account's.
        expected: String,
    },
    /// An instrument that was not given at the start.
    #[error("instrument {0} is unknown")]
    UnknownInstrument(InstrumentHandle),
    /// A price that is not above zero, or absurd.
    #[error("the price of '{symbol}' is {observed}, which is not above 0 and at most 1e12")]
    Price {
        /// Which instrument.
        symbol: String,
        /// What was given.
        observed: Decimal,
    },
    /// Time went backwards.
    #[error("the clock went back from {before} to {observed}")]
    Clock {
        /// The time before.
        before: Timestamp,
        /// The time given.
        observed: Timestamp,
    },
}

impl From<DeskError> for Problem {
    fn from(error: DeskError) -> Self {
        match error {
            DeskError::Limits(problem) => problem,
            DeskError::InstrumentTwice(_)
            | DeskError::RuleTwice(_)
            | DeskError::Increment { .. }
            | DeskError::Currency { .. } => {
                Problem::user(error.to_string(), "correct the configuration")
            }
            DeskError::Price { .. } => {
                Problem::user(error.to_string(), "clean the prices before trading on them")
            }
            DeskError::Order(_)
            | DeskError::Ledger(_)
            | DeskError::UnknownInstrument(_)
            | DeskError::Clock { .. } => Problem::host(error.to_string(), "please report it"),
        }
    }
}
