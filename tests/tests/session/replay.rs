//! Sessions that were recorded, run again through the backtest's engine: equal, or parted where they part.

use crate::stand::{Stand, StopAfter, Unwatched, small, table};
use bulkhead_desk::switch::{Gate, Latch, Scope, TradingState};
use bulkhead_domain::Timestamp;
use bulkhead_session::config::{StrategyConfig, SwapConfig};
use bulkhead_session::record::SessionRecord;
use bulkhead_session::{Recorded, Replayed, SessionConfig, Watch};
use bulkhead_store::{Statement, Store};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// With models, rules, costs, interest and an AI provider whose veto is heeded.
fn whole() -> SessionConfig {
    let mut config = small();
    let settings = &mut config.broker.config;
    settings.insert("cash-interest-rate".to_owned(), "0.03".into());
    // Nervous enough for the provider to keep something back.
    config.strategies.push(StrategyConfig {
        name: "nervous".to_owned(),
        config: table("fast = 1\nslow = 3\nsize = \"20\""),
        ..config.strategies[0].clone()
    });
    config
}

fn replay(stand: &Stand, store: &Store, name: &str) -> Result<Replayed, String> {
    let recorded = Recorded::find(store, name).map_err(|problem| problem.to_string())?;
    let prepared = stand
        .try_prepare(recorded.config.clone())
        .map_err(|problem| problem.to_string())?;
    prepared
        .replay(stand.registry(), &recorded, |_, _| {})
        .map_err(|problem| problem.to_string())
}

fn kept(stand: &Stand, store: &Store, config: &SessionConfig) -> SessionRecord {
    stand.kept(config, store, &mut Unwatched).record
}

/// Changes what is kept.
fn change(store: &Store, sql: &'static str) {
    let writer = store.writer().unwrap();
    writer.write(Statement::new(sql)).unwrap();
    writer.flush().unwrap();
}

#[test]
fn a_session_and_its_replay_are_equal() {
    let stand = Stand::new();
    let store = stand.store();
    let record = kept(&stand, &store, &whole());
    assert!(record.totals.vetoed > 0, "{}", record.totals.vetoed);
    let of_model = record
        .proposals
        .iter()
        .filter(|one| one.owner == "ml-signal");
    assert!(of_model.count() > 10);
    let mut rules = record.proposals.iter();
    assert!(rules.any(|one| one.decision.starts_with("r-")));

    // By its name, its session's or that of its configuration.
    for name in [
        "small".to_owned(),
        record.id.clone(),
        format!("{}.1", record.id),
    ] {
        let replayed = replay(&stand, &store, &name).unwrap();
        assert_eq!(replayed.difference, None);
        assert_eq!(replayed.run, format!("{}.1", record.id));
        assert_eq!(replayed.decisions, record.totals.proposals);
        assert_eq!(replayed.fills, record.totals.fills);
        assert_eq!(replayed.bars, record.totals.bars);
    }
}

#[test]
fn one_that_was_resumed_and_one_that_was_stopped_are_equal_too() {
    let stand = Stand::new();
    let store = stand.store();
    stand.cut_short(&whole(), &store, 700);
    let problem = replay(&stand, &store, "small").unwrap_err();
    assert!(
        problem.contains("cannot be replayed: it is running"),
        "{problem}"
    );
    kept(&stand, &store, &whole());
    assert_eq!(replay(&stand, &store, "small").unwrap().difference, None);

    let stopped = AtomicBool::new(false);
    let gate = stand.gate(&store);
    let mut config = whole();
    config.seed = 6;
    let mut watch = StopAfter {
        bars: 900,
        flag: &stopped,
    };
    let run = stand.run(&stopped, Some(&store), &gate);
    let record = stand.prepare(&config).run(run, &mut watch).unwrap().record;
    let replayed = replay(&stand, &store, &record.id).unwrap();
    assert_eq!(replayed.difference, None);
    assert_eq!(replayed.bars, record.totals.bars);
    assert!((900..1_000).contains(&replayed.bars), "{}", replayed.bars);
}

