//! Plugins that call the host too often, too long, or for what they are not given.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bulkhead_domain::order::{Bar, InstrumentHandle};
use bulkhead_domain::strategy::{Intent, State};
use bulkhead_sandbox::{Cause, Grants, History, HistoryError, StrategyPlugin, limits};

use crate::assemble::expect_case;
use crate::bench::{Host, bar, contained, create, failed, logged, request};

#[test]
fn a_log_flood_is_cut_to_its_rate_and_counted_and_the_call_succeeds() {
    let mut host = Host::start();
    let plugin = host.built("log-flood");
    let count = plugin.log_count();
    let mut strategy = create(plugin, "").unwrap();
    let (intents, log) = logged(|| strategy.on_bar(5_000, &bar(1), &State::default()));
    assert_eq!(intents.unwrap(), [Intent::CancelAll(5_000)]);
    assert_eq!(log.lines().count(), 100);
    assert!(log.contains("line 99") && !log.contains("line 100"));
    assert_eq!(count.kept.load(Ordering::Relaxed), 100);
    assert_eq!(count.dropped.load(Ordering::Relaxed), 4_900);
    host.carries_on();
}

#[test]
fn a_line_of_the_log_is_cut_to_its_length() {
    let mut host = Host::start();
    let mut strategy = host.strategy("log-flood");
    let long = Bar {
        volume: 100_000.0,
        ..bar(1)
    };
    let (intents, log) = logged(|| strategy.on_bar(1, &long, &State::default()));
    assert_eq!(intents.unwrap(), []);
    let written = log.chars().filter(|character| *character == 'x').count();
    assert_eq!(written, limits::LINE_BYTES);
    host.carries_on();
}

#[test]
fn a_log_flood_without_end_ends_at_the_limit_of_host_calls() {
    let mut host = Host::start();
    let error = host.first_bar("log-flood", 0);
    assert_eq!(error.cause, Cause::HostCalls { limit: 10_000 });
    expect_case("log-flood", "lines", &error.to_string());
    host.carries_on();
}

#[test]
fn a_flood_of_host_calls_that_cost_nothing_ends() {
    for instrument in [1, 2] {
        contained("host-call-flood", |host| {
            host.first_bar("host-call-flood", instrument)
        });
    }
}

#[test]
fn a_flood_of_host_calls_on_the_io_engine_ends() {
    contained("host-call-flood-io", |host| {
        host.datasets("host-call-flood-io")
    });
}

/// A past that takes its time.
struct Slow;

impl History for Slow {
    fn bars(&self, _: InstrumentHandle, _: usize) -> Result<Vec<Bar>, HistoryError> {
        std::thread::sleep(Duration::from_millis(300));
        Ok(Vec::new())
    }

    fn feature(&self, _: InstrumentHandle, name: &str, _: usize) -> Result<Vec<f64>, HistoryError> {
        Err(HistoryError::UnknownFeature(name.to_owned()))
    }
}

#[test]
fn a_plugin_that_keeps_the_host_busy_is_stopped() {
    contained("slow-host", |host| {
        StrategyPlugin::new(host.built("slow-host"))
            .unwrap()
            .create("", &[], &Grants::default(), Some(Box::new(Slow)))
            .unwrap()
            .on_bar(1, &bar(1), &State::default())
            .unwrap_err()
    });
}

#[test]
fn a_strategy_that_asks_for_the_clock_is_refused_when_it_is_loaded() {
    let problem = contained("forbidden-import", |host| {
        let path = bulkhead_tests::hostile("forbidden-import");
        host.loader.load_file(&path).err().unwrap()
    });
    assert_eq!(problem.exit_code(), 2);
}

#[test]
fn a_handle_bomb_stops_at_its_limit() {
    let error = contained("handle-bomb", |host| {
        failed(
            host.model("handle-bomb", "")
                .fit(&request("any"), None)
                .err()
                .unwrap(),
        )
    });
    assert_eq!(error.cause, Cause::Handles { limit: 10_000 });
}

#[test]
fn what_one_call_used_up_does_not_count_against_the_next() {
    let mut host = Host::start();
    let mut strategy = host.strategy("log-flood");
    for time in 1..=3 {
        let intents = strategy.on_bar(9_999, &bar(time), &State::default());
        assert_eq!(intents.unwrap(), [Intent::CancelAll(9_999)]);
    }
    let error = strategy.on_bar(0, &bar(4), &State::default()).unwrap_err();
    expect_case("log-flood", "lines", &error.to_string());
    host.carries_on();
}
