//! State that goes over to the next instance, with the plugins as they ship.

use std::time::Duration;

use bulkhead_domain::model::{FitRequest, Matrix, Targets};
use bulkhead_domain::order::Bar;
use bulkhead_domain::strategy::{Intent, State};
use bulkhead_domain::{Instrument, Problem};
use bulkhead_registry::service::{
    NotInService, Seat, Successor, Version, Way, hand_over, hand_over_model,
};
use bulkhead_sandbox::{
    BrokerPlugin, Cause, FittedModel, Grants, ModelPlugin, Plugin, RiskRulePlugin, Setup,
    StrategyInstance, StrategyPlugin,
};

use crate::stand::{NOW, failure, judge, loader, order};

const CONFIG: &str = r#"{"fast": 2, "slow": 4, "size": "10"}"#;
const SOON: Duration = Duration::from_secs(30);

fn bar(number: i64) -> Bar {
    // Rising and falling legs of ten bars.
    let close = 100.0 + ((number % 20) - 10).abs() as f64 + 0.01 * number as f64;
    Bar {
        time: number,
        open: close,
        high: close + 1.0,
        low: close - 1.0,
        close,
        volume: 1_000.0,
        factor: 1.0,
    }
}

fn load(id: &str) -> Plugin {
    loader().load_file(&bulkhead_tests::plugin(id)).unwrap()
}

fn create(plugin: &Plugin, config: &str, symbol: u32) -> Result<StrategyInstance, Problem> {
    let instruments = [Instrument::us_equity(symbol, "WALK")];
    let strategy = StrategyPlugin::new(plugin.clone())?;
    Ok(strategy.create(config, &instruments, &Grants::default(), None)?)
}

fn on_bar(strategy: &mut StrategyInstance, number: i64) -> Vec<Intent> {
    strategy.on_bar(7, &bar(number), &State::default()).unwrap()
}

/// All bars in one instance.
fn uninterrupted(plugin: &Plugin, bars: i64) -> Vec<Vec<Intent>> {
    let mut whole = create(plugin, CONFIG, 7).unwrap();
    (0..bars).map(|number| on_bar(&mut whole, number)).collect()
}

fn successor(plugin: &Plugin, number: u64) -> Successor {
    let interrupter = plugin.interrupter();
    Successor {
        number,
        version: Version {
            plugin: plugin.manifest().id.clone(),
            version: plugin.manifest().version.clone(),
            digest: plugin.digest(),
        },
        stop: Box::new(move || interrupter.interrupt()),
    }
}

fn no_replay<I>(_: &mut I) -> Result<(), Problem> {
    panic!("replayed")
}

#[test]
fn a_strategy_swapped_at_every_bar_trades_as_if_it_never_was() {
    let plugin = load("ema-cross");
    let seat = Seat::new(
        successor(&plugin, 1),
        create(&plugin, CONFIG, 7).unwrap(),
        NOW,
    );
    let mut intents = Vec::new();
    for (number, generation) in (0..60).zip(2..) {
        intents.push(seat.call(|strategy| on_bar(strategy, number)));
        let make = || create(&plugin, CONFIG, 7);
        let next = successor(&plugin, generation);
        let handed = seat.hand_over(next, NOW, SOON, make, no_replay).unwrap();
        assert_eq!(handed.way, Way::Snapshot { bytes: 29 });
    }
    assert_eq!(intents, uninterrupted(&plugin, 60));
    assert!(intents.iter().filter(|some| !some.is_empty()).count() >= 4);
}

#[test]
fn a_state_that_the_new_version_refuses_is_rebuilt_by_telling_it_the_past() {
    let plugin = load("ema-cross");
    let mut old = create(&plugin, CONFIG, 8).unwrap();
    old.on_bar(8, &bar(0), &State::default()).unwrap();
    let replay = |new: &mut StrategyInstance| {
        for number in 0..30 {
            on_bar(new, number);
        }
        Ok(())
    };
    let make = || create(&plugin, CONFIG, 7);
    let mut handed = hand_over(&mut old, make, replay).unwrap();
    let Way::Replay { because } = &handed.way else {
        panic!("{:?}", handed.way);
    };
    assert_eq!(
        because,
        "the new version did not take the state: plugin ema-cross: invalid input: the saved state is about other instruments"
    );
    let rest: Vec<_> = (30..60)
        .map(|number| on_bar(&mut handed.instance, number))
        .collect();
    assert_eq!(rest, uninterrupted(&plugin, 60)[30..]);
    assert!(old.is_live());
}

#[test]
fn a_strategy_without_snapshot_is_told_the_past() {
    let plugin = load("fire-drill");
    let make = || create(&plugin, "{}", 7);
    let mut old = make().unwrap();
    assert_eq!(old.save().unwrap(), None);
    let mut told = 0;
    let replay = |_: &mut StrategyInstance| {
        told += 1;
        Ok(())
    };
    let handed = hand_over(&mut old, make, replay).unwrap();
    let because = "the old version exports no snapshot".to_owned();
    assert_eq!(handed.way, Way::Replay { because });
    assert_eq!(told, 1);
}

