//! Keeps a resting stop behind every position.
//!
//! For each position it wants exactly one reduce-only stop order, good till cancelled, tagged `stop-loss`,
//! for the whole quantity, at the average entry price less `fraction` (more, for a short position), rounded
//! to the instrument's tick. When the position's quantity changes, the stop is cancelled and placed anew;
//! when the position is gone, so is the stop. It never judges orders.

use bulkhead_sdk::config::Number;
use bulkhead_sdk::order::{OpenOrder, OrderKind, OrderRequest, Side, TimeInForce};
use bulkhead_sdk::risk_rule::{Error, Portfolio, Position, ProtectiveAction, RiskRule};
use bulkhead_sdk::{Decimal, Instrument, InstrumentHandle};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Tag by which the rule knows its own orders.
const TAG: &str = "stop-loss";

/// What can be set.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Config {
    /// How far from the entry the stop is, as a fraction of the entry price; above 0 and below 1.
    pub fraction: Number,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            fraction: Number(Decimal::new(10, 2)),
        }
    }
}

/// The rule.
pub struct StopLoss {
    fraction: Decimal,
    ticks: BTreeMap<InstrumentHandle, Decimal>,
}

impl StopLoss {
    /// Cents where the instrument is not known.
    fn tick(&self, instrument: InstrumentHandle) -> Decimal {
        self.ticks
            .get(&instrument)
            .copied()
            .unwrap_or(Decimal::new(1, 2))
    }

    /// The order that should protect a position.
    fn stop(&self, position: &Position) -> Result<OrderRequest, Error> {
        let long = position.quantity > Decimal::ZERO;
        let factor = if long {
            Decimal::ONE - self.fraction
        } else {
            Decimal::ONE + self.fraction
        };
        let tick = self.tick(position.instrument);
        let price = position
            .average_price
            .checked_mul(factor)
            .and_then(|price| price.checked_div(tick))
            .map(|ticks| ticks.round() * tick)
            .ok_or_else(|| {
                Error::InvalidInput(format!(
                    "average price {} of instrument {} is too large",
                    position.average_price, position.instrument
                ))
            })?;
        let side = if long { Side::Sell } else { Side::Buy };
        Ok(OrderRequest {
            kind: OrderKind::Stop(price.max(tick).normalize()),
            time_in_force: TimeInForce::GoodTillCancelled,
            reduce_only: true,
            tag: TAG.to_owned(),
            ..OrderRequest::market(position.instrument, side, position.quantity.abs())
        })
    }
}

fn is_ours(open: &OpenOrder) -> bool {
    open.order.request.tag == TAG && open.order.request.reduce_only
}

fn protects(open: &OpenOrder, position: &Position) -> bool {
    open.order.owner == position.owner && open.order.request.instrument == position.instrument
}

fn fits(open: &OpenOrder, wanted: &OrderRequest) -> bool {
    open.order.request.side == wanted.side
        && open.order.request.quantity - open.filled == wanted.quantity
}

impl RiskRule for StopLoss {
    type Config = Config;

    fn new(config: Config, instruments: &[Instrument]) -> Result<Self, String> {
        let fraction = config.fraction.0;
        if fraction <= Decimal::ZERO || fraction >= Decimal::ONE {
            return Err(format!(
                "config key `fraction`: {fraction} is not above 0 and below 1"
            ));
        }
        Ok(StopLoss {
            fraction,
            ticks: instruments
                .iter()
                .filter(|instrument| instrument.tick > Decimal::ZERO)
                .map(|instrument| (instrument.handle, instrument.tick))
                .collect(),
        })
    }

    fn review(&mut self, portfolio: &Portfolio) -> Result<Vec<ProtectiveAction>, Error> {
        let held = |position: &&Position| !position.quantity.is_zero();
        let ours: Vec<_> = portfolio
            .open_orders
            .iter()
            .filter(|open| is_ours(open))
            .collect();
        let mut actions = Vec::new();
        for open in &ours {
            let position = portfolio
                .positions
                .iter()
                .filter(held)
                .find(|position| protects(open, position));
            if position.is_none() {
                actions.push(ProtectiveAction::Cancel(open.order.client_order_id.clone()));
            }
        }
        for position in portfolio.positions.iter().filter(held) {
            let wanted = self.stop(position)?;
            let mut kept = false;
            for open in ours.iter().filter(|open| protects(open, position)) {
                if !kept && fits(open, &wanted) {
                    kept = true;
                } else {
                    actions.push(ProtectiveAction::Cancel(open.order.client_order_id.clone()));
                }
            }
            if !kept {
                actions.push(ProtectiveAction::Place {
                    owner: position.owner.clone(),
                    request: wanted,
                });
            }
        }
        Ok(actions)
    }
}

bulkhead_sdk::export!(risk_rule: StopLoss);

#[cfg(test)]
mod tests {
    use super::*;
    use bulkhead_sdk::order::Order;

    fn rule() -> StopLoss {
        StopLoss::new(Config::default(), &[Instrument::us_equity(1, "AAPL")]).unwrap()
    }

