//! One order of ours that is not over: where it stands, and how others see it.

use super::change::Change;
use super::state::OrderState;
use crate::ledger::OwnerId;
use bulkhead_domain::order::{Nanos, OpenOrder, Order, OrderKind};
use bulkhead_domain::{Decimal, Timestamp};
use std::sync::Arc;

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
    /// When it was looked for there in vain the last time.
    pub(crate) looked_for: Option<Timestamp>,
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
            looked_for: None,
            executions: Vec::new(),
        }
    }
}

impl WorkingOrder {
    /// Takes note that the broker does not show it; gives at how many moments in a row it did not. Comparing again at
    /// one moment proves nothing more.
    pub(crate) fn not_seen(&mut self, now: Timestamp) -> u32 {
        if self.looked_for.replace(now) != Some(now) {
            self.unknown_at_broker += 1;
        }
        self.unknown_at_broker
    }

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
