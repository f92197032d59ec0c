//! Quantities and prices are above zero and within what can be computed with.

use super::{HostCheck, Stage};
use crate::risk::basis::Basis;
use crate::risk::denial;
use bulkhead_domain::Decimal;
use bulkhead_domain::order::{OrderKind, OrderRequest, Trail};
use bulkhead_domain::risk::Denial;
use bulkhead_venue::config::bounds;

pub(super) const CHECK: HostCheck = HostCheck {
    source: "host:finite",
    version: 1,
    stage: Stage::Screen,
    spares_reducing: false,
    run,
};

fn run(request: &OrderRequest, _: &Basis<'_>) -> Result<(), Denial> {
    positive("QUANTITY_NOT_POSITIVE", "QUANTITY_ABSURD", request.quantity)?;
    let price = |value| positive("PRICE_NOT_POSITIVE", "PRICE_ABSURD", value);
    match request.kind {
        OrderKind::Market => {}
        OrderKind::Limit(value) | OrderKind::Stop(value) => price(value)?,
        OrderKind::StopLimit { stop, limit } => {
            price(stop)?;
            price(limit)?;
        }
        OrderKind::TrailingStop(Trail::Amount(by)) => {
            positive("TRAIL_NOT_POSITIVE", "TRAIL_ABSURD", by)?;
        }
        OrderKind::TrailingStop(Trail::Fraction(by)) => {
            positive("TRAIL_NOT_POSITIVE", "TRAIL_ABSURD", by)?;
            if by >= Decimal::ONE {
                return Err(denial("TRAIL_ABSURD", by, "below 1", "trailing distance"));
            }
        }
    }
    let bracket = request.bracket.unwrap_or_default();
    for value in [bracket.take_profit, bracket.stop_loss]
        .into_iter()
        .flatten()
    {
        price(value)?;
    }
    Ok(())
}

fn positive(not_positive: &str, absurd: &str, value: Decimal) -> Result<(), Denial> {
    if value <= Decimal::ZERO {
        Err(denial(not_positive, value, "above 0", ""))
    } else if value > bounds::ORDER {
        Err(denial(absurd, value, bounds::ORDER, ""))
    } else {
        Ok(())
    }
}
