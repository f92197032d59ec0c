//! An order's limit is not far worse than the reference price: a buy not far above it, a sale not far
//! below. A stop-limit's limit is compared with its stop. Stops wait for their price and have no collar.

use super::{HostCheck, Stage};
use crate::risk::basis::Basis;
use crate::risk::denial;
use bulkhead_domain::Decimal;
use bulkhead_domain::order::{OrderKind, OrderRequest, Side};
use bulkhead_domain::risk::Denial;

pub(super) const CHECK: HostCheck = HostCheck {
    source: "host:collar",
    version: 1,
    stage: Stage::Screen,
    spares_reducing: false,
    run,
};

fn run(request: &OrderRequest, basis: &Basis<'_>) -> Result<(), Denial> {
    let (limit, reference) = match request.kind {
        OrderKind::Limit(limit) => (limit, basis.price),
        OrderKind::StopLimit { stop, limit } => (limit, Some(stop)),
        OrderKind::Market | OrderKind::Stop(_) | OrderKind::TrailingStop(_) => return Ok(()),
    };
    let Some(reference) = reference else {
        return Err(denial(
            "COLLAR_WITHOUT_PRICE",
            limit,
            "a fresh reference price",
            "",
        ));
    };
    let width = reference.saturating_mul(basis.limits.price_collar);
    let (bound, word, beyond) = match request.side {
        Side::Buy => {
            let bound = reference.saturating_add(width);
            (bound, "at most", limit > bound)
        }
        Side::Sell => {
            let bound = reference.saturating_sub(width).max(Decimal::ZERO);
            (bound, "at least", limit < bound)
        }
    };
    if beyond {
        Err(denial(
            "PRICE_OUTSIDE_COLLAR",
            limit,
            format_args!("{word} {}", bound.normalize()),
            "",
        ))
    } else {
        Ok(())
    }
}
