//! Simulated brokers: put through a scenario of orders and bars by the venue's own test kit, and in the whole
//! suite through one small play a rule.

mod books;
mod changes;
mod flags;
mod kinds;
mod play;
mod refusals;
mod seam;
#[cfg(test)]
mod tests;
mod times;
mod whole;

use crate::bench::Bench;
use crate::check::{Finding, Rule, Suite, compare};
use crate::load::text;
use crate::rules::{BROKER_BOOKS, BROKER_DUPLICATES, BROKER_REPEATS, BROKER_STEPS, RULES};
use bulkhead_domain::order::{Execution, Order, OrderUpdate, Replacement, Step};
use bulkhead_domain::{Decimal, Instrument, Refusal};
use bulkhead_sandbox::{BrokerPlugin, CallError};
use bulkhead_venue::testkit::{Command, Driver, Event, Scenario, Shape};
use seam::{Broker, Make};
use std::collections::{BTreeMap, BTreeSet};

/// How much happens in a scenario.
const SHAPE: Shape = Shape {
    instruments: 2,
    turns: 80,
    commands: 4,
    actions: true,
};

/// Most pages of executions.
const MOST_PAGES: usize = 10_000;

/// Runs the quick checks, and with `whole` all others.
pub(crate) fn check(bench: &Bench<'_>, whole: bool, suite: &mut Suite<'_>) {
    let make = |instruments: &[Instrument]| fresh(bench, instruments);
    quick(&make, bench.terms.seed, suite);
    if whole {
        whole::check(&make, bench.terms.seed, suite);
    }
}

/// Whether a component is a broker that fills nowhere by itself. What it exports is read off the names that a
/// component spells out: one that imports what this host gives no broker cannot be loaded and asked.
pub(crate) fn is_live(wasm: &[u8]) -> bool {
    let names = |name: &str| wasm.windows(name.len()).any(|part| part == name.as_bytes());
    let is_broker = bulkhead_manifest::read_section(wasm)
        .is_ok_and(|manifest| manifest.kind == bulkhead_manifest::Kind::Broker);
    is_broker && names("bulkhead:plugin/broker@") && !names("bulkhead:plugin/simulated@")
}

/// Says of every rule for brokers that a live one needs a connection.
pub(crate) fn skip_live(suite: &mut Suite<'_>) {
    let of_brokers = |rule: &&Rule| rule.number.starts_with("BROKER-");
    for rule in RULES.iter().filter(of_brokers) {
        suite.skip(
            *rule,
            "",
            "needs a connection: it is a live broker, which exports no `simulated`",
        );
    }
}

fn quick(make: Make<'_>, seed: u64, suite: &mut Suite<'_>) {
    let account = make(&[]).and_then(|mut broker| account(&mut *broker));
    let account = match account {
        Ok(account) => account,
        Err(reason) => {
            suite.note(BROKER_REPEATS, "", Err(reason));
            let rest = [BROKER_STEPS, BROKER_DUPLICATES, BROKER_BOOKS];
            suite.skip_all(&rest, "", BROKER_REPEATS);
            return;
        }
    };
    let scenario = scenario(seed, SHAPE, &account);
    suite.note(BROKER_REPEATS, "", repeats(make, &scenario));
    suite.note(BROKER_STEPS, "", any_order(make, &scenario));
    suite.note(BROKER_DUPLICATES, "", duplicates(make, &scenario));
    // A split changes positions without an execution.
    let plain = Shape {
        actions: false,
        ..SHAPE
    };
    let plain = self::scenario(seed, plain, &account);
    suite.note(BROKER_BOOKS, "", quick_books(make, &plain, &account));
}

fn account(broker: &mut dyn Broker) -> Result<String, String> {
    let accounts = broker.accounts().map_err(text)?;
    match accounts.into_iter().next() {
        Some(account) => Ok(account.id),
        None => Err("it has no account".to_owned()),
    }
}

