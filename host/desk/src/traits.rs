//! What the desk needs from outside: rules that judge, and a way to the broker. The session wires
//! plugins to them.

use crate::risk::RiskApproved;
use bulkhead_domain::Decimal;
use bulkhead_domain::order::{Execution, InstrumentHandle, OpenOrder, Order, Replacement};
use bulkhead_domain::risk::{Portfolio, ProtectiveAction, RiskContext, Verdict};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

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

    /// Judges an order. Not asked about orders that are proven to reduce a position. All rules that are asked
    /// about an order are shown the same allocation, so that what is made of it can be shared.
    ///
    /// # Errors
    /// Any failure; the order is then denied.
    fn assess(
        &mut self,
        order: &Order,
        context: &RiskContext,
        portfolio: &Arc<Portfolio>,
    ) -> Result<Verdict, RuleFailure>;

    /// Looks at the whole portfolio and proposes protective actions.
    ///
    /// # Errors
    /// Any failure; every order that is not proven reducing is then denied until a review succeeds.
    fn review(&mut self, portfolio: &Arc<Portfolio>) -> Result<Vec<ProtectiveAction>, RuleFailure>;
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
    /// The gate let it not pass: nothing was sent.
    #[error("stopped: {0}")]
    Stopped(String),
}

/// Executions after a cursor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecutionPage {
    /// In the order in which they happened.
    pub executions: Vec<Execution>,
    /// What to ask with next; the one asked with where there is nothing more.
    pub cursor: String,
}

/// A position as the broker sees it: of the account, whoever owns it here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokerPosition {
    /// What is held.
    pub instrument: InstrumentHandle,
    /// Below zero is short.
    pub quantity: Decimal,
}

/// How a cancellation went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// The order works no more.
    Confirmed,
    /// The broker will see; the answer comes as an update.
    Requested,
}

/// The way to the broker. Takes nothing but approved orders and changes.
pub trait Gateway {
    /// Sends an order and returns once the broker has acknowledged it.
    ///
    /// # Errors
    /// [`GatewayError`]; all but `Ambiguous` prove that nothing works there.
    fn submit(&mut self, order: RiskApproved<Order>) -> Result<(), GatewayError>;

    /// Changes a working order and returns once the broker has acknowledged it. The order then goes on under
    /// the new id.
    ///
    /// # Errors
    /// [`GatewayError`]; all but `Ambiguous` prove that the order works on unchanged.
    fn replace(
        &mut self,
        account: &str,
        change: RiskApproved<Replacement>,
    ) -> Result<(), GatewayError>;

    /// Takes note of an approved order that the desk itself held back, so that the records know its end.
    fn withheld(&mut self, _client_order_id: &str, _why: &str) {}

    /// Asks to cancel an order.
    ///
    /// # Errors
    /// [`GatewayError`]; the order is then taken to work still.
    fn cancel(&mut self, account: &str, client_order_id: &str) -> Result<Cancelled, GatewayError>;

    /// The orders that work at the broker.
    ///
    /// # Errors
    /// [`GatewayError`]; nothing is then known.
    fn open_orders(&mut self, account: &str) -> Result<Vec<OpenOrder>, GatewayError>;

    /// The executions after a cursor; the empty cursor is the beginning.
    ///
    /// # Errors
    /// As [`Gateway::open_orders`].
    fn executions(&mut self, account: &str, cursor: &str) -> Result<ExecutionPage, GatewayError>;

    /// The positions that are not flat.
    ///
    /// # Errors
    /// As [`Gateway::open_orders`].
    fn positions(&mut self, account: &str) -> Result<Vec<BrokerPosition>, GatewayError>;
}