#[test]
fn where_they_part_both_sides_are_told() {
    let stand = Stand::new();
    let store = stand.store();
    let record = kept(&stand, &store, &whole());
    let first = |replayed: Replayed| replayed.difference.expect("they part");

    change(
        &store,
        "UPDATE fills SET price = '1' WHERE time = (SELECT MAX(time) FROM fills)",
    );
    let found = first(replay(&stand, &store, "small").unwrap());
    assert!(found.what.starts_with("fill of "), "{}", found.what);
    assert_eq!(found.fields, ["price"]);
    assert_eq!(found.session.unwrap()["price"], "1");
    let last = record.fills.iter().map(|fill| fill.time).max();
    assert_eq!(Some(found.time), last);

    // What the AI provider kept back is heeded because it is recorded, and not otherwise.
    change(
        &store,
        "UPDATE proposals SET record = replace(record, 'AI_VETO', '')
         WHERE decision = (SELECT decision FROM proposals WHERE record LIKE '%AI_VETO%' ORDER BY time LIMIT 1)",
    );
    let found = first(replay(&stand, &store, "small").unwrap());
    let vetoed = |code: &str| code == "AI_VETO";
    let kept_back = record.proposals.iter().find(|one| {
        let mut verdicts = one.verdicts.iter();
        verdicts.any(|verdict| vetoed(&verdict.code))
    });
    assert_eq!(found.time, kept_back.unwrap().time);
    assert!(
        found.fields.contains(&"sent".to_owned()),
        "{:?}",
        found.fields
    );

    // An earlier decision comes first, with what both sides decided on.
    change(
        &store,
        "UPDATE proposals SET record = replace(record, '\"rsi_14\"', '\"rsi_15\"')
         WHERE decision = (SELECT decision FROM proposals WHERE owner = 'ml-signal' ORDER BY time LIMIT 1)",
    );
    let found = first(replay(&stand, &store, "small").unwrap());
    assert!(found.what.starts_with("decision t-"), "{}", found.what);
    assert_eq!(found.fields, ["features"]);
    let (session, backtest) = (found.session.unwrap(), found.backtest.unwrap());
    assert_eq!(session["models"], backtest["models"]);
    assert!(
        session["models"]
            .as_array()
            .is_some_and(|it| !it.is_empty())
    );
}

#[test]
fn a_strategy_that_fails_ends_the_comparison_and_not_the_session() {
    let stand = Stand::new();
    let store = stand.store();
    let mut config = whole();
    config.strategies.push(StrategyConfig {
        name: "fire-drill".to_owned(),
        plugin: "fire-drill".to_owned(),
        symbols: Some(vec!["AAA".to_owned()]),
        config: table("trap-at = \"2001-05-15\""),
        sizing: None,
    });
    let record = kept(&stand, &store, &config);
    let trapped = record.incidents.first().expect("it trapped");
    let replayed = replay(&stand, &store, "small").unwrap();
    assert_eq!(replayed.difference, None);
    let beyond = replayed.beyond.clone().expect("it ends there");
    assert_eq!(beyond.time, trapped.time);
    assert!(
        beyond.what.contains("panics today, on purpose"),
        "{}",
        beyond.what
    );
    compared_up_to(&record, &replayed, trapped.time);
}

/// Everything before a moment was compared, and something was.
fn compared_up_to(record: &SessionRecord, replayed: &Replayed, time: i64) {
    let before = record.proposals.iter().filter(|one| one.time < time);
    assert_eq!(replayed.decisions, before.count() as u64);
    assert!(
        replayed.decisions > 20 && replayed.fills > 10,
        "{replayed:?}"
    );
    assert!(replayed.decisions < record.totals.proposals);
}

