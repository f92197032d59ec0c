//! The session has not lost too much against the prior session's closing equity.

use super::{HostCheck, Stage};
use crate::risk::basis::Basis;
use crate::risk::denial;
use bulkhead_domain::order::OrderRequest;
use bulkhead_domain::risk::Denial;

pub(super) const CHECK: HostCheck = HostCheck {
    source: "host:daily-loss",
    version: 1,
    stage: Stage::Screen,
    spares_reducing: true,
    run,
};

fn run(_: &OrderRequest, basis: &Basis<'_>) -> Result<(), Denial> {
    let Some(share) = basis.limits.max_daily_loss else {
        return Ok(());
    };
    let base = basis.account.prior_session_equity;
    let loss = base.saturating_sub(basis.account.equity);
    let limit = base.saturating_mul(share);
    if loss > limit {
        return Err(denial(
            "DAILY_LOSS_ABOVE_LIMIT",
            loss.normalize(),
            limit.normalize(),
            &format!(
                "{share} of the prior session's closing equity {}",
                base.normalize()
            ),
        ));
    }
    Ok(())
}
