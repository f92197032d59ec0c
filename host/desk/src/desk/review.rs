//! Rules look at the whole portfolio and propose protection; the host cancels what protects nothing.

use super::Desk;
use super::core::Core;
use super::decide::{Disposition, Leg, Proposal, Ruling, host_context};
use super::legs::parts;
use crate::ledger::LineKey;
use crate::orders::{Origin, WorkingOrder};
use crate::risk::{Chain, REVIEW_FAILED, TradingState, VerdictKind, VerdictRecord, denial};
use crate::traits::RuleFailure;
use bulkhead_domain::Decimal;
use bulkhead_domain::order::OrderRequest;
use bulkhead_domain::risk::{Denial, ProtectiveAction};
use std::sync::Arc;

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
    /// order is made reduce-only and no larger than the position; a rule may cancel its own orders and
    /// those that may enlarge a position, not another's protection.
    pub fn review(&mut self) -> Review {
        let Desk { chain, core } = self;
        let mut review = Review::default();
        if chain.is_empty() {
            return review;
        }
        core.expose();
        let portfolio = Arc::new(core.portfolio());
        let mut proposed = Vec::new();
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
        for (rule, actions) in proposed {
            for action in actions {
                match action {
                    ProtectiveAction::Place { owner, request } => {
                        let disposition = core.protect(chain, &rule, owner, request);
                        review.dispositions.push(disposition);
                    }
                    ProtectiveAction::Cancel(id) => {
                        review.dispositions.push(core.cancel_for(&rule, id));
                    }
                    ProtectiveAction::Halt(why) => {
                        core.raise(TradingState::Halted, &format!("rule:{rule}"), &why);
                        review.halt.get_or_insert((rule.to_string(), why));
                    }
                }
            }
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
        Disposition {
            decision_id: format!("review:{rule}"),
            leg: Leg::Protective,
            owner: working.map_or_else(String::new, |working| working.order.owner.clone()),
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

    /// Judges a protective order. Checks of structure apply, rules are not asked.
    fn protect(
        &mut self,
        chain: &mut Chain,
        rule: &Arc<str>,
        owner: String,
        request: OrderRequest,
    ) -> Disposition {
        self.reviews += 1;
        let key = LineKey {
            instrument: request.instrument,
            owner: self.ledger.owner(&owner),
        };
        let line = self.expose_line(key);
        let net = self.exposure.net(key.instrument);
        let lot = self
            .listings
            .get(&key.instrument)
            .map_or(Decimal::ONE, |listing| listing.instrument.lot);
        let proposal = Proposal {
            decision_id: format!("review:{rule}:{}", self.reviews),
            owner,
            context: host_context(),
            fitted: None,
            request: OrderRequest {
                reduce_only: true,
                bracket: None,
                ..request
            },
        };
        let exit = parts(&proposal.request, &line, net, lot).exit;
        let tightened = OrderRequest {
            quantity: if exit > Decimal::ZERO {
                exit
            } else {
                proposal.request.quantity
            },
            ..proposal.request.clone()
        };
        let rests = self.blotter.of(key.instrument, key.owner).any(|working| {
            let other = &working.order.request;
            (other.side, other.kind, other.reduce_only) == (tightened.side, tightened.kind, true)
                && working.leaves() == tightened.quantity
        });
        let (mut draft, candidate) = self.draft(key, &proposal, Leg::Protective, tightened, true);
        draft.origin = Origin::Rule(Arc::clone(rule));
        if exit <= Decimal::ZERO {
            let denial = denial(
                "NOTHING_TO_PROTECT",
                proposal.request.quantity,
                line.quantity,
                "a protective order may only close what is held",
            );
            return draft.refuse("host:review", denial);
        }
        if rests {
            let denial = denial(
                "PROTECTION_RESTS",
                exit,
                "one",
                "the same order works already",
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
