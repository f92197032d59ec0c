//! `bulkhead backtest` and `bulkhead verify` as their user types them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cli;
mod swings;

use bulkhead_tests::{hostile, plugins, root};
use cli::{Place, Ran};
use serde_json::Value;
use swings::swings;

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

#[test]
fn the_whole_series_form_is_audited_and_comes_to_what_the_strategy_comes_to_bar_by_bar() {
    let place = place();
    let one = backtest(&place, &["--symbol", "AAPL,IBM", "--out", "one", "--json"]).json();
    let whole = [
        "--symbol",
        "AAPL,IBM",
        "--out",
        "whole",
        "--vectorised",
        "--json",
    ];
    let whole = backtest(&place, &whole).json();
    assert_eq!(one["label"], "by-construction");
    assert!(whole["label"]["audited"]["cuts"].as_u64().unwrap() > 10);
    assert!(one["totals"]["fills"].as_u64().unwrap() > 100);
    assert_eq!(one["totals"], whole["totals"]);
    assert_eq!(one["statistics"], whole["statistics"]);
    assert_ne!(one["digest"], whole["digest"]);
    assert!(succeeded(&bulkhead(&place, &["verify", "whole"])).starts_with("equal: digest "));
    let sheet = String::from_utf8(read(&place, "whole/report.html")).unwrap();
    assert!(sheet.contains("look-ahead audited"));
}

#[test]
fn bars_of_the_catalog_come_in_chunks_and_to_the_same_targets() {
    let place = place();
    let import = ["data", "import", "stocks.csv", "--symbol", "AAPL"];
    succeeded(&bulkhead(&place, &import));
    let run = |more: &[&str]| {
        let mut all = vec![
            "backtest",
            "--strategy",
            "ema-cross",
            "--symbol",
            "AAPL",
            "--json",
        ];
        all.extend(["--from", "2005-01-01", "--to", "2018-06-30"]);
        all.extend(more);
        bulkhead(&place, &all).json()
    };
    let (one, whole) = (run(&[]), run(&["--vectorised"]));
    assert!(one["totals"]["fills"].as_u64().unwrap() > 50);
    assert_eq!(one["totals"], whole["totals"]);
}

#[test]
fn a_whole_series_form_that_looks_ahead_is_refused_with_the_first_bar() {
    let place = place();
    let peeker = hostile("peeker");
    let run = |cheat: &str, more: &[&str]| {
        let cheat = format!("cheat={cheat}");
        let mut all = vec!["--strategy", peeker.to_str().unwrap(), "--param", &cheat];
        all.extend(["--symbol", "AAPL"]);
        all.extend(more);
        backtest(&place, &all)
    };
    let honest = run("none", &["--vectorised", "--json"]).json();
    let called = run("none", &["--json"]).json();
    assert!(honest["totals"]["fills"].as_u64().unwrap() > 100);
    assert_eq!(honest["totals"], called["totals"]);
    // What it remembers is gone with the store it remembered it in.
    let memory = run("memory", &["--vectorised", "--json"]).json();
    assert_eq!(honest["totals"], memory["totals"]);
    let expected = root().join("tests/hostile/peeker/expected.txt");
    let expected = std::fs::read_to_string(expected).unwrap();
    for line in expected.lines() {
        let (cheat, says) = line.split_once(": ").unwrap();
        let refused = mistake(&run(cheat, &["--vectorised"]));
        assert!(refused.contains(says), "{cheat}: {refused}");
        assert!(
            refused.contains("looks ahead: on AAPL"),
            "{cheat}: {refused}"
        );
    }
}

#[test]
fn a_strategy_without_a_whole_series_form_is_told_so() {
    let place = place();
    let run = [
        "--strategy",
        "fire-drill",
        "--symbol",
        "AAPL",
        "--vectorised",
    ];
    let line = mistake(&backtest(&place, &run));
    assert!(
        line.contains("strategy fire-drill has no whole-series form"),
        "{line}"
    );
}

fn audit(place: &Place, what: &str, more: &[&str]) -> Ran {
    let mut all = vec!["audit", what, "--csv", "stocks.csv", "--symbol", "AAPL"];
    all.extend(more);
    bulkhead(place, &all)
}

