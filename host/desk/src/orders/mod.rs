//! The desk's own orders: their identity, their states, and how far they have come.
//!
//! Promises: an order moves only along the transitions of [`OrderState::after`]; a repeated update
//! changes nothing; a fill of an unknown order, an over-fill, an order that the venue works for more than
//! was approved and an update after the end are typed errors and change nothing. Nothing is dated before what
//! is known of its order already.
//!
//! Bounds: the last [`blotter::CLOSED_KEPT`] finished orders are remembered, to tell a repeated update
//! from a wrong one.

mod admission;
pub mod blotter;
mod bracket;
mod change;
mod dating;
mod identity;
mod split;
mod state;
mod working;

pub(crate) use admission::Admission;
pub use blotter::Blotter;
pub(crate) use bracket::trade;
pub(crate) use change::Change;
pub(crate) use dating::time_of;
pub use identity::OrderIds;
pub use state::{IllegalTransition, OrderEvent, OrderState};
pub(crate) use working::Approval;
pub use working::{Origin, WorkingOrder};

use bulkhead_domain::Decimal;

/// Why an update or an order was refused; nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// The order is not one of ours, or was finished too long ago to be remembered.
    #[error("order '{0}' is unknown")]
    Unknown(String),
    /// The id was used before.
    #[error("client order id '{0}' was used before")]
    Duplicate(String),
    /// The order's state does not allow it.
    #[error("order '{client_order_id}': {transition}")]
    Illegal {
        /// Which order.
        client_order_id: String,
        /// What was tried.
        transition: IllegalTransition,
    },
    /// More filled than was asked for.
    #[error("order '{client_order_id}' for {quantity} would have filled {filled}")]
    OverFill {
        /// Which order.
        client_order_id: String,
        /// What it asks for.
        quantity: Decimal,
        /// What would have been filled in all.
        filled: Decimal,
    },
    /// The venue works it for more than was approved, or for more than its entry has filled.
    #[error("order '{client_order_id}' works for {observed} in all, above the {approved} approved")]
    AboveApproved {
        /// Which order.
        client_order_id: String,
        /// The most it may be for, what has filled included.
        approved: Decimal,
        /// What it works for, what has filled included.
        observed: Decimal,
    },
    /// The update contradicts the order or itself.
    #[error("order '{client_order_id}': {what}")]
    Mismatch {
        /// Which order.
        client_order_id: String,
        /// What does not fit.
        what: &'static str,
    },
}
