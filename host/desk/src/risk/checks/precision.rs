//! Quantities are whole lots, prices whole ticks, and instructions do not contradict each other.

use super::{HostCheck, Stage};
use crate::risk::basis::Basis;
use crate::risk::denial;
use bulkhead_domain::Decimal;
use bulkhead_domain::order::{OrderKind, OrderRequest, TimeInForce, Trail};
use bulkhead_domain::risk::Denial;
use bulkhead_venue::number::is_multiple;

pub(super) const CHECK: HostCheck = HostCheck {
    source: "host:precision",
    version: 1,
    stage: Stage::Screen,
    spares_reducing: false,
    run,
};

fn run(request: &OrderRequest, basis: &Basis<'_>) -> Result<(), Denial> {
    let Some(listing) = basis.listing else {
        return Ok(());
    };
    let (lot, tick) = (listing.instrument.lot, listing.instrument.tick);
    whole("QUANTITY_OFF_LOT", request.quantity, lot)?;
    let price = |value| whole("PRICE_OFF_TICK", value, tick);
    match request.kind {
        OrderKind::Market | OrderKind::TrailingStop(Trail::Fraction(_)) => {}
        OrderKind::Limit(value)
        | OrderKind::Stop(value)
        | OrderKind::TrailingStop(Trail::Amount(value)) => price(value)?,
        OrderKind::StopLimit { stop, limit } => {
            price(stop)?;
            price(limit)?;
        }
    }
    let bracket = request.bracket.unwrap_or_default();
    for value in [bracket.take_profit, bracket.stop_loss]
        .into_iter()
        .flatten()
    {
        price(value)?;
    }
    if request.post_only && !matches!(request.kind, OrderKind::Limit(_)) {
        return Err(denial(
            "POST_ONLY_WITHOUT_LIMIT",
            "post-only",
            "a limit order",
            "only a limit order can refuse to take liquidity",
        ));
    }
    match request.time_in_force {
        TimeInForce::GoodTillDate(until) if until <= basis.now.0 => Err(denial(
            "EXPIRES_IN_THE_PAST",
            bulkhead_domain::Timestamp(until),
            format_args!("after {}", basis.now),
            "",
        )),
        _ => Ok(()),
    }
}

fn whole(code: &str, value: Decimal, increment: Decimal) -> Result<(), Denial> {
    if is_multiple(value, increment) {
        Ok(())
    } else {
        Err(denial(
            code,
            value,
            format_args!("a multiple of {increment}"),
            "",
        ))
    }
}
