//! What an update would do to the order it speaks of, before it does: a repetition does nothing, and what cannot
//! be true is refused.

use super::blotter::{Blotter, illegal, mismatch};
use super::state::{OrderEvent, OrderState};
use super::working::WorkingOrder;
use super::{IllegalTransition, OrderError};
use bulkhead_domain::Decimal;
use bulkhead_domain::order::{Execution, Order, OrderUpdate, Outcome};

/// A checked update: what it will do.
pub(crate) enum Admission {
    /// It was seen before.
    Repeated,
    /// It confirms a change of the order.
    Changes,
    /// It refuses a change of the order.
    Unchanged,
    /// It moves an order.
    Moves {
        sequence: u64,
        state: OrderState,
        filled: Decimal,
        quantity: Decimal,
    },
}

/// An order after an update.
#[derive(Debug, Clone)]
pub(crate) struct Moved {
    pub(crate) order: Order,
    pub(crate) state: OrderState,
    pub(crate) filled: Decimal,
}

impl Blotter {
    /// Checks an update against the order it speaks of; changes nothing.
    pub(crate) fn admit(&self, update: &OrderUpdate) -> Result<Admission, OrderError> {
        let id = &update.client_order_id;
        let known = |executions: &[String]| {
            update
                .execution
                .as_ref()
                .is_some_and(|execution| executions.contains(&execution.execution_id))
        };
        let event = OrderEvent::Venue(update.outcome);
        let Some((sequence, working)) = self
            .by_id
            .get(id)
            .and_then(|sequence| Some((*sequence, self.working.get(sequence)?)))
        else {
            let closed = self
                .closed
                .get(id)
                .ok_or_else(|| OrderError::Unknown(id.clone()))?;
            let same_end = update.execution.is_none() && ends_in(update.outcome, closed.state);
            if same_end || known(&closed.executions) {
                return Ok(Admission::Repeated);
            }
            let state = closed.state;
            return Err(illegal(id, IllegalTransition { state, event }));
        };
        if known(&working.executions) {
            return Ok(Admission::Repeated);
        }
        let is_alias = working.order.client_order_id != *id;
        let awaited = working
            .change
            .as_ref()
            .is_some_and(|change| change.client_order_id == *id);
        if is_alias && update.execution.is_none() {
            if awaited && update.outcome == Outcome::Accepted {
                return Ok(Admission::Changes);
            }
            if awaited && update.outcome == Outcome::Rejected {
                return Ok(Admission::Unchanged);
            }
            // The end of an id is not the end of the order that goes on under another.
            return Ok(Admission::Repeated);
        }
        let state = working
            .state
            .after(event)
            .map_err(|transition| illegal(id, transition))?;
        let mut filled = working.filled;
        let mut quantity = match &working.change {
            Some(change) if awaited => change.quantity,
            _ => working.order.request.quantity,
        };
        match (&update.execution, update.outcome) {
            (Some(execution), Outcome::PartiallyFilled | Outcome::Filled) => {
                fits(working, execution)?;
                filled = filled.saturating_add(execution.quantity);
                if filled > quantity {
                    return Err(OrderError::OverFill {
                        client_order_id: id.clone(),
                        quantity,
                        filled,
                    });
                }
                if (update.outcome == Outcome::Filled) != (filled == quantity) {
                    return Err(mismatch(id, "its outcome and what it has filled disagree"));
                }
            }
            (None, Outcome::PartiallyFilled | Outcome::Filled) => {
                return Err(mismatch(id, "a fill comes without its execution"));
            }
            (Some(_), _) => {
                return Err(mismatch(
                    id,
                    "an execution comes with an outcome that is no fill",
                ));
            }
            (None, Outcome::Accepted) => {
                if update.leaves <= Decimal::ZERO {
                    return Err(mismatch(id, "it works with nothing left to fill"));
                }
                quantity = filled.saturating_add(update.leaves);
                if quantity > working.allowed {
                    return Err(OrderError::AboveApproved {
                        client_order_id: id.clone(),
                        approved: working.allowed,
                        observed: quantity,
                    });
                }
            }
            (None, _) => {}
        }
        Ok(Admission::Moves {
            sequence,
            state,
            filled,
            quantity,
        })
    }
}

fn fits(working: &WorkingOrder, execution: &Execution) -> Result<(), OrderError> {
    let request = &working.order.request;
    let id = &working.order.client_order_id;
    let ours = execution.client_order_id == *id
        || working.aliases.contains(&execution.client_order_id)
        || working
            .change
            .as_ref()
            .is_some_and(|change| change.client_order_id == execution.client_order_id);
    if !ours {
        Err(mismatch(id, "its execution names another order"))
    } else if execution.instrument != request.instrument || execution.side != request.side {
        Err(mismatch(
            id,
            "its execution is of another instrument or side",
        ))
    } else if execution.account != working.order.account {
        Err(mismatch(id, "its execution is of another account"))
    } else if execution.quantity <= Decimal::ZERO {
        Err(mismatch(id, "its execution's quantity is not above zero"))
    } else {
        Ok(())
    }
}

fn ends_in(outcome: Outcome, state: OrderState) -> bool {
    matches!(
        (outcome, state),
        (Outcome::Cancelled, OrderState::Cancelled)
            | (Outcome::Expired, OrderState::Expired)
            | (Outcome::Rejected, OrderState::Rejected)
    )
}
