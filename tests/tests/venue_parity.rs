//! The paper broker's plugin against the venue it is made of: the same scenario of bars and orders gives
//! the same stream of events inside the sandbox and natively.

#![expect(clippy::unwrap_used, reason = "what the tests stand on must be there")]

use bulkhead_domain::order::{Order, OrderKind, OrderUpdate, Replacement, Step};
use bulkhead_domain::{Decimal, Instrument, Refusal};
use bulkhead_sandbox::{AotCache, BrokerPlugin, CallError, Engines, Grants, Loader, Setup};
use bulkhead_venue::testkit::{Command, Driver, Event, Scenario, Shape, play, play_natively};
use bulkhead_venue::{FillTiming, PartialFills, VenueAccount};
use proptest::prelude::*;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const SHAPE: Shape = Shape {
    instruments: 3,
    turns: 40,
    commands: 5,
    actions: true,
};

/// Seeds whose scenarios, taken together, must contain everything that a venue does.
const SEEDS: u64 = 60;

fn loader() -> Loader {
    let cache = AotCache::open(concat!(env!("CARGO_TARGET_TMPDIR"), "/aot")).unwrap();
    Loader::new(Arc::new(Engines::start().unwrap()), Some(cache))
}

/// A scenario without changes of orders: a host changes an order by cancelling it and sending another. Fills
/// are cut at random in every fourth, and every other fourth has two accounts.
fn scenario(seed: u64) -> Scenario {
    let mut scenario = Scenario::generate(seed, SHAPE);
    for turn in &mut scenario.turns {
        turn.commands
            .retain(|command| !matches!(command, Command::Replace(_)));
    }
    // A plugin has no clock but its bars': at a turn without one it is still at the last.
    let mut now = None;
    for turn in &mut scenario.turns {
        now = turn.steps.first().map(|step| step.bar.time).or(now);
        turn.time = now.unwrap_or(turn.time);
    }
    if seed % 4 == 1 {
        // What a file of settings can say, which is less than 64 bits.
        let seed = seed >> 1;
        scenario.config.partial_fills = Some(PartialFills { chance: 0.4, seed });
    }
    if seed % 4 == 2 {
        in_two_accounts(&mut scenario);
    }
    scenario
}

/// Gives every third order to another account; only the first one's are cancelled.
fn in_two_accounts(scenario: &mut Scenario) {
    const SECOND: &str = "second";
    scenario.config.further_accounts.push(VenueAccount {
        id: SECOND.to_owned(),
        fee_currency: scenario.config.fee_currency.clone(),
    });
    let seconds = |id: &str| {
        let number = id.split('-').nth(1).and_then(|number| number.parse().ok());
        number.is_some_and(|number: u32| number.is_multiple_of(3))
    };
    for turn in &mut scenario.turns {
        turn.commands.retain_mut(|command| match command {
            Command::Submit(order) => {
                if seconds(&order.client_order_id) {
                    SECOND.clone_into(&mut order.account);
                }
                true
            }
            Command::Cancel(id) => !seconds(id),
            Command::Replace(_) => true,
        });
    }
}

/// The plugin's configuration of a scenario's venue: the venue's own, where a fee's currency is that of its
/// account, random partial fills are one fault of several, and accounts have cash.
fn settings(scenario: &Scenario) -> String {
    let mut settings = serde_json::to_value(&scenario.config).unwrap();
    let keys = settings.as_object_mut().unwrap();
    let account = keys.remove("account").unwrap();
    let currency = keys.remove("fee-currency").unwrap();
    let mut accounts = vec![json!({"id": account, "currency": currency, "cash": 1_000_000})];
    if let Some(further) = keys.remove("further-accounts") {
        for account in further.as_array().unwrap() {
            let (id, currency) = (&account["id"], &account["fee-currency"]);
            accounts.push(json!({"id": id, "currency": currency, "cash": "0"}));
        }
    }
    keys.insert("accounts".to_owned(), accounts.into());
    if let Some(partial) = keys.remove("partial-fills") {
        let faults = json!({"partial-fills": partial["chance"], "seed": partial["seed"]});
        keys.insert("faults".to_owned(), faults);
    }
    settings.to_string()
}

struct Sandboxed(BrokerPlugin);

impl Sandboxed {
    /// A fresh instance with the scenario's venue.
    fn new(loader: &Loader, scenario: &Scenario) -> Sandboxed {
        let instruments = scenario
            .instruments
            .iter()
            .map(|spec| Instrument {
                tick: spec.tick,
                lot: spec.lot,
                multiplier: spec.multiplier,
                ..Instrument::us_equity(spec.handle, &format!("I{}", spec.handle))
            })
            .collect();
        let setup = Setup {
            config: settings(scenario),
            instruments,
            grants: Grants::default(),
        };
        let plugin = loader.load_file(&bulkhead_tests::plugin("paper")).unwrap();
        Sandboxed(BrokerPlugin::new(plugin, setup).unwrap())
    }
}

/// The code of a refusal. Anything else that goes wrong is no answer of a venue.
fn code(error: CallError) -> String {
    match error.refusal() {
        Some(Refusal::Rejected { code, .. }) => code.clone(),
        _ => panic!("{error}"),
    }
}

