//! The risk rules, asked in turn. The first that refuses or fails ends it.

use super::denial;
use super::record::{VerdictKind, VerdictRecord};
use crate::traits::{RiskRule, RuleFailure};
use bulkhead_domain::Decimal;
use bulkhead_domain::order::Order;
use bulkhead_domain::risk::{Denial, Portfolio, RiskContext, Verdict};
use bulkhead_venue::number::towards_zero;
use std::sync::Arc;

/// A rule could not judge.
pub(crate) const RULE_FAILED: &str = "RULE_FAILED";
/// A rule could not review the portfolio, so its judgement is not trusted either.
pub(crate) const REVIEW_FAILED: &str = "REVIEW_FAILED";
/// A rule asked for more than it was shown.
pub(crate) const ENLARGEMENT: &str = "RULE_WOULD_ENLARGE";
/// A rule left nothing to trade.
pub(crate) const REDUCED_TO_NOTHING: &str = "REDUCED_TO_NOTHING";

/// A rule with the desk's own record of it.
pub(crate) struct Rule {
    pub(crate) rule: Box<dyn RiskRule>,
    pub(crate) name: Arc<str>,
    /// How it failed last, and the denials' code for it; until its next review succeeds.
    pub(crate) broken: Option<(&'static str, RuleFailure)>,
}

/// All rules, in the order they are asked.
pub(crate) struct Chain {
    pub(crate) rules: Vec<Rule>,
}

/// How the rules left an order.
pub(crate) enum Judged {
    /// To be sent, with the quantity it was left.
    Passed,
    Denied(Denial),
    /// With the rule's name.
    Halted(Denial, String),
}

impl Chain {
    pub(crate) fn new(rules: Vec<Box<dyn RiskRule>>) -> Self {
        let rules = rules
            .into_iter()
            .map(|rule| Rule {
                name: Arc::from(rule.name()),
                rule,
                broken: None,
            })
            .collect();
        Chain { rules }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Asks every rule about an order; one that fails is not asked again before its next review. `order` is cut as they say, in whole lots towards zero.
    pub(super) fn assess(
        &mut self,
        order: &mut Order,
        lot: Decimal,
        context: &RiskContext,
        portfolio: &Arc<Portfolio>,
        records: &mut Vec<VerdictRecord>,
    ) -> Judged {
        for rule in &mut self.rules {
            let asked = order.request.quantity;
            let answer = match &rule.broken {
                Some(broken) => Err(broken.clone()),
                None => rule
                    .rule
                    .assess(order, context, portfolio)
                    .map_err(|failure| (RULE_FAILED, failure)),
            };
            let mut record = |verdict, quantity, denial: Option<Denial>| {
                records.push(VerdictRecord::new(
                    rule.name.to_string(),
                    verdict,
                    quantity,
                    denial,
                ));
            };
            match answer {
                Ok(Verdict::Approve) => record(VerdictKind::Approved, asked, None),
                Ok(Verdict::ReduceTo(quantity, _)) if quantity > asked => {
                    let denial = denial(
                        ENLARGEMENT,
                        quantity,
                        asked,
                        "the rule asked for more than it was shown; the quantity stays",
                    );
                    record(VerdictKind::Clamped, asked, Some(denial));
                }
                Ok(Verdict::ReduceTo(quantity, why)) => {
                    let quantity = towards_zero(quantity.max(Decimal::ZERO), lot);
                    if quantity.is_zero() {
                        let denial = Denial {
                            code: if why.code.is_empty() {
                                REDUCED_TO_NOTHING.to_owned()
                            } else {
                                why.code
                            },
                            ..why
                        };
                        record(VerdictKind::Rejected, quantity, Some(denial.clone()));
                        return Judged::Denied(denial);
                    }
                    order.request.quantity = quantity;
                    record(VerdictKind::Reduced, quantity, Some(why));
                }
                Ok(Verdict::Reject(why)) => {
                    record(VerdictKind::Rejected, Decimal::ZERO, Some(why.clone()));
                    return Judged::Denied(why);
                }
                Ok(Verdict::Halt(why)) => {
                    record(VerdictKind::Halted, Decimal::ZERO, Some(why.clone()));
                    return Judged::Halted(why, rule.name.to_string());
                }
                Err((code, failure)) => {
                    rule.broken = Some((code, failure.clone()));
                    let denial = denial(
                        code,
                        &failure.text,
                        "a verdict",
                        &format!("risk rule '{}' failed", failure.plugin),
                    );
                    record(VerdictKind::Failed, Decimal::ZERO, Some(denial.clone()));
                    return Judged::Denied(denial);
                }
            }
        }
        Judged::Passed
    }
}