#[test]
fn features_models_and_strategies_are_looked_at_from_outside() {
    let place = place();
    let features = ["--feature", "return_5,rsi_14,macd_hist"];
    let model = [
        "--model",
        "linfa:gaussian-naive-bayes",
        "--feature",
        "return_5,rsi_14",
    ];
    let strategy = ["--strategy", "ema-cross"];
    for honest in [&features[..], &model, &strategy] {
        let said = succeeded(&audit(&place, "lookahead", honest));
        assert!(said.contains("that is no proof"), "{said}");
        let reports = audit(&place, "lookahead", &[honest, &["--json"]].concat()).json();
        assert!(reports[0]["report"]["cuts"].as_array().unwrap().len() > 10);
        assert_eq!(
            reports[0]["report"]["findings"].as_array().unwrap().len(),
            0
        );
    }
    let (peeker, mates) = (hostile("peeker"), hostile("batch-mates"));
    let (peeker, mates) = (peeker.to_str().unwrap(), mates.to_str().unwrap());
    let peeks = ["--strategy", peeker, "--param", "cheat=next-bar"];
    let line = mistake(&audit(&place, "lookahead", &peeks));
    assert!(
        line.contains("there is look-ahead: on AAPL, target at the bar of"),
        "{line}"
    );
    let line = mistake(&audit(
        &place,
        "lookahead",
        &["--model", mates, "--feature", "return_5"],
    ));
    let expected = root().join("tests/hostile/batch-mates/expected.txt");
    let expected = std::fs::read_to_string(expected).unwrap();
    assert!(line.contains(expected.trim()), "{line}");
}

#[test]
fn how_many_bars_something_needs_is_told() {
    let place = place();
    let said = succeeded(&audit(
        &place,
        "recursive",
        &["--feature", "return_5,rsi_14"],
    ));
    assert!(said.contains("rsi_14"), "{said}");
    let reports = audit(
        &place,
        "recursive",
        &["--feature", "return_5,rsi_14", "--json"],
    )
    .json();
    let columns = &reports[0]["report"]["columns"];
    assert_eq!(columns[0]["enough"], 25);
    assert!(columns[1]["enough"].as_u64().unwrap() > 50, "{columns}");
    succeeded(&audit(&place, "recursive", &["--strategy", "ema-cross"]));
    let peeker = hostile("peeker");
    let mut cheats = vec!["--strategy", peeker.to_str().unwrap()];
    cheats.extend(["--param", "cheat=warm-up", "--startup", "24,30"]);
    let line = mistake(&audit(&place, "recursive", &cheats));
    assert!(line.contains("1 bars are declared to be enough"), "{line}");
}

/// The demo's models, with windows that a test has time for.
const MODELS: &str = r#"
features = ["return_5", "volatility_20", "rsi_14"]

[models.direction]
horizon = 5
window = 250
refit-every = 125
min-samples = 60
confidence = 0.55
candidates = [
    { plugin = "linfa", algorithm = "logistic-regression" },
    { plugin = "linfa", algorithm = "gaussian-naive-bayes" },
]
"#;

#[test]
fn a_strategy_that_needs_a_model_is_given_what_the_chosen_one_predicts() {
    let place = place();
    place.write("models.toml", MODELS);
    place.write("stocks.csv", swings());
    let signal = ["--strategy", "ml-signal", "--calendar", "24/7"];
    let line = mistake(&backtest(&place, &signal));
    assert!(line.contains("needs"), "{line}");
    let run = |more: &[&str]| {
        backtest(
            &place,
            &[&signal[..], &["--models", "models.toml"], more].concat(),
        )
    };
    let one = run(&["--out", "one", "--json"]).json();
    assert_eq!(one["status"]["state"], "complete");
    assert!(
        one["totals"]["fills"].as_u64().unwrap() > 0,
        "{}",
        one["totals"]
    );
    let again = run(&["--out", "two", "--json"]).json();
    assert_eq!(one["digest"], again["digest"]);
    let other = run(&["--out", "three", "--seed", "9", "--json"]).json();
    assert_ne!(one["digest"], other["digest"]);
    assert!(succeeded(&bulkhead(&place, &["verify", "one"])).starts_with("equal: digest "));
}

#[test]
fn a_file_of_models_that_cannot_be_used_gets_one_line() {
    let place = place();
    let signal = [
        "--strategy",
        "ml-signal",
        "--symbol",
        "AAPL",
        "--models",
        "models.toml",
    ];
    let line = mistake(&backtest(&place, &signal));
    assert!(line.contains("models.toml"), "{line}");
    for (text, says) in [
        (
            MODELS.replace("horizon = 5", "horizon = 0"),
            "model direction: horizon and refit-every count bars from 1",
        ),
        (
            MODELS.replace("horizon = 5", "horizons = 5"),
            "line 5: unknown field",
        ),
        (
            MODELS.replace("logistic-regression", "magic"),
            "has no classifier magic",
        ),
        (
            MODELS.replace("[models.direction]", "[models.other]"),
            "needs model",
        ),
        (MODELS.replace("\"linfa\"", "\"nobody\""), "nobody"),
    ] {
        place.write("models.toml", &text);
        let line = mistake(&backtest(&place, &signal));
        assert!(line.contains(says), "{line}");
    }
}

