//! The last step: to the broker, past the trading state once more.

use super::Desk;
use crate::orders::OrderError;
use crate::risk::{RiskApproved, TradingState};
use crate::traits::{Gateway, GatewayError};
use crate::{Applied, DeskError};
use bulkhead_domain::Decimal;
use bulkhead_domain::order::{Order, OrderUpdate, Outcome};

/// Why an approved order does not work at the broker, or may not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Trading was stopped after the order had been approved; it was withdrawn.
    #[error("not sent: trading is {0}")]
    Stopped(TradingState),
    /// The broker's answer. After [`GatewayError::Ambiguous`] the order counts as working until an
    /// update says otherwise.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// The order is not one that waits to be sent.
    #[error(transparent)]
    Order(#[from] OrderError),
}

impl Desk {
    /// Hands an order to the gateway. What provably did not go through is taken off the books, and the
    /// update that did so is given back for the records.
    ///
    /// # Errors
    /// [`SendError`], with the withdrawn order's last state where there is one.
    pub fn send(
        &mut self,
        order: RiskApproved<Order>,
        gateway: &mut dyn Gateway,
    ) -> Result<(), (SendError, Option<Applied>)> {
        let id = order.client_order_id.clone();
        let allowed = match self.core.state {
            TradingState::Running => true,
            TradingState::ReduceOnly => order.request.reduce_only,
            TradingState::NoNewOrders | TradingState::Halted => false,
        };
        if !allowed {
            let error = SendError::Stopped(self.core.state);
            let applied = self.end(&id, Outcome::Cancelled, &error);
            return Err((error, applied));
        }
        if let Err(error) = self.core.blotter.sent(&id) {
            return Err((error.into(), None));
        }
        gateway.submit(order).map_err(|error| {
            let applied = match error {
                GatewayError::Rejected { .. } | GatewayError::Unavailable(_) => {
                    self.end(&id, Outcome::Rejected, &error)
                }
                GatewayError::Ambiguous(_) => None,
            };
            (error.into(), applied)
        })
    }

    /// Asks the gateway to cancel a working order. Always allowed.
    ///
    /// # Errors
    /// [`DeskError::Order`] for an order that does not work, [`SendError::Gateway`] as the gateway says.
    pub fn cancel(
        &mut self,
        client_order_id: &str,
        gateway: &mut dyn Gateway,
    ) -> Result<(), SendError> {
        if self.core.blotter.get(client_order_id).is_none() {
            return Err(OrderError::Unknown(client_order_id.to_owned()).into());
        }
        gateway
            .cancel(&self.core.config.account, client_order_id)
            .map_err(SendError::from)
    }

    fn end(
        &mut self,
        client_order_id: &str,
        outcome: Outcome,
        reason: &dyn std::fmt::Display,
    ) -> Option<Applied> {
        let update = OrderUpdate {
            client_order_id: client_order_id.to_owned(),
            outcome,
            time: self.core.now.0,
            execution: None,
            leaves: Decimal::ZERO,
            reason: reason.to_string(),
        };
        let applied: Result<_, DeskError> = self.apply(&update);
        applied.ok().flatten()
    }
}
