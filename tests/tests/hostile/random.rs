//! Randomness: keyed by seed, plugin and what is being decided, never one shared stream.

use bulkhead_domain::order::Bar;
use bulkhead_domain::strategy::{Intent, State, Tick};
use bulkhead_sandbox::{Grants, Pulled, StrategyInstance, StrategyPlugin};

use crate::bench::{Host, bar};

fn instance(host: &Host, seed: u64) -> StrategyInstance {
    let grants = Grants {
        seed,
        ..Grants::default()
    };
    StrategyPlugin::new(host.built("random-draws"))
        .unwrap()
        .create("", &[], &grants, None)
        .unwrap()
}

/// The eight bytes drawn after `earlier` others.
fn draw(strategy: &mut StrategyInstance, instrument: u32, time: i64, earlier: u32) -> String {
    let bar = Bar {
        volume: earlier.into(),
        ..bar(time)
    };
    match strategy
        .on_bar(instrument, &bar, &State::default())
        .unwrap()
        .remove(0)
    {
        Intent::Cancel(bytes) => bytes,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_same_key_gives_the_same_bytes_whatever_was_drawn_before() {
    let host = Host::start();
    let alone = draw(&mut instance(&host, 42), 1, 1_000, 0);

    let mut busy = instance(&host, 42);
    for (instrument, time, earlier) in [(1, 1, 0), (2, 1, 100_000), (2, 1_000, 17)] {
        draw(&mut busy, instrument, time, earlier);
    }
    assert_eq!(draw(&mut busy, 1, 1_000, 0), alone);
    assert_eq!(draw(&mut busy, 1, 1_000, 0), alone, "and again");
}

#[test]
fn seed_instrument_time_and_place_in_the_call_each_change_the_bytes() {
    let host = Host::start();
    let mut strategy = instance(&host, 42);
    let mut seen = vec![
        draw(&mut strategy, 1, 1_000, 0),
        draw(&mut strategy, 1, 1_000, 8),
        draw(&mut strategy, 1, 1_001, 0),
        draw(&mut strategy, 2, 1_000, 0),
        draw(&mut instance(&host, 43), 1, 1_000, 0),
    ];
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 5, "{seen:?}");
}

#[test]
fn a_strategy_that_takes_its_bars_draws_at_each_what_it_draws_when_it_is_called() {
    let host = Host::start();
    let ticks: Vec<Tick> = [(1, 1_000), (2, 1_000), (1, 2_000)]
        .map(|(instrument, time)| Tick {
            instrument,
            bar: Bar {
                volume: 3.0,
                ..bar(time)
            },
            state: State::default(),
        })
        .to_vec();
    let mut called = instance(&host, 42);
    let mut pulled = instance(&host, 42);
    let mut left = ticks.as_slice();
    for tick in &ticks {
        let Pulled { taken, wanted } = pulled.pull(left);
        assert_eq!(taken, 1);
        left = &left[taken..];
        let expected = draw(&mut called, tick.instrument, tick.bar.time, 3);
        assert_eq!(wanted.unwrap(), [Intent::Cancel(expected)]);
    }
}
