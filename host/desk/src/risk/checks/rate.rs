//! Orders do not come faster than a person could ever want. Exits have a budget of their own.

use super::{HostCheck, Stage};
use crate::risk::basis::Basis;
use crate::risk::denial;
use bulkhead_domain::order::OrderRequest;
use bulkhead_domain::risk::Denial;

pub(super) const CHECK: HostCheck = HostCheck {
    source: "host:rate",
    version: 1,
    stage: Stage::Final,
    spares_reducing: false,
    run,
};

fn run(_: &OrderRequest, basis: &Basis<'_>) -> Result<(), Denial> {
    let next = basis.flow.in_moment(basis.reducing).saturating_add(1);
    if next > basis.limits.max_orders_per_moment {
        let limit = basis.limits.max_orders_per_moment;
        return Err(denial(
            "MOMENT_RATE_ABOVE_LIMIT",
            next,
            limit,
            "orders at one moment",
        ));
    }
    let next = basis.flow.in_session(basis.reducing).saturating_add(1);
    if next > basis.limits.max_orders_per_session {
        let limit = basis.limits.max_orders_per_session;
        return Err(denial(
            "SESSION_RATE_ABOVE_LIMIT",
            next,
            limit,
            "orders in one session",
        ));
    }
    Ok(())
}
