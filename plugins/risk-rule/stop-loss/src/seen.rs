//! Ranges of the entries that were judged. At most one for every owner, instrument and direction in which a
//! position is held or an order works.

use bulkhead_sdk::order::{Order, Side};
use bulkhead_sdk::risk_rule::{Portfolio, Position};
use bulkhead_sdk::{Decimal, InstrumentHandle};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Entered {
    owner: String,
    instrument: InstrumentHandle,
    side: Side,
    /// As a fraction of the price.
    range: Decimal,
}

impl Entered {
    fn is(&self, owner: &str, instrument: InstrumentHandle, side: Side) -> bool {
        self.owner == owner && self.instrument == instrument && self.side == side
    }
}

/// The side that opened a position.
fn entry_side(position: &Position) -> Side {
    if position.quantity > Decimal::ZERO {
        Side::Buy
    } else {
        Side::Sell
    }
}

/// What is remembered, in the order in which it was seen.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Seen(Vec<Entered>);

impl Seen {
    /// Remembers the range of an entry. A position that is already held keeps the range of its first one.
    pub(crate) fn note(&mut self, order: &Order, portfolio: &Portfolio, range: Decimal) {
        let (instrument, side) = (order.request.instrument, order.request.side);
        let held = portfolio.positions.iter().any(|position| {
            !position.quantity.is_zero()
                && position.owner == order.owner
                && position.instrument == instrument
                && entry_side(position) == side
        });
        match (self.0.iter_mut()).find(|entered| entered.is(&order.owner, instrument, side)) {
            Some(_) if held => {}
            Some(entered) => entered.range = range,
            None => self.0.push(Entered {
                owner: order.owner.clone(),
                instrument,
                side,
                range,
            }),
        }
    }

    /// The range of a position's entry.
    pub(crate) fn range(&self, position: &Position) -> Option<Decimal> {
        let side = entry_side(position);
        self.0
            .iter()
            .find(|entered| entered.is(&position.owner, position.instrument, side))
            .map(|entered| entered.range)
    }

    /// Forgets what neither a position nor a working entry needs any more.
    pub(crate) fn forget(&mut self, portfolio: &Portfolio) {
        self.0.retain(|entered| {
            let held = portfolio.positions.iter().any(|position| {
                !position.quantity.is_zero()
                    && entered.is(&position.owner, position.instrument, entry_side(position))
            });
            held || portfolio.open_orders.iter().any(|open| {
                let request = &open.order.request;
                !request.reduce_only
                    && entered.is(&open.order.owner, request.instrument, request.side)
            })
        });
    }

    pub(crate) fn ranges(&self) -> impl Iterator<Item = &Decimal> {
        self.0.iter().map(|entered| &entered.range)
    }
}
