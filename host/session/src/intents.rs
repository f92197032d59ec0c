//! From what a strategy wants to orders that may be proposed.

use crate::learning::View;
use bulkhead_desk::Desk;
use bulkhead_domain::Decimal;
use bulkhead_domain::order::{InstrumentHandle, OrderRequest, TimeInForce};
use bulkhead_domain::strategy::Intent;

/// Something a strategy wants, with what it rests on.
#[derive(Debug, Clone)]
pub(crate) struct Want {
    pub(crate) decision: String,
    pub(crate) owner: String,
    /// Working orders to cancel first, by client order id.
    pub(crate) cancel: Vec<String>,
    pub(crate) request: Option<OrderRequest>,
    pub(crate) reason: String,
    pub(crate) confidence: Option<f64>,
    pub(crate) features: Vec<(String, Option<f64>)>,
    /// What the models of each alias said, and whether the owner goes by it.
    pub(crate) views: Vec<(View, bool)>,
}

/// Whether an order would open or enlarge a position of its owner.
pub(crate) fn is_entry(desk: &Desk, owner: &str, request: &OrderRequest) -> bool {
    if request.reduce_only {
        return false;
    }
    let held = desk.holding(owner, request.instrument).quantity;
    let after = held + request.signed_quantity();
    after.abs() > held.abs() || (after * held).is_sign_negative() && !(after * held).is_zero()
}

impl Want {
    fn new(owner: &str, reason: String, confidence: Option<f64>) -> Want {
        Want {
            decision: String::new(),
            owner: owner.to_owned(),
            cancel: Vec::new(),
            request: None,
            reason,
            confidence,
            features: Vec::new(),
            views: Vec::new(),
        }
    }

    /// Takes back every working order of a strategy that is out, but for its protection.
    pub(crate) fn withdrawal(owner: &str, desk: &Desk) -> Want {
        let cancel = desk
            .orders()
            .iter()
            .filter(|working| working.order.owner == owner && !working.is_protective())
            .map(|working| working.order.client_order_id.clone())
            .collect();
        Want {
            cancel,
            ..Want::new(owner, "the strategy is out".to_owned(), None)
        }
    }

    /// An intent as a want; `None` when nothing has to change for it.
    pub(crate) fn of(
        intent: Intent,
        owner: &str,
        handles: &[InstrumentHandle],
        desk: &Desk,
    ) -> Result<Option<Want>, String> {
        let mine = |instrument: InstrumentHandle| {
            if handles.contains(&instrument) {
                Ok(instrument)
            } else {
                Err(format!("instrument {instrument} is not one of its own"))
            }
        };
        match intent {
            Intent::Target {
                instrument,
                quantity,
                confidence,
                reason,
            } => Ok(target(
                mine(instrument)?,
                quantity,
                Want::new(owner, reason, confidence),
                desk,
            )),
            Intent::Weight {
                instrument,
                weight,
                confidence,
                reason,
            } => {
                let quantity = desk
                    .quantity_for_weight(mine(instrument)?, weight)
                    .map_err(|error| error.to_string())?;
                Ok(target(
                    instrument,
                    quantity,
                    Want::new(owner, reason, confidence),
                    desk,
                ))
            }
            Intent::Submit(request) => {
                mine(request.instrument)?;
                let reason = request.tag.clone();
                Ok(Some(Want {
                    request: Some(request),
                    ..Want::new(owner, reason, None)
                }))
            }
            Intent::Cancel(id) => {
                let own = desk
                    .orders()
                    .get(&id)
                    .is_some_and(|working| working.order.owner == owner);
                if !own {
                    return Err(format!("order {id} is not one of its own that still works"));
                }
                Ok(Some(Want {
                    cancel: vec![id],
                    ..Want::new(owner, "cancel".to_owned(), None)
                }))
            }
            Intent::CancelAll(instrument) => {
                let instrument = mine(instrument)?;
                let cancel: Vec<String> = desk
                    .orders()
                    .iter()
                    .filter(|working| {
                        working.order.owner == owner
                            && working.order.request.instrument == instrument
                    })
                    .map(|working| working.order.client_order_id.clone())
                    .collect();
                Ok((!cancel.is_empty()).then(|| Want {
                    cancel,
                    ..Want::new(owner, "cancel all".to_owned(), None)
                }))
            }
        }
    }
}

fn target(
    instrument: InstrumentHandle,
    quantity: Decimal,
    want: Want,
    desk: &Desk,
) -> Option<Want> {
    let (cancel, request) = desk.plan(&want.owner, instrument, quantity);
    if cancel.is_empty() && request.is_none() {
        return None;
    }
    // A target stands until it is reached or changed: what the volume cap leaves over is carried on.
    let request = request.map(|request| OrderRequest {
        time_in_force: TimeInForce::GoodTillCancelled,
        ..request
    });
    Some(Want {
        cancel,
        request,
        ..want
    })
}
