//! Why the books refused an event or cannot say a figure.

use super::{Currency, LARGEST_AMOUNT};
use bulkhead_domain::Decimal;
use bulkhead_domain::order::InstrumentHandle;

/// A refusal of the books; nothing was booked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// An amount is too large to be exact.
    #[error("an amount of {what} is beyond {LARGEST_AMOUNT}")]
    Overflow {
        /// Which amount.
        what: &'static str,
    },
    /// The books do not balance: a bug, never the user's doing.
    #[error("the books do not balance: {what} is {observed}, expected {expected}")]
    Unbalanced {
        /// What was compared.
        what: String,
        /// What the books say.
        observed: Decimal,
        /// What they should say.
        expected: Decimal,
    },
    /// A fill, a fee or a split that makes no sense.
    #[error("{what} is {observed}, which cannot be booked")]
    Invalid {
        /// What is wrong.
        what: &'static str,
        /// What was given.
        observed: String,
    },
    /// An amount in a currency that the books or the instrument do not hold.
    #[error("{what} is in '{observed}', but the books hold '{expected}'")]
    Currency {
        /// What amount.
        what: &'static str,
        /// Its currency.
        observed: Currency,
        /// The one held.
        expected: Currency,
    },
    /// What a currency is worth is not known, too old or from the future.
    #[error("there is no fresh rate from {currency} to {base}")]
    MissingRate {
        /// Of which currency.
        currency: Currency,
        /// In which.
        base: Currency,
    },
    /// What a position is worth is not known.
    #[error("there is no price of instrument {instrument}, of which a position is held")]
    MissingPrice {
        /// Of which instrument.
        instrument: InstrumentHandle,
    },
    /// A movement with this id is in the books already.
    #[error("the {kind} '{reference}' is booked already")]
    Repeated {
        /// What sort of movement.
        kind: &'static str,
        /// Its id.
        reference: String,
    },
}
