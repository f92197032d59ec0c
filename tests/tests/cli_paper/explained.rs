//! What a run says of itself, and what is said of it afterwards.

use crate::cli::Place;
use crate::small::{SESSION, json, names, paper, states, store};
use bulkhead_store::Statement;
use serde_json::Value;
use std::collections::BTreeSet;

#[test]
fn the_last_line_is_json_and_two_runs_say_the_same() {
    let place = Place::new();
    let (first, again) = (json(&place), json(&place));
    let elsewhere = json(&Place::new());
    for key in ["digest", "session", "totals", "ending"] {
        assert!(!first[key].is_null(), "{key}: {first}");
        assert_eq!(first[key], again[key]);
        assert_eq!(first[key], elsewhere[key]);
    }
    assert_eq!(first["ending"], "completed");
    assert_ne!(first["run"], again["run"]);
    assert!(first["seconds"].as_f64().unwrap() > 0.0);
    assert!(first["peak_rss_mb"].as_f64().unwrap() > 1.0);
    assert!(first["totals"]["fills"].as_u64().unwrap() > 5, "{first}");
    assert_eq!(states(&place), ["completed", "completed"]);

    let expected = ["report.html", "report.json"].map(str::to_owned);
    assert_eq!(names(&place.path("out")), BTreeSet::from(expected));
    let report = std::fs::read(place.path("out/report.json")).unwrap();
    let report: Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(report["main"]["digest"], first["digest"]);
    assert_eq!(report["without_validation"]["validation"], false);
}

#[test]
fn plain_output_tells_how_far_it_is_and_how_to_ask_why() {
    let place = Place::new();
    let ran = paper(&place, SESSION);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("small: 500 of 500 bars"), "{}", ran.err);
    assert!(!ran.err.contains('\u{1b}') && !ran.out.contains('\u{1b}'));
    for part in ["digest: ", "report: ", "why a trade was made: "] {
        assert!(ran.out.contains(part), "{part}: {}", ran.out);
    }
    let report = std::fs::read(place.path("out/report.json")).unwrap();
    let report: Value = serde_json::from_slice(&report).unwrap();
    let proposal = &report["main"]["proposals"][0];
    // Without plugins: what is explained is in the database.
    let explain = |id: &str| place.run(&["--state", "state", "explain", id]);

    let trade = explain(proposal["decision"].as_str().unwrap());
    assert_eq!(trade.code, 0, "{}", trade.err);
    for part in [
        "ema-cross",
        "EMA 5",
        "rsi_14",
        "linfa/logistic-regression",
        "buy 100 of instrument",
        ", market",
        "filled",
        "predict direction for AAA: ",
    ] {
        assert!(trade.out.contains(part), "{part}: {}", trade.out);
    }
    let id = proposal["choices"][0]["decision"].as_str().unwrap();
    let choice = explain(id);
    assert_eq!(choice.code, 0, "{}", choice.err);
    assert!(choice.out.contains("the same choice"), "{}", choice.out);

    explain("t-0000000000000000").refused(
        "no session kept here has a decision t-0000000000000000 (state/bulkhead.db); take an id from the \
         report's trades, or name another state folder with --state",
    );
    Place::new().run(&["explain", "t-1"]).refused(
        "there is no database of sessions (.bulkhead/bulkhead.db); name the state folder with --state, or run \
         a session",
    );

    // Somebody changes the winner in the database.
    let forged =
        "UPDATE decisions SET record = replace(replace(record, '\"winner\":null', '\"winner\":7'),
                  '\"winner\":0', '\"winner\":7') WHERE id = $1";
    let store = store(&place);
    let writer = store.writer().unwrap();
    let written = writer.write(Statement::new(forged).bind(id.to_owned()));
    written.and_then(|()| writer.flush()).unwrap();
    let noticed = explain(id);
    assert_eq!(noticed.code, 1, "{}", noticed.out);
    let (_, error) = noticed.err.split_once("error: ").unwrap();
    assert!(error.contains("give another choice"), "{error}");
    assert_eq!(error.lines().count(), 1);
}