impl Driver for Sandboxed {
    fn submit(&mut self, order: &Order, _: i64) -> Result<(), String> {
        self.0.submit(order).map(|_| ()).map_err(code)
    }

    fn replace(&mut self, _: &str, replacement: &Replacement, _: i64) -> Result<(), String> {
        panic!("no scenario here changes an order: {replacement:?}")
    }

    fn cancel(&mut self, account: &str, client_order_id: &str) -> Result<(), String> {
        self.0.cancel(account, client_order_id).map_err(code)
    }

    fn advance(&mut self, steps: &[Step]) -> Result<Vec<OrderUpdate>, String> {
        self.0.advance(steps).map_err(|error| error.to_string())
    }

    fn finish(&mut self, time: i64) -> Vec<OrderUpdate> {
        self.0.finish(time).unwrap()
    }
}

/// Plays a scenario both ways. Returns the events, or how the streams part.
fn both(loader: &Loader, scenario: &Scenario) -> Result<Vec<Event>, String> {
    let native = play_natively(scenario)?;
    let sandboxed = play(scenario, &mut Sandboxed::new(loader, scenario))?;
    let parting = native.iter().zip(&sandboxed).find(|(a, b)| a != b);
    match parting {
        Some((native, sandboxed)) => Err(format!("native: {native:?}\nplugin: {sandboxed:?}")),
        None if native.len() != sandboxed.len() => Err(format!(
            "{} events natively, {} from the plugin",
            native.len(),
            sandboxed.len()
        )),
        None => Ok(native),
    }
}

fn kind(kind: OrderKind) -> &'static str {
    match kind {
        OrderKind::Market => "market",
        OrderKind::Limit(_) => "limit",
        OrderKind::Stop(_) => "stop",
        OrderKind::StopLimit { .. } => "stop-limit",
        OrderKind::TrailingStop(_) => "trailing-stop",
    }
}

#[test]
fn native_and_plugin_matching_give_identical_event_streams() {
    let loader = loader();
    let mut filled = BTreeSet::new();
    let mut outcomes = BTreeMap::new();
    let mut refusals = BTreeSet::new();
    let (mut actions, mut timings) = (0, BTreeSet::new());
    let mut accounts = BTreeSet::new();
    for seed in 0..SEEDS {
        let scenario = scenario(seed);
        let events = both(&loader, &scenario).unwrap_or_else(|how| panic!("seed {seed}\n{how}"));
        timings.insert(scenario.config.fill == FillTiming::Close);
        actions += scenario
            .turns
            .iter()
            .flat_map(|turn| &turn.steps)
            .map(|step| step.actions.len())
            .sum::<usize>();
        let orders: BTreeMap<&str, OrderKind> = scenario
            .turns
            .iter()
            .flat_map(|turn| &turn.commands)
            .filter_map(|command| match command {
                Command::Submit(order) => {
                    Some((order.client_order_id.as_str(), order.request.kind))
                }
                _ => None,
            })
            .collect();
        for event in &events {
            match event {
                Event::Answer { answer, .. } => refusals.extend(answer.clone().err()),
                Event::Update { update, .. } => {
                    *outcomes.entry(format!("{:?}", update.outcome)).or_insert(0) += 1;
                    // A bracket's exits have ids of their own.
                    if let (Some(execution), Some(order)) = (
                        &update.execution,
                        orders.get(update.client_order_id.as_str()),
                    ) {
                        assert!(execution.quantity > Decimal::ZERO);
                        accounts.insert(execution.account.clone());
                        filled.insert(kind(*order));
                    }
                }
            }
        }
    }
    // What was compared is worth comparing.
    assert_eq!(
        filled.into_iter().collect::<Vec<_>>(),
        ["limit", "market", "stop", "stop-limit", "trailing-stop"]
    );
    for outcome in [
        "Triggered",
        "PartiallyFilled",
        "Filled",
        "Cancelled",
        "Expired",
        "Rejected",
    ] {
        assert!(outcomes.contains_key(outcome), "{outcome}: {outcomes:?}");
    }
    assert!(refusals.len() >= 3, "{refusals:?}");
    assert!(
        actions >= 100,
        "{actions} splits, dividends and other actions"
    );
    assert_eq!(timings.len(), 2, "both timings of market orders");
    assert_eq!(accounts.len(), 2, "{accounts:?}");
}

/// With them an order comes at a turn without a bar, and fills at the close.
#[test]
fn an_order_between_two_bars_is_sent_at_the_last_close() {
    let loader = loader();
    for seed in [3_360_045_348_391_054_569, 12_640_407_055_185_360_533] {
        assert_eq!(both(&loader, &scenario(seed)).err(), None, "seed {seed}");
    }
}

#[test]
fn whatever_the_seed_the_streams_do_not_part() {
    let loader = loader();
    let config = ProptestConfig {
        cases: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(seed in any::<u64>())| {
        let parted = both(&loader, &scenario(seed)).err();
        prop_assert_eq!(parted, None);
    });
}
