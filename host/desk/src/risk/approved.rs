//! Proof that something passed the risk chain.

use bulkhead_domain::order::{InstrumentHandle, Order, Replacement};
use std::ops::Deref;

/// What the chain knows of what it approved, for the gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proof {
    pub(crate) owner: String,
    pub(crate) instrument: InstrumentHandle,
    /// Proven to reduce its owner's position.
    pub(crate) reducing: bool,
    /// The host's own order to close a position because it was told to flatten.
    pub(crate) flatten: bool,
    /// On disk in the audit log.
    pub(crate) journalled: bool,
    /// It was there before: the session that is resumed may have sent it.
    pub(crate) repeated: bool,
}

/// A value that passed the risk chain. Only the chain can make one, it cannot be copied, and reading
/// it does not open it to change: so what the gateway gets is what was approved, and gets sent once.
///
/// ```compile_fail
/// let order: bulkhead_domain::order::Order = todo!();
/// let approved = bulkhead_desk::RiskApproved(order);
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct RiskApproved<T> {
    value: T,
    proof: Proof,
}

impl<T> RiskApproved<T> {
    pub(super) fn new(value: T, proof: Proof) -> Self {
        RiskApproved { value, proof }
    }

    pub(crate) fn proof(&self) -> &Proof {
        &self.proof
    }

    pub(crate) fn mark_journalled(&mut self, repeated: bool) {
        self.proof.journalled = true;
        self.proof.repeated = repeated;
    }

    /// The value, for putting on the wire. The approval is spent.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl RiskApproved<Order> {
    /// Turns the approval of the order that a working one is to become into the approval of the change.
    pub(crate) fn into_replacement(self, replaced: String) -> RiskApproved<Replacement> {
        let order = self.value;
        RiskApproved {
            value: Replacement {
                client_order_id: replaced,
                new_client_order_id: order.client_order_id,
                quantity: order.request.quantity,
                kind: order.request.kind,
            },
            proof: self.proof,
        }
    }
}

impl RiskApproved<Replacement> {
    /// Adds what has filled already: a replacement names the total.
    pub(crate) fn with_filled(mut self, filled: bulkhead_domain::Decimal) -> Self {
        self.value.quantity += filled;
        self
    }
}

impl<T> Deref for RiskApproved<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// What can be handed to a broker.
pub(crate) trait Request {
    /// Its name in records.
    const WHAT: &'static str;

    /// The id under which the broker will know it.
    fn id(&self) -> &str;
}

impl Request for Order {
    const WHAT: &'static str = "submit";

    fn id(&self) -> &str {
        &self.client_order_id
    }
}

impl Request for Replacement {
    const WHAT: &'static str = "replace";

    fn id(&self) -> &str {
        &self.new_client_order_id
    }
}