#[test]
fn what_a_session_does_in_its_middle_is_where_the_comparison_ends() {
    let stand = Stand::new();
    let store = stand.store();
    let mut swapped = whole();
    swapped.name = "swapped".to_owned();
    let linfa = bulkhead_tests::plugins().join("linfa.wasm");
    swapped.swaps.push(SwapConfig {
        at: "2001-05-15".to_owned(),
        plugin: "linfa".to_owned(),
        to: linfa.display().to_string(),
    });
    let record = kept(&stand, &store, &swapped);
    let replayed = replay(&stand, &store, "swapped").unwrap();
    assert_eq!(replayed.difference, None);
    let beyond = replayed.beyond.clone().unwrap();
    assert_eq!(Timestamp(beyond.time).date(), "2001-05-15");
    assert!(beyond.what.starts_with("a version of linfa took"));
    compared_up_to(&record, &replayed, beyond.time);
    // What differs before is told all the same.
    change(
        &store,
        "UPDATE proposals SET record = replace(record, '\"rsi_14\"', '\"rsi_15\"')
         WHERE decision = (SELECT decision FROM proposals ORDER BY time LIMIT 1)",
    );
    let replayed = replay(&stand, &store, "swapped").unwrap();
    assert!(replayed.difference.is_some());

    let mut halted = whole();
    halted.name = "halted".to_owned();
    let (gate, never) = (stand.gate(&store), AtomicBool::new(false));
    let run = stand.run(&never, Some(&store), &gate);
    let mut halt = Halt(Arc::clone(&gate), None);
    let record = stand.prepare(&halted).run(run, &mut halt).unwrap().record;
    let replayed = replay(&stand, &store, "halted").unwrap();
    assert_eq!(replayed.difference, None);
    let beyond = replayed.beyond.clone().unwrap();
    assert_eq!(Some(beyond.time), halt.1);
    let says = "person:tester changed the restriction of global";
    assert_eq!(beyond.what, says);
    compared_up_to(&record, &replayed, beyond.time);
}

/// Lets positions be reduced only, once so many bars were seen; keeps the moment.
struct Halt(Arc<Gate>, Option<i64>);

impl Watch for Halt {
    fn progress(&mut self, done: u64, time: Timestamp) {
        if done >= 700 && self.1.is_none() {
            self.1 = Some(time.0);
            let latch = Latch {
                scope: Scope::Global,
                state: TradingState::ReduceOnly,
                actor: "person:tester".to_owned(),
                reason: "a test".to_owned(),
                time: Timestamp(0),
                cancel_protection: false,
            };
            self.0.raise(latch).unwrap();
        }
    }
}

#[test]
fn what_a_backtest_cannot_do_is_refused_in_one_line() {
    let stand = Stand::new();
    let store = stand.store();
    let refused = |name: &str, says: &str| {
        let problem = replay(&stand, &store, name).unwrap_err();
        assert!(problem.contains(says), "{problem}");
    };
    refused("nobody", "no session nobody is kept here");

    let mut faulty = whole();
    faulty.name = "faulty".to_owned();
    faulty
        .broker
        .config
        .insert("faults".to_owned(), table("rejects = 0.1").into());
    kept(&stand, &store, &faulty);
    refused("faulty", "its broker's setting `faults` is");

    kept(&stand, &store, &whole());
    change(
        &store,
        "UPDATE sessions SET source = replace(source, '\"seed\":12', '\"seed\":13')",
    );
    refused("small", "config small is not what run s-");
    change(&store, "UPDATE sessions SET source = ''");
    refused("small", "a version that did not keep the configuration");

    // A restriction that a session begins under.
    let mut restricted = whole();
    restricted.name = "restricted".to_owned();
    let gate = stand.gate(&store);
    let mut halt = Halt(Arc::clone(&gate), None);
    halt.progress(700, Timestamp(0));
    let never = AtomicBool::new(false);
    let run = stand.run(&never, Some(&store), &gate);
    stand.prepare(&restricted).run(run, &mut Unwatched).unwrap();
    refused("restricted", "trading was restricted when it began");
}
