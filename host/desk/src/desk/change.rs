//! Changing a working order: judged like a new one, with the one that it replaces left out.

use super::Desk;
use super::core::Core;
use super::disposition::{Disposition, Leg, Proposal};
use super::legs::parts;
use super::send::{SendError, Sent};
use crate::ledger::LineKey;
use crate::orders::{OrderState, Origin};
use crate::risk::{RiskApproved, denial};
use crate::traits::{Gateway, GatewayError};
use bulkhead_domain::order::{OrderKind, OrderRequest, OrderUpdate, Outcome, Replacement};
use bulkhead_domain::risk::{Denial, RiskContext};
use bulkhead_domain::{Decimal, Timestamp};

/// A change that somebody wants to a working order.
#[derive(Debug, Clone)]
pub struct Amendment {
    /// The decision it comes from.
    pub decision_id: String,
    /// Who asks; only the order's owner may.
    pub owner: String,
    /// The order to change.
    pub client_order_id: String,
    /// Its new quantity in all, what has filled included.
    pub quantity: Decimal,
    /// Its new price condition.
    pub kind: OrderKind,
    /// What rules see beside it.
    pub context: RiskContext,
    /// As in [`Proposal::fitted`].
    pub fitted: Option<Timestamp>,
}

impl Desk {
    /// Judges a change as a new order for what it leaves to fill, without the order that it replaces. A
    /// rule or a check may cut what is left; it never touches what works already: a change that is refused
    /// leaves the order as it was.
    pub fn amend(&mut self, amendment: Amendment) -> Disposition {
        let Desk { chain, core } = self;
        let time = core.now;
        let refuse = |core: &Core, denial: Denial| {
            let owner = amendment.owner.clone();
            let id = amendment.client_order_id.clone();
            Disposition {
                instrument: core.instrument_of(&id),
                ..Disposition::refused(&amendment.decision_id, owner, id, denial, core.now)
            }
        };
        let Some(working) = core.blotter.get(&amendment.client_order_id) else {
            let why = denial(
                "ORDER_UNKNOWN",
                &amendment.client_order_id,
                "a working order",
                "",
            );
            return refuse(core, why);
        };
        if working.order.owner != amendment.owner {
            let why = denial("NOT_THE_OWNER", &amendment.owner, &working.order.owner, "");
            return refuse(core, why);
        }
        if let Origin::Rule(rule) = &working.origin {
            let why = denial(
                "PLACED_BY_A_RULE",
                rule,
                "an order of the owner's own",
                "protection is its rule's to change",
            );
            return refuse(core, why);
        }
        if working.state == OrderState::Approved || working.change.is_some() {
            let why = denial(
                "ORDER_IN_FLIGHT",
                working.state,
                "an order that the broker has confirmed",
                "wait for the broker's answer",
            );
            return refuse(core, why);
        }
        let filled = working.filled;
        let old = working.order.clone();
        let left = amendment.quantity.saturating_sub(filled);
        if left <= Decimal::ZERO {
            let why = denial(
                "QUANTITY_NOT_ABOVE_FILLED",
                amendment.quantity,
                format!("above {filled}"),
                "cancel the order instead",
            );
            return refuse(core, why);
        }
        let key = LineKey {
            instrument: old.request.instrument,
            owner: working.owner,
        };
        let request = OrderRequest {
            quantity: left,
            kind: amendment.kind,
            ..old.request.clone()
        };
        core.expose_without(&old.client_order_id);
        core.expose_line(key);
        let exits = core.exits(key, request.side, |working| {
            working.order.client_order_id != old.client_order_id
        });
        let lot = core
            .listings
            .get(&key.instrument)
            .map_or(Decimal::ONE, |listing| listing.instrument.lot);
        let split = parts(&request, &exits, lot, false);
        let turns = split.exit > Decimal::ZERO && split.entry > Decimal::ZERO;
        if turns || request.reduce_only && split.entry > Decimal::ZERO {
            let why = denial(
                "CHANGE_TURNS_POSITION",
                left,
                split.exit,
                "a changed order either reduces the position or opens one",
            );
            core.expose();
            return refuse(core, why);
        }
        let reducing = split.exit > Decimal::ZERO;
        let proposal = Proposal {
            decision_id: amendment.decision_id.clone(),
            owner: amendment.owner.clone(),
            context: amendment.context.clone(),
            fitted: amendment.fitted,
            request: request.clone(),
        };
        let leg = if reducing { Leg::Exit } else { Leg::Entry };
        let (mut draft, candidate) = core.draft(key, &proposal, leg, request, reducing);
        draft.replaces = Some(old.client_order_id.clone());
        let mut disposition = if reducing {
            core.judge_alone(chain, core.account(), draft, candidate)
        } else {
            core.judge_entry(chain, (draft, candidate), &old.client_order_id)
        };
        disposition = core.as_change(disposition, &old.client_order_id, filled, reducing);
        disposition.time = time;
        core.expose();
        disposition
    }

    /// Hands a change to the gateway. Acknowledged, the order goes on under its new id; what provably did
    /// not go through leaves it as it was; what is ambiguous counts as the larger of the two until the
    /// broker was asked.
    pub fn send_change(
        &mut self,
        change: RiskApproved<Replacement>,
        gateway: &mut dyn Gateway,
    ) -> Sent {
        let id = change.new_client_order_id.clone();
        let account = self.core.config.account.clone();
        let outcome = gateway.replace(&account, change);
        let mut note = |outcome| {
            let update = OrderUpdate {
                client_order_id: id.clone(),
                outcome,
                time: self.core.now.0,
                execution: None,
                leaves: Decimal::ONE,
                reason: "changed on request".to_owned(),
            };
            self.apply(&update).ok().flatten()
        };
        let applied = match &outcome {
            Ok(()) => note(Outcome::Accepted),
            Err(GatewayError::Ambiguous(_)) => None,
            Err(_) => note(Outcome::Rejected),
        };
        Sent {
            applied,
            outcome: outcome.map_err(SendError::from),
        }
    }
}
