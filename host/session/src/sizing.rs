//! Sizing in the host: a strategy says which way, the configuration says how much.
//!
//! A size is fixed at the entry: while the owner holds, or works towards, a position the same way, the
//! signal changes nothing, so that a moving volatility does not trade by itself.

use bulkhead_desk::Desk;
use bulkhead_desk::sizing::{Signal, SizingError, SizingMethod};
use bulkhead_domain::Decimal;
use bulkhead_domain::number::to_f64;
use bulkhead_domain::order::InstrumentHandle;
use bulkhead_domain::strategy::Intent;

/// An intent with its quantity replaced by what the method makes of it. Orders and cancellations that a
/// strategy words itself stay as they are.
///
/// # Errors
/// [`SizingError`] when the method lacks something; nothing is wanted then.
pub(crate) fn sized(
    intent: Intent,
    method: &SizingMethod,
    owner: &str,
    desk: &Desk,
    feature: &dyn Fn(InstrumentHandle, &str) -> Option<f64>,
) -> Result<Intent, SizingError> {
    let (instrument, direction, confidence, reason) = match intent {
        Intent::Target {
            instrument,
            quantity,
            confidence,
            reason,
        } => (instrument, to_f64(quantity), confidence, reason),
        Intent::Weight {
            instrument,
            weight,
            confidence,
            reason,
        } => (instrument, weight, confidence, reason),
        other => return Ok(other),
    };
    let holding = desk.holding(owner, instrument);
    let heading = holding.quantity + holding.working;
    let same_way = (heading > Decimal::ZERO && direction > 0.0)
        || (heading < Decimal::ZERO && direction < 0.0);
    let quantity = if same_way {
        heading
    } else {
        let signal = Signal {
            direction,
            probability: confidence,
            feature: &|name| feature(instrument, name),
        };
        desk.quantity_for_size(instrument, method.size(&signal)?)?
    };
    Ok(Intent::Target {
        instrument,
        quantity,
        confidence,
        reason,
    })
}
