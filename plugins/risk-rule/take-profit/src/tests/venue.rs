//! Targets and stops resting together at a venue: whichever trades first ends the position, and nothing
//! ever goes through zero.

use crate::TakeProfit;
use bulkhead_rule_common::testing::{AAPL, placed, rule};
use bulkhead_sdk::order::{Bar, Execution, OrderKind, OrderRequest, Side, Step};
use bulkhead_sdk::risk_rule::{Portfolio, Position, ProtectiveAction, RiskRule};
use bulkhead_sdk::{DAY, Decimal};
use bulkhead_venue::{InstrumentSpec, Venue, VenueConfig};
use stop_loss::StopLoss;

/// One account at a venue, looked after by a stop and a target.
struct Floor {
    venue: Venue,
    stop: StopLoss,
    target: TakeProfit,
    day: i64,
    sent: u32,
    position: Decimal,
    cost: Decimal,
}

impl Floor {
    fn new(stop: &str, target: &str) -> Self {
        let spec = InstrumentSpec {
            handle: AAPL,
            tick: Decimal::new(1, 2),
            lot: Decimal::ONE,
            multiplier: Decimal::ONE,
        };
        let mut floor = Floor {
            venue: Venue::new(VenueConfig::default(), &[spec]).unwrap(),
            stop: rule(stop),
            target: rule(target),
            day: 0,
            sent: 0,
            position: Decimal::ZERO,
            cost: Decimal::ZERO,
        };
        floor.bar([100.0; 4]);
        floor
    }

    fn send(&mut self, request: OrderRequest) {
        self.sent += 1;
        let mut order = placed(&format!("o-{}", self.sent), "ema", request).order;
        order.account = "paper".to_owned();
        self.venue.submit(&order, self.day * DAY).unwrap();
    }

    fn buy(&mut self, quantity: i64) {
        self.send(OrderRequest::market(AAPL, Side::Buy, quantity.into()));
    }

    fn book(&mut self, execution: &Execution) {
        let units = execution.side.sign() * execution.quantity;
        if units > Decimal::ZERO {
            self.cost += units * execution.price;
        } else {
            self.cost += units * self.cost / self.position;
        }
        self.position += units;
        assert!(self.position >= Decimal::ZERO, "{execution:?}");
    }

    /// A session of one bar (open, high, low, close), then a review. Gives the prices sold at.
    fn bar(&mut self, [open, high, low, close]: [f64; 4]) -> Vec<String> {
        self.day += 1;
        let step = Step {
            instrument: AAPL,
            open_time: self.day * DAY - DAY / 4,
            bar: Bar {
                time: self.day * DAY,
                open,
                high,
                low,
                close,
                volume: 1e6,
                factor: 1.0,
            },
            session_end: true,
            actions: Vec::new(),
        };
        let updates = self.venue.advance(&[step]).unwrap();
        let mut sold = Vec::new();
        for execution in updates
            .iter()
            .filter_map(|update| update.execution.as_ref())
        {
            self.book(execution);
            if execution.side == Side::Sell {
                sold.push(format!(
                    "{} at {}",
                    execution.quantity.normalize(),
                    execution.price.normalize()
                ));
            }
        }
        self.review();
        sold
    }

    fn review(&mut self) {
        let positions = (!self.position.is_zero()).then(|| Position {
            owner: "ema".to_owned(),
            instrument: AAPL,
            quantity: self.position,
            average_price: self.cost / self.position,
            market_price: None,
            opened: 0,
        });
        let portfolio = Portfolio {
            time: self.day * DAY,
            positions: positions.into_iter().collect(),
            open_orders: self.venue.open_orders(),
            ..Portfolio::default()
        };
        let mut actions = self.stop.review(&portfolio).unwrap();
        actions.extend(self.target.review(&portfolio).unwrap());
        for action in actions {
            match action {
                ProtectiveAction::Place { request, .. } => self.send(request),
                ProtectiveAction::Cancel(id) => self.venue.cancel(&id).unwrap(),
                ProtectiveAction::Halt(denial) => panic!("{denial:?}"),
            }
        }
    }

    /// Kinds and remaining units of what rests.
    fn resting(&self) -> Vec<(OrderKind, Decimal)> {
        self.venue
            .open_orders()
            .iter()
            .map(|open| {
                let request = &open.order.request;
                (request.kind, (request.quantity - open.filled).normalize())
            })
            .collect()
    }
}

const STOP: &str = r#"{"fraction":"0.1"}"#;
const TARGET: &str = r#"{"fraction":"0.2"}"#;

#[test]
fn the_target_ends_the_position_and_the_stop_goes_with_it() {
    let mut floor = Floor::new(STOP, TARGET);
    floor.buy(50);
    assert!(floor.bar([100.0, 101.0, 99.0, 100.0]).is_empty());
    assert_eq!(
        floor.resting(),
        [
            (OrderKind::Stop(90.into()), 50.into()),
            (OrderKind::Limit(120.into()), 50.into())
        ]
    );
    assert_eq!(floor.bar([110.0, 125.0, 109.0, 124.0]), ["50 at 120"]);
    assert_eq!(floor.position, Decimal::ZERO);
    assert_eq!(floor.resting(), []);
}

#[test]
fn the_stop_ends_the_position_and_the_target_goes_with_it() {
    let mut floor = Floor::new(STOP, TARGET);
    floor.buy(50);
    floor.bar([100.0, 101.0, 99.0, 100.0]);
    assert_eq!(floor.bar([95.0, 96.0, 85.0, 88.0]), ["50 at 90"]);
    assert_eq!(floor.resting(), []);
}

#[test]
fn a_bar_that_reaches_both_sells_once() {
    let mut floor = Floor::new(STOP, TARGET);
    floor.buy(50);
    floor.bar([100.0, 101.0, 99.0, 100.0]);
    assert_eq!(floor.bar([100.0, 130.0, 80.0, 100.0]).len(), 1);
    assert_eq!(floor.position, Decimal::ZERO);
}

#[test]
fn a_position_that_grew_keeps_the_level_its_first_trailing_stop_reached() {
    let mut floor = Floor::new(
        r#"{"mode":"trailing","fraction":"0.1"}"#,
        r#"{"fraction":9}"#,
    );
    floor.buy(50);
    floor.bar([100.0, 101.0, 99.0, 100.0]);
    floor.bar([100.0, 200.0, 100.0, 190.0]);
    floor.buy(50);
    // Bought at 185, the first stop being at 180 since the high of 200.
    assert!(floor.bar([185.0, 186.0, 184.0, 184.0]).is_empty());
    let units: Vec<Decimal> = floor
        .resting()
        .into_iter()
        .map(|(_, units)| units)
        .collect();
    assert_eq!(
        units,
        [50.into(), Decimal::ONE_HUNDRED, Decimal::ONE_HUNDRED]
    );
    // The newer one trails 184 and stands at 165.6; only the older one is reached.
    assert_eq!(floor.bar([184.0, 184.0, 175.0, 176.0]), ["50 at 180"]);
    assert_eq!(floor.bar([170.0, 170.0, 150.0, 155.0]), ["50 at 165.6"]);
    assert_eq!(floor.resting(), []);
}
