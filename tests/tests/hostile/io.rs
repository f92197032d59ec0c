//! Plugins on the I/O engine, where the wall clock is what ends a call.

use std::cell::Cell;
use std::time::{Duration, Instant};

use bulkhead_sandbox::Cause;

use crate::bench::{Host, contained, failed, source};

#[test]
fn an_endless_loop_on_the_io_engine_meets_its_wall_clock_limit() {
    let error = contained("endless-loop-io", |host| {
        let begun = Instant::now();
        let error = host.datasets("endless-loop-io");
        assert!(begun.elapsed() < Duration::from_secs(2));
        error
    });
    assert_eq!(
        error.cause,
        Cause::WallTime {
            limit: Duration::from_millis(200)
        }
    );
}

#[test]
fn an_endless_loop_does_not_hold_up_the_plugins_that_share_its_thread() {
    let mut host = Host::start();
    let looping = source(host.built("endless-loop-io"));
    let looped = Cell::new(false);
    host.runtime.block_on(async {
        let attack = async {
            let error = failed(looping.datasets().await.unwrap_err());
            looped.set(true);
            error
        };
        let innocent = async {
            host.source.datasets().await.unwrap();
            looped.get()
        };
        let (error, too_late) = tokio::join!(attack, innocent);
        assert!(matches!(error.cause, Cause::WallTime { .. }), "{error}");
        assert!(
            !too_late,
            "the innocent plugin had to wait for the loop to end"
        );
    });
    host.carries_on();
}

#[test]
fn after_a_failed_call_the_next_one_gets_another_instance() {
    let mut host = Host::start();
    let looping = source(host.built("endless-loop-io"));
    for _ in 0..2 {
        let error = failed(host.runtime.block_on(looping.datasets()).unwrap_err());
        assert!(matches!(error.cause, Cause::WallTime { .. }), "{error}");
        let answer = host.runtime.block_on(looping.instruments("any", None));
        assert_eq!(
            answer.unwrap_err().to_string(),
            "plugin endless-loop-io: unsupported: any"
        );
    }
    host.carries_on();
}
