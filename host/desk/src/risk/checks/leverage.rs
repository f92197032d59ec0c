//! Worst-case gross exposure stays within a multiple of equity.

use super::{HostCheck, Stage};
use crate::risk::CheckLimits;
use crate::risk::basis::Basis;
use crate::risk::denial;
use bulkhead_domain::Decimal;
use bulkhead_domain::order::OrderRequest;
use bulkhead_domain::risk::Denial;

pub(super) const CHECK: HostCheck = HostCheck {
    source: "host:leverage",
    version: 1,
    stage: Stage::Final,
    spares_reducing: true,
    run,
};

/// By how much the gross exposure may still grow.
pub(crate) fn room(limits: &CheckLimits, equity: Decimal, gross: Decimal) -> Decimal {
    equity
        .saturating_mul(limits.max_leverage)
        .saturating_sub(gross)
}

fn run(_: &OrderRequest, basis: &Basis<'_>) -> Result<(), Denial> {
    let before = basis.after.gross.saturating_sub(basis.after.increase);
    let room = room(basis.limits, basis.account.equity, before);
    if basis.after.increase <= Decimal::ZERO || basis.after.increase <= room {
        return Ok(());
    }
    Err(denial(
        "LEVERAGE_ABOVE_LIMIT",
        format_args!("gross exposure {}", basis.after.gross.normalize()),
        format_args!(
            "{} × equity {}",
            basis.limits.max_leverage,
            basis.account.equity.normalize()
        ),
        "",
    ))
}
