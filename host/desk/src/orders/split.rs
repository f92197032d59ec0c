//! What a split does to working orders, before the open of its ex-date: as the venue does it, units in
//! whole lots, limits rounded in the owner's favour, stops away from the market.

use super::Blotter;
use bulkhead_domain::order::{Bracket, InstrumentHandle, OrderKind, OrderRequest, Side, Trail};
use bulkhead_domain::{Decimal, Instrument};
use bulkhead_venue::number::split_units;

/// A split as working orders see it.
struct OrderSplit {
    numerator: u32,
    denominator: u32,
    lot: Decimal,
    tick: Decimal,
}

impl Blotter {
    /// Restates the working and expected orders of an instrument. What cannot be computed stays as it
    /// was; the venue's own restatement follows with its next update either way.
    pub(crate) fn split(
        &mut self,
        instrument: InstrumentHandle,
        numerator: u32,
        denominator: u32,
        listed: &Instrument,
    ) {
        let split = OrderSplit {
            numerator,
            denominator,
            lot: listed.lot,
            tick: listed.tick,
        };
        for working in self.working.values_mut() {
            if working.order.request.instrument != instrument {
                continue;
            }
            let filled = working.filled;
            // What has filled and what is left, each in whole lots.
            let restated = |all: Decimal| {
                let left = split.units(all.saturating_sub(filled))?;
                split.units(filled)?.checked_add(left)
            };
            let (Some(quantity), Some(allowed)) = (
                restated(working.order.request.quantity),
                restated(working.allowed),
            ) else {
                continue;
            };
            if let Some(change) = &mut working.change {
                change.quantity = restated(change.quantity).unwrap_or(change.quantity);
                change.kind = split.kind(change.kind, working.order.request.side);
            }
            working.filled = split.units(filled).unwrap_or(filled);
            working.order.request.quantity = quantity;
            working.allowed = allowed;
            split.reprice(&mut working.order.request);
        }
        for exit in self.expected.values_mut() {
            if exit.order.request.instrument == instrument {
                exit.covered = split.units(exit.covered).unwrap_or(exit.covered);
                split.reprice(&mut exit.order.request);
            }
        }
    }
}

impl OrderSplit {
    /// Whole lots of new units.
    fn units(&self, units: Decimal) -> Option<Decimal> {
        split_units(units, self.numerator, self.denominator, self.lot).map(|(whole, _)| whole)
    }

    fn kind(&self, kind: OrderKind, side: Side) -> OrderKind {
        match kind {
            OrderKind::Limit(limit) => OrderKind::Limit(self.limit(limit, side)),
            OrderKind::Stop(stop) => OrderKind::Stop(self.stop(stop, side)),
            OrderKind::StopLimit { stop, limit } => OrderKind::StopLimit {
                stop: self.stop(stop, side),
                limit: self.limit(limit, side),
            },
            OrderKind::TrailingStop(Trail::Amount(by)) => {
                OrderKind::TrailingStop(Trail::Amount(self.price(by, true)))
            }
            OrderKind::Market | OrderKind::TrailingStop(Trail::Fraction(_)) => kind,
        }
    }

    fn reprice(&self, request: &mut OrderRequest) {
        let side = request.side;
        request.kind = self.kind(request.kind, side);
        request.bracket = request.bracket.map(|bracket| Bracket {
            take_profit: bracket
                .take_profit
                .map(|price| self.limit(price, side.opposite())),
            stop_loss: bracket
                .stop_loss
                .map(|price| self.stop(price, side.opposite())),
        });
    }

    fn limit(&self, price: Decimal, side: Side) -> Decimal {
        self.price(price, side == Side::Sell)
    }

    fn stop(&self, price: Decimal, side: Side) -> Decimal {
        self.price(price, side == Side::Buy)
    }

    /// The price in new units, rounded to the tick upwards or downwards.
    fn price(&self, price: Decimal, upwards: bool) -> Decimal {
        let ticks = price
            .checked_mul(Decimal::from(self.denominator))
            .and_then(|price| price.checked_div(Decimal::from(self.numerator)))
            .and_then(|price| price.checked_div(self.tick));
        match ticks {
            Some(ticks) if upwards => ticks.ceil() * self.tick,
            Some(ticks) => ticks.floor() * self.tick,
            None => price,
        }
    }
}
