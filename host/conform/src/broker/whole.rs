//! The whole suite for brokers, one rule after the other.

use super::books::{self, Told};
use super::play::{Answer, Stage, answer, had};
use super::seam::{Broker, Make};
use super::{SHAPE, account, changes, flags, instruments, kinds, lines, refusals, times};
use crate::check::{Rule, Stop, Suite, Tried, compare, counted, tries};
use crate::rules::*;
use crate::state::NO_SNAPSHOT;
use bulkhead_venue::testkit::{Command, Scenario};

type Play = fn(&Stage<'_>) -> Tried;

/// Rules and the plays that they are held in.
const PLAYS: [(Rule, Play); 34] = [
    (BROKER_MARKET, kinds::market),
    (BROKER_LIMIT, kinds::limit),
    (BROKER_STOP, kinds::stop),
    (BROKER_STOP_LIMIT, kinds::stop_limit),
    (BROKER_TRAILING, kinds::trailing),
    (BROKER_BRACKET, flags::bracket),
    (BROKER_DAY, times::day),
    (BROKER_GTC, times::good_till_cancelled),
    (BROKER_GTD, times::good_till_date),
    (BROKER_IOC, times::immediate_or_cancel),
    (BROKER_FOK, times::fill_or_kill),
    (BROKER_REDUCE_ONLY, flags::reduce_only),
    (BROKER_POST_ONLY, flags::post_only),
    (BROKER_REPLACE, changes::replace),
    (BROKER_BELOW_FILLED, changes::below_filled),
    (BROKER_CANCEL, changes::cancel),
    (BROKER_TOO_LATE, changes::too_late),
    (BROKER_PARTIAL, changes::partial),
    (BROKER_IDS, changes::ids),
    (BROKER_ID_REUSE, changes::id_reuse),
    (BROKER_ACCOUNT, refusals::account),
    (BROKER_ORDER, refusals::order),
    (BROKER_INSTRUMENT, refusals::instrument),
    (BROKER_ABSURD, refusals::absurdities),
    (BROKER_BARS, refusals::bars),
    (BROKER_REFUSALS, refusals::refusals),
    (BROKER_READS, books::reads),
    (BROKER_PAGES, books::pages),
    (BROKER_CASH, books::cash),
    (BROKER_EQUITY, books::equity),
    (BROKER_SPLIT, books::split),
    (BROKER_DIVIDEND, books::dividend),
    (BROKER_ACCOUNTS, books::accounts),
    (BROKER_FINISH, changes::finish),
];

type Hold = fn(Make<'_>, &Scenario) -> Tried;

/// Rules that are held in a random scenario.
const SCENARIOS: [(Rule, Hold); 3] = [
    (BROKER_AGREES, agrees),
    (BROKER_CHANGES, repeats),
    (BROKER_SNAPSHOT, snapshot),
];

pub(super) fn check(make: Make<'_>, seed: u64, suite: &mut Suite<'_>) {
    let accounts = make(&[]).and_then(|mut broker| {
        let accounts = broker.accounts().map_err(|error| error.to_string())?;
        Ok((account(&mut *broker)?, accounts))
    });
    let (account, accounts) = match accounts {
        Ok(found) => found,
        Err(reason) => {
            let rules = PLAYS.iter().map(|(rule, _)| rule);
            for rule in rules.chain(SCENARIOS.iter().map(|(rule, _)| rule)) {
                suite.skip(*rule, "", format!("its accounts cannot be had: {reason}"));
            }
            return;
        }
    };
    for (rule, play) in PLAYS {
        let tried = tries(|number| {
            play(&Stage {
                make,
                accounts: accounts.clone(),
                number,
            })
        });
        suite.tried(rule, tried);
    }
    let scenario = super::scenario_with_changes(seed, SHAPE, &account);
    for (rule, hold) in SCENARIOS {
        suite.tried(rule, hold(make, &scenario));
    }
}

/// Commands of a turn, and what they leave to be told of.
fn command(
    broker: &mut dyn Broker,
    account: &str,
    commands: &[Command],
    told: &mut Told,
) -> Result<(), Stop> {
    for command in commands {
        match command {
            Command::Submit(order) => {
                let id = &order.client_order_id;
                match answer(broker.submit(order))? {
                    Answer::Done(()) => told.taken(id, order.request.quantity),
                    Answer::Unknown(_) => told.doubt(id),
                    Answer::Refused(_) | Answer::Later(_) => {}
                }
            }
            Command::Cancel(id) => match answer(broker.cancel(account, id))? {
                Answer::Done(()) => told.gone(id),
                Answer::Unknown(_) => told.doubt(id),
                Answer::Refused(_) | Answer::Later(_) => {}
            },
            Command::Replace(change) => {
                let (old, new) = (&change.client_order_id, &change.new_client_order_id);
                match answer(broker.replace(account, change))? {
                    Answer::Done(()) => told.replaced(old, new, change.quantity),
                    Answer::Unknown(_) => {
                        told.doubt(old);
                        told.doubt(new);
                    }
                    Answer::Refused(_) | Answer::Later(_) => {}
                }
            }
        }
    }
    Ok(())
}

fn agrees(make: Make<'_>, scenario: &Scenario) -> Tried {
    let account = &scenario.config.account;
    let mut broker = make(&instruments(scenario))?;
    let mut told = Told::default();
    let mut most = 0;
    for turn in &scenario.turns {
        for update in had(broker.advance(&turn.steps))? {
            told.update(&update);
        }
        told.hold(&had(broker.open_orders(account))?)?;
        most = most.max(told.count());
        command(&mut *broker, account, &turn.commands, &mut told)?;
    }
    if most == 0 {
        return Err(Stop::Refused(
            "it took none of the scenario's orders".to_owned(),
        ));
    }
    Ok(format!(
        "{} bars of time, up to {} at once",
        scenario.turns.len(),
        counted(most, "working order")
    ))
}

fn repeats(make: Make<'_>, scenario: &Scenario) -> Tried {
    let (first, _) = super::run(make, scenario, false)?;
    let (second, _) = super::run(make, scenario, false)?;
    compare(&lines(&first), &lines(&second))?;
    let changes = (scenario.turns.iter().flat_map(|turn| &turn.commands))
        .filter(|command| matches!(command, Command::Replace(_)));
    Ok(format!(
        "{} and {}",
        counted(first.len(), "answer and update"),
        counted(changes.count(), "change")
    ))
}

/// What a broker answers from a turn on, as lines.
fn onwards(broker: &mut dyn Broker, scenario: &Scenario, from: usize) -> Result<Vec<String>, Stop> {
    let account = &scenario.config.account;
    let mut lines = Vec::new();
    for turn in &scenario.turns[from..] {
        let updates = had(broker.advance(&turn.steps))?;
        lines.extend(updates.iter().map(|update| format!("{update:?}")));
        command(broker, account, &turn.commands, &mut Told::default())?;
        lines.push(format!("{:?}", had(broker.accounts())?));
        lines.push(format!("{:?}", had(broker.positions(account))?));
        lines.push(format!("{:?}", had(broker.open_orders(account))?));
        lines.push(format!("{:?}", had(broker.executions(account, ""))?));
    }
    Ok(lines)
}

fn snapshot(make: Make<'_>, scenario: &Scenario) -> Tried {
    let account = &scenario.config.account;
    let instruments = instruments(scenario);
    let mut broker = make(&instruments)?;
    let middle = scenario.turns.len() / 2;
    for turn in &scenario.turns[..middle] {
        had(broker.advance(&turn.steps))?;
        command(&mut *broker, account, &turn.commands, &mut Told::default())?;
    }
    let Some(saved) = broker.save() else {
        return Err(Stop::Skip(NO_SNAPSHOT.to_owned()));
    };
    let saved = saved?;
    let mut restored = make(&instruments)?;
    restored.restore(&saved)?;
    let (stayed, moved) = (
        onwards(&mut *broker, scenario, middle)?,
        onwards(&mut *restored, scenario, middle)?,
    );
    compare(&stayed, &moved)?;
    Ok(format!(
        "{} bytes after {middle} bars, {} bars afterwards",
        saved.len(),
        scenario.turns.len() - middle
    ))
}
