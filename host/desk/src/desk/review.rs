//! Rules look at the whole portfolio and propose protection; the host cancels what protects nothing.

use super::Desk;
use super::core::Core;
use super::decide::host_context;
use super::disposition::{Disposition, Leg, Proposal, Ruling};
use super::exits::Rank;
use crate::ledger::LineKey;
use crate::orders::{Origin, WorkingOrder};
use crate::risk::{Chain, REVIEW_FAILED, TradingState, VerdictKind, VerdictRecord, denial};
use crate::traits::RuleFailure;
use bulkhead_domain::Decimal;
use bulkhead_domain::order::OrderRequest;
use bulkhead_domain::risk::{Denial, ProtectiveAction};
use bulkhead_venue::number::towards_zero;
use std::collections::BTreeSet;
use std::sync::Arc;

const PROTECTION_RESTS: &str = "PROTECTION_RESTS";

/// What a review led to.
#[derive(Debug, Default)]
pub struct Review {
    /// Protective orders to send, orders to cancel, and what of it was denied.
    pub dispositions: Vec<Disposition>,
    /// Rules that failed. Entries are denied until their next review succeeds.
    pub failures: Vec<RuleFailure>,
    /// The rule that stopped all trading, and why.
    pub halt: Option<(String, Denial)>,
}

impl Desk {
    /// Asks every rule to review the portfolio, in order, and judges what they propose. A protective
    /// order is made reduce-only and no larger than the position, and what stands in its way is cancelled;
    /// where others are in the instrument, all exits of an owner together are no larger than the position,
    /// and the order is not reduce-only, since the venue would count the others' positions. A rule may
    /// cancel its own orders and those that may enlarge a position, not another's protection; what it
    /// cancels to put something else in its place stays where that is refused.
    pub fn review(&mut self) -> Review {
        let Desk { chain, core } = self;
        let mut review = Review::default();
        if chain.is_empty() {
            return review;
        }
        core.expose();
        let portfolio = Arc::new(core.portfolio());
        let mut proposed = Vec::new();
        // What is cancelled here still works while the rest is judged.
        let mut leaving = core.asked.clone();
        for rule in &mut chain.rules {
            match rule.rule.review(&portfolio) {
                Ok(actions) => {
                    rule.broken = None;
                    proposed.push((Arc::clone(&rule.name), actions));
                }
                Err(failure) => {
                    rule.broken = Some((REVIEW_FAILED, failure.clone()));
                    review.failures.push(failure);
                }
            }
        }
        for (rule, mut actions) in proposed {
            actions.extend(core.restated(&rule, &actions));
            let mut wanted = Vec::new();
            let mut cancelled = Vec::new();
            for action in actions {
                match action {
                    ProtectiveAction::Place { owner, request } => wanted.push((owner, request)),
                    ProtectiveAction::Cancel(id) => cancelled.push(core.cancel_for(&rule, id)),
                    ProtectiveAction::Halt(why) => {
                        core.raise(TradingState::Halted, &format!("rule:{rule}"), &why);
                        review.halt.get_or_insert((rule.to_string(), why));
                    }
                }
            }
            leaving.extend(cancelled.iter().filter_map(Disposition::cancels));
            let mut placed = Vec::new();
            let mut protection = Vec::new();
            for (owner, request) in wanted {
                let line = LineKey {
                    instrument: request.instrument,
                    owner: core.ledger.owner(&owner),
                };
                let order = core.protect(chain, &rule, owner, request, &leaving);
                protection.push((line, order.stands()));
                if order.is_sent() {
                    let cuts = core.bound(chain, line, &leaving);
                    leaving.extend(cuts.iter().filter_map(Disposition::cancels));
                    placed.extend(cuts);
                }
                placed.push(order);
            }
            core.keep_old(&rule, &protection, &mut cancelled, &mut leaving);
            review.dispositions.extend(cancelled);
            review.dispositions.extend(placed);
        }
        review
    }
}

