//! The plugin and the venue through the same scenarios.

use super::*;
use bulkhead_sdk::order;
use bulkhead_venue::testkit::{Command, Driver, Event, Scenario, Shape, play, play_natively};
use bulkhead_venue::{FeeModel, FillTiming, PartialFills, SlippageModel, VenueAccount};

/// The plugin as a driver of scenarios.
pub(super) struct Played(pub(super) Paper);

/// The code of a rejection, or the name of another error.
fn answer(error: Error) -> String {
    match error {
        Error::Rejected(rejection) => rejection.code,
        Error::Unavailable(_) => "unavailable".to_owned(),
        Error::Ambiguous(_) => "ambiguous".to_owned(),
        Error::RateLimited(wait) => format!("rate-limited {wait:?}"),
        other => panic!("{other:?}"),
    }
}

impl Driver for Played {
    fn submit(&mut self, order: &Order, _now: Timestamp) -> Result<(), String> {
        self.0.submit(order.clone()).map(|_| ()).map_err(answer)
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
            .map_err(answer)
    }

    fn cancel(&mut self, account: &str, client_order_id: &str) -> Result<(), String> {
        self.0.cancel(account, client_order_id).map_err(answer)
    }

    fn advance(&mut self, steps: &[Step]) -> Result<Vec<OrderUpdate>, String> {
        self.0.advance(steps.to_vec())
    }

    fn finish(&mut self, time: Timestamp) -> Vec<OrderUpdate> {
        self.0.finish(time)
    }
}

fn paper_for(scenario: &Scenario) -> Played {
    paper_with(scenario, Config::default())
}

/// The scenario's venue, and of `rest` everything else. The account is the scenario's and rich, unless `rest`
/// names several.
pub(super) fn paper_with(scenario: &Scenario, rest: Config) -> Played {
    let plain = Config::default();
    let cash = if rest.accounts.is_empty() {
        Decimal::from(1_000_000).into()
    } else {
        plain.cash
    };
    assert_eq!(scenario.config.account, plain.account);
    assert_eq!(scenario.config.fee_currency, plain.currency);
    let config = Config {
        cash,
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
        ..rest
    };
    Played(Paper::new(config, &instruments_of(scenario)).unwrap())
}

pub(super) fn instruments_of(scenario: &Scenario) -> Vec<Instrument> {
    scenario
        .instruments
        .iter()
        .map(|spec| Instrument {
            tick: spec.tick,
            lot: spec.lot,
            multiplier: spec.multiplier,
            ..Instrument::us_equity(spec.handle, &format!("I{}", spec.handle))
        })
        .collect()
}

/// Gives every third order to a second account; only the first one's are changed and cancelled.
fn in_two_accounts(scenario: &mut Scenario) -> Vec<AccountConfig> {
    let seconds = |id: &str| {
        let number = id.split('-').nth(1).and_then(|number| number.parse().ok());
        number.is_some_and(|number: u32| number.is_multiple_of(3))
    };
    for turn in &mut scenario.turns {
        turn.commands.retain_mut(|command| match command {
            Command::Submit(order) => {
                if seconds(&order.client_order_id) {
                    "second".clone_into(&mut order.account);
                }
                true
            }
            Command::Cancel(id) => !seconds(id),
            Command::Replace(change) => !seconds(&change.client_order_id),
        });
    }
    let accounts = [scenario.config.account.as_str(), "second"].map(|id| AccountConfig {
        id: id.to_owned(),
        currency: scenario.config.fee_currency.clone(),
        cash: 100_000.into(),
    });
    scenario.config.further_accounts = vec![VenueAccount {
        id: "second".to_owned(),
        fee_currency: scenario.config.fee_currency.clone(),
    }];
    accounts.to_vec()
}

#[test]
fn the_plugin_says_what_the_venue_says_and_holds_what_it_holds() {
    let mut seconds = 0;
    for seed in 0..200 {
        let shape = Shape {
            instruments: 3,
            turns: 40,
            commands: 5,
            actions: true,
        };
        let mut scenario = Scenario::generate(seed, shape);
        let mut rest = Config::default();
        if seed % 3 == 1 {
            rest.faults.seed = seed;
            rest.faults.partial_fills = 0.4;
            scenario.config.partial_fills = Some(PartialFills { chance: 0.4, seed });
        }
        if seed % 3 == 2 {
            rest.accounts = in_two_accounts(&mut scenario);
        }
        let mut paper = paper_with(&scenario, rest);
        assert_eq!(
            play(&scenario, &mut paper).unwrap(),
            play_natively(&scenario).unwrap(),
            "seed {seed}"
        );
        let state = &paper.0.state;
        for (account, ledger) in paper.0.accounts.iter().zip(&state.ledgers) {
            for spec in &scenario.instruments {
                let held = ledger.holdings.get(&spec.handle);
                assert_eq!(
                    held.map_or(Decimal::ZERO, |held| held.quantity),
                    state.venue.position_of(&account.id, spec.handle),
                    "seed {seed}, {}",
                    account.id
                );
            }
        }
        seconds += state
            .ledgers
            .get(1)
            .map_or(0, |ledger| ledger.executions.len());
    }
    assert!(seconds > 100, "{seconds}");
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
