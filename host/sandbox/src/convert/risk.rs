//! What risk rules see and say.

use super::{Accept, Invalid, fields};
use crate::bindings::risk_rule::exports::bulkhead::plugin::risk_rule as wit;
use crate::text::owned_line;
use bulkhead_domain::risk::{Denial, Portfolio, Position, ProtectiveAction, RiskContext, Verdict};

impl From<&Position> for wit::Position {
    fn from(position: &Position) -> Self {
        wit::Position {
            owner: position.owner.clone(),
            instrument: position.instrument,
            quantity: position.quantity.into(),
            average_price: position.average_price.into(),
            market_price: position.market_price.map(Into::into),
            opened: position.opened.0,
        }
    }
}

impl From<&Portfolio> for wit::Portfolio {
    fn from(portfolio: &Portfolio) -> Self {
        wit::Portfolio {
            time: portfolio.time.0,
            account: portfolio.account.clone(),
            currency: portfolio.currency.clone(),
            cash: portfolio.cash.into(),
            equity: portfolio.equity.into(),
            prior_session_equity: portfolio.prior_session_equity.into(),
            peak_equity: portfolio.peak_equity.into(),
            positions: portfolio.positions.iter().map(Into::into).collect(),
            open_orders: portfolio
                .open_orders
                .iter()
                .cloned()
                .map(Into::into)
                .collect(),
        }
    }
}

impl From<&RiskContext> for wit::Context {
    fn from(context: &RiskContext) -> Self {
        wit::Context {
            reference_price: context.reference_price.into(),
            multiplier: context.multiplier.into(),
            confidence: context.confidence,
            features: context.features.clone(),
            extra: fields(context.extra.clone()),
        }
    }
}

impl From<wit::Denial> for Denial {
    fn from(denial: wit::Denial) -> Self {
        Denial {
            code: owned_line(denial.code),
            observed: owned_line(denial.observed),
            limit: owned_line(denial.limit),
            text: owned_line(denial.text),
        }
    }
}

impl Accept<Verdict> for wit::Verdict {
    fn accept(self) -> Result<Verdict, Invalid> {
        Ok(match self {
            wit::Verdict::Approve => Verdict::Approve,
            wit::Verdict::ReduceTo((quantity, denial)) => {
                Verdict::ReduceTo(quantity.accept()?, denial.into())
            }
            wit::Verdict::Reject(denial) => Verdict::Reject(denial.into()),
            wit::Verdict::Halt(denial) => Verdict::Halt(denial.into()),
        })
    }
}

impl Accept<ProtectiveAction> for wit::ProtectiveAction {
    fn accept(self) -> Result<ProtectiveAction, Invalid> {
        Ok(match self {
            wit::ProtectiveAction::Place((owner, request)) => ProtectiveAction::Place {
                owner,
                request: request.accept()?,
            },
            wit::ProtectiveAction::Cancel(id) => ProtectiveAction::Cancel(id),
            wit::ProtectiveAction::Halt(denial) => ProtectiveAction::Halt(denial.into()),
        })
    }
}
