//! The worst-case position in one instrument, all owners together, stays within its limits.

use super::{HostCheck, Stage};
use crate::risk::basis::Basis;
use crate::risk::denial;
use bulkhead_domain::Decimal;
use bulkhead_domain::order::OrderRequest;
use bulkhead_domain::risk::Denial;

pub(super) const CHECK: HostCheck = HostCheck {
    source: "host:position",
    version: 1,
    stage: Stage::Final,
    spares_reducing: true,
    run,
};

fn run(_: &OrderRequest, basis: &Basis<'_>) -> Result<(), Denial> {
    if basis.after.increase <= Decimal::ZERO {
        return Ok(());
    }
    let observed = basis.after.instrument;
    if let Some(limit) = basis.limits.max_position_notional
        && observed > limit
    {
        return Err(denial(
            "POSITION_ABOVE_LIMIT",
            observed.normalize(),
            limit,
            "",
        ));
    }
    if let Some(share) = basis.limits.max_position_share {
        let limit = basis.account.equity.saturating_mul(share);
        if observed > limit {
            return Err(denial(
                "CONCENTRATION_ABOVE_LIMIT",
                observed.normalize(),
                limit.normalize(),
                &format!("a position may be {share} of equity"),
            ));
        }
    }
    Ok(())
}
