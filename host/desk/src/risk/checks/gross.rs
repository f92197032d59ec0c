//! Worst-case gross exposure stays within its limit in money.

use super::{HostCheck, Stage};
use crate::risk::CheckLimits;
use crate::risk::basis::Basis;
use crate::risk::denial;
use bulkhead_domain::Decimal;
use bulkhead_domain::order::OrderRequest;
use bulkhead_domain::risk::Denial;

pub(super) const CHECK: HostCheck = HostCheck {
    source: "host:gross-exposure",
    version: 1,
    stage: Stage::Final,
    spares_reducing: true,
    run,
};

/// By how much the gross exposure may still grow; `None` without a limit.
pub(crate) fn room(limits: &CheckLimits, gross: Decimal) -> Option<Decimal> {
    limits
        .max_gross_exposure
        .map(|limit| limit.saturating_sub(gross))
}

fn run(_: &OrderRequest, basis: &Basis<'_>) -> Result<(), Denial> {
    match basis.limits.max_gross_exposure {
        Some(limit) if basis.after.increase > Decimal::ZERO && basis.after.gross > limit => {
            Err(denial(
                "GROSS_EXPOSURE_ABOVE_LIMIT",
                basis.after.gross.normalize(),
                limit,
                "",
            ))
        }
        _ => Ok(()),
    }
}
