//! Versions that are compared while a session runs: figures, promotion by rule, rollback, and nobody disturbed.

use crate::cli::finish;
use crate::cli::{Place, Ran};
use crate::components::remade;
use crate::{bad, command, good, install, json, text, verified};
use bulkhead_tests::{hostile, plugins};
use serde_json::Value;
use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const SESSION: &str = r#"
name = "compared"
seed = 3
cash = "1000000"

[[data]]
plugin = "synthetic"
dataset = "synthetic"
symbols = ["AAA"]
config = { seed = 5, bars = 1500, start = "1950-01-02", symbols = ["AAA"] }

[[strategies]]
name = "fast"
plugin = "ema-cross"
config = { fast = 2, slow = 3, size = "100" }

[validation]
plugin = "rival"
judged-after = 1

[broker]
plugin = "paper"
"#;

/// Promoted by itself once it answers nearly always, and alike.
const BY_AGREEMENT: &str = r#"{"calls": 60, "error-rate": 0.05, "latency-factor": 1000, "agreement": 0.95, "automatic": true}"#;

/// The rival in another version.
fn rival(number: &str) -> Vec<u8> {
    let component = std::fs::read(hostile("rival")).unwrap();
    remade(&component, |manifest| manifest["version"] = number.into())
}

/// Two versions of the rival, the first of which serves, and a session of so many bars.
fn two(bars: u32) -> Place {
    let place = Place::new();
    install(&place, &rival("0.1.0"));
    install(&place, &rival("0.2.0"));
    good(&place, &["plugin", "enable", "rival"]);
    let text = SESSION.replace("bars = 1500", &format!("bars = {bars}"));
    place.write("session.toml", text);
    place
}

fn shadow(place: &Place, share: &str, fault: &str, rule: Option<&str>) -> String {
    let fault = format!("fault=\"{fault}\"");
    let mut arguments = vec!["plugin", "swap", "rival", "--to", "0.2.0"];
    arguments.extend(["--shadow", share, "--set", &fault]);
    arguments.extend(rule.iter().flat_map(|rule| ["--rule", rule]));
    good(place, &arguments)
}

fn paper(place: &Place) -> Command {
    let plugins = plugins();
    let mut all = vec!["--plugins", text(&plugins), "--json", "paper"];
    all.extend(["--config", "session.toml", "--out", "out", "--fresh"]);
    command(place, &all)
}

fn ran(place: &Place) -> Value {
    let ran: Ran = finish(paper(place));
    ran.json()
}

/// Where a session's warnings go.
const WARNINGS: &str = "warnings.txt";

/// A session that has begun.
fn running(place: &Place) -> Child {
    let mut paper = paper(place);
    // Not a pipe: it warns of every failing call, and nobody reads before its end.
    let warnings = File::create(place.path(WARNINGS)).unwrap();
    let child = paper.stdout(Stdio::piped()).stderr(warnings);
    let child = child.spawn().unwrap();
    until("it never began", || {
        let status = crate::run(place, &["--json", "statement", "--list"]);
        status.code == 0 && status.out.contains("running")
    });
    child
}

