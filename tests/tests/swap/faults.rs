//! Successors that fail, put in service under a stream of calls.

use std::time::{Duration, Instant};

use bulkhead_domain::{Digest, Timestamp};
use bulkhead_registry::promotion::{Outcome, Watch, Watched, watch};
use bulkhead_registry::service::Service;
use bulkhead_registry::supervise::{Refused, SupervisionLimits, Supervisor, Verdict as Supervised};
use bulkhead_sandbox::Cause;

use crate::stand::{
    NOW, Rules, assess, failure, loader, order, portfolio, replace, successor, under_calls,
};

fn in_service(fault: &str) -> (Service<Rules>, bulkhead_sandbox::Loader) {
    let loader = loader();
    let first = successor(&loader, 1, fault).unwrap();
    (Service::new(first, NOW), loader)
}

#[test]
fn a_hundred_swaps_under_calls_fail_none_of_them() {
    let (service, loader) = in_service("none");
    let ((), stream) = under_calls(&service, |stream| {
        for number in 2..=101 {
            replace(&service, &loader, number, "none").unwrap();
            stream.answers(10);
        }
    });
    assert_eq!(stream.failures(), 0);
    assert_eq!(service.about().number, 101);
    assert_eq!(service.drain(Duration::from_secs(30)).ended, []);
}

/// Resident memory of this process, kB, counted page by page.
#[cfg(target_os = "linux")]
fn resident() -> u64 {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap();
    let value = rollup.lines().find_map(|line| line.strip_prefix("Rss:"));
    let digits = value.unwrap().trim().trim_end_matches("kB").trim();
    digits.parse().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "a minute of swaps"]
fn ten_thousand_swaps_leave_nothing_behind() {
    const SWAPS: u64 = 10_000;
    const WARM_UP: u64 = 500;
    let (service, loader) = in_service("none");
    let account = portfolio(2);
    let swap = |number| {
        replace(&service, &loader, number, "none").unwrap();
        let order = order(number, 20);
        assess(service.enter().get().unwrap(), &order, &account).unwrap();
    };
    (2..WARM_UP).for_each(swap);
    let before = resident();
    (WARM_UP..WARM_UP + SWAPS).for_each(swap);
    let grown = resident().saturating_sub(before);
    println!("{grown} kB over {SWAPS} swaps");
    // Half a kilobyte a swap.
    assert!(grown <= SWAPS / 2, "{grown} kB");
}

#[test]
fn what_traps_as_it_starts_or_at_its_first_call_never_serves_and_says_one_reason() {
    let (service, loader) = in_service("none");
    for (fault, stage, said) in [
        (
            "start",
            "it does not load",
            "plugin successor 0.1.0: configure panicked: no start for this one",
        ),
        (
            "first-call",
            "its first call failed",
            "plugin successor 0.1.0: assess panicked: not one call",
        ),
    ] {
        let (error, stream) = under_calls(&service, |stream| {
            let error = replace(&service, &loader, 2, fault).unwrap_err();
            stream.answers(100);
            error
        });
        assert_eq!(stream.failures(), 0, "{fault}");
        let begins = format!("not put in service, {stage}: {said}");
        assert!(error.starts_with(&begins), "{error}");
        assert!(error.contains("generation 1, successor 0.1.0"), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
        assert_eq!(service.about().number, 1);
    }
}

#[test]
fn what_traps_at_every_hundredth_call_is_told_to_go_back_and_the_version_before_fails_nothing() {
    let (service, loader) = in_service("none");
    let rule = Watch {
        error_rate: 0.001,
        ..Watch::default()
    };
    let (why, stream) = under_calls(&service, |stream| {
        replace(&service, &loader, 2, "every-hundredth").unwrap();
        let begun = Instant::now();
        let why = loop {
            assert!(begun.elapsed() < Duration::from_secs(60));
            stream.answers(20);
            let watched = Watched {
                since: NOW,
                calls: 20,
                failures: stream.failures(),
                breaker: None,
            };
            if let Outcome::RollBack(why) = watch(&rule, &watched, NOW) {
                service.rollback(NOW).unwrap();
                break why;
            }
        };
        service.drain(Duration::from_secs(30));
        let failed = stream.failures();
        stream.answers(1_000);
        assert_eq!(
            stream.failures(),
            failed,
            "the version before fails nothing"
        );
        why
    });
    assert!(stream.failures() >= 1);
    assert!(why.contains("calls failed since it was promoted"), "{why}");
    assert_eq!(service.about().number, 1);
}

#[test]
fn a_call_that_hangs_in_the_old_version_is_stopped_at_the_deadline_and_holds_up_nobody() {
    let (service, loader) = in_service("hangs");
    let (error, stream) = under_calls(&service, |stream| {
        std::thread::scope(|scope| {
            let lease = service.enter();
            let hanging = scope.spawn(move || {
                let account = portfolio(0);
                let failed = assess(lease.get().unwrap(), &order(1, 13), &account).unwrap_err();
                (failure(failed), lease.get().err().unwrap().to_string())
            });
            std::thread::sleep(Duration::from_millis(50));
            let begun = Instant::now();
            replace(&service, &loader, 2, "none").unwrap();
            stream.answers(100);
            let drained = service.drain(Duration::from_millis(200));
            assert_eq!(drained.ended.len(), 1, "{drained:?}");
            assert_eq!(drained.ended[0].leases, 1);
            let (error, ended) = hanging.join().unwrap();
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "{:?}",
                begun.elapsed()
            );
            assert!(ended.contains("generation 1"), "{ended}");
            error
        })
    });
    assert_eq!(stream.failures(), 0);
    assert_eq!(error.cause, Cause::Interrupted, "{error}");
    assert_eq!(service.draining(), []);
    // The old version is as warm as before: its instances were stopped, not its code.
    service.rollback(NOW).unwrap();
    let account = portfolio(0);
    assess(service.enter().get().unwrap(), &order(2, 1), &account).unwrap();
}

#[test]
fn an_order_that_hangs_twice_is_not_shown_a_third_time_and_the_others_are() {
    let (service, _) = in_service("hangs");
    let mut supervisor = Supervisor::new(SupervisionLimits::default(), NOW).unwrap();
    let account = portfolio(0);
    let poison = order(1, 13);
    let input = Digest::of(format!("{:?}", poison.request).as_bytes());
    let mut now = NOW;
    for strike in 1..=2 {
        supervisor.admit(Some(&input), now).unwrap();
        let lease = service.enter();
        let error = std::thread::scope(|scope| {
            let hanging = scope.spawn(|| assess(lease.get().unwrap(), &poison, &account));
            std::thread::sleep(Duration::from_millis(30));
            service.stop_calls();
            failure(hanging.join().unwrap().unwrap_err())
        });
        let reported = supervisor.failed(Some(input), &error.cause.to_string(), now);
        assert_eq!(reported.quarantined, strike == 2);
        let Supervised::Restart { at } = reported.verdict else {
            panic!("{reported:?}");
        };
        now = at;
    }
    let refused = supervisor.admit(Some(&input), now).unwrap_err();
    assert!(
        matches!(refused, Refused::Quarantined { strikes: 2, .. }),
        "{refused}"
    );
    supervisor
        .admit(Some(&Digest::of(b"another")), now)
        .unwrap();
    assess(service.enter().get().unwrap(), &order(2, 1), &account).unwrap();
    assert!(now > Timestamp(1));
}
