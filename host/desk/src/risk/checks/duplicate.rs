//! The same order does not come twice at one moment from one owner.

use super::{HostCheck, Stage};
use crate::risk::basis::Basis;
use crate::risk::denial;
use bulkhead_domain::order::{OrderRequest, Side};
use bulkhead_domain::risk::Denial;

pub(super) const CHECK: HostCheck = HostCheck {
    source: "host:duplicate",
    version: 1,
    stage: Stage::Screen,
    spares_reducing: false,
    run,
};

fn run(request: &OrderRequest, basis: &Basis<'_>) -> Result<(), Denial> {
    if !basis.flow.has_seen(basis.owner, basis.reducing, request) {
        return Ok(());
    }
    let side = match request.side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    };
    Err(denial(
        "DUPLICATE_ORDER",
        format_args!("a second order to {side} {}", request.quantity),
        "one at a moment",
        "same owner, instrument, side, quantity and price",
    ))
}