/// A scenario for the broker's account in which orders are submitted and cancelled.
fn scenario(seed: u64, shape: Shape, account: &str) -> Scenario {
    let mut scenario = scenario_with_changes(seed, shape, account);
    for turn in &mut scenario.turns {
        turn.commands
            .retain(|command| !matches!(command, Command::Replace(_)));
    }
    scenario
}

/// A scenario for the broker's account in which orders are replaced, too.
fn scenario_with_changes(seed: u64, shape: Shape, account: &str) -> Scenario {
    let mut scenario = Scenario::generate(seed, shape);
    account.clone_into(&mut scenario.config.account);
    for turn in &mut scenario.turns {
        for command in &mut turn.commands {
            if let Command::Submit(order) = command {
                account.clone_into(&mut order.account);
            }
        }
    }
    scenario
}

fn fresh(bench: &Bench<'_>, instruments: &[Instrument]) -> Result<Box<dyn Broker>, String> {
    let plugin = bench.plugin()?;
    let setup = bench.setup(plugin.manifest(), instruments);
    let broker = BrokerPlugin::new(plugin, setup).map_err(text)?;
    Ok(Box::new(broker))
}

fn instruments(scenario: &Scenario) -> Vec<Instrument> {
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

/// The plugin as a driver of scenarios. A call that does not return is kept, and ends the play.
struct Driven {
    broker: Box<dyn Broker>,
    failed: Option<String>,
    /// Whether the steps of a moment come last first.
    backwards: bool,
}

impl Driven {
    fn answer<T>(&mut self, outcome: Result<T, CallError>) -> Result<(), String> {
        match outcome {
            Ok(_) => Ok(()),
            Err(CallError::Refused {
                refusal: Refusal::Rejected { code, .. },
                ..
            }) => Err(code),
            Err(CallError::Refused { refusal, .. }) => Err(refusal.to_string()),
            Err(CallError::Failed(error)) => {
                self.failed.get_or_insert(error.to_string());
                Err(error.to_string())
            }
        }
    }
}

impl Driver for Driven {
    fn submit(&mut self, order: &Order, _: i64) -> Result<(), String> {
        let outcome = self.broker.submit(order);
        self.answer(outcome)
    }

    fn replace(&mut self, account: &str, replacement: &Replacement, _: i64) -> Result<(), String> {
        let outcome = self.broker.replace(account, replacement);
        self.answer(outcome)
    }

    fn cancel(&mut self, account: &str, client_order_id: &str) -> Result<(), String> {
        let outcome = self.broker.cancel(account, client_order_id);
        self.answer(outcome)
    }

    fn advance(&mut self, steps: &[Step]) -> Result<Vec<OrderUpdate>, String> {
        let mut steps = steps.to_vec();
        if self.backwards {
            steps.reverse();
        }
        self.broker.advance(&steps).map_err(text)
    }

    fn finish(&mut self, time: i64) -> Vec<OrderUpdate> {
        match self.broker.finish(time) {
            Ok(updates) => updates,
            Err(error) => {
                self.failed.get_or_insert(error.to_string());
                Vec::new()
            }
        }
    }
}

fn run(
    make: Make<'_>,
    scenario: &Scenario,
    backwards: bool,
) -> Result<(Vec<Event>, Box<dyn Broker>), String> {
    let mut driven = Driven {
        broker: make(&instruments(scenario))?,
        failed: None,
        backwards,
    };
    let events = bulkhead_venue::testkit::play(scenario, &mut driven)?;
    match driven.failed {
        Some(reason) => Err(reason),
        None => Ok((events, driven.broker)),
    }
}

fn lines(events: &[Event]) -> Vec<String> {
    events.iter().map(|event| format!("{event:?}")).collect()
}

fn executions(events: &[Event]) -> impl Iterator<Item = &Execution> {
    events.iter().filter_map(|event| match event {
        Event::Update { update, .. } => update.execution.as_ref(),
        Event::Answer { .. } => None,
    })
}

fn repeats(make: Make<'_>, scenario: &Scenario) -> Finding {
    let (first, _) = run(make, scenario, false)?;
    let (second, _) = run(make, scenario, false)?;
    compare(&lines(&first), &lines(&second))?;
    let orders = first
        .iter()
        .filter(|event| matches!(event, Event::Answer { answer: Ok(()), .. }));
    Ok(format!(
        "{} bars of time, {} commands taken, {} fills",
        scenario.turns.len(),
        orders.count(),
        executions(&first).count()
    ))
}

fn any_order(make: Make<'_>, scenario: &Scenario) -> Finding {
    let (forwards, _) = run(make, scenario, false)?;
    let (backwards, _) = run(make, scenario, true)?;
    compare(&lines(&forwards), &lines(&backwards))?;
    Ok("each moment's bars in both orders".to_owned())
}

fn duplicates(make: Make<'_>, scenario: &Scenario) -> Finding {
    let mut broker = make(&instruments(scenario))?;
    for turn in &scenario.turns {
        broker.advance(&turn.steps).map_err(text)?;
        for command in &turn.commands {
            let Command::Submit(order) = command else {
                continue;
            };
            let id = &order.client_order_id;
            match broker.submit(order) {
                Ok(_) => {}
                // It may have its reasons; the next one tells.
                Err(CallError::Refused { .. }) => continue,
                Err(CallError::Failed(error)) => return Err(error.to_string()),
            }
            return match broker.submit(order) {
                Err(CallError::Refused {
                    refusal: Refusal::Rejected { code, .. },
                    ..
                }) if code == "duplicate" => Ok(format!("order {id}")),
                Err(error) => Err(format!("order {id} the second time: {error}")),
                Ok(_) => Err(format!("order {id} was taken twice")),
            };
        }
    }
    Err("it took none of the scenario's orders".to_owned())
}

fn quick_books(make: Make<'_>, scenario: &Scenario, account: &str) -> Finding {
    let (events, mut broker) = run(make, scenario, false)?;
    let told: Vec<&Execution> = executions(&events).collect();
    let again = all_executions(&mut *broker, account)?;
    let sorted = |executions: Vec<&Execution>| {
        let mut lines: Vec<String> = executions.iter().map(|one| format!("{one:?}")).collect();
        lines.sort_unstable();
        lines
    };
    if told.is_empty() {
        return Err("it filled none of the scenario's orders".to_owned());
    }
    if told.len() != again.len() {
        return Err(format!(
            "{} executions came with the updates, {} when asked for them",
            told.len(),
            again.len()
        ));
    }
    compare(&sorted(told.clone()), &sorted(again.iter().collect()))?;
    let ids: BTreeSet<&str> = told.iter().map(|one| one.execution_id.as_str()).collect();
    if ids.len() != told.len() {
        return Err(format!("{} executions share {} ids", told.len(), ids.len()));
    }
    let mut sums: BTreeMap<u32, Decimal> = BTreeMap::new();
    for execution in &told {
        *sums.entry(execution.instrument).or_default() +=
            execution.side.sign() * execution.quantity;
    }
    let mut held: BTreeMap<u32, Decimal> = BTreeMap::new();
    for position in broker.positions(account).map_err(text)? {
        *held.entry(position.instrument).or_default() += position.quantity;
    }
    for handle in scenario.instruments.iter().map(|spec| spec.handle) {
        let of = |map: &BTreeMap<u32, Decimal>| map.get(&handle).copied().unwrap_or_default();
        if of(&sums) != of(&held) {
            return Err(format!(
                "instrument {handle}: executions add up to {}, the position is {}",
                of(&sums),
                of(&held)
            ));
        }
    }
    Ok(format!("{} executions", told.len()))
}

fn all_executions(broker: &mut dyn Broker, account: &str) -> Result<Vec<Execution>, String> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    for _ in 0..MOST_PAGES {
        let (page, next) = broker.executions(account, &cursor).map_err(text)?;
        all.extend(page);
        if next == cursor {
            return Ok(all);
        }
        cursor = next;
    }
    Err(format!("{MOST_PAGES} pages of executions and no end"))
}
