//! Every working order of ours, oldest first, and the updates that move them.

use super::bracket::ExpectedExit;
use super::dating::time_of;
use super::state::{OrderEvent, OrderState};
use super::{IllegalTransition, OrderError};
use crate::ledger::OwnerId;
use bulkhead_domain::order::{
    Execution, InstrumentHandle, Nanos, OpenOrder, Order, OrderKind, OrderUpdate, Outcome,
};
use bulkhead_domain::{Decimal, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Finished orders that are remembered.
pub const CLOSED_KEPT: usize = 65_536;

/// Who asked for an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Its owner.
    Owner,
    /// A risk rule, by its name.
    Rule(Arc<str>),
    /// The venue placed it as the exit of a bracket.
    Bracket,
    /// The host closes the position because it was told to.
    Flatten,
}

/// An order of ours that is not over.
#[derive(Debug, Clone)]
pub struct WorkingOrder {
    /// The order as it now stands.
    pub order: Order,
    /// Its owner's number.
    pub owner: OwnerId,
    /// Where it stands.
    pub state: OrderState,
    /// Quantity filled so far.
    pub filled: Decimal,
    /// When it was approved.
    pub approved: Timestamp,
    /// When the venue took it.
    pub accepted: Option<Nanos>,
    /// Who asked for it.
    pub origin: Origin,
    /// Whether it was proven to reduce its owner's position when it was approved.
    pub reducing: bool,
    /// A change that was asked for and that the venue has not confirmed.
    pub(crate) change: Option<Change>,
    /// A cancellation was asked for and not answered.
    pub(crate) cancelling: bool,
    /// The most it may be for in all, what has filled included, whatever the venue says: what was approved,
    /// or the last change that the venue confirmed; of a bracket's exit, what the entry has filled. A split
    /// restates it.
    pub(super) allowed: Decimal,
    /// When it was last heard of.
    pub(super) heard: Nanos,
    /// Ids under which it was known before it was changed.
    pub(super) aliases: Vec<String>,
    /// Times the broker was asked about it and did not know it.
    pub(crate) unknown_at_broker: u32,
    pub(super) executions: Vec<String>,
}

/// A new order of ours.
pub(super) struct NewOrder {
    pub(super) order: Order,
    pub(super) state: OrderState,
    pub(super) allowed: Decimal,
    pub(super) approval: Approval,
}

impl From<NewOrder> for WorkingOrder {
    fn from(new: NewOrder) -> Self {
        let Approval {
            owner,
            time,
            origin,
            reducing,
        } = new.approval;
        WorkingOrder {
            order: new.order,
            owner,
            state: new.state,
            filled: Decimal::ZERO,
            approved: time,
            accepted: None,
            origin,
            reducing,
            change: None,
            cancelling: false,
            allowed: new.allowed,
            heard: time.0,
            aliases: Vec::new(),
            unknown_at_broker: 0,
            executions: Vec::new(),
        }
    }
}

/// What a working order is to become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) client_order_id: String,
    /// In all, what has filled included.
    pub(crate) quantity: Decimal,
    pub(crate) kind: OrderKind,
    pub(crate) reducing: bool,
}

impl WorkingOrder {
    /// Quantity that may still fill: the larger one while a change is not confirmed.
    #[must_use]
    pub fn leaves(&self) -> Decimal {
        let asked = self.order.request.quantity;
        let most = self
            .change
            .as_ref()
            .map_or(asked, |change| change.quantity.max(asked));
        most - self.filled
    }

    /// Whether the venue may know it.
    #[must_use]
    pub fn was_sent(&self) -> bool {
        self.state != OrderState::Approved
    }

    /// Whether it waits for a price to limit a loss or take a profit, and may only reduce. Such an order
    /// is no step towards a target: it may never fill. A rule's order may only reduce, reduce-only or not.
    #[must_use]
    pub fn is_protective(&self) -> bool {
        let may_only_reduce =
            self.order.request.reduce_only || matches!(self.origin, Origin::Rule(_));
        may_only_reduce && self.order.request.kind != OrderKind::Market
    }

    /// The id of the entry whose bracket it is an exit of.
    pub(crate) fn bracket(&self) -> Option<&str> {
        super::bracket::SUFFIXES
            .iter()
            .filter(|_| self.origin == Origin::Bracket)
            .find_map(|suffix| self.first_id().strip_suffix(suffix))
    }

