//! The exits of brackets: the venue places them once the entry fills, and says so; until then they are
//! expected.
//!
//! An exit covers what its entry has filled, as far as the fills were told, and no more: a venue that says
//! more of it is not believed. So a venue tells of a fill before it tells of the exits that the fill makes.

use super::blotter::Blotter;
use super::working::{Approval, NewOrder, Origin, WorkingOrder};
use super::{OrderError, OrderState};
use crate::ledger::OwnerId;
use bulkhead_domain::order::{
    Execution, InstrumentHandle, Nanos, Order, OrderKind, OrderRequest, OrderUpdate, Outcome, Side,
    TimeInForce,
};
use bulkhead_domain::{Decimal, Timestamp};

/// What exits are called at the venue: the id that the entry was submitted under and one of these.
pub(super) const SUFFIXES: [&str; 2] = ["-tp", "-sl"];

/// An exit that the venue has not spoken of.
pub(super) struct ExpectedExit {
    pub(super) order: Order,
    owner: OwnerId,
    /// What the entry has filled.
    pub(super) covered: Decimal,
    /// When the entry was last heard of.
    pub(super) heard: Nanos,
}

impl Blotter {
    /// Notes the exits that an approved order will have.
    pub(super) fn expect_exits(&mut self, entry: &Order, approval: &Approval) {
        for (suffix, exit) in SUFFIXES.into_iter().zip(exits(&entry.request)) {
            if let Some(request) = exit {
                let client_order_id = format!("{}{suffix}", entry.client_order_id);
                let exit = ExpectedExit {
                    order: Order {
                        client_order_id: client_order_id.clone(),
                        request,
                        ..entry.clone()
                    },
                    owner: approval.owner,
                    covered: Decimal::ZERO,
                    heard: approval.time.0,
                };
                self.expected.insert(client_order_id, exit);
            }
        }
    }

    /// The exits of an entry that ended without a fill will never be.
    pub(super) fn forget_exits(&mut self, entry: &WorkingOrder) {
        if entry.order.request.bracket.is_some() {
            for suffix in SUFFIXES {
                self.expected
                    .remove(&format!("{}{suffix}", entry.first_id()));
            }
        }
    }

    /// Lets the exits of an entry cover what it has filled.
    pub(super) fn entry_filled(&mut self, entry: u64, execution: &Execution) {
        let Some(entry) = self.working.get(&entry) else {
            return;
        };
        if entry.order.request.bracket.is_none() {
            return;
        }
        let (first_id, heard) = (entry.first_id().to_owned(), entry.heard);
        for suffix in SUFFIXES {
            let id = format!("{first_id}{suffix}");
            if let Some(exit) = self.expected.get_mut(&id) {
                exit.covered = exit.covered.saturating_add(execution.quantity);
                exit.heard = heard;
            } else if let Some(exit) = self.find_mut(&id) {
                exit.allowed = exit.allowed.saturating_add(execution.quantity);
                exit.heard = exit.heard.max(heard);
            }
        }
    }

    /// An exit that the venue has not spoken of, and what its entry has filled.
    pub(crate) fn expected_exit(&self, id: &str) -> Option<(&OrderRequest, Decimal)> {
        let exit = self.expected.get(id)?;
        Some((&exit.order.request, exit.covered))
    }

    /// Takes up the exit of a bracket when the venue first speaks of it.
    ///
    /// # Errors
    /// [`OrderError::AboveApproved`] when the venue works it for more than its entry has filled; it is not
    /// taken up then.
    pub(crate) fn adopt(&mut self, update: &OrderUpdate) -> Result<(), OrderError> {
        let placed = update.outcome == Outcome::Accepted && update.leaves > Decimal::ZERO;
        let ended = matches!(
            update.outcome,
            Outcome::Cancelled | Outcome::Expired | Outcome::Rejected
        );
        if update.execution.is_some() || !(placed || ended) {
            return Ok(());
        }
        let id = &update.client_order_id;
        let Some(covered) = self.expected.get(id).map(|exit| exit.covered) else {
            return Ok(());
        };
        if placed && update.leaves > covered {
            return Err(OrderError::AboveApproved {
                client_order_id: id.clone(),
                approved: covered,
                observed: update.leaves,
            });
        }
        if let Some(mut exit) = self.expected.remove(id) {
            exit.order.request.quantity = update.leaves;
            self.insert(NewOrder {
                order: exit.order,
                state: OrderState::Sent,
                allowed: covered,
                approval: Approval {
                    owner: exit.owner,
                    time: Timestamp(update.time),
                    origin: Origin::Bracket,
                    reducing: true,
                },
            });
        }
        Ok(())
    }
}

impl WorkingOrder {
    /// Whether a broker that shows an order under this id of ours shows no more than the exit that it is: the same
    /// trade, for no more than it may be. Of an order that is no exit of a bracket always.
    pub(crate) fn may_be_exit(&self, id: &str, shown: &OrderRequest) -> bool {
        if self.origin != Origin::Bracket {
            return true;
        }
        let (instrument, side, kind) = trade(&self.order.request);
        let change = (self.change.as_ref()).filter(|change| change.client_order_id == id);
        let (kind, most) = match change {
            Some(change) => (change.kind, change.quantity),
            // A broker may be slow to take away an id that the order had before.
            None if self.order.client_order_id != id => return true,
            None => (kind, self.allowed),
        };
        trade(shown) == (instrument, side, kind) && shown.quantity <= most
    }
}

/// What two exits have to have in common to be one.
pub(crate) fn trade(request: &OrderRequest) -> (InstrumentHandle, Side, OrderKind) {
    (request.instrument, request.side, request.kind)
}

/// The exits of a bracket as the venue will place them: target, then stop.
fn exits(request: &OrderRequest) -> [Option<OrderRequest>; 2] {
    let Some(bracket) = request.bracket else {
        return [None, None];
    };
    let exit = |kind: OrderKind| OrderRequest {
        side: request.side.opposite(),
        kind,
        time_in_force: TimeInForce::GoodTillCancelled,
        reduce_only: true,
        post_only: false,
        bracket: None,
        ..request.clone()
    };
    [
        bracket
            .take_profit
            .map(|price| exit(OrderKind::Limit(price))),
        bracket.stop_loss.map(|price| exit(OrderKind::Stop(price))),
    ]
}