/// Two bars a day that together are the day: its open, then all of it.
fn halves() -> String {
    let daily = std::fs::read_to_string(root().join("examples/data/stocks-daily.csv")).unwrap();
    let mut text = "Ticker,timestamp,Open,High,Low,Close,Volume\n".to_owned();
    for row in daily.lines().filter(|row| row.starts_with("AAPL,")) {
        let cells: Vec<&str> = row.split(',').collect();
        let [_, date, open, high, low, close, volume, ..] = cells[..] else {
            panic!("{row}");
        };
        text += &format!("AAPL,{date}T15:30:00Z,{open},{open},{open},{open},0\n");
        text += &format!("AAPL,{date}T16:30:00Z,{open},{high},{low},{close},{volume}\n");
    }
    text
}

#[test]
fn finer_bars_resolve_what_goes_on_within_a_bar() {
    let place = place();
    let text = halves();
    place.write("hours.csv", &text);
    let run = |more: &[&str]| backtest(&place, &[&["--symbol", "AAPL"], more].concat());
    let plain: Value = run(&["--json", "--out", "plain"]).json();
    assert!(plain["run"]["instruments"][0].get("detail").is_none());
    let detail = ["--detail-csv", "hours.csv"];
    let finer: Value = run(&[&detail[..], &["--json"]].concat()).json();
    let told = &finer["run"]["instruments"][0]["detail"];
    assert_eq!(told["resolved"], plain["totals"]["bars"]);
    assert_eq!((&told["without"], &told["beyond"]), (&0.into(), &0.into()));
    assert_ne!(finer["digest"], plain["digest"]);
    assert_eq!(finer["deflation"]["trials"], 2);
    let said = succeeded(&run(&detail));
    let line = format!(
        "AAPL: finer bars resolved {} bars\n",
        plain["totals"]["bars"]
    );
    assert!(said.contains(&line), "{said}");
    let equal = succeeded(&bulkhead(&place, &["verify", "out/backtest"]));
    assert!(equal.starts_with("equal: "), "{equal}");

    // The same from the catalog, one year of it beside.
    for file in ["stocks.csv", "hours.csv"] {
        succeeded(&bulkhead(&place, &["data", "import", file]));
    }
    let mut stored = vec![
        "backtest",
        "--strategy",
        "ema-cross",
        "--symbol",
        "AAPL",
        "--json",
    ];
    stored.extend([
        "--fees",
        "0.001",
        "--slippage",
        "5bps",
        "--detail",
        "1h",
        "--out",
        "stored",
    ]);
    let stored: Value = bulkhead(&place, &stored).json();
    assert_eq!(stored["run"]["instruments"], finer["run"]["instruments"]);
    assert_eq!(stored["totals"], finer["totals"]);
    let mut swept = vec![
        "sweep",
        "--csv",
        "stocks.csv",
        "--symbol",
        "AAPL",
        "--strategy",
        "ema-cross",
    ];
    swept.extend(["--vary", "fast=5,10", "--json"]);
    swept.extend(detail);
    let swept: Value = bulkhead(&place, &swept).json();
    assert_eq!(&swept["instruments"][0]["detail"], told);

    place.write("hours.csv", text.replacen(",0\n", ",1\n", 1));
    let line = mistake(&bulkhead(&place, &["verify", "out/backtest"]));
    assert!(line.contains("the finer bars are others"), "{line}");
    // Prices of before a split are of no use, and said to be.
    let foreign = text.lines().skip(1).map(|row| {
        let cells: Vec<&str> = row.split(',').collect();
        let twice = |cell: &str| (2.0 * cell.parse::<f64>().unwrap()).to_string();
        let prices: Vec<String> = cells[2..6].iter().map(|cell| twice(cell)).collect();
        format!(
            "{},{},{},{}\n",
            cells[0],
            cells[1],
            prices.join(","),
            cells[6]
        )
    });
    let foreign: String = foreign.collect();
    place.write(
        "other.csv",
        format!("{}\n{foreign}", text.lines().next().unwrap()),
    );
    let said = succeeded(&run(&["--detail-csv", "other.csv"]));
    for part in [
        "resolved 0 bars",
        "went beyond their bar, the first on 2000-03-01",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    for (more, says) in [
        (
            ["--detail-csv", "stocks.csv"],
            "the finer bars of AAPL are 1d long, and its bars 1d",
        ),
        (["--detail", "5m"], "the catalog has no 5m bars of AAPL"),
        (["--detail", "soon"], "soon"),
    ] {
        let line = mistake(&run(&more));
        assert!(line.contains(says), "{line}");
    }
    let line = mistake(&backtest(
        &place,
        &["--symbol", "IBM,MSFT", "--detail-csv", "hours.csv"],
    ));
    assert!(
        line.contains("the file has no bars of what is traded"),
        "{line}"
    );
}
