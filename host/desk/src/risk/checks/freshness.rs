//! There is a price, and it is recent. An exit at any price needs none; one at a price meets the collar.

use super::{HostCheck, Stage};
use crate::risk::basis::Basis;
use crate::risk::denial;
use bulkhead_domain::order::OrderRequest;
use bulkhead_domain::risk::Denial;

pub(super) const CHECK: HostCheck = HostCheck {
    source: "host:freshness",
    version: 1,
    stage: Stage::Screen,
    spares_reducing: true,
    run,
};

fn run(_: &OrderRequest, basis: &Basis<'_>) -> Result<(), Denial> {
    if basis.price.is_some() {
        return Ok(());
    }
    let limit = format!("at most {} s old", basis.limits.max_price_age_seconds);
    let mark = basis.listing.and_then(|listing| listing.mark);
    Err(match mark {
        Some(mark) => denial("PRICE_STALE", format_args!("of {}", mark.time), limit, ""),
        None => denial("PRICE_MISSING", "none", limit, ""),
    })
}