impl Core {
    pub(super) fn cancellation(
        &self,
        working: &WorkingOrder,
        source: String,
        why: Option<Denial>,
    ) -> Disposition {
        Disposition {
            decision_id: format!("review:{source}"),
            leg: Leg::Protective,
            owner: working.order.owner.clone(),
            instrument: Some(working.order.request.instrument),
            client_order_id: working.order.client_order_id.clone(),
            requested: None,
            ruling: Ruling::Cancel,
            verdicts: vec![VerdictRecord::new(
                source,
                VerdictKind::Approved,
                working.leaves(),
                why,
            )],
            time: self.now,
        }
    }

    fn cancel_for(&self, rule: &Arc<str>, client_order_id: String) -> Disposition {
        let working = self.blotter.get(&client_order_id);
        let own =
            |working: &WorkingOrder| matches!(&working.origin, Origin::Rule(name) if name == rule);
        let why = match working {
            Some(working) if own(working) || !working.reducing => {
                return self.cancellation(working, rule.to_string(), None);
            }
            Some(_) => denial(
                "CANCEL_NOT_ALLOWED",
                "an order that reduces a position",
                "its own orders, and entries",
                "a rule can only tighten",
            ),
            None => denial("ORDER_UNKNOWN", &client_order_id, "a working order", ""),
        };
        let owner = working.map_or_else(String::new, |working| working.order.owner.clone());
        self.refused_cancellation(rule, owner, client_order_id, why)
    }

    fn refused_cancellation(
        &self,
        rule: &Arc<str>,
        owner: String,
        client_order_id: String,
        why: Denial,
    ) -> Disposition {
        Disposition {
            decision_id: format!("review:{rule}"),
            leg: Leg::Protective,
            owner,
            instrument: self.instrument_of(&client_order_id),
            client_order_id,
            requested: None,
            verdicts: vec![VerdictRecord::new(
                "host:review",
                VerdictKind::Rejected,
                Decimal::ZERO,
                Some(why.clone()),
            )],
            ruling: Ruling::Deny(why),
            time: self.now,
        }
    }

    /// What puts a rule's reduce-only orders anew, not reduce-only, where somebody else holds the other side
    /// by now: the venue would cancel them when they trigger. Not those that the rule cancels itself.
    fn restated(&self, rule: &Arc<str>, actions: &[ProtectiveAction]) -> Vec<ProtectiveAction> {
        let cancelled = |id: &String| {
            actions
                .iter()
                .any(|action| matches!(action, ProtectiveAction::Cancel(other) if other == id))
        };
        let mut restated = Vec::new();
        for working in self.blotter.iter() {
            let request = &working.order.request;
            let own = matches!(&working.origin, Origin::Rule(name) if name == rule);
            let opposed = || {
                self.ledger.lines().any(|(line, held)| {
                    line.instrument == request.instrument
                        && line.owner != working.owner
                        && held.quantity * request.side.sign() > Decimal::ZERO
                })
            };
            let id = &working.order.client_order_id;
            if own && request.reduce_only && working.is_protective() && !cancelled(id) && opposed()
            {
                restated.push(ProtectiveAction::Cancel(id.clone()));
                restated.push(ProtectiveAction::Place {
                    owner: working.order.owner.clone(),
                    request: OrderRequest {
                        quantity: working.leaves(),
                        ..request.clone()
                    },
                });
            }
        }
        restated
    }

    /// Refuses a rule's cancellations of protection where what was to take its place was refused.
    fn keep_old(
        &self,
        rule: &Arc<str>,
        protection: &[(LineKey, bool)],
        cancelled: &mut [Disposition],
        leaving: &mut BTreeSet<String>,
    ) {
        for cancellation in cancelled {
            let Some(working) = cancellation
                .cancels()
                .and_then(|id| self.blotter.get(&id))
                .filter(|working| working.reducing)
            else {
                continue;
            };
            let line = LineKey {
                instrument: working.order.request.instrument,
                owner: working.owner,
            };
            let held = self.ledger.line(line.instrument, line.owner).is_some();
            let mut new = protection.iter().filter(|(other, _)| *other == line);
            let refused = new.clone().next().is_some() && !new.any(|(_, stands)| *stands);
            if held && refused {
                let why = denial(
                    "PROTECTION_KEPT",
                    "a cancellation",
                    "an order in its place",
                    "what was to take its place was refused",
                );
                leaving.remove(&cancellation.client_order_id);
                *cancellation = self.refused_cancellation(
                    rule,
                    cancellation.owner.clone(),
                    cancellation.client_order_id.clone(),
                    why,
                );
            }
        }
    }

