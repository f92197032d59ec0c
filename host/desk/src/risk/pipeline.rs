//! The stages an order passes, each a type: [`Candidate`] → [`Screened`] → [`RiskApproved`]. There is no
//! way around a stage.

use super::approved::{Proof, RiskApproved};
use super::basis::Basis;
use super::chain::{Chain, Judged};
use super::checks::{HOST_CHECKS, Stage};
use super::record::{VerdictKind, VerdictRecord};

use bulkhead_domain::order::{Order, OrderRequest};
use bulkhead_domain::risk::{Denial, Portfolio, RiskContext};
use bulkhead_domain::{Decimal, Timestamp};
use std::sync::Arc;

/// Everything said about one order so far.
pub(crate) type Verdicts = Vec<VerdictRecord>;

/// An order that nobody has judged yet.
pub(crate) struct Candidate {
    pub(crate) order: Order,
    pub(crate) reducing: bool,
    pub(crate) flatten: bool,
    /// When the oldest model behind it was fitted.
    pub(crate) fitted: Option<Timestamp>,
    pub(crate) context: RiskContext,
}

/// An order that passed the checks that need no other order to be known.
pub(crate) struct Screened(Candidate);

/// What the last stage needs beside the order.
pub(crate) struct Judge<'a> {
    pub(crate) basis: Basis<'a>,
    pub(crate) chain: &'a mut Chain,
    /// Absent where there is no rule to show it to.
    pub(crate) portfolio: Option<&'a Arc<Portfolio>>,
}

/// Why an order goes no further.
pub(crate) struct Refused {
    pub(crate) denial: Denial,
    /// The rule that wants all trading stopped.
    pub(crate) halted_by: Option<String>,
}

impl From<Denial> for Refused {
    fn from(denial: Denial) -> Self {
        Refused {
            denial,
            halted_by: None,
        }
    }
}

/// Runs one stage of the host checks. The first refusal is recorded and returned.
fn run(
    stage: Stage,
    request: &OrderRequest,
    basis: &Basis<'_>,
    verdicts: &mut Verdicts,
) -> Result<(), Denial> {
    for check in &HOST_CHECKS {
        if check.stage != stage || (basis.reducing && check.spares_reducing) {
            continue;
        }
        if let Err(denial) = (check.run)(request, basis) {
            let record = VerdictRecord::new(
                check.source,
                VerdictKind::Rejected,
                Decimal::ZERO,
                Some(denial.clone()),
            );
            verdicts.push(record.of_version(check.version));
            return Err(denial);
        }
    }
    Ok(())
}

impl Candidate {
    /// The first stage.
    pub(crate) fn screen(
        self,
        basis: &Basis<'_>,
        verdicts: &mut Verdicts,
    ) -> Result<Screened, Denial> {
        run(Stage::Screen, &self.order.request, basis, verdicts)?;
        Ok(Screened(self))
    }
}

impl Screened {
    pub(crate) fn order(&self) -> &Order {
        &self.0.order
    }

    pub(crate) fn reducing(&self) -> bool {
        self.0.reducing
    }

    pub(crate) fn flatten(&self) -> bool {
        self.0.flatten
    }

    pub(crate) fn fitted(&self) -> Option<Timestamp> {
        self.0.fitted
    }

    /// Cuts the quantity. Does nothing where `quantity` is not smaller.
    pub(crate) fn cut(&mut self, quantity: Decimal) {
        let asked = &mut self.0.order.request.quantity;
        *asked = quantity.min(*asked);
    }

    /// The last stage: the checks that depend on the other orders, then the rules.
    pub(crate) fn approve(
        self,
        judge: Judge<'_>,
        verdicts: &mut Verdicts,
    ) -> Result<RiskApproved<Order>, Refused> {
        let Screened(Candidate {
            mut order,
            context,
            reducing,
            flatten,
            ..
        }) = self;
        let proof = Proof {
            owner: order.owner.clone(),
            instrument: order.request.instrument,
            reducing,
            flatten,
            journalled: false,
            repeated: false,
        };
        run(Stage::Final, &order.request, &judge.basis, verdicts)?;
        verdicts.push(VerdictRecord::new(
            "host",
            VerdictKind::Approved,
            order.request.quantity,
            None,
        ));
        if reducing {
            if !judge.chain.is_empty() {
                let why = super::denial(
                    "RISK_REDUCING",
                    order.request.quantity,
                    "any quantity",
                    "rules are not asked about an order that is proven to reduce the position",
                );
                verdicts.push(VerdictRecord::new(
                    "rules",
                    VerdictKind::Skipped,
                    order.request.quantity,
                    Some(why),
                ));
            }
            return Ok(RiskApproved::new(order, proof));
        }
        if judge.chain.is_empty() {
            return Ok(RiskApproved::new(order, proof));
        }
        let (Some(portfolio), Some(listing)) = (judge.portfolio, judge.basis.listing) else {
            return Err(super::denial(
                "NO_PORTFOLIO",
                "none",
                "the portfolio",
                "the rules have nothing to judge by",
            )
            .into());
        };
        let lot = listing.instrument.lot;
        match judge
            .chain
            .assess(&mut order, lot, &context, portfolio, verdicts)
        {
            Judged::Passed => Ok(RiskApproved::new(order, proof)),
            Judged::Denied(denial) => Err(denial.into()),
            Judged::Halted(denial, rule) => Err(Refused {
                denial,
                halted_by: Some(rule),
            }),
        }
    }
}
