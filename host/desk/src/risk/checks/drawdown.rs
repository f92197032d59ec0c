//! Equity has not fallen too far from its highest session's close.

use super::{HostCheck, Stage};
use crate::risk::basis::Basis;
use crate::risk::denial;
use bulkhead_domain::order::OrderRequest;
use bulkhead_domain::risk::Denial;

pub(super) const CHECK: HostCheck = HostCheck {
    source: "host:drawdown",
    version: 1,
    stage: Stage::Screen,
    spares_reducing: true,
    run,
};

fn run(_: &OrderRequest, basis: &Basis<'_>) -> Result<(), Denial> {
    let Some(share) = basis.limits.max_drawdown else {
        return Ok(());
    };
    let peak = basis.account.peak_equity;
    let fall = peak.saturating_sub(basis.account.equity);
    let limit = peak.saturating_mul(share);
    if fall > limit {
        return Err(denial(
            "DRAWDOWN_ABOVE_LIMIT",
            fall.normalize(),
            limit.normalize(),
            &format!("{share} of the highest closing equity {}", peak.normalize()),
        ));
    }
    Ok(())
}
