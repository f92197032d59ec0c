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
            let units = |units: Decimal| {
                split_units(units, split.numerator, split.denominator, split.lot)
                    .map(|(whole, _)| whole)
            };
            let (Some(filled), Some(leaves)) = (units(working.filled), units(working.leaves()))
            else {
                continue;
            };
            working.filled = filled;
            working.order.request.quantity = filled + leaves;
            split.reprice(&mut working.order.request);
        }
        for (order, _) in self.expected.values_mut() {
            if order.request.instrument == instrument {
                split.reprice(&mut order.request);
            }
        }
    }
}

impl OrderSplit {
    fn reprice(&self, request: &mut OrderRequest) {
        let side = request.side;
        request.kind = match request.kind {
            OrderKind::Market => OrderKind::Market,
            OrderKind::Limit(limit) => OrderKind::Limit(self.limit(limit, side)),
            OrderKind::Stop(stop) => OrderKind::Stop(self.stop(stop, side)),
            OrderKind::StopLimit { stop, limit } => OrderKind::StopLimit {
                stop: self.stop(stop, side),
                limit: self.limit(limit, side),
            },
            OrderKind::TrailingStop(Trail::Amount(by)) => {
                OrderKind::TrailingStop(Trail::Amount(self.price(by, true)))
            }
            OrderKind::TrailingStop(Trail::Fraction(by)) => {
                OrderKind::TrailingStop(Trail::Fraction(by))
            }
        };
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
