//! One order is neither too large nor too small. An exit is bounded by its position instead.

use super::{HostCheck, Stage};
use crate::risk::basis::Basis;
use crate::risk::denial;
use bulkhead_domain::order::OrderRequest;
use bulkhead_domain::risk::Denial;

pub(super) const CHECK: HostCheck = HostCheck {
    source: "host:size",
    version: 1,
    stage: Stage::Screen,
    spares_reducing: true,
    run,
};

fn run(request: &OrderRequest, basis: &Basis<'_>) -> Result<(), Denial> {
    if let Some(limit) = basis.limits.max_order_quantity
        && request.quantity > limit
    {
        return Err(denial("QUANTITY_ABOVE_LIMIT", request.quantity, limit, ""));
    }
    let notional = basis.notional(request);
    if let Some(limit) = basis.limits.max_order_notional
        && notional > limit
    {
        return Err(denial(
            "NOTIONAL_ABOVE_LIMIT",
            notional.normalize(),
            limit,
            "",
        ));
    }
    if notional < basis.limits.min_order_notional {
        return Err(denial(
            "NOTIONAL_BELOW_LIMIT",
            notional.normalize(),
            basis.limits.min_order_notional,
            "",
        ));
    }
    Ok(())
}
