//! Plugins that compute, recurse, allocate or panic without bound.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bulkhead_domain::order::Bar;
use bulkhead_domain::strategy::State;
use bulkhead_sandbox::{Cause, limits};

use crate::assemble::{expect, expect_case};
use crate::bench::{Host, bar, contained, create};

#[test]
fn an_endless_loop_runs_out_of_fuel() {
    let error = contained("endless-loop", |host| host.first_bar("endless-loop", 1));
    assert_eq!(error.cause, Cause::OutOfFuel { limit: 50_000_000 });
}

/// Turns of the endless loop before its fuel is spent, to the nearest line of its log.
fn turns(host: &Host) -> u64 {
    let plugin = host.built("endless-loop");
    let count = plugin.log_count();
    let mut strategy = create(plugin, "").unwrap();
    strategy.on_bar(1, &bar(1), &State::default()).unwrap_err();
    4096 * (count.kept.load(Ordering::Relaxed) + count.dropped.load(Ordering::Relaxed))
}

#[test]
fn fuel_ends_a_loop_at_the_same_turn_every_time() {
    let host = Host::start();
    let once = turns(&host);
    assert!(once > 100_000, "{once}");
    assert_eq!(once, turns(&host));
}

#[test]
fn every_call_has_its_fuel_to_itself_and_no_more() {
    let mut host = Host::start();
    let whole = turns(&host) as f64;
    let mut strategy = host.strategy("endless-loop");
    let mut run = |share: f64| {
        let bar = Bar {
            volume: -share * whole,
            ..bar(1)
        };
        strategy.on_bar(1, &bar, &State::default())
    };
    for _ in 0..3 {
        run(0.9).unwrap();
    }
    expect("endless-loop", &run(1.1).unwrap_err().to_string());
    host.carries_on();
}

#[test]
fn time_ends_what_fuel_does_not() {
    let begun = Instant::now();
    let error = contained("loops-at-start", |host| {
        host.starts("loops-at-start").unwrap_err()
    });
    let limit = Duration::from_millis(200);
    assert_eq!(error.cause, Cause::WallTime { limit });
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn an_endless_recursion_exhausts_its_stack_and_not_the_hosts() {
    let error = contained("endless-recursion", |host| {
        host.first_bar("endless-recursion", 1)
    });
    assert!(
        error
            .backtrace
            .iter()
            .any(|frame| frame.contains("descend")),
        "{:?}",
        error.backtrace
    );
}

#[test]
fn a_memory_bomb_stops_at_its_limit() {
    let error = contained("memory-bomb", |host| host.first_bar("memory-bomb", 1));
    let Cause::Memory { wanted, limit } = error.cause else {
        panic!("{error}");
    };
    assert_eq!(limit, 16 << 20);
    assert!(wanted > limit, "{wanted}");
}

#[test]
fn several_memories_count_together() {
    contained("many-memories", |host| {
        host.starts("many-memories").unwrap_err()
    });
}

#[test]
fn memory_that_was_refused_and_done_without_is_not_what_ended_the_call() {
    contained("memory-retry", |host| host.first_bar("memory-retry", 1));
}

#[test]
fn a_table_bomb_stops_at_its_limit() {
    contained("table-bomb", |host| host.starts("table-bomb").unwrap_err());
}

#[test]
fn a_panic_is_named_with_its_message_its_place_and_its_function() {
    let error = contained("panic", |host| host.first_bar("panic", 7));
    assert!(
        error
            .backtrace
            .iter()
            .any(|frame| frame.contains("third_price")),
        "{:?}",
        error.backtrace
    );
}

#[test]
fn a_failure_retires_the_instance_and_the_next_call_says_why() {
    let mut host = Host::start();
    let mut strategy = host.strategy("panic");
    let on_bar = |strategy: &mut bulkhead_sandbox::StrategyInstance| {
        strategy.on_bar(7, &bar(1), &State::default()).unwrap_err()
    };
    let first = on_bar(&mut strategy);
    expect("panic", &first.to_string());
    assert!(!strategy.is_live());
    let second = on_bar(&mut strategy);
    assert!(matches!(second.cause, Cause::Retired(_)), "{second}");
    expect_case("retired", "panic", &second.to_string());
    host.carries_on();
}

#[test]
fn more_instances_than_there_is_room_for_are_refused_until_some_are_dropped() {
    let mut host = Host::start();
    let mut alive = Vec::new();
    let error = loop {
        match create(host.built("innocent"), "") {
            Ok(instance) => alive.push(instance),
            Err(error) => break error,
        }
        assert!(alive.len() <= limits::POOL_INSTANCES as usize);
    };
    expect("too-many-instances", &error.to_string());
    host.carries_on();
    alive.pop();
    create(host.built("innocent"), "").unwrap();
}

#[test]
fn plugins_that_fail_over_and_over_leave_nothing_behind() {
    let mut host = Host::start();
    let begun = Instant::now();
    // More failures than there is room for instances.
    for _ in 0..2 * limits::POOL_INSTANCES {
        host.first_bar("panic", 7);
    }
    host.carries_on();
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn an_attack_on_one_thread_is_not_noticed_on_another() {
    let mut host = Host::start();
    let attacks = ["endless-loop", "endless-recursion", "memory-bomb", "panic"];
    let victims = attacks.map(|name| (name, host.strategy(name)));
    std::thread::scope(|scope| {
        for (name, mut victim) in victims {
            scope.spawn(move || {
                let error = victim.on_bar(7, &bar(1), &State::default()).unwrap_err();
                expect(name, &error.to_string());
            });
        }
        for _ in 0..1_000 {
            host.carries_on();
        }
    });
}
