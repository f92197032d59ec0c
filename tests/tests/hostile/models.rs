//! Models that fail before they learnt anything, or that remember what they should not.

use bulkhead_domain::model::{FitRequest, Targets};
use bulkhead_sandbox::Cause;

use crate::assemble::expect_case;
use crate::bench::{Host, contained, failed, features, request};

#[test]
fn every_fit_gets_a_fresh_store() {
    let mut host = Host::start();
    let plugin = host.model("fold-memory", "");
    let request = FitRequest {
        targets: Targets::Values(vec![0.1, -0.1]),
        ..request("any")
    };
    let mut alive = Vec::new();
    for fold in 1..=3 {
        let mut fitted = plugin.fit(&request, None).unwrap();
        let predicted = fitted.predict(&features()).unwrap();
        assert_eq!(
            predicted.values,
            [1.0, 1.0],
            "fold {fold} saw an earlier one"
        );
        alive.push(fitted);
    }
    // Nor does a later fit reach back into a model that still lives.
    for fitted in &mut alive {
        assert_eq!(fitted.predict(&features()).unwrap().values, [1.0, 1.0]);
    }
    host.carries_on();
}

#[test]
fn a_panic_while_it_is_configured_is_named() {
    let error = contained("panic-in-configure", |host| {
        host.model("panic-in-configure", "")
            .algorithms()
            .unwrap_err()
    });
    assert!(matches!(error.cause, Cause::Panicked { .. }), "{error}");
    // The same on every way in.
    let host = Host::start();
    let fit = host
        .model("panic-in-configure", "")
        .fit(&request("any"), None);
    assert_eq!(failed(fit.err().unwrap()).cause, error.cause);
}

#[test]
fn a_refused_configuration_carries_the_plugins_own_words() {
    let mut host = Host::start();
    for (case, config) in [
        ("odd", r#"{"window": 7}"#),
        ("text", r#"{"window": "seven"}"#),
        ("unknown key", r#"{"window": 8, "colour": "red"}"#),
        ("missing", ""),
        ("no json", "{"),
    ] {
        let model = host.model("refused-configuration", config);
        let error = model.algorithms().unwrap_err();
        assert!(matches!(error.cause, Cause::Configuration(_)), "{error}");
        expect_case("refused-configuration", case, &error.to_string());
    }
    host.model("refused-configuration", r#"{"window": 8}"#)
        .algorithms()
        .unwrap();
    host.carries_on();
}
