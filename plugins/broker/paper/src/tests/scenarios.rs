//! The plugin and the venue through the same scenarios.

use super::*;
use bulkhead_venue::testkit::{Driver, Event, Scenario, Shape, play, play_natively};
use bulkhead_venue::{FeeModel, FillTiming, SlippageModel};

/// The plugin as a driver of scenarios.
struct Played(Paper);

impl Driver for Played {
    fn submit(&mut self, order: &Order, _now: Timestamp) -> Result<(), String> {
        self.0.submit(order.clone()).map(|_| ()).map_err(code)
    }

    fn replace(
        &mut self,
        account: &str,
        change: &order::Replacement,
        _now: Timestamp,
    ) -> Result<(), String> {
        let replacement = Replacement {
            client_order_id: change.client_order_id.clone(),
            new_client_order_id: change.new_client_order_id.clone(),
            quantity: change.quantity,
            kind: change.kind,
        };
        self.0
            .replace(account, replacement)
            .map(|_| ())
            .map_err(code)
    }

    fn cancel(&mut self, account: &str, client_order_id: &str) -> Result<(), String> {
        self.0.cancel(account, client_order_id).map_err(code)
    }

    fn advance(&mut self, steps: &[Step]) -> Result<Vec<OrderUpdate>, String> {
        self.0.advance(steps.to_vec())
    }

    fn finish(&mut self, time: Timestamp) -> Vec<OrderUpdate> {
        self.0.finish(time)
    }
}

fn paper_for(scenario: &Scenario) -> Played {
    let config = Config {
        account: scenario.config.account.clone(),
        currency: scenario.config.fee_currency.clone(),
        cash: Decimal::from(1_000_000).into(),
        fees: match scenario.config.fees {
            FeeModel::None => Fees::None,
            FeeModel::Fraction { rate } => Fees::Fraction { rate: rate.into() },
            FeeModel::PerShare { rate, minimum } => Fees::PerShare {
                rate: rate.into(),
                minimum: minimum.into(),
            },
            FeeModel::MakerTaker { maker, taker } => Fees::MakerTaker {
                maker: maker.into(),
                taker: taker.into(),
            },
        },
        slippage: match scenario.config.slippage {
            SlippageModel::None => Slippage::None,
            SlippageModel::Bps { bps } => Slippage::Bps { bps: bps.into() },
            SlippageModel::VolumeShare { impact } => Slippage::VolumeShare {
                impact: impact.into(),
            },
        },
        fill: match scenario.config.fill {
            FillTiming::NextOpen => Fill::NextOpen,
            FillTiming::Close => Fill::Close,
        },
        max_volume_share: scenario.config.max_volume_share,
        round_to_tick: scenario.config.round_to_tick,
    };
    let instruments: Vec<Instrument> = scenario
        .instruments
        .iter()
        .map(|spec| Instrument {
            tick: spec.tick,
            lot: spec.lot,
            multiplier: spec.multiplier,
            ..Instrument::us_equity(spec.handle, &format!("I{}", spec.handle))
        })
        .collect();
    Played(Paper::new(config, &instruments).unwrap())
}

#[test]
fn the_plugin_says_what_the_venue_says_and_holds_what_it_holds() {
    for seed in 0..200 {
        let shape = Shape {
            instruments: 3,
            turns: 40,
            commands: 5,
            actions: true,
        };
        let scenario = Scenario::generate(seed, shape);
        let mut paper = paper_for(&scenario);
        assert_eq!(
            play(&scenario, &mut paper).unwrap(),
            play_natively(&scenario).unwrap(),
            "seed {seed}"
        );
        for spec in &scenario.instruments {
            let held = paper
                .0
                .state
                .ledger
                .holdings
                .get(&spec.handle)
                .map_or(Decimal::ZERO, |held| held.quantity);
            assert_eq!(
                held,
                paper.0.state.venue.position(spec.handle),
                "seed {seed}"
            );
        }
    }
}

#[test]
fn without_fees_and_price_moves_equity_stays_what_it_was() {
    for seed in 0..50 {
        let shape = Shape {
            instruments: 2,
            turns: 30,
            commands: 5,
            actions: false,
        };
        let mut scenario = Scenario::generate(seed, shape);
        scenario.config.fees = FeeModel::None;
        scenario.config.slippage = SlippageModel::None;
        for turn in &mut scenario.turns {
            for step in &mut turn.steps {
                let still = 100.0;
                step.bar = Bar {
                    open: still,
                    high: still,
                    low: still,
                    close: still,
                    ..step.bar
                };
            }
        }
        let mut paper = paper_for(&scenario);
        let events = play(&scenario, &mut paper).unwrap();
        let fills = events.iter().filter(
            |event| matches!(event, Event::Update { update, .. } if update.execution.is_some()),
        );
        assert!(fills.count() > 0, "seed {seed}");
        let account = paper.0.accounts().unwrap().remove(0);
        assert_eq!(account.equity, dec("1000000"), "seed {seed}");
    }
}
