//! What is wanted, and what becomes of it.

use crate::audit::{Event, Kind};
use crate::risk::{RiskApproved, VerdictKind, VerdictRecord};
use bulkhead_domain::order::{InstrumentHandle, Order, OrderRequest, Replacement};
use bulkhead_domain::risk::{Denial, RiskContext};
use bulkhead_domain::{Decimal, Timestamp};
use serde::Serialize;

/// An order that somebody wants, with what it is to be judged by.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// The decision it comes from; unique within a session.
    pub decision_id: String,
    /// The strategy or person.
    pub owner: String,
    /// The order.
    pub request: OrderRequest,
    /// What rules see beside it. The desk fills in reference price and multiplier itself.
    pub context: RiskContext,
    /// When the oldest model that the decision rests on was fitted; `None` where it rests on none.
    pub fitted: Option<Timestamp>,
}

/// Which part of a proposal an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Leg {
    /// It is proven to reduce the position.
    Exit,
    /// It opens or enlarges a position, or might.
    Entry,
    /// A risk rule asked for it; reduce-only.
    Protective,
}

impl Leg {
    /// Its name in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Leg::Exit => "exit",
            Leg::Entry => "entry",
            Leg::Protective => "protective",
        }
    }
}

/// What becomes of a proposal's part.
#[derive(Debug, PartialEq, Eq)]
pub enum Ruling {
    /// To be sent with [`crate::Desk::send`].
    Send(RiskApproved<Order>),
    /// The working order is to be changed with [`crate::Desk::send_change`].
    Replace(RiskApproved<Replacement>),
    /// The working order is to be cancelled with [`crate::Desk::cancel`].
    Cancel,
    /// Nothing happens.
    Deny(Denial),
}

/// A proposal's part, judged.
#[derive(Debug)]
pub struct Disposition {
    /// The decision.
    pub decision_id: String,
    /// Which part of it.
    pub leg: Leg,
    /// Whose.
    pub owner: String,
    /// In what; absent where there is no order to say it.
    pub instrument: Option<InstrumentHandle>,
    /// The id that the order has, or would have had; of the order to cancel.
    pub client_order_id: String,
    /// What was asked for; absent for a cancellation.
    pub requested: Option<OrderRequest>,
    /// What becomes of it.
    pub ruling: Ruling,
    /// Everything that was said about it, in order.
    pub verdicts: Vec<VerdictRecord>,
    /// When.
    pub time: Timestamp,
}

/// A disposition in the audit log.
#[derive(Serialize)]
struct Body<'a> {
    decision: &'a str,
    leg: &'static str,
    owner: &'a str,
    requested: Option<&'a OrderRequest>,
    ruling: RulingBody<'a>,
    verdicts: &'a [VerdictRecord],
}

#[derive(Serialize)]
#[serde(untagged)]
enum RulingBody<'a> {
    Send(&'a Order),
    Replace(&'a Replacement),
    Cancel(&'static str),
    Deny(&'a Denial),
}

/// How many of a moment's dispositions, from the first on, are cancellations. They are asked for before anything of the
/// moment is recorded: that they are sent is recorded as it happens, and why can wait until the last is on its
/// way. What comes behind another disposition may depend on it, and waits for it.
#[must_use]
pub fn leading_cancels(dispositions: &[Disposition]) -> usize {
    dispositions
        .iter()
        .take_while(|disposition| matches!(disposition.ruling, Ruling::Cancel))
        .count()
}

impl Disposition {
    /// A refusal in the host's name before there is an order to judge.
    pub(super) fn refused(
        decision_id: &str,
        owner: String,
        client_order_id: String,
        denial: Denial,
        time: Timestamp,
    ) -> Disposition {
        Disposition {
            decision_id: decision_id.to_owned(),
            leg: Leg::Entry,
            owner,
            instrument: None,
            client_order_id,
            requested: None,
            verdicts: vec![VerdictRecord::new(
                "host:change",
                VerdictKind::Rejected,
                Decimal::ZERO,
                Some(denial.clone()),
            )],
            ruling: Ruling::Deny(denial),
            time,
        }
    }

    /// It as the audit log keeps it.
    pub(crate) fn event(&self, session: &str) -> Event {
        let (kind, ruling) = match &self.ruling {
            Ruling::Send(order) => (Kind::Order, RulingBody::Send(order)),
            Ruling::Replace(change) => (Kind::Request, RulingBody::Replace(change)),
            Ruling::Cancel => (Kind::Request, RulingBody::Cancel("cancel")),
            Ruling::Deny(denial) => (Kind::Denied, RulingBody::Deny(denial)),
        };
        let body = Body {
            decision: &self.decision_id,
            leg: self.leg.name(),
            owner: &self.owner,
            requested: self.requested.as_ref(),
            ruling,
            verdicts: &self.verdicts,
        };
        Event {
            time: self.time,
            session: session.to_owned(),
            actor: "host".to_owned(),
            kind,
            subject: self.client_order_id.clone(),
            // Names, decimals and times: nothing of it cannot be written.
            body: serde_json::to_string(&body).unwrap_or_default(),
        }
    }

    /// Whether it becomes an order, or another order, at the broker.
    pub(crate) fn is_sent(&self) -> bool {
        matches!(self.ruling, Ruling::Send(_) | Ruling::Replace(_))
    }

    pub(crate) fn mark_journalled(&mut self, repeated: bool) {
        match &mut self.ruling {
            Ruling::Send(order) => order.mark_journalled(repeated),
            Ruling::Replace(change) => change.mark_journalled(repeated),
            Ruling::Cancel | Ruling::Deny(_) => {}
        }
    }
}
