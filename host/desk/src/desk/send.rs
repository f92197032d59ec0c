//! The last step: to the broker, whose gateway asks the gate once more.

use super::Desk;
use crate::Applied;
use crate::ledger::LineKey;
use crate::orders::{OrderError, OrderState, WorkingOrder};
use crate::risk::RiskApproved;
use crate::traits::{Cancelled, Gateway, GatewayError};
use bulkhead_domain::Decimal;
use bulkhead_domain::order::{Order, OrderUpdate, Outcome};

/// Why an approved order does not work at the broker, or may not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The broker's answer. After [`GatewayError::Ambiguous`] the order counts as working until an
    /// update says otherwise.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// The order is not one that waits to be sent.
    #[error(transparent)]
    Order(#[from] OrderError),
}

/// What became of handing an order over.
#[derive(Debug, PartialEq, Eq)]
pub struct Sent {
    /// The order's new state, for the records; absent where it is not known.
    pub applied: Option<Applied>,
    /// Why it does not work at the broker, or may not.
    pub outcome: Result<(), SendError>,
}

impl Desk {
    /// Hands an order to the gateway. Acknowledged, it works; what provably did not go through is taken
    /// off the books; what is ambiguous counts as working until an update says otherwise.
    pub fn send(&mut self, order: RiskApproved<Order>, gateway: &mut dyn Gateway) -> Sent {
        let id = order.client_order_id.clone();
        let quantity = order.request.quantity;
        // What a rule stopped while later orders of this moment were judged.
        let proof = order.proof();
        let key = LineKey {
            instrument: proof.instrument,
            owner: self.core.ledger.owner(&proof.owner),
        };
        let allowed =
            self.core
                .latches
                .allow(&self.core.scopes(key), proof.reducing, proof.flatten);
        let stopped = match allowed {
            Err(refusal) => Some(refusal.to_string()),
            Ok(()) if !self.core.reconciled && !proof.reducing => {
                Some("the broker does not say what it holds".to_owned())
            }
            Ok(()) => self.core.unbounded(&id),
        };
        // A resumed session finds orders at the broker whose sending it has no record of: the gateway asks
        // whether it is one of them before it sends it.
        let arrived = self
            .core
            .blotter
            .get(&id)
            .is_some_and(WorkingOrder::was_sent);
        if let Some(why) = stopped.filter(|_| !arrived) {
            gateway.withheld(&id, &why);
            let error = GatewayError::Stopped(why);
            return Sent {
                applied: self.note(&id, Outcome::Cancelled, Decimal::ZERO, &error),
                outcome: Err(error.into()),
            };
        }
        if !arrived && let Err(error) = self.core.blotter.sent(&id) {
            return Sent {
                applied: None,
                outcome: Err(error.into()),
            };
        }
        let outcome = gateway.submit(order);
        let applied = match &outcome {
            Ok(()) => self.note(&id, Outcome::Accepted, quantity, &"acknowledged"),
            Err(GatewayError::Stopped(why)) => {
                self.note(&id, Outcome::Cancelled, Decimal::ZERO, why)
            }
            Err(error @ (GatewayError::Rejected { .. } | GatewayError::Unavailable(_))) => {
                self.note(&id, Outcome::Rejected, Decimal::ZERO, error)
            }
            Err(GatewayError::Ambiguous(_)) => None,
        };
        Sent {
            applied,
            outcome: outcome.map_err(SendError::from),
        }
    }

    /// Asks the gateway to cancel a working order. Always allowed. Gives the order's last state where
    /// the broker confirmed at once.
    ///
    /// # Errors
    /// [`SendError::Order`] for an order that does not work, [`SendError::Gateway`] as the gateway says.
    pub fn cancel(
        &mut self,
        client_order_id: &str,
        gateway: &mut dyn Gateway,
    ) -> Result<Option<Applied>, SendError> {
        let Some(working) = self.core.blotter.get(client_order_id) else {
            return Err(OrderError::Unknown(client_order_id.to_owned()).into());
        };
        if working.state == OrderState::Approved {
            // It was never sent; nobody else knows of it.
            gateway.withheld(client_order_id, "withdrawn before it was sent");
            return Ok(self.note(
                client_order_id,
                Outcome::Cancelled,
                Decimal::ZERO,
                &"withdrawn",
            ));
        }
        let answer = gateway.cancel(&self.core.config.account, client_order_id);
        // A broker that refuses to cancel may have ended the order already: it has to be asked.
        let certain = matches!(
            answer,
            Ok(Cancelled::Confirmed) | Err(GatewayError::Unavailable(_))
        );
        if let Some(working) = self.core.blotter.find_mut(client_order_id) {
            working.cancelling = !certain;
        }
        match answer? {
            Cancelled::Confirmed => Ok(self.note(
                client_order_id,
                Outcome::Cancelled,
                Decimal::ZERO,
                &"cancelled on request",
            )),
            Cancelled::Requested => Ok(None),
        }
    }

    fn note(
        &mut self,
        client_order_id: &str,
        outcome: Outcome,
        leaves: Decimal,
        reason: &dyn std::fmt::Display,
    ) -> Option<Applied> {
        let update = OrderUpdate {
            client_order_id: client_order_id.to_owned(),
            outcome,
            time: self.core.now.0,
            execution: None,
            leaves,
            reason: reason.to_string(),
        };
        self.apply(&update).ok().flatten()
    }
}