    /// The order as brokers see it.
    #[must_use]
    pub fn open_order(&self) -> OpenOrder {
        OpenOrder {
            order: self.order.clone(),
            filled: self.filled,
            accepted: self.accepted.unwrap_or(self.approved.0),
        }
    }

    /// The order as risk rules see it. They know their own orders by the tag, so nobody else's bears it: a
    /// tag that no rule gave begins with who did, `owner:`, `bracket:` (its owner's words too) or `host:`.
    #[must_use]
    pub fn shown(&self) -> OpenOrder {
        let mut open = self.open_order();
        let giver = match self.origin {
            // It may only reduce, in whatever form it was sent.
            Origin::Rule(_) => {
                open.order.request.reduce_only = true;
                return open;
            }
            Origin::Owner => "owner:",
            Origin::Bracket => "bracket:",
            Origin::Flatten => "host:",
        };
        open.order.request.tag.insert_str(0, giver);
        open
    }

    /// The id that it was approved under, by which the exits of its bracket are called.
    pub(super) fn first_id(&self) -> &str {
        self.aliases.first().unwrap_or(&self.order.client_order_id)
    }
}

/// How an order came to be approved.
pub(crate) struct Approval {
    pub(crate) owner: OwnerId,
    pub(crate) time: Timestamp,
    pub(crate) origin: Origin,
    pub(crate) reducing: bool,
}

struct Closed {
    state: OrderState,
    executions: Vec<String>,
}

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

/// The working orders.
#[derive(Default)]
pub struct Blotter {
    // By order of approval: what plugins see must not depend on the nonce in the ids.
    pub(super) working: BTreeMap<u64, WorkingOrder>,
    by_id: BTreeMap<String, u64>,
    closed: BTreeMap<String, Closed>,
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

    /// Takes up an approved change of a working order. Until the venue confirms, the order counts as the
    /// larger of the two.
    pub(crate) fn change(
        &mut self,
        client_order_id: &str,
        change: Change,
    ) -> Result<(), OrderError> {
        if self.knows(&change.client_order_id) {
            return Err(OrderError::Duplicate(change.client_order_id));
        }
        let unknown = || OrderError::Unknown(client_order_id.to_owned());
        let sequence = *self.by_id.get(client_order_id).ok_or_else(unknown)?;
        let working = self.working.get_mut(&sequence).ok_or_else(unknown)?;
        if working.change.is_some() {
            return Err(mismatch(
                client_order_id,
                "another change of it is under way",
            ));
        }
        self.by_id.insert(change.client_order_id.clone(), sequence);
        working.change = Some(change);
        Ok(())
    }

    /// The venue confirmed a change: the order goes on under its new id.
    pub(crate) fn confirm_change(&mut self, new_client_order_id: &str) {
        let Some(working) = self.find_mut(new_client_order_id) else {
            return;
        };
        let Some(change) = working
            .change
            .take_if(|change| change.client_order_id == new_client_order_id)
        else {
            return;
        };
        let order = &mut working.order;
        let old = std::mem::replace(&mut order.client_order_id, change.client_order_id);
        order.request.quantity = change.quantity;
        order.request.kind = change.kind;
        working.reducing = change.reducing;
        working.allowed = change.quantity;
        working.aliases.push(old);
    }

    /// The venue refused a change, or it never got there: the order works on as it was.
    pub(crate) fn drop_change(&mut self, new_client_order_id: &str) {
        if let Some(working) = self.find_mut(new_client_order_id)
            && working
                .change
                .take_if(|change| change.client_order_id == new_client_order_id)
                .is_some()
        {
            self.by_id.remove(new_client_order_id);
            self.remember(
                new_client_order_id.to_owned(),
                OrderState::Rejected,
                Vec::new(),
            );
        }
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
    fn remember(&mut self, id: String, state: OrderState, executions: Vec<String>) {
        if self.closed_order.len() == CLOSED_KEPT
            && let Some(oldest) = self.closed_order.pop_front()
        {
            self.closed.remove(&oldest);
        }
        self.closed_order.push_back(id.clone());
        self.closed.insert(id, Closed { state, executions });
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

fn illegal(client_order_id: &str, transition: IllegalTransition) -> OrderError {
    OrderError::Illegal {
        client_order_id: client_order_id.to_owned(),
        transition,
    }
}

fn mismatch(client_order_id: &str, what: &'static str) -> OrderError {
    OrderError::Mismatch {
        client_order_id: client_order_id.to_owned(),
        what,
    }
}