#[test]
fn a_hand_over_that_fails_leaves_the_old_strategy_in_its_place() {
    let plugin = load("ema-cross");
    let seat = Seat::new(
        successor(&plugin, 1),
        create(&plugin, CONFIG, 7).unwrap(),
        NOW,
    );
    let never = || Err(Problem::user("no room", ""));
    let failed = seat.hand_over(successor(&plugin, 2), NOW, SOON, never, no_replay);
    let Err(NotInService::Unfit { problem, .. }) = failed else {
        panic!("{failed:?}");
    };
    assert_eq!(problem.what, "no room");
    let broken = |_: &mut StrategyInstance| Err(Problem::user("the past is not there", ""));
    let other = load("fire-drill");
    let make = || create(&other, "{}", 7);
    let failed = seat.hand_over(successor(&other, 2), NOW, SOON, make, broken);
    let Err(NotInService::Unfit { problem, .. }) = failed else {
        panic!("{failed:?}");
    };
    assert_eq!(problem.what, "the past is not there");
    assert_eq!(seat.about().number, 1);
    seat.call(|strategy| on_bar(strategy, 1));
}

#[test]
fn an_instance_that_hangs_is_stopped_and_the_past_is_told_to_the_next() {
    let plugin = loader()
        .load_file(&bulkhead_tests::hostile("successor"))
        .unwrap();
    let make = || {
        let setup = Setup {
            config: r#"{"fault": "hangs"}"#.to_owned(),
            ..Setup::default()
        };
        RiskRulePlugin::new(plugin.clone(), setup)
    };
    let seat = Seat::new(successor(&plugin, 1), make().unwrap(), NOW);
    let began = std::sync::Barrier::new(2);
    std::thread::scope(|scope| {
        let hanging = scope.spawn(|| {
            seat.call(|rule| {
                began.wait();
                judge(rule, &order(1, 13))
            })
        });
        began.wait();
        let next = successor(&plugin, 2);
        let patience = Duration::from_millis(50);
        let handed = seat.hand_over(next, NOW, patience, make, |_| Ok(()));
        let Way::Replay { because } = handed.unwrap().way else {
            panic!("a state of an instance that was stopped");
        };
        assert!(
            because.starts_with("the old version gave no state: plugin successor 0.1.0: snapshot.save was retired by an earlier failure"),
            "{because}"
        );
        let error = failure(hanging.join().unwrap().unwrap_err());
        assert_eq!(error.cause, Cause::Interrupted, "{error}");
    });
    assert_eq!(seat.about().number, 2);
    seat.call(|rule| judge(rule, &order(2, 1))).unwrap();
}

#[test]
fn rules_and_brokers_hand_over_too() {
    let instruments = vec![Instrument::us_equity(7, "WALK")];
    let setup = |config: &str| Setup {
        config: config.to_owned(),
        instruments: instruments.clone(),
        grants: Grants::default(),
    };
    let rule = load("stop-loss");
    let make = || RiskRulePlugin::new(rule.clone(), setup("{}"));
    let mut old = make().unwrap();
    let handed = hand_over(&mut old, make, no_replay).unwrap();
    assert!(
        matches!(handed.way, Way::Snapshot { .. }),
        "{:?}",
        handed.way
    );
    let broker = load("paper");
    let make = || BrokerPlugin::new(broker.clone(), setup("{}"));
    let mut old = make().unwrap();
    let mut handed = hand_over(&mut old, make, no_replay).unwrap();
    assert!(
        matches!(handed.way, Way::Snapshot { .. }),
        "{:?}",
        handed.way
    );
    assert_eq!(handed.instance.accounts().unwrap(), old.accounts().unwrap());
}

#[test]
fn a_fitted_model_is_taken_over_by_what_it_saves_or_learns_anew() {
    let plugin = ModelPlugin::new(load("baseline"), Setup::default()).unwrap();
    let algorithm = plugin.algorithms().unwrap()[0].name.clone();
    let rows = 40_u32;
    let request = FitRequest {
        algorithm,
        parameters: Vec::new(),
        feature_names: vec!["return".to_owned()],
        features: Matrix {
            rows,
            columns: 1,
            values: (0..rows).map(|row| f64::from(row % 7) - 3.0).collect(),
        },
        targets: Targets::Classes {
            classes: 2,
            labels: (0..rows).map(|row| row % 2).collect(),
        },
        weights: Vec::new(),
        times: (0..i64::from(rows)).collect(),
        label_ends: (1..=i64::from(rows)).collect(),
        seed: 1,
    };
    let fit = || -> Result<FittedModel, Problem> { Ok(plugin.fit(&request, None)?) };
    let mut old = fit().unwrap();
    let load = |state: &[u8]| plugin.load(state);
    let mut handed = hand_over_model(&mut old, load, || panic!("learnt anew")).unwrap();
    assert!(matches!(handed.way, Way::Snapshot { .. }));
    let ahead = || Matrix {
        rows: 1,
        columns: 1,
        values: vec![0.5],
    };
    let predicted = |model: &mut FittedModel| model.predict(&ahead()).unwrap();
    assert_eq!(predicted(&mut handed.instance), predicted(&mut old));
    let refused = |_: &[u8]| plugin.load(b"another version's");
    let handed = hand_over_model(&mut old, refused, fit).unwrap();
    let Way::Replay { because } = handed.way else {
        panic!("{:?}", handed.way);
    };
    assert!(
        because.starts_with("the new version did not take the state"),
        "{because}"
    );
}
