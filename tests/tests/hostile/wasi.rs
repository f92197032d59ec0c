//! Components of other toolchains, which import WASI: they get a locked-down one.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bulkhead_domain::strategy::{Intent, State};
use bulkhead_sandbox::Cause;

use crate::assemble::{expect, expect_case};
use crate::bench::{Host, bar, contained, create, failed, logged, source};

/// Far less than the hour that the sleepers want, and enough for a busy machine.
const AT_ONCE: Duration = Duration::from_secs(5);

#[test]
fn a_guest_that_sleeps_for_an_hour_on_the_compute_engine_traps_at_once() {
    let mut host = Host::start();
    for (instrument, case) in [(1, "for a length of time"), (2, "until a moment")] {
        let begun = Instant::now();
        let error = host.first_bar("wasi-sleeper", instrument);
        assert!(begun.elapsed() < AT_ONCE);
        assert!(matches!(error.cause, Cause::Waited { .. }), "{error}");
        expect_case("wasi-sleeper", case, &error.to_string());
        host.carries_on();
    }
}

#[test]
fn a_guest_that_sleeps_for_an_hour_on_the_io_engine_meets_its_wall_clock_limit() {
    contained("wasi-sleeper-io", |host| {
        let begun = Instant::now();
        let error = host.datasets("wasi-sleeper-io");
        assert!(begun.elapsed() < AT_ONCE);
        error
    });
}

#[test]
fn a_guest_that_sleeps_while_it_is_instantiated_traps_at_once() {
    contained("sleeps-at-start", |host| {
        host.starts("sleeps-at-start").unwrap_err()
    });
}

#[test]
fn a_guest_that_polls_while_it_is_instantiated_does_not_disturb_the_callers_runtime() {
    let mut host = Host::start();
    host.starts("polls-at-start").unwrap();
    host.carries_on();
}

#[test]
fn a_guest_that_sleeps_while_it_is_instantiated_on_the_io_engine_meets_its_limit() {
    contained("sleeps-at-start-io", |host| {
        let sleeper = source(host.assembled("sleeps-at-start-io"));
        let outcome = host.runtime.block_on(async {
            tokio::time::timeout(AT_ONCE, sleeper.datasets())
                .await
                .expect("nothing ended the sleep")
        });
        failed(outcome.unwrap_err())
    });
}

#[test]
fn what_a_guest_prints_goes_to_its_log() {
    let mut host = Host::start();
    let plugin = host.built("wasi-printer");
    let count = plugin.log_count();
    let mut strategy = create(plugin, "").unwrap();
    let (intents, log) = logged(|| strategy.on_bar(1, &bar(1), &State::default()));
    assert_eq!(intents.unwrap(), []);
    let lines: Vec<_> = log.lines().collect();
    assert_eq!(lines.len(), 2, "{log}");
    assert!(lines[0].contains("hello from the guest"), "{log}");
    assert!(
        lines[0].contains("wasi-printer"),
        "the line names the plugin: {log}"
    );
    assert!(lines[1].contains("and goodbye"), "{log}");
    assert_eq!(count.kept.load(Ordering::Relaxed), 2);
    host.carries_on();
}

#[test]
fn a_guest_that_prints_without_end_loses_lines_and_they_are_counted() {
    let mut host = Host::start();
    let plugin = host.built("wasi-printer");
    let count = plugin.log_count();
    let mut strategy = create(plugin, "").unwrap();
    let (intents, log) = logged(|| strategy.on_bar(1_000, &bar(1), &State::default()));
    assert_eq!(intents.unwrap(), []);
    let kept = count.kept.load(Ordering::Relaxed);
    assert!(kept <= 100, "{kept}");
    assert_eq!(log.lines().count() as u64, kept);
    assert_eq!(kept + count.dropped.load(Ordering::Relaxed), 1_000);
    host.carries_on();
}

#[test]
fn a_guest_finds_no_environment_no_arguments_and_no_folders() {
    let mut host = Host::start();
    let found = host
        .strategy("wasi-snoop")
        .on_bar(1, &bar(1), &State::default())
        .unwrap();
    assert_eq!(found, []);
    host.carries_on();
}

#[test]
fn a_guest_that_takes_handles_of_wasi_without_end_is_stopped() {
    contained("wasi-handle-bomb", |host| {
        host.first_bar("wasi-handle-bomb", 1)
    });
}

#[test]
fn a_flood_of_calls_into_wasi_ends_at_the_limit_of_host_calls() {
    let begun = Instant::now();
    contained("wasi-call-flood", |host| {
        host.first_bar("wasi-call-flood", 0)
    });
    assert!(begun.elapsed() < AT_ONCE);
}

#[test]
fn one_call_into_wasi_too_many_is_one_too_many_however_quick() {
    let mut host = Host::start();
    let mut strategy = host.strategy("wasi-call-flood");
    for _ in 0..2 {
        let intents = strategy.on_bar(10_000, &bar(1), &State::default());
        assert_eq!(intents.unwrap(), [Intent::CancelAll(10_000)]);
    }
    let error = strategy
        .on_bar(10_001, &bar(1), &State::default())
        .unwrap_err();
    expect("wasi-call-flood", &error.to_string());
    host.carries_on();
}
