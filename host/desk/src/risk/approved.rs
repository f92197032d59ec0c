//! Proof that something passed the risk chain.

use std::ops::Deref;

/// A value that passed the risk chain. Only the chain can make one, it cannot be copied, and reading
/// it does not open it to change: so what the gateway gets is what was approved, and gets sent once.
///
/// ```compile_fail
/// let order: bulkhead_domain::order::Order = todo!();
/// let approved = bulkhead_desk::RiskApproved(order);
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct RiskApproved<T>(T);

impl<T> RiskApproved<T> {
    pub(super) fn new(value: T) -> Self {
        RiskApproved(value)
    }

    /// The value, for putting on the wire. The approval is spent.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for RiskApproved<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