    fn position(quantity: i64, price: &str) -> Position {
        Position {
            owner: "ema".into(),
            instrument: 1,
            quantity: quantity.into(),
            average_price: price.parse().unwrap(),
            market_price: None,
            opened: 0,
        }
    }

    fn portfolio(positions: Vec<Position>, open_orders: Vec<OpenOrder>) -> Portfolio {
        Portfolio {
            positions,
            open_orders,
            ..Portfolio::default()
        }
    }

    fn placed(id: &str, owner: &str, request: OrderRequest) -> OpenOrder {
        OpenOrder {
            order: Order {
                client_order_id: id.into(),
                account: "main".into(),
                owner: owner.into(),
                request,
            },
            filled: Decimal::ZERO,
            accepted: 0,
        }
    }

    fn request(actions: &[ProtectiveAction]) -> OrderRequest {
        match actions {
            [ProtectiveAction::Place { owner, request }] => {
                assert_eq!(owner, "ema");
                request.clone()
            }
            other => panic!("{other:?}"),
        }
    }

    fn price(request: &OrderRequest) -> String {
        match request.kind {
            OrderKind::Stop(price) => price.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_position_gets_one_stop_rounded_to_the_tick() {
        for (quantity, entry, side, stop) in [
            (100, "33.37", Side::Sell, "30.03"),
            (-100, "33.37", Side::Buy, "36.71"),
            (100, "0.001", Side::Sell, "0.01"),
        ] {
            let order = request(
                &rule()
                    .review(&portfolio(vec![position(quantity, entry)], vec![]))
                    .unwrap(),
            );
            assert_eq!(order.side, side);
            assert_eq!(price(&order), stop);
            assert_eq!(order.quantity, Decimal::ONE_HUNDRED);
            assert!(order.reduce_only);
            assert_eq!(order.time_in_force, TimeInForce::GoodTillCancelled);
        }
    }

    #[test]
    fn a_stop_that_fits_is_left_alone() {
        let mut rule = rule();
        let held = position(100, "50");
        let order = request(&rule.review(&portfolio(vec![held.clone()], vec![])).unwrap());
        let after = portfolio(vec![held], vec![placed("s1", "ema", order)]);
        assert!(rule.review(&after).unwrap().is_empty());
    }

    #[test]
    fn a_changed_quantity_replaces_the_stop() {
        let mut rule = rule();
        let order = request(
            &rule
                .review(&portfolio(vec![position(100, "50")], vec![]))
                .unwrap(),
        );
        let grown = portfolio(vec![position(150, "52")], vec![placed("s1", "ema", order)]);
        let actions = rule.review(&grown).unwrap();
        assert_eq!(actions[0], ProtectiveAction::Cancel("s1".into()));
        let order = request(&actions[1..]);
        assert_eq!((order.quantity, price(&order)), (150.into(), "46.8".into()));
    }

    #[test]
    fn a_flat_or_turned_position_loses_its_stop_and_nobody_elses_order_is_touched() {
        let mut rule = rule();
        let stop = request(
            &rule
                .review(&portfolio(vec![position(100, "50")], vec![]))
                .unwrap(),
        );
        let exit = OrderRequest::market(1, Side::Sell, Decimal::TEN);
        let flat = portfolio(
            vec![],
            vec![placed("s1", "ema", stop.clone()), placed("x", "ema", exit)],
        );
        assert_eq!(
            rule.review(&flat).unwrap(),
            [ProtectiveAction::Cancel("s1".into())]
        );
        let turned = portfolio(
            vec![position(-100, "50")],
            vec![placed("s1", "ema", stop.clone())],
        );
        let actions = rule.review(&turned).unwrap();
        assert_eq!(actions[0], ProtectiveAction::Cancel("s1".into()));
        assert_eq!(request(&actions[1..]).side, Side::Buy);
        // The same instrument held by somebody else is not protected by this owner's stop.
        let theirs = Position {
            owner: "other".into(),
            ..position(100, "50")
        };
        let actions = rule
            .review(&portfolio(vec![theirs], vec![placed("s1", "ema", stop)]))
            .unwrap();
        assert_eq!(actions.len(), 2, "{actions:?}");
    }

    #[test]
    fn doubled_stops_are_cut_to_one() {
        let mut rule = rule();
        let held = position(100, "50");
        let order = request(&rule.review(&portfolio(vec![held.clone()], vec![])).unwrap());
        let twice = portfolio(
            vec![held],
            vec![
                placed("s1", "ema", order.clone()),
                placed("s2", "ema", order),
            ],
        );
        assert_eq!(
            rule.review(&twice).unwrap(),
            [ProtectiveAction::Cancel("s2".into())]
        );
    }

    #[test]
    fn a_fraction_that_cannot_work_is_refused() {
        for fraction in [0, 1, -1] {
            let config = Config {
                fraction: fraction.into(),
            };
            assert!(StopLoss::new(config, &[]).is_err(), "{fraction}");
        }
    }
}
