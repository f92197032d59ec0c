//! What the desk needs from outside: rules that judge, and a way to the broker. The session wires
//! plugins to them.

use crate::risk::RiskApproved;
use bulkhead_domain::order::Order;
use bulkhead_domain::risk::{Portfolio, ProtectiveAction, RiskContext, Verdict};

/// A rule could not judge: it trapped, timed out, is missing, or refused the input. The desk denies.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("risk rule '{plugin}' failed: {text}")]
pub struct RuleFailure {
    /// Which plugin.
    pub plugin: String,
    /// What happened, in one line.
    pub text: String,
}

/// A rule that can only tighten.
pub trait RiskRule: Send {
    /// Its name in records and denials; unique within a desk.
    fn name(&self) -> &str;

    /// Judges an order. Not asked about orders that are proven to reduce a position.
    ///
    /// # Errors
    /// Any failure; the order is then denied.
    fn assess(
        &mut self,
        order: &Order,
        context: &RiskContext,
        portfolio: &Portfolio,
    ) -> Result<Verdict, RuleFailure>;

    /// Looks at the whole portfolio and proposes protective actions.
    ///
    /// # Errors
    /// Any failure; every order that is not proven reducing is then denied until a review succeeds.
    fn review(&mut self, portfolio: &Portfolio) -> Result<Vec<ProtectiveAction>, RuleFailure>;
}

/// Why an order or a cancellation did not go through.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GatewayError {
    /// The broker definitely refused; nothing works there.
    #[error("rejected {code}: {text}")]
    Rejected {
        /// The broker's code.
        code: String,
        /// What it says.
        text: String,
    },
    /// It is not known whether the request took effect: query before anything else.
    #[error("ambiguous: {0}")]
    Ambiguous(String),
    /// Nothing was sent.
    #[error("unavailable: {0}")]
    Unavailable(String),
}

/// How a cancellation went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// The order works no more.
    Confirmed,
    /// The broker will see; the answer comes as an update.
    Requested,
}

/// The way to the broker. Takes nothing but approved orders.
pub trait Gateway {
    /// Sends an order and returns once the broker has acknowledged it.
    ///
    /// # Errors
    /// [`GatewayError`]; only `Rejected` and `Unavailable` prove that nothing works there.
    fn submit(&mut self, order: RiskApproved<Order>) -> Result<(), GatewayError>;

    /// Asks to cancel an order.
    ///
    /// # Errors
    /// [`GatewayError`]; the order is then taken to work still.
    fn cancel(&mut self, account: &str, client_order_id: &str) -> Result<Cancelled, GatewayError>;
}
