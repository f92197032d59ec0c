//! A broker that takes everything at once, counts it, and notices what comes after the kill switch was
//! acknowledged.

use bulkhead_desk::{
    BrokerPosition, Cancelled, ExecutionPage, Gateway, GatewayError, RiskApproved,
};
use bulkhead_domain::order::{OpenOrder, Order, Replacement};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The broker's side of a gateway.
#[derive(Default)]
pub(super) struct Counting {
    /// Orders that arrived.
    pub(super) orders: usize,
    /// Cancels that arrived.
    pub(super) cancels: usize,
    /// Orders that arrived after the acknowledgement.
    pub(super) late: usize,
    /// Set once the kill switch was acknowledged.
    pub(super) acknowledged: Arc<AtomicBool>,
    /// How long an order is on its way, there and back.
    pub(super) wire: Duration,
}

impl Gateway for Counting {
    fn submit(&mut self, _: RiskApproved<Order>) -> Result<(), GatewayError> {
        self.orders += 1;
        self.late += usize::from(self.acknowledged.load(Ordering::SeqCst));
        if !self.wire.is_zero() {
            std::thread::sleep(self.wire);
        }
        Ok(())
    }

    fn replace(&mut self, _: &str, _: RiskApproved<Replacement>) -> Result<(), GatewayError> {
        Err(GatewayError::Unavailable(
            "nothing is replaced here".to_owned(),
        ))
    }

    fn cancel(&mut self, _: &str, _: &str) -> Result<Cancelled, GatewayError> {
        self.cancels += 1;
        Ok(Cancelled::Confirmed)
    }

    fn open_orders(&mut self, _: &str) -> Result<Vec<OpenOrder>, GatewayError> {
        Ok(Vec::new())
    }

    fn executions(&mut self, _: &str, cursor: &str) -> Result<ExecutionPage, GatewayError> {
        Ok(ExecutionPage {
            executions: Vec::new(),
            cursor: cursor.to_owned(),
        })
    }

    fn positions(&mut self, _: &str) -> Result<Vec<BrokerPosition>, GatewayError> {
        Ok(Vec::new())
    }
}
