//! From what a strategy wants to orders that may be proposed.

use crate::learning::View;
use bulkhead_desk::Desk;
use bulkhead_desk::orders::{Origin, WorkingOrder};
use bulkhead_domain::Decimal;
use bulkhead_domain::order::{InstrumentHandle, OrderRequest, Side, TimeInForce};
use bulkhead_domain::strategy::Intent;
use std::collections::{BTreeMap, BTreeSet};

/// Something a strategy wants, with what it rests on.
#[derive(Debug, Clone)]
pub(crate) struct Want {
    pub(crate) decision: String,
    pub(crate) owner: String,
    /// Working orders to cancel first, by client order id.
    pub(crate) cancel: Vec<String>,
    pub(crate) request: Option<OrderRequest>,
    /// How much of the request is an exit.
    pub(crate) exit: Decimal,
    pub(crate) reason: String,
    pub(crate) confidence: Option<f64>,
    pub(crate) features: Vec<(String, Option<f64>)>,
    /// What the models of each alias said, and whether the owner goes by it.
    pub(crate) views: Vec<(View, bool)>,
}

/// How much of an order can only take off what its owner holds, whatever else of the owner's fills: what
/// `others`, the owner's other orders on its side, may take off first does not count for it. Nobody's
/// disagreement keeps this part back.
fn exit_part(held: Decimal, request: &OrderRequest, others: Decimal) -> Decimal {
    let against = match request.side {
        Side::Sell => held > Decimal::ZERO,
        Side::Buy => held < Decimal::ZERO,
    };
    if request.reduce_only {
        request.quantity
    } else if against {
        let left = held.abs().saturating_sub(others);
        request.quantity.min(left).max(Decimal::ZERO)
    } else {
        Decimal::ZERO
    }
}

/// Says of each want how much of it is an exit, the wants before it counted and what they cancel left out.
pub(crate) fn find_exits(wants: &mut [Want], desk: &Desk) {
    let cancelled: BTreeSet<String> = wants.iter().flat_map(|want| want.cancel.clone()).collect();
    let mut wanted: BTreeMap<(String, InstrumentHandle, Side), Decimal> = BTreeMap::new();
    for want in wants {
        let Some(request) = &want.request else {
            continue;
        };
        let working = desk.orders().iter().filter(|working| {
            let other = &working.order;
            other.owner == want.owner
                && (other.request.instrument, other.request.side)
                    == (request.instrument, request.side)
                && !working.is_protective()
                && !cancelled.contains(&other.client_order_id)
        });
        let working = working.fold(Decimal::ZERO, |sum, working| {
            sum.saturating_add(working.leaves())
        });
        let before = wanted
            .entry((want.owner.clone(), request.instrument, request.side))
            .or_default();
        let held = desk.holding(&want.owner, request.instrument).quantity;
        want.exit = exit_part(held, request, working.saturating_add(*before));
        // Nothing is refused yet, not even a quantity below nothing.
        *before = before.saturating_add(request.quantity.max(Decimal::ZERO));
    }
}

impl Want {
    fn new(owner: &str, reason: String, confidence: Option<f64>) -> Want {
        Want {
            decision: String::new(),
            owner: owner.to_owned(),
            cancel: Vec::new(),
            request: None,
            exit: Decimal::ZERO,
            reason,
            confidence,
            features: Vec::new(),
            views: Vec::new(),
        }
    }

    /// Whether some of it may open or enlarge a position.
    pub(crate) fn is_entry(&self) -> bool {
        self.request
            .as_ref()
            .is_some_and(|request| request.quantity > self.exit)
    }

    /// What is left of the request when the entry is kept back: the exit, if any.
    pub(crate) fn exit_alone(&self) -> Option<OrderRequest> {
        let request = self.request.as_ref()?;
        (self.exit > Decimal::ZERO).then(|| OrderRequest {
            quantity: self.exit,
            bracket: None,
            ..request.clone()
        })
    }

    /// Takes back what a strategy that is out may still enter with. What reduces its positions works on.
    pub(crate) fn withdrawal(owner: &str, desk: &Desk) -> Want {
        let cancel = desk
            .orders()
            .iter()
            .filter(|working| working.order.owner == owner && !working.reducing)
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
                if !desk
                    .orders()
                    .get(&id)
                    .is_some_and(|working| is_own(working, owner))
                {
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
                        is_own(working, owner) && working.order.request.instrument == instrument
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

/// Whether an owner may cancel an order: not what a risk rule placed to protect the owner's position.
fn is_own(working: &WorkingOrder, owner: &str) -> bool {
    working.order.owner == owner && !matches!(working.origin, Origin::Rule(_))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn exit(held: i64, side: Side, quantity: i64, others: i64) -> i64 {
        let request = OrderRequest::market(1, side, quantity.into());
        let part = exit_part(held.into(), &request, others.into());
        part.try_into().unwrap()
    }

    #[test]
    fn an_order_is_an_exit_as_far_as_something_is_left_to_close() {
        assert_eq!(exit(100, Side::Sell, 60, 0), 60);
        assert_eq!(exit(100, Side::Sell, 250, 0), 100);
        assert_eq!(exit(-100, Side::Buy, 250, 0), 100);
        assert_eq!(exit(100, Side::Buy, 10, 0), 0);
        assert_eq!(exit(0, Side::Sell, 10, 0), 0);
        // Two sales of everything are one exit and one entry.
        assert_eq!(exit(100, Side::Sell, 100, 100), 0);
        assert_eq!(exit(100, Side::Sell, 100, 70), 30);
        assert_eq!(exit(100, Side::Sell, 100, 500), 0);
    }

    #[test]
    fn no_quantity_is_too_large_to_be_looked_at() {
        let request = OrderRequest::market(1, Side::Sell, Decimal::MAX);
        assert_eq!(
            exit_part(Decimal::MAX, &request, Decimal::MAX),
            Decimal::ZERO
        );
        assert_eq!(
            exit_part(Decimal::MIN, &request, Decimal::ZERO),
            Decimal::ZERO
        );
        let reduce_only = OrderRequest {
            reduce_only: true,
            ..request
        };
        assert_eq!(
            exit_part(Decimal::ZERO, &reduce_only, Decimal::MAX),
            Decimal::MAX
        );
    }
}
