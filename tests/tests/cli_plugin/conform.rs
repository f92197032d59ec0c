//! `bulkhead conform`: the project's brokers and rules keep the whole suite, and what fails it is told.

use crate::cli::Place;
use crate::{failures, outcomes, text};
use bulkhead_tests::{hostile, plugin, plugins};
use serde_json::Value;

/// Runs the suite; every check that failed and may not.
fn conforms(place: &Place, id: &str, config: &str, must_pass: &[&str]) {
    let ran = place.run(&["conform", text(&plugin(id)), "--config", config, "--json"]);
    // `Ran::json` is for commands that succeed.
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    let failed = failures(&report);
    assert_eq!(
        ran.code,
        if failed.is_empty() { 0 } else { 2 },
        "{id}: {}",
        ran.err
    );
    assert!(failed.is_empty(), "{id} {config}: {failed:#?}");
    let outcomes = outcomes(&report);
    for number in must_pass {
        let passed = ((*number).to_owned(), "passed".to_owned());
        assert!(
            outcomes.contains(&passed),
            "{id} {config}: {number} of {outcomes:?}"
        );
    }
}

#[test]
fn the_paper_broker_keeps_the_whole_suite_whatever_its_options() {
    let place = Place::new();
    let every = (1..=37).map(|number| format!("BROKER-{number:02}"));
    let every: Vec<String> = every
        .chain(["BROKER-39".to_owned(), "BROKER-40".to_owned()])
        .collect();
    let every: Vec<&str> = every.iter().map(String::as_str).collect();
    for config in [
        "{}",
        r#"{"fill": "close", "fees": {"model": "per-share", "rate": "0.005", "minimum": "1"}}"#,
        r#"{"slippage": {"model": "volume-share", "impact": "0.1"}, "round-to-tick": false,
            "fees": {"model": "maker-taker", "maker": "-0.0001", "taker": "0.0003"}}"#,
        r#"{"margin-multiple": "4", "enforce-margin": true, "maintenance-margin": "0.2",
            "short-borrow-rate": "0.03", "cash-interest-rate": "0.02", "hard-to-borrow": ["OTHERS"]}"#,
        r#"{"faults": {"latency": 3600000000000, "latency-jitter": 7200000000000, "latency-bars": 2}}"#,
        r#"{"faults": {"seed": 7, "partial-fills": 0.3, "rejects": 0.05, "ambiguous": 0.05,
            "stale-quotes": 0.1, "disconnects": 0.05, "requests-per-minute": 5}}"#,
    ] {
        conforms(&place, "paper", config, &every);
    }
    let accounts = r#"{"accounts": [{"id": "main", "currency": "USD", "cash": "100000"},
        {"id": "euro", "currency": "EUR", "cash": "50000"}]}"#;
    conforms(&place, "paper", accounts, &["BROKER-38"]);
}

#[test]
fn the_rules_that_judge_entries_keep_the_whole_suite() {
    let place = Place::new();
    let always = ["RISK-04", "RISK-13", "RISK-15", "RISK-16", "RISK-22"];
    let cases: [(&str, &str, &[&str]); 9] = [
        (
            "concentration",
            r#"{"max-instrument": "0.2", "max-sector": "0.3", "max-correlated": "0.25",
                "sectors": {"WALK": "technology", "SPLIT": "technology"}}"#,
            &["RISK-05", "RISK-06", "RISK-09", "RISK-11", "RISK-14"],
        ),
        ("confidence-floor", "{}", &["RISK-07", "RISK-09"]),
        ("cooldown", "{}", &["RISK-09"]),
        ("daily-loss", r#"{"halt-at": "0.1"}"#, &["RISK-06"]),
        (
            "drawdown-guard",
            r#"{"halt": true}"#,
            &["RISK-06", "RISK-17"],
        ),
        (
            "limits",
            r#"{"max-position": "500", "max-order-notional": "20000", "max-gross-exposure": "0.9",
                "max-daily-loss": "0.05"}"#,
            &["RISK-05", "RISK-11", "RISK-12"],
        ),
        (
            "restricted-list",
            r#"{"symbols": [{"symbol": "SPLIT", "reason": "closed period"}]}"#,
            &["RISK-10"],
        ),
        ("trading-hours", "{}", &[]),
        (
            "volatility-target",
            "{}",
            &["RISK-05", "RISK-06", "RISK-08"],
        ),
    ];
    for (id, config, about) in cases {
        conforms(&place, id, config, &[about, &always[..]].concat());
    }
}

#[test]
fn the_rules_that_propose_exits_keep_the_whole_suite() {
    let place = Place::new();
    let about = [
        "RISK-17", "RISK-18", "RISK-19", "RISK-20", "RISK-22", "RISK-23",
    ];
    for (id, config) in [
        ("stop-loss", "{}"),
        ("stop-loss", r#"{"mode": "trailing"}"#),
        ("stop-loss", r#"{"mode": "atr"}"#),
        ("stop-loss", r#"{"mode": "time", "days": 30}"#),
        ("take-profit", "{}"),
    ] {
        conforms(&place, id, config, &about);
    }
}

#[test]
fn a_rule_that_grows_with_every_order_fails_that_check_and_no_other() {
    let place = Place::new();
    let component = hostile("hoarder");
    for (config, says) in [
        (r#"{"bytes": 200}"#, "bytes of memory (limit"),
        (r#"{"looks": true}"#, "ran out of fuel"),
    ] {
        let ran = place.run(&["conform", text(&component), "--config", config, "--json"]);
        assert_eq!(ran.code, 2);
        let report: Value = serde_json::from_str(&ran.out).unwrap();
        let failed = failures(&report);
        assert!(
            matches!(&failed[..], [(number, detail)] if number == "RISK-22" && detail.contains(says)),
            "{failed:#?}"
        );
        assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    }
    conforms_as_it_is(&place, text(&component));
}

/// Without settings it keeps nothing.
fn conforms_as_it_is(place: &Place, component: &str) {
    let ran = place.run(&["conform", component, "--json"]);
    assert_eq!((ran.code, failures(&ran.json())), (0, Vec::new()));
}

#[test]
fn a_plugin_is_named_by_its_id_and_its_settings_by_a_file() {
    let place = Place::new();
    let folder = plugins();
    place.write("hours.toml", "days = [\"mon\", \"wed\"]\n");
    let file = place.path("hours.toml");
    let arguments = |id| {
        [
            "conform",
            id,
            "--plugins",
            text(&folder),
            "--config",
            text(&file),
        ]
    };
    let ran = place.run(&arguments("trading-hours"));
    assert_eq!(ran.code, 0, "{}\n{}", ran.err, ran.out);
    let row = ran.out.lines().find(|line| line.starts_with("| LOAD-03 "));
    assert!(row.unwrap().contains(r#"["mon","wed"]"#), "{}", ran.out);
    let last = ran.out.lines().last().unwrap();
    assert!(
        last.contains(" passed, 0 failed, ") && last.ends_with(" skipped"),
        "{last}"
    );

    let unknown = place.run(&arguments("no-such-rule"));
    assert_eq!(unknown.code, 2);
    assert!(
        unknown.err.contains("no plugin `no-such-rule`"),
        "{}",
        unknown.err
    );
    assert_eq!(unknown.err.lines().count(), 1);
}
