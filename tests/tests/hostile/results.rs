//! Plugins that return too much, or what no plugin may return.

use bulkhead_domain::order::Bar;
use bulkhead_domain::strategy::{Intent, State};
use bulkhead_sandbox::{CallError, Cause, PluginError};

use crate::assemble::expect_case;
use crate::bench::{Host, bar, contained, create, failed};

fn forged(host: &Host, instrument: u32) -> Result<Vec<Intent>, PluginError> {
    create(host.assembled("forged-results"), "")
        .unwrap()
        .on_bar(instrument, &bar(1), &State::default())
}

#[test]
fn one_large_result_is_cut_off() {
    let error = contained("huge-result", |host| host.first_bar("huge-result", 1));
    assert_eq!(error.cause, Cause::ResultTooLarge { limit: 64 << 10 });
}

#[test]
fn many_small_results_are_cut_off() {
    contained("huge-result", |host| {
        let traded = Bar {
            volume: 1.0,
            ..bar(1)
        };
        host.strategy("huge-result")
            .on_bar(1, &traded, &State::default())
            .unwrap_err()
    });
}

#[test]
fn what_a_guest_passes_to_an_import_is_cut_off_too() {
    let mut host = Host::start();
    let line = |bytes: u32| Bar {
        volume: bytes.into(),
        ..bar(1)
    };
    let mut strategy = host.strategy("log-flood");
    let long = strategy.on_bar(1, &line(1 << 20), &State::default());
    assert_eq!(long.unwrap(), []);
    let error = strategy
        .on_bar(1, &line((1 << 20) + 1), &State::default())
        .unwrap_err();
    assert_eq!(error.cause, Cause::ResultTooLarge { limit: 1 << 20 });
    expect_case("log-flood", "line", &error.to_string());
    host.carries_on();
}

#[test]
fn forged_results_are_refused_one_by_one() {
    let mut host = Host::start();
    for (instrument, case) in [
        (1, "list beyond the memory"),
        (2, "list at an odd address"),
        (3, "unknown case"),
        (4, "text that is no text"),
        (5, "scale of 200"),
        (6, "more than 96 bits"),
        (7, "answer beyond the memory"),
        (8, "more than the host will take"),
        (10, "confidence that is no number"),
    ] {
        let error = forged(&host, instrument).unwrap_err();
        expect_case("forged-results", case, &error.to_string());
        host.carries_on();
    }
    assert_eq!(forged(&host, 9).unwrap(), [Intent::CancelAll(0)]);
}

#[test]
fn forged_memory_and_handles_are_refused_while_a_strategy_is_created() {
    let mut host = Host::start();
    let of_length = |length: usize| format!("{{{}}}", " ".repeat(length - 2));
    for (length, case) in [
        (3, "handle that was never made"),
        (64, "allocation beyond the memory"),
        (128, "allocation that never ends"),
    ] {
        let refused = create(host.assembled("forged-results"), &of_length(length));
        let Err(error) = refused else {
            panic!("{case}: it was created");
        };
        expect_case("forged-results", case, &error.to_string());
        host.carries_on();
    }
}

#[test]
fn predictions_that_are_no_probabilities_or_not_one_a_row_break_the_contract() {
    let mut host = Host::start();
    let fit = |breach: &str| {
        host.model("bad-predictions", "")
            .fit(&crate::bench::request(breach), None)
            .unwrap()
    };
    for breach in [
        "nan",
        "infinite",
        "negative",
        "unbalanced",
        "short",
        "narrow",
        "wide",
        "no-columns",
        "untrue",
        "overflowing",
    ] {
        let mut model = fit(breach);
        let error = failed(model.predict(&crate::bench::features()).unwrap_err());
        assert!(matches!(error.cause, Cause::Contract(_)), "{error}");
        expect_case("bad-predictions", breach, &error.to_string());
        // It is gone: no second try.
        let again = model.predict(&crate::bench::features()).unwrap_err();
        assert!(matches!(
            again,
            CallError::Failed(PluginError {
                cause: Cause::Retired(_),
                ..
            })
        ));
    }
    fit("none").predict(&crate::bench::features()).unwrap();
    host.carries_on();
}
