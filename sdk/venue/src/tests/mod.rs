//! The rules, one test each, on one instrument with a tick of 0.01 and a lot of 1.

mod brackets;
mod frictions;
mod lifecycle;
mod open;
mod path;
mod properties;
mod refusals;
mod replace;
mod volume;

use crate::Venue;
use crate::config::{InstrumentSpec, VenueConfig};
use crate::error::VenueReject;
use crate::order::*;
use rust_decimal::Decimal;

const DAY: Nanos = 24 * 3_600_000_000_000;
/// A session of seven hours.
const SESSION: Nanos = 7 * 3_600_000_000_000;

fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn spec(handle: InstrumentHandle) -> InstrumentSpec {
    InstrumentSpec {
        handle,
        tick: dec("0.01"),
        lot: Decimal::ONE,
        multiplier: Decimal::ONE,
    }
}

/// A venue shown one bar of open, high, low, close 100 and volume 100,000 to begin with.
struct Floor {
    venue: Venue,
    day: i64,
}

impl Floor {
    fn new() -> Self {
        Floor::with(VenueConfig::default())
    }

    fn with(config: VenueConfig) -> Self {
        let mut floor = Floor {
            venue: Venue::new(config, &[spec(0)]).unwrap(),
            day: 0,
        };
        floor.bar([100.0, 100.0, 100.0, 100.0], 100_000.0);
        floor
    }

    fn open(&self) -> Nanos {
        self.day * DAY - SESSION
    }

    fn now(&self) -> Nanos {
        self.day * DAY
    }

    /// The next session's only bar: open, high, low, close.
    fn bar(&mut self, prices: [f64; 4], volume: f64) -> Vec<String> {
        self.bar_after(Vec::new(), prices, volume)
    }

    fn bar_after(
        &mut self,
        actions: Vec<ActionKind>,
        [open, high, low, close]: [f64; 4],
        volume: f64,
    ) -> Vec<String> {
        self.day += 1;
        let open_time = self.open();
        let actions = actions
            .into_iter()
            .map(|kind| CorporateAction {
                time: open_time,
                kind,
            })
            .collect();
        let bar = Bar {
            time: self.now(),
            open,
            high,
            low,
            close,
            volume,
            factor: 1.0,
        };
        let updates = self
            .venue
            .advance(&[Step {
                instrument: 0,
                open_time,
                bar,
                session_end: true,
                actions,
            }])
            .unwrap();
        told(&updates, self.open())
    }

    /// With plenty of volume.
    fn busy(&mut self, prices: [f64; 4]) -> Vec<String> {
        self.bar(prices, 100_000.0)
    }

    fn try_send(
        &mut self,
        id: &str,
        side: Side,
        quantity: i64,
        kind: OrderKind,
        with: impl FnOnce(&mut OrderRequest),
    ) -> Result<(), VenueReject> {
        let mut request = OrderRequest {
            kind,
            time_in_force: TimeInForce::GoodTillCancelled,
            ..OrderRequest::market(0, side, Decimal::from(quantity))
        };
        with(&mut request);
        let now = self.now();
        self.venue.submit(&order(id, request), now)
    }

    fn send(&mut self, id: &str, side: Side, quantity: i64, kind: OrderKind) {
        self.try_send(id, side, quantity, kind, |_| {}).unwrap();
    }

    fn buy(&mut self, id: &str, quantity: i64, kind: OrderKind) {
        self.send(id, Side::Buy, quantity, kind);
    }

    fn sell(&mut self, id: &str, quantity: i64, kind: OrderKind) {
        self.send(id, Side::Sell, quantity, kind);
    }

    fn working(&self) -> Vec<String> {
        let orders = self.venue.open_orders();
        orders
            .iter()
            .map(|open| {
                format!(
                    "{} {}",
                    open.order.client_order_id,
                    open.order.request.quantity - open.filled
                )
            })
            .collect()
    }
}

fn order(id: &str, request: OrderRequest) -> Order {
    Order {
        client_order_id: id.to_owned(),
        account: "paper".to_owned(),
        owner: "test".to_owned(),
        request,
    }
}

fn limit(price: &str) -> OrderKind {
    OrderKind::Limit(dec(price))
}

fn stop(price: &str) -> OrderKind {
    OrderKind::Stop(dec(price))
}

/// Updates as text: `id fills 10 @ 100 open maker, 5 left`, or `id outcome: reason`.
fn told(updates: &[OrderUpdate], open: Nanos) -> Vec<String> {
    updates
        .iter()
        .map(|update| {
            let id = &update.client_order_id;
            let Some(execution) = &update.execution else {
                let reason = if update.reason.is_empty() {
                    String::new()
                } else {
                    format!(": {}", update.reason)
                };
                return format!("{id} {:?}{reason}", update.outcome).to_lowercase();
            };
            let Execution {
                quantity,
                price,
                liquidity,
                ..
            } = execution;
            let when = if update.time == open { "open" } else { "path" };
            let left = if update.leaves.is_zero() {
                String::new()
            } else {
                format!(", {} left", update.leaves)
            };
            format!("{id} fills {quantity} @ {price} {when} {liquidity:?}{left}").to_lowercase()
        })
        .collect()
}