/// Ends a session after the bar at hand.
fn ended(place: &Place, child: Child) -> Value {
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &id])
            .status()
            .unwrap()
            .success()
    );
    let output = child.wait_with_output().unwrap();
    let err = std::fs::read_to_string(place.path(WARNINGS)).unwrap();
    assert_eq!(output.status.code(), Some(0), "{err}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[track_caller]
fn until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn inspected(place: &Place) -> Value {
    json(place, &["plugin", "inspect", "rival"])
}

/// Changes of the rival by the host: which, and why.
fn by_host(place: &Place) -> Vec<(String, String)> {
    let history = json(place, &["plugin", "history", "rival"]);
    let history = history.as_array().unwrap().iter();
    let by_host = history.filter(|past| past["by"] == "host");
    let word = |past: &Value, name: &str| past[name].as_str().unwrap().to_owned();
    by_host
        .map(|past| (word(past, "change"), word(past, "reason")))
        .collect()
}

#[test]
fn a_provider_is_compared_through_a_session_which_comes_to_the_same_and_the_next_one_goes_on() {
    let place = two(1_500);
    let alone = ran(&place);
    shadow(&place, "100%", "worse", None);
    let beside = ran(&place);
    assert_eq!(beside["digest"], alone["digest"]);
    let first = inspected(&place)["comparison"].clone();
    let calls = first["calls"].as_u64().unwrap();
    assert!(calls > 100, "{first}");
    assert_eq!(
        (&first["mirrored"], &first["dropped"]),
        (&first["calls"], &0.into())
    );
    assert_eq!(first["agreement"], 0.0, "{first}");
    assert!(first["new"]["p99-ns"].as_u64().unwrap() > 0, "{first}");
    let pairs = first["pairs"].as_u64().unwrap();
    assert!(pairs > 20 && pairs <= calls, "{first}");
    let shown = good(&place, &["plugin", "inspect", "rival"]);
    for said in ["0.0 % of the answers agree", "paired scores", "in service"] {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    // The next session of the same comparison goes on with it; one that is begun anew begins with nothing.
    assert_eq!(ran(&place)["digest"], alone["digest"]);
    let second = inspected(&place)["comparison"].clone();
    assert_eq!(second["calls"], 2 * calls, "{second}");
    shadow(&place, "20%", "every-hundredth", None);
    assert_eq!(inspected(&place)["comparison"]["calls"], 0);
    assert_eq!(ran(&place)["digest"], alone["digest"]);
    let third = inspected(&place)["comparison"].clone();
    let mirrored = third["mirrored"].as_u64().unwrap();
    assert_eq!(third["calls"], calls, "{third}");
    assert!(mirrored > 0 && mirrored < calls / 2, "{third}");
    verified(&place);
}

#[test]
fn what_traps_and_what_is_worse_is_refused_with_its_figures_and_serves_nobody() {
    let place = two(3_000);
    shadow(
        &place,
        "100%",
        "worse",
        Some(r#"{"skill": {}, "automatic": true}"#),
    );
    ran(&place);
    shadow(&place, "100%", "always", Some(BY_AGREEMENT));
    ran(&place);
    let refused = by_host(&place);
    let changes: Vec<&str> = refused.iter().map(|(change, _)| change.as_str()).collect();
    assert_eq!(changes, ["stop-shadow", "stop-shadow"], "{refused:?}");
    assert!(
        refused[0].1.starts_with("it is worse by more than 0.02"),
        "{refused:?}"
    );
    assert!(
        refused[1].1.contains("most of them trapped: ") && refused[1].1.contains("not one answer"),
        "{refused:?}"
    );
    let installed = inspected(&place)["installed"].clone();
    assert_eq!(
        (&installed["generation"], &installed["shadow"]),
        (&1.into(), &Value::Null)
    );
    verified(&place);
}

#[test]
fn a_version_that_shows_what_its_rule_asks_is_promoted_into_the_session_that_runs() {
    let place = two(60_000);
    let session = running(&place);
    // The command comes while it runs.
    shadow(&place, "100%", "none", Some(BY_AGREEMENT));
    until("it was never promoted", || !by_host(&place).is_empty());
    // It is watched on, which is written now and then.
    let watched = || inspected(&place)["comparison"]["watched"]["calls"].as_u64();
    until("it was never watched", || {
        watched().is_some_and(|calls| calls > 0)
    });
    let ended = ended(&place, session);
    let promoted = by_host(&place);
    let [(change, reason)] = promoted.as_slice() else {
        panic!("{promoted:?}");
    };
    assert_eq!(change, "promote");
    assert!(
        reason.starts_with("its rule holds: ") && reason.contains("100.0 % of the answers agree"),
        "{reason}"
    );
    assert_eq!(ended["swaps"][0]["version"], "0.2.0", "{ended}");
    assert_eq!(ended["swaps"].as_array().unwrap().len(), 1, "{ended}");
    let shown = inspected(&place);
    assert_eq!(shown["installed"]["shadow"], Value::Null);
    assert!(
        shown["comparison"]["watched"]["calls"].as_u64().unwrap() > 0,
        "{shown}"
    );
    verified(&place);
}

#[test]
fn a_promoted_version_that_fails_is_rolled_back_by_itself() {
    let place = two(60_000);
    let session = running(&place);
    shadow(&place, "10%", "always", None);
    good(&place, &["plugin", "promote", "rival"]);
    until("it was never rolled back", || !by_host(&place).is_empty());
    std::thread::sleep(Duration::from_millis(200));
    let ended = ended(&place, session);
    let back = by_host(&place);
    let [(change, reason)] = back.as_slice() else {
        panic!("{back:?}");
    };
    assert_eq!(change, "rollback");
    assert!(
        reason.contains("calls failed since it was promoted")
            || reason.contains("its breaker opened"),
        "{reason}"
    );
    let versions: Vec<&Value> = ended["swaps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["version"])
        .collect();
    assert_eq!(versions, ["0.2.0", "0.1.0"], "{ended}");
    assert!(inspected(&place)["comparison"].is_null());
    verified(&place);
}

#[test]
fn a_candidate_that_hangs_delays_nobody() {
    let place = two(1_500);
    let alone = ran(&place);
    shadow(&place, "100%", "hangs", Some(BY_AGREEMENT));
    let begun = Instant::now();
    let beside = ran(&place);
    // A single call of it would take two minutes.
    assert!(
        begun.elapsed() < Duration::from_secs(60),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(beside["digest"], alone["digest"]);
    let comparison = inspected(&place)["comparison"].clone();
    assert_eq!(comparison["mirrored"], 0, "{comparison}");
    assert!(comparison["calls"].as_u64().unwrap() > 100, "{comparison}");
    verified(&place);
}

#[test]
fn a_strategy_is_compared_at_all_moments_from_the_middle_of_a_session_on() {
    let place = Place::new();
    install(&place, &std::fs::read(hostile("rival")).unwrap());
    good(&place, &["plugin", "enable", "rival"]);
    crate::two(&place);
    place.write("session.toml", SESSION);
    let alone = ran(&place);
    let shadow = |to: &str| {
        let swap = [
            "plugin",
            "swap",
            "ema-cross",
            "--to",
            to,
            "--shadow",
            "100%",
        ];
        let rule = ["--rule", r#"{"agreement": 0.99, "latency-factor": 1000}"#];
        good(&place, &[&swap[..], &rule].concat());
    };
    shadow("0.2.0");
    assert_eq!(ran(&place)["digest"], alone["digest"]);
    let compared = || json(&place, &["plugin", "inspect", "ema-cross"])["comparison"].clone();
    let first = compared();
    assert_eq!(first["calls"], 1_500, "{first}");
    assert_eq!(
        (&first["agreement"], &first["mirrored"]),
        (&1.0.into(), &first["calls"])
    );
    assert_eq!(first["verdict"]["verdict"], "promote", "{first}");
    good(&place, &["plugin", "stop-shadow", "ema-cross"]);

    let text = SESSION.replace("bars = 1500", "bars = 60000");
    place.write("session.toml", text);
    let session = running(&place);
    std::thread::sleep(Duration::from_millis(300));
    shadow("0.2.0");
    until("it was never asked", || {
        compared()["mirrored"].as_u64() > Some(300)
    });
    let ended = ended(&place, session);
    assert_eq!(ended["incidents"], 0, "{ended}");
    let second = compared();
    assert_eq!(
        (&second["agreement"], &second["new"]["errors"]),
        (&1.0.into(), &serde_json::json!({})),
        "{second}"
    );
    // One that fails is refused, and the version in service trades on.
    let panics = std::fs::read(hostile("panic")).unwrap();
    let panics = remade(&panics, |manifest| {
        manifest["id"] = "ema-cross".into();
        manifest["version"] = "6.6.6".into();
    });
    install(&place, &panics);
    place.write("session.toml", SESSION);
    shadow("6.6.6");
    assert_eq!(ran(&place)["digest"], alone["digest"]);
    let shown = json(&place, &["plugin", "inspect", "ema-cross"]);
    assert_eq!(
        (
            &shown["installed"]["shadow"],
            &shown["installed"]["generation"]
        ),
        (&Value::Null, &1.into())
    );
    verified(&place);
}

#[test]
fn risk_rules_are_compared_by_orders_and_reviews_one_that_keeps_state_from_where_it_is() {
    let place = Place::new();
    install(&place, &std::fs::read(hostile("rival")).unwrap());
    good(&place, &["plugin", "enable", "rival"]);
    for id in ["limits", "take-profit"] {
        install(&place, &crate::components::version(id, "0.1.0"));
        install(&place, &crate::components::version(id, "0.2.0"));
        good(&place, &["plugin", "enable", id]);
    }
    let risk = r#"[[risk]]
plugin = "limits"
config = { max-position-notional = "9000" }

[[risk]]
plugin = "take-profit"
config = { fraction = "0.01" }

[broker]"#;
    place.write("session.toml", SESSION.replace("[broker]", risk));
    let alone = ran(&place);
    let shadow = |id: &str, share: &str| {
        let swap = ["plugin", "swap", id, "--to", "0.2.0", "--shadow", share];
        good(&place, &swap);
    };
    shadow("limits", "100%");
    shadow("take-profit", "50%");
    assert_eq!(ran(&place)["digest"], alone["digest"]);
    for (id, all) in [("limits", true), ("take-profit", false)] {
        let compared = json(&place, &["plugin", "inspect", id])["comparison"].clone();
        let (calls, mirrored) = (&compared["calls"], &compared["mirrored"]);
        assert!(calls.as_u64().unwrap() > 1_500, "{compared}");
        assert_eq!(calls == mirrored, all, "{compared}");
        assert_eq!(
            (&compared["agreement"], &compared["new"]["errors"]),
            (&1.0.into(), &serde_json::json!({})),
            "{compared}"
        );
    }
    // One that its rule of promotion holds for serves from the next moment on, or from the next session on where this one
    // has ended by then.
    let swap = ["plugin", "swap", "take-profit", "--to", "0.2.0"];
    let terms = ["--shadow", "100%", "--rule", BY_AGREEMENT];
    good(&place, &[&swap[..], &terms].concat());
    let promoted = ran(&place);
    match promoted["swaps"].as_array().unwrap().as_slice() {
        [] => assert_eq!(promoted["digest"], alone["digest"]),
        [swap] => assert_eq!(swap["plugin"], "take-profit", "{swap}"),
        more => panic!("{more:?}"),
    }
    let shown = json(&place, &["plugin", "inspect", "take-profit"]);
    assert_eq!(shown["installed"]["generation"], 2, "{shown}");
    verified(&place);
}

#[test]
fn what_a_kind_cannot_do_is_refused_at_the_command() {
    let place = Place::new();
    for (id, share, rule, said) in [
        (
            "synthetic",
            "100%",
            None,
            "a data source is asked before a session begins",
        ),
        ("paper", "100%", None, "every order would be sent twice"),
        (
            "linfa",
            "100%",
            None,
            "name both as candidates of one model",
        ),
        (
            "limits",
            "100%",
            Some(r#"{"skill": {}}"#),
            "its answers are not scored",
        ),
        ("limits", "50%", None, "keeps state (it exports `snapshot`)"),
        ("ema-cross", "25%", None, "give --shadow 100%"),
        (
            "ema-cross",
            "100%",
            Some(r#"{"skill": {}}"#),
            "its answers are not scored",
        ),
    ] {
        if !place.path(id).exists() {
            place.write(id, "");
            install(&place, &crate::components::version(id, "0.1.0"));
            install(&place, &crate::components::version(id, "0.2.0"));
            good(&place, &["plugin", "enable", id]);
        }
        let mut arguments = vec!["plugin", "swap", id, "--to", "0.2.0", "--shadow", share];
        arguments.extend(rule.iter().flat_map(|rule| ["--rule", rule]));
        let line = bad(&place, &arguments);
        assert!(line.contains(said), "{line}");
    }
}
