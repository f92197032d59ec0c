//! What the checks find in finished components, and what is shown of one.

use crate::cli::Place;
use crate::{failures, outcomes, text};
use bulkhead_tests::{hostile, plugin, plugins, root};
use serde_json::Value;

#[test]
fn every_plugin_of_the_project_passes_its_checks() {
    let data = root().join("examples/data");
    let place = Place::new();
    let limits =
        r#"{"max-position": "500", "max-order-notional": "20000", "max-gross-exposure": "0.9"}"#;
    let csv = r#"{"file": "stocks-daily.csv"}"#;
    let vix = r#"{"file": "fred-vix.csv"}"#;
    let cases: [(&str, &[&str], &str); 12] = [
        ("baseline", &[], "MODEL-06"),
        ("linfa", &[], "MODEL-06"),
        ("ema-cross", &[], "STRATEGY-05"),
        ("ml-signal", &[], "STRATEGY-04"),
        ("fire-drill", &[], "STRATEGY-04"),
        ("limits", &["--config", limits], "RISK-03"),
        ("stop-loss", &[], "RISK-03"),
        ("paper", &[], "BROKER-04"),
        ("rulebook", &[], "AI-03"),
        ("synthetic", &[], "SOURCE-03"),
        (
            "csv",
            &["--folder", text(&data), "--config", csv],
            "SOURCE-03",
        ),
        (
            "csv",
            &["--folder", text(&data), "--config", vix],
            "SOURCE-03",
        ),
    ];
    for (id, options, last) in cases {
        let component = plugin(id);
        let mut arguments = vec!["plugin", "test", text(&component), "--json"];
        arguments.extend(options);
        let ran = place.run(&arguments);
        assert_eq!(ran.code, 0, "{id}: {}\n{}", ran.err, ran.out);
        let outcomes = outcomes(&ran.json());
        assert!(
            outcomes.contains(&(last.to_owned(), "passed".to_owned())),
            "{id}: {outcomes:?}"
        );
    }
}

#[test]
fn what_a_hostile_plugin_does_is_what_its_check_says() {
    let place = Place::new();
    for (id, number, detail) in [
        ("endless-loop", "STRATEGY-02", "ran out of fuel"),
        ("panic", "STRATEGY-02", "panicked: index out of bounds"),
        ("memory-bomb", "STRATEGY-02", "bytes of memory (limit"),
        ("forbidden-import", "LOAD-02", "bulkhead:plugin/clock"),
        (
            "panic-in-configure",
            "LIMITS-01",
            "panicked: no settings will ever do",
        ),
    ] {
        let ran = place.run(&["plugin", "test", text(&hostile(id)), "--json"]);
        assert_eq!(ran.code, 2, "{id}");
        let report: Value = serde_json::from_str(&ran.out).unwrap();
        let failed = failures(&report);
        assert_eq!(failed[0].0, number, "{id}: {failed:?}");
        assert!(failed[0].1.contains(detail), "{id}: {failed:?}");
        assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    }
}

#[test]
fn a_component_is_shown_with_what_it_asks_for_and_gets() {
    let place = Place::new();
    let component = plugin("ema-cross");
    let shown = place.run(&["plugin", "inspect", text(&component)]);
    assert_eq!((shown.code, shown.err.as_str()), (0, ""));
    for part in [
        "ema-cross 0.1.0",
        "strategy",
        "64 MiB",
        "bulkhead:plugin/strategy@0.1.0",
    ] {
        assert!(shown.out.contains(part), "{part}: {}", shown.out);
    }
    let row = shown.out.lines().find(|line| line.starts_with("| fast "));
    assert!(row.unwrap().contains("integer 1 to 10000"), "{}", shown.out);

    let json = place
        .run(&["plugin", "inspect", text(&component), "--json"])
        .json();
    assert_eq!(json["manifest"]["id"], "ema-cross");
    assert_eq!(json["limits"]["memory-bytes"], 64 << 20);
    assert_eq!(
        json["manifest"]["config-schema"]["properties"]["fast"]["default"],
        10
    );

    let listed = place
        .run(&["plugin", "list", "--json", "--plugins", text(&plugins())])
        .json();
    let found = (listed.as_array().unwrap().iter()).find(|one| one["id"] == "ema-cross");
    assert_eq!(found.unwrap()["digest"], json["digest"]);
}
