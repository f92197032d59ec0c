//! What an order must be to be taken.

use crate::config::{InstrumentSpec, bounds};
use crate::error::VenueReject;
use crate::number::is_multiple;
use crate::order::{Nanos, OrderKind, OrderRequest, Side, TimeInForce, Trail};
use rust_decimal::Decimal;

pub(crate) fn client_order_id(id: &str) -> Result<(), VenueReject> {
    let length = (1..=bounds::CLIENT_ORDER_ID).contains(&id.len());
    if length
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
    {
        return Ok(());
    }
    Err(VenueReject::ClientOrderId(id.to_owned()))
}

pub(crate) fn request(
    request: &OrderRequest,
    spec: &InstrumentSpec,
    now: Nanos,
) -> Result<(), VenueReject> {
    let observed = request.quantity;
    if observed <= Decimal::ZERO || observed > bounds::ORDER {
        return Err(VenueReject::Quantity {
            observed,
            limit: bounds::ORDER,
        });
    }
    if !is_multiple(observed, spec.lot) {
        return Err(VenueReject::OffLot {
            observed,
            lot: spec.lot,
        });
    }
    match request.kind {
        OrderKind::Market => {}
        OrderKind::Limit(at) | OrderKind::Stop(at) => price(at, spec)?,
        OrderKind::StopLimit { stop, limit } => {
            price(stop, spec)?;
            price(limit, spec)?;
        }
        OrderKind::TrailingStop(Trail::Amount(by)) => {
            price(by, spec)?;
            trail(by, bounds::ORDER)?;
        }
        OrderKind::TrailingStop(Trail::Fraction(by)) => trail(by, Decimal::ONE)?,
    }
    if let TimeInForce::GoodTillDate(until) = request.time_in_force
        && until <= now
    {
        return Err(VenueReject::Expired { until, now });
    }
    contradictions(request, spec)
}

fn contradictions(request: &OrderRequest, spec: &InstrumentSpec) -> Result<(), VenueReject> {
    let immediate = matches!(
        request.time_in_force,
        TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill
    );
    if request.post_only && !matches!(request.kind, OrderKind::Limit(_)) {
        return Err(VenueReject::Contradiction("post-only is for limit orders"));
    }
    if request.post_only && immediate {
        return Err(VenueReject::Contradiction(
            "post-only waits; immediate-or-cancel and fill-or-kill do not",
        ));
    }
    let Some(bracket) = request.bracket else {
        return Ok(());
    };
    if request.reduce_only {
        return Err(VenueReject::Contradiction(
            "a reduce-only order is an exit and has no bracket",
        ));
    }
    for at in [bracket.take_profit, bracket.stop_loss]
        .into_iter()
        .flatten()
    {
        price(at, spec)?;
    }
    match (bracket.take_profit, bracket.stop_loss) {
        (None, None) => Err(VenueReject::Contradiction(
            "a bracket has a target, a stop or both",
        )),
        (Some(target), Some(stop)) if profit(request.side, stop, target) <= Decimal::ZERO => {
            Err(VenueReject::Contradiction(
                "a bracket's target lies on the profitable side of its stop",
            ))
        }
        _ => Ok(()),
    }
}

/// What a position on this side makes from one price to another, a unit.
fn profit(side: Side, from: Decimal, to: Decimal) -> Decimal {
    (to - from) * side.sign()
}

fn price(observed: Decimal, spec: &InstrumentSpec) -> Result<(), VenueReject> {
    if observed.abs() > bounds::ORDER {
        return Err(VenueReject::Price {
            observed,
            limit: bounds::ORDER,
        });
    }
    if !is_multiple(observed, spec.tick) {
        return Err(VenueReject::OffTick {
            observed,
            tick: spec.tick,
        });
    }
    Ok(())
}

fn trail(by: Decimal, below: Decimal) -> Result<(), VenueReject> {
    if by <= Decimal::ZERO || by >= below {
        return Err(VenueReject::Trail(by));
    }
    Ok(())
}
