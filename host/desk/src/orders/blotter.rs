//! Every working order of ours, oldest first, and the updates that move them.

use super::admission::{Admission, Moved};
use super::bracket::ExpectedExit;
use super::dating::time_of;
use super::state::{OrderEvent, OrderState};
use super::working::{Approval, NewOrder, WorkingOrder};
use super::{IllegalTransition, OrderError};
use crate::ledger::OwnerId;
use bulkhead_domain::order::{InstrumentHandle, Order, OrderUpdate};
use std::collections::{BTreeMap, HashMap, VecDeque};

/// Finished orders that are remembered.
pub const CLOSED_KEPT: usize = 65_536;

pub(super) struct Closed {
    pub(super) state: OrderState,
    pub(super) executions: Vec<String>,
}

/// Something by client order id; ids are minted here or checked to be a broker's.
type Ids<T> = HashMap<String, T, foldhash::fast::RandomState>;

/// The working orders.
#[derive(Default)]
pub struct Blotter {
    // By order of approval: what plugins see must not depend on the nonce in the ids.
    pub(super) working: BTreeMap<u64, WorkingOrder>,
    // Only ever asked for one id: no order of theirs is seen.
    pub(super) by_id: Ids<u64>,
    pub(super) closed: Ids<Closed>,
    closed_order: VecDeque<String>,
    /// Exits that the venue will place once their entry fills, by the id it will give them.
    pub(super) expected: BTreeMap<String, ExpectedExit>,
    next: u64,
}

impl Blotter {
    /// An order by its id, while it works.
    #[must_use]
    pub fn get(&self, client_order_id: &str) -> Option<&WorkingOrder> {
        self.by_id
            .get(client_order_id)
            .and_then(|sequence| self.working.get(sequence))
    }

    /// Every working order, oldest approval first.
    pub fn iter(&self) -> impl Iterator<Item = &WorkingOrder> {
        self.working.values()
    }

    /// The working orders of one owner in one instrument, oldest approval first.
    pub fn of(
        &self,
        instrument: InstrumentHandle,
        owner: OwnerId,
    ) -> impl Iterator<Item = &WorkingOrder> {
        self.iter().filter(move |working| {
            working.owner == owner && working.order.request.instrument == instrument
        })
    }

    /// Whether the id was used before, as far as is remembered.
    #[must_use]
    pub fn knows(&self, client_order_id: &str) -> bool {
        self.by_id.contains_key(client_order_id) || self.closed.contains_key(client_order_id)
    }

    /// Takes up an approved order.
    pub(crate) fn approve(&mut self, order: Order, approval: Approval) -> Result<(), OrderError> {
        if self.knows(&order.client_order_id) {
            return Err(OrderError::Duplicate(order.client_order_id));
        }
        self.expect_exits(&order, &approval);
        self.insert(NewOrder {
            state: OrderState::Approved,
            allowed: order.request.quantity,
            order,
            approval,
        });
        Ok(())
    }

    pub(crate) fn find_mut(&mut self, client_order_id: &str) -> Option<&mut WorkingOrder> {
        self.by_id
            .get(client_order_id)
            .and_then(|sequence| self.working.get_mut(sequence))
    }

    /// Whether an execution of an order was seen before.
    pub(crate) fn knows_execution(&self, client_order_id: &str, execution_id: &str) -> bool {
        let seen = match self.get(client_order_id) {
            Some(working) => Some(&working.executions),
            None => self
                .closed
                .get(client_order_id)
                .map(|closed| &closed.executions),
        };
        seen.is_some_and(|seen| seen.iter().any(|id| id == execution_id))
    }

    pub(super) fn insert(&mut self, new: NewOrder) {
        self.next += 1;
        self.by_id
            .insert(new.order.client_order_id.clone(), self.next);
        self.working.insert(self.next, new.into());
    }

    /// Notes that an order was handed to the gateway.
    pub(crate) fn sent(&mut self, client_order_id: &str) -> Result<(), OrderError> {
        let working = self
            .by_id
            .get(client_order_id)
            .and_then(|sequence| self.working.get_mut(sequence))
            .ok_or_else(|| OrderError::Unknown(client_order_id.to_owned()))?;
        working.state = working
            .state
            .after(OrderEvent::Send)
            .map_err(|transition| illegal(client_order_id, transition))?;
        Ok(())
    }

    /// Carries out a checked update.
    pub(crate) fn commit(&mut self, admission: Admission, update: &OrderUpdate) -> Option<Moved> {
        let (sequence, state, filled, quantity) = match admission {
            Admission::Repeated => return None,
            Admission::Changes | Admission::Unchanged => {
                if matches!(admission, Admission::Changes) {
                    self.confirm_change(&update.client_order_id);
                } else {
                    self.drop_change(&update.client_order_id);
                    return None;
                }
                let working = self.find_mut(&update.client_order_id)?;
                working.heard = working.heard.max(time_of(update));
                return Some(Moved {
                    order: working.order.clone(),
                    state: working.state,
                    filled: working.filled,
                });
            }
            Admission::Moves {
                sequence,
                state,
                filled,
                quantity,
            } => {
                // A fill under the new id proves the change.
                self.confirm_change(&update.client_order_id);
                (sequence, state, filled, quantity)
            }
        };
        let working = self.working.get_mut(&sequence)?;
        working.state = state;
        working.filled = filled;
        working.order.request.quantity = quantity;
        working.heard = working.heard.max(time_of(update));
        if let Some(execution) = &update.execution {
            working.executions.push(execution.execution_id.clone());
        }
        if state == OrderState::Accepted && working.accepted.is_none() {
            working.accepted = Some(update.time);
        }
        let moved = Moved {
            order: working.order.clone(),
            state,
            filled,
        };
        if let Some(execution) = &update.execution {
            self.entry_filled(sequence, execution);
        }
        if state.is_over() {
            self.close(sequence);
        }
        Some(moved)
    }

    fn close(&mut self, sequence: u64) {
        let Some(working) = self.working.remove(&sequence) else {
            return;
        };
        if working.filled.is_zero() {
            self.forget_exits(&working);
        }
        let id = working.order.client_order_id;
        for alias in working
            .aliases
            .iter()
            .chain(working.change.iter().map(|change| &change.client_order_id))
        {
            self.by_id.remove(alias);
        }
        for alias in working.aliases {
            self.remember(alias, OrderState::Cancelled, Vec::new());
        }
        if let Some(change) = working.change {
            self.remember(change.client_order_id, OrderState::Rejected, Vec::new());
        }
        self.by_id.remove(&id);
        self.remember(id, working.state, working.executions);
    }

    /// Keeps what is over in mind, for as long as there is room.
    pub(super) fn remember(&mut self, id: String, state: OrderState, executions: Vec<String>) {
        if self.closed_order.len() == CLOSED_KEPT
            && let Some(oldest) = self.closed_order.pop_front()
        {
            self.closed.remove(&oldest);
        }
        self.closed_order.push_back(id.clone());
        self.closed.insert(id, Closed { state, executions });
    }
}

pub(super) fn illegal(client_order_id: &str, transition: IllegalTransition) -> OrderError {
    OrderError::Illegal {
        client_order_id: client_order_id.to_owned(),
        transition,
    }
}

pub(super) fn mismatch(client_order_id: &str, what: &'static str) -> OrderError {
    OrderError::Mismatch {
        client_order_id: client_order_id.to_owned(),
        what,
    }
}