    /// Judges a protective order, with the orders in `leaving` left out. Checks of structure apply, rules
    /// are not asked. Exits that stay less long make room for it: [`Core::bound`] says which.
    fn protect(
        &mut self,
        chain: &mut Chain,
        rule: &Arc<str>,
        owner: String,
        request: OrderRequest,
        leaving: &BTreeSet<String>,
    ) -> Disposition {
        self.reviews += 1;
        let key = LineKey {
            instrument: request.instrument,
            owner: self.ledger.owner(&owner),
        };
        self.expose_line(key);
        let lot = self
            .listings
            .get(&key.instrument)
            .map_or(Decimal::ONE, |listing| listing.instrument.lot);
        let stays = |working: &WorkingOrder| !leaving.contains(&working.order.client_order_id);
        let exits = self.exits(key, request.side, stays);
        let rank = Rank::of_rule(request.kind);
        let room = if exits.is_bounded_without_plain() {
            exits.held
        } else {
            exits
                .held
                .saturating_sub(exits.units(|other| other <= rank))
        };
        let fitting = |room: Decimal| {
            let units = room.max(Decimal::ZERO).min(request.quantity);
            towards_zero(units, lot)
        };
        let exit = fitting(room);
        let rests = self.blotter.of(key.instrument, key.owner).any(|working| {
            let other = &working.order.request;
            let same = (other.side, other.kind) == (request.side, request.kind);
            let reduces = other.reduce_only || working.is_protective();
            let leaves = working.leaves();
            same && reduces && stays(working) && (leaves == exit || leaves == fitting(exits.held))
        });
        let proposal = Proposal {
            decision_id: format!("review:{rule}:{}", self.reviews),
            owner,
            context: host_context(),
            fitted: None,
            request: OrderRequest {
                reduce_only: !exits.shared,
                bracket: None,
                ..request
            },
        };
        let tightened = OrderRequest {
            quantity: if exit > Decimal::ZERO {
                exit
            } else {
                proposal.request.quantity
            },
            ..proposal.request.clone()
        };
        let (mut draft, candidate) = self.draft(key, &proposal, Leg::Protective, tightened, true);
        draft.origin = Origin::Rule(Arc::clone(rule));
        if rests {
            let denial = denial(
                PROTECTION_RESTS,
                exit,
                "one",
                "the same order works already",
            );
            return draft.refuse("host:review", denial);
        }
        if exit <= Decimal::ZERO {
            let why = if exits.held.is_zero() {
                "a protective order may only close what is held"
            } else {
                "orders that come first close the rest"
            };
            let denial = denial(
                "NOTHING_TO_PROTECT",
                proposal.request.quantity,
                room.max(Decimal::ZERO),
                why,
            );
            return draft.refuse("host:review", denial);
        }
        if exit < proposal.request.quantity {
            draft.verdicts.push(VerdictRecord::new(
                "host:review",
                VerdictKind::Reduced,
                exit,
                None,
            ));
        }
        let account = self.account();
        self.judge_alone(chain, account, draft, candidate)
    }
}

impl Disposition {
    /// The order that it cancels.
    fn cancels(&self) -> Option<String> {
        matches!(self.ruling, Ruling::Cancel).then(|| self.client_order_id.clone())
    }

    /// Whether the protection that it wants is there, or will be.
    fn stands(&self) -> bool {
        match &self.ruling {
            Ruling::Deny(denial) => denial.code == PROTECTION_RESTS,
            Ruling::Send(_) | Ruling::Replace(_) | Ruling::Cancel => true,
        }
    }
}
