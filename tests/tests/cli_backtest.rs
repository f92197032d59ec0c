//! `bulkhead backtest` and `bulkhead verify` as their user types them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cli;

use bulkhead_tests::{hostile, plugins, root};
use cli::{Place, Ran};
use serde_json::Value;

fn place() -> Place {
    let place = Place::new();
    let bars = std::fs::read_to_string(root().join("examples/data/stocks-daily.csv")).unwrap();
    place.write("stocks.csv", bars);
    place
}

fn bulkhead(place: &Place, arguments: &[&str]) -> Ran {
    let plugins = plugins();
    let mut all = vec!["--plugins", plugins.to_str().unwrap()];
    all.extend(arguments);
    place.run(&all)
}

fn backtest(place: &Place, more: &[&str]) -> Ran {
    let mut arguments = vec!["backtest", "--csv", "stocks.csv", "--strategy"];
    if !more.contains(&"--strategy") {
        arguments.push("ema-cross");
    } else {
        arguments.pop();
    }
    arguments.extend(["--fees", "0.001", "--slippage", "5bps"]);
    arguments.extend(more);
    bulkhead(place, &arguments)
}

/// What it printed, of a command that succeeded.
#[track_caller]
fn succeeded(ran: &Ran) -> String {
    assert_eq!(ran.code, 0, "{}", ran.err);
    ran.out.clone()
}

/// The one line of the mistake, of a command that refused.
#[track_caller]
fn mistake(ran: &Ran) -> String {
    assert_eq!(ran.code, 2, "{} {}", ran.out, ran.err);
    let mut lines = ran.err.lines().filter(|line| line.starts_with("error: "));
    let line = lines.next().unwrap().to_owned();
    assert_eq!(lines.next(), None, "{}", ran.err);
    line
}

fn read(place: &Place, file: &str) -> Vec<u8> {
    std::fs::read(place.path(file)).unwrap()
}

#[test]
fn a_run_leaves_its_result_behind_and_equal_runs_leave_equal_bytes() {
    let place = place();
    let ran = backtest(&place, &["--symbol", "AAPL,IBM", "--out", "one", "--json"]);
    let result: Value = ran.json();
    assert_eq!(result["status"]["state"], "complete");
    assert_eq!(result["label"], "by-construction");
    assert!(result["totals"]["fills"].as_u64().unwrap() > 100);
    backtest(&place, &["--symbol", "IBM,AAPL", "--out", "two", "--json"]).json();
    for file in ["report.html", "trades.csv", "equity.parquet"] {
        assert!(
            read(&place, &format!("one/{file}")) == read(&place, &format!("two/{file}")),
            "{file}"
        );
    }
    let again: Value = serde_json::from_slice(&read(&place, "two/result.json")).unwrap();
    assert_eq!(again["digest"], result["digest"]);
}

#[test]
fn a_result_is_verified_and_what_differs_is_named() {
    let place = place();
    succeeded(&backtest(&place, &["--symbol", "AAPL", "--out", "run"]));
    let equal = succeeded(&bulkhead(&place, &["verify", "run"]));
    assert!(equal.starts_with("equal: digest "), "{equal}");

    let text = String::from_utf8(read(&place, "run/result.json")).unwrap();
    let value: Value = serde_json::from_str(&text).unwrap();
    let fees = value["totals"]["fees"].as_str().unwrap();
    place.write(
        "run/result.json",
        text.replacen(&format!("\"fees\": \"{fees}\""), "\"fees\": \"0\"", 1),
    );
    let line = mistake(&bulkhead(&place, &["verify", "run"]));
    assert!(line.contains("the totals are others"), "{line}");

    place.write("run/result.json", text);
    let bars = String::from_utf8(read(&place, "stocks.csv")).unwrap();
    place.write("stocks.csv", bars.replacen("130.31", "130.32", 1));
    let line = mistake(&bulkhead(&place, &["verify", "run/result.json"]));
    assert!(line.contains("the bars of AAPL were"), "{line}");
    bulkhead(&place, &["verify", "nowhere"]).refused(
        "the result cannot be read: No such file or directory (os error 2) (nowhere); check the path",
    );
}

#[test]
fn a_strategy_that_traps_leaves_a_part_that_says_so() {
    let place = place();
    let strategy = hostile("panic");
    let line = mistake(&backtest(
        &place,
        &["--strategy", strategy.to_str().unwrap(), "--out", "part"],
    ));
    assert!(
        line.contains("the backtest ended early: at the bar of "),
        "{line}"
    );
    let result: Value = serde_json::from_slice(&read(&place, "part/result.json")).unwrap();
    assert_eq!(result["status"]["state"], "partial");
    assert!(
        result["status"]["error"]
            .as_str()
            .unwrap()
            .contains("panic"),
        "{result}"
    );
}

#[test]
fn every_mistake_is_one_line() {
    let place = place();
    let refused: [(&[&str], &str); 9] = [
        (&["--symbol", "ZZZ"], "the file has no bars of ZZZ"),
        (&["--param", "fast=50"], "30 is not above fast, 50"),
        (&["--param", "speed=50"], "'speed' was unexpected"),
        (&["--param", "fast"], "sets nothing"),
        (&["--from", "yesterday"], "'yesterday' is not a date"),
        (&["--from", "2030-01-01"], "no bar lies between"),
        (&["--risk", "limits={"], "no JSON object"),
        (&["--volume-cap", "2"], "--volume-cap is 2"),
        (&["--strategy", "ml-signal"], "needs model direction"),
    ];
    for (arguments, says) in refused {
        let line = mistake(&backtest(&place, arguments));
        assert!(line.contains(says), "{arguments:?}: {line}");
    }
    assert!(!place.path("out/backtest/result.json").exists());
}
