//! `bulkhead sweep` as its user types it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cli;
mod swings;

use bulkhead_tests::{hostile, plugins, root};
use cli::{Place, Ran};
use serde_json::Value;
use std::process::Stdio;
use std::time::{Duration, Instant};
use swings::swings;

fn place() -> Place {
    let place = Place::new();
    let bars = std::fs::read_to_string(root().join("examples/data/stocks-daily.csv")).unwrap();
    place.write("stocks.csv", bars);
    place
}

fn arguments<'a>(plugins: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut all = vec!["--plugins", plugins, "sweep", "--csv", "stocks.csv"];
    if !more.contains(&"--strategy") {
        all.extend(["--strategy", "ema-cross"]);
    }
    if !more.contains(&"--symbol") {
        all.extend(["--symbol", "AAPL"]);
    }
    all.extend(["--fees", "0.0005"]);
    all.extend(more);
    all
}

fn sweep(place: &Place, more: &[&str]) -> Ran {
    let plugins = plugins();
    place.run(&arguments(plugins.to_str().unwrap(), more))
}

#[track_caller]
fn mistake(ran: &Ran) -> String {
    assert_eq!(ran.code, 2, "{} {}", ran.out, ran.err);
    let mut lines = ran.err.lines().filter(|line| line.starts_with("error: "));
    let line = lines.next().unwrap().to_owned();
    assert_eq!(lines.next(), None, "{}", ran.err);
    line
}

fn read(place: &Place, file: &str) -> String {
    std::fs::read_to_string(place.path(file)).unwrap()
}

/// What does not move as trials are added to the ledger.
fn lasting(mut result: Value) -> Value {
    let object = result.as_object_mut().unwrap();
    object.remove("deflation");
    result
}

const GRID: [&str; 4] = ["--vary", "fast=5..30:5", "--vary", "slow=20..100:20"];

#[test]
fn threads_and_the_order_of_parameters_change_nothing() {
    let place = place();
    for search in [
        &["--search", "grid"][..],
        &["--search", "random", "--combinations", "20"],
        &["--search", "tpe", "--combinations", "40", "--prune"],
    ] {
        let run = |out: &str, threads: &str, vary: &[&str]| {
            let more = [
                search,
                vary,
                &["--threads", threads, "--out", out, "--json"],
            ]
            .concat();
            let result: Value = sweep(&place, &more).json();
            std::fs::remove_dir_all(place.path(out)).unwrap();
            lasting(result)
        };
        let vary = match search[1] {
            "tpe" => ["--vary", "fast=2..40", "--vary", "slow=41..200"],
            _ => GRID,
        };
        let turned = [vary[2], vary[3], vary[0], vary[1]];
        let one = run("one", "1", &vary);
        assert_eq!(one, run("three", "3", &turned));
        assert!(
            one["counts"]["run"].as_u64().unwrap() >= 20,
            "{}",
            one["counts"]
        );
        if search[1] == "tpe" {
            assert!(
                one["counts"]["pruned"].as_u64().unwrap() > 0,
                "{}",
                one["counts"]
            );
        }
    }
}

#[test]
fn the_best_comes_to_what_a_backtest_of_it_comes_to() {
    let place = place();
    let result: Value = sweep(&place, &[&GRID[..], &["--out", "swept", "--json"]].concat()).json();
    let best = &result["best"][0];
    let (fast, slow) = (&best["values"][0], &best["values"][1]);
    let plugins = plugins();
    let (fast, slow) = (format!("fast={fast}"), format!("slow={slow}"));
    let mut all = vec![
        "--plugins",
        plugins.to_str().unwrap(),
        "backtest",
        "--csv",
        "stocks.csv",
    ];
    all.extend([
        "--strategy",
        "ema-cross",
        "--symbol",
        "AAPL",
        "--fees",
        "0.0005",
        "--json",
    ]);
    all.extend(["--param", &fast, "--param", &slow]);
    let run: Value = place.run(&all).json();
    let figures = &best["figures"];
    assert_eq!(
        run["statistics"]["curve"]["sharpe"]["value"],
        figures["sharpe"]
    );
    assert_eq!(
        run["statistics"]["curve"]["total_return"]["value"],
        figures["total-return"]
    );
    assert_eq!(run["statistics"]["trades"]["closed"], figures["trades"]);
    // To run one of them again is no other trial, and with other terms it is.
    assert_eq!(
        run["deflation"],
        serde_json::json!({
            "family": "ema-cross",
            "sharpe": figures["sharpe-per-day"],
            "trials": result["deflation"]["trials"],
            "variance": result["deflation"]["variance"],
            "expected-maximum": result["deflation"]["expected-maximum"],
            "dsr": result["deflation"]["dsr"],
        })
    );
    all.extend(["--slippage", "2bps"]);
    let other: Value = place.run(&all).json();
    let trials = |run: &Value| run["deflation"]["trials"].as_u64().unwrap();
    assert_eq!(trials(&other), trials(&run) + 1);
    // One that the strategy does not take is a row with its reason, and no trial.
    assert!(result["counts"]["failed"].as_u64().unwrap() > 0);
    let csv = read(&place, "swept/combinations.csv");
    assert!(csv.contains("is not above fast"), "{csv}");
    assert_eq!(csv.lines().count(), 31);
    let trials = result["deflation"]["trials"].as_u64().unwrap();
    assert_eq!(trials, result["counts"]["finished"].as_u64().unwrap());
    let page = read(&place, "swept/sweep.html");
    assert!(page.contains("Mean sharpe by fast and slow"));
    assert!(!page.contains("<script"));
}

#[test]
fn a_result_is_as_its_schema_says() {
    let place = place();
    let walk = ["--walk-forward", "3", "--out", "walked", "--json"];
    for more in [&["--out", "swept", "--json"][..], &walk] {
        let result: Value = sweep(&place, &[&GRID[..], more].concat()).json();
        let schema = root().join("host/lab/src/sweep/sweep.schema.json");
        let schema = std::fs::read_to_string(schema).unwrap();
        let schema: Value = serde_json::from_str(&schema).unwrap();
        let schema = jsonschema::validator_for(&schema).unwrap();
        let wrong: Vec<String> = schema
            .iter_errors(&result)
            .map(|it| it.to_string())
            .collect();
        assert_eq!(wrong, Vec::<String>::new());
    }
}

#[test]
fn every_combination_counts_once_in_its_family() {
    let place = place();
    let trials = |more: &[&str]| {
        let result: Value = sweep(&place, &[more, &["--json"]].concat()).json();
        result["deflation"]["trials"].as_u64().unwrap()
    };
    let few = ["--vary", "fast=5,10", "--vary", "slow=20,40"];
    assert_eq!(trials(&[&few[..], &["--out", "a"]].concat()), 4);
    // The same again, in another folder: nothing new was seen.
    assert_eq!(trials(&[&few[..], &["--out", "b"]].concat()), 4);
    let more = ["--vary", "fast=5,10,15", "--vary", "slow=20,40"];
    assert_eq!(trials(&[&more[..], &["--out", "c"]].concat()), 6);
    assert_eq!(
        trials(&[&few[..], &["--out", "d", "--family", "other"]].concat()),
        4
    );
    // Another span that shares no time is another matter.
    let later = ["--from", "2010-01-01", "--out", "e"];
    let earlier = ["--to", "2005-12-31", "--out", "f", "--family", "spans"];
    assert_eq!(
        trials(&[&few[..], &later, &["--family", "spans"]].concat()),
        4
    );
    assert_eq!(trials(&[&few[..], &earlier].concat()), 4);
}

/// Kills the process in the middle, again and again, and goes on each time.
#[test]
fn a_sweep_that_is_killed_goes_on_and_runs_nothing_twice() {
    let place = place();
    let more = [
        &["--symbol", "AAPL,IBM"][..],
        &["--vary", "fast=2..11", "--vary", "slow=20..200:4", "--json"],
    ]
    .concat();
    let undisturbed: Value = sweep(&place, &[&more[..], &["--out", "whole"]].concat()).json();
    assert_eq!(undisturbed["counts"]["run"], 460);
    let plugins = plugins();
    let again = [&more[..], &["--out", "killed"]].concat();
    let all = arguments(plugins.to_str().unwrap(), &again);
    let log = place.path("killed/combinations.jsonl");
    let lines = || std::fs::read_to_string(&log).map_or(0, |text| text.lines().count());
    let mut kills = 0;
    for goal in [3, 60, 65, 130, 200, 300, 390] {
        let mut command = place.command(&all);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while lines() < goal && child.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < Duration::from_secs(60), "{goal}");
            std::thread::sleep(Duration::from_millis(1));
        }
        if child.try_wait().unwrap().is_none() {
            kills += 1;
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(kills >= 4, "{kills}");
    let result: Value = sweep(&place, &again).json();
    assert_eq!(lasting(result.clone()), lasting(undisturbed.clone()));
    assert_eq!(result["deflation"], undisturbed["deflation"]);
    // Each was run once, and is in the log once.
    let text = read(&place, "killed/combinations.jsonl");
    let mut numbers: Vec<u64> = text
        .lines()
        .skip(1)
        .map(|line| {
            let entry: Value = serde_json::from_str(line).unwrap();
            entry["row"]["number"].as_u64().unwrap()
        })
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..460).collect::<Vec<_>>());
    assert_eq!(
        read(&place, "killed/combinations.csv"),
        read(&place, "whole/combinations.csv")
    );
}

#[test]
fn what_is_found_best_is_tried_behind_where_it_was_searched() {
    let place = place();
    let more = [
        "--walk-forward",
        "4",
        "--in-sample",
        "2",
        "--out",
        "walked",
        "--json",
    ];
    let result: Value = sweep(&place, &[&GRID[..], &more].concat()).json();
    let folds = result["walk-forward"]["folds"].as_array().unwrap();
    assert_eq!(folds.len(), 4);
    // What is searched again in another fold is no other trial.
    let combinations = result["counts"]["run"].as_u64().unwrap();
    assert!(result["deflation"]["trials"].as_u64().unwrap() <= combinations);
    let mut product = 1.0;
    for fold in folds {
        let at = |span: &str, end: &str| fold[span][end].as_i64().unwrap();
        assert!(at("in-sample", "to") < at("out-of-sample", "from"));
        assert_eq!(fold["best"]["values"], fold["tried"]["values"]);
        product *= 1.0 + fold["tried"]["figures"]["total-return"].as_f64().unwrap();
    }
    for pair in folds.windows(2) {
        assert_eq!(
            pair[0]["out-of-sample"]["to"].as_i64().unwrap() + 1,
            pair[1]["out-of-sample"]["from"].as_i64().unwrap()
        );
    }
    let stitched = &result["walk-forward"]["out-of-sample"]["total_return"]["value"];
    assert!(
        (stitched.as_f64().unwrap() - (product - 1.0)).abs() < 1e-9,
        "{stitched} {product}"
    );
    let anchored = [
        "--walk-forward",
        "4",
        "--in-sample",
        "2",
        "--anchored",
        "--out",
        "anchored",
        "--json",
    ];
    let anchored: Value = sweep(&place, &[&GRID[..], &anchored].concat()).json();
    let from = |fold: usize| anchored["walk-forward"]["folds"][fold]["in-sample"]["from"].clone();
    assert_eq!(from(0), from(3));
}

#[test]
fn whole_series_forms_are_swept_and_the_best_is_audited() {
    let place = place();
    let bar_by_bar: Value =
        sweep(&place, &[&GRID[..], &["--out", "one", "--json"]].concat()).json();
    let whole = ["--out", "whole", "--vectorised", "--json"];
    let whole: Value = sweep(&place, &[&GRID[..], &whole].concat()).json();
    assert_eq!(bar_by_bar["best"], whole["best"]);
    assert_eq!(bar_by_bar["label"], "by-construction");
    assert!(whole["label"]["audited"]["cuts"].as_u64().unwrap() > 4);
    let peeker = hostile("peeker");
    let peeks = [
        "--strategy",
        peeker.to_str().unwrap(),
        "--vary",
        "cheat=none,next-bar",
    ];
    let line = mistake(&sweep(
        &place,
        &[&peeks[..], &["--vectorised", "--out", "peeks"]].concat(),
    ));
    assert!(
        line.contains("the best combination cannot be told of: "),
        "{line}"
    );
    assert!(line.contains("looks ahead: on AAPL"), "{line}");
}

#[test]
fn mistakes_get_one_line_that_says_how_to_mend_them() {
    let place = place();
    for (more, says) in [
        (
            &["--vary", "fats=1..5"][..],
            "no such parameter; vary one of: fast, size, slow",
        ),
        (&["--vary", "fast=0,5"], "0 is less than the minimum of 1"),
        (
            &["--vary", "fast=5..3"],
            "its first number is not below its last",
        ),
        (
            &["--vary", "fast=1,2", "--vary", "fast=3,4"],
            "fast is varied twice",
        ),
        (
            &["--vary", "fast=1,2", "--param", "fast=3"],
            "fast is given and varied",
        ),
        (
            &["--vary", "fast=1.5..2.5"],
            "give a step as in FROM..TO:STEP, or --search random or tpe",
        ),
        (
            &["--vary", "fast=1..9", "--combinations", "5"],
            "the grid has 9 combinations",
        ),
        (
            &["--vary", "fast=1..9", "--combinations", "0"],
            "--combinations is 0",
        ),
        (
            &["--vary", "fast=1..9", "--search", "all"],
            "use grid, random or tpe",
        ),
        (
            &["--vary", "fast=1..9", "--objective", "luck"],
            "use one of: sharpe, sortino",
        ),
        (&["--vary", "fast=1..9", "--threads", "0"], "--threads is 0"),
        (
            &["--vary", "fast=1..9", "--from", "2030-01-01"],
            "no bar lies between",
        ),
        (
            &["--vary", "fast=1..9", "--walk-forward", "3000"],
            "bars are too few for 3003 parts",
        ),
        (&["--vary", "fast=1..9", "--strategy", "linfa"], "linfa"),
    ] {
        let line = mistake(&sweep(&place, more));
        assert!(line.contains(says), "{line}");
    }
    assert!(!place.path("out/sweep/sweep.json").exists());
    sweep(&place, &["--vary", "fast=5..3"]).refused(
        "--vary fast=5..3: its first number is not below its last; write it as NAME=5,10,20 or NAME=5..20:5 or NAME=0.1..0.9",
    );
    sweep(&place, &["--vary", "fast=5,6", "--out", "swept", "--json"]).json();
    let other = mistake(&sweep(&place, &["--vary", "fast=5,7", "--out", "swept"]));
    assert!(
        other.contains("the folder holds a sweep of other parameters"),
        "{other}"
    );
}

/// What an operator sets for an installed strategy is another trial, however it is set; a default that is named is none.
#[test]
fn a_trial_is_what_the_strategy_was_told() {
    let place = place();
    let plugins = plugins();
    let plugins = plugins.to_str().unwrap();
    let run = |more: &[&str]| {
        let mut all = vec![
            "--plugins",
            plugins,
            "backtest",
            "--csv",
            "stocks.csv",
            "--symbol",
            "AAPL",
        ];
        all.extend(["--strategy", "ema-cross", "--json"]);
        all.extend(more);
        let result: Value = place.run(&all).json();
        result["deflation"]["trials"].as_u64().unwrap()
    };
    assert_eq!(run(&[]), 1);
    assert_eq!(run(&["--param", "slow=30", "--param", "fast=10"]), 1);
    let set = |arguments: &[&str]| {
        let ran = place.run(&[&["--plugins", plugins, "plugin"][..], arguments].concat());
        assert_eq!(ran.code, 0, "{}", ran.err);
    };
    let component = format!("{plugins}/ema-cross.wasm");
    set(&["install", &component]);
    set(&["enable", "ema-cross"]);
    assert_eq!(run(&[]), 1);
    set(&["config", "set", "ema-cross", "fast=5"]);
    assert_eq!(run(&[]), 2);
    assert_eq!(run(&["--param", "fast=5"]), 2);
    set(&["config", "set", "ema-cross", "slow=60"]);
    assert_eq!(run(&[]), 3);
    // To verify is not to try.
    let verified = place.run(&["--plugins", plugins, "verify", "out/backtest"]);
    assert_eq!(verified.code, 0, "{}", verified.err);
    assert_eq!(run(&[]), 3);
    // A date that leaves out no bar is none; one that does is another trial.
    assert_eq!(run(&["--from", "1999-01-01", "--to", "2026-01-01"]), 3);
    assert_eq!(run(&["--from", "2010-01-01"]), 4);
    assert_eq!(run(&["--family", "other"]), 1);
}

/// What a backtest comes to under the terms of a sweep, with its trials.
fn backtest(place: &Place, more: &[&str]) -> (Value, u64) {
    let plugins = plugins();
    let mut all = arguments(plugins.to_str().unwrap(), more);
    all[2] = "backtest";
    all.push("--json");
    let result: Value = place.run(&all).json();
    let total = result["statistics"]["curve"]["total_return"]["value"].clone();
    (total, result["deflation"]["trials"].as_u64().unwrap())
}

/// The row of a swept value.
fn row<'a>(swept: &'a Value, value: &Value) -> &'a Value {
    let mut rows = swept["best"].as_array().unwrap().iter();
    rows.find(|row| row["values"][0] == *value).unwrap()
}

#[test]
fn a_rule_s_settings_are_varied_as_a_strategy_s_are() {
    let place = place();
    let vary = ["--vary", "risk.stop-loss.fraction=0.02,0.05,0.3"];
    let rule = ["--risk", r#"stop-loss={"fraction":"0.1"}"#];
    let swept: Value = sweep(&place, &[&vary[..], &rule, &["--json"]].concat()).json();
    assert_eq!(swept["deflation"]["trials"], 3);
    for fraction in [0.02, 0.05] {
        let rule = format!("stop-loss={{\"fraction\":{fraction}}}");
        let (total, trials) = backtest(&place, &["--strategy", "ema-cross", "--risk", &rule]);
        let row = row(&swept, &fraction.into());
        assert_eq!(row["figures"]["total-return"], total, "{row}");
        // It is the trial that the sweep put down.
        assert_eq!(trials, 3);
    }
    let (other, trials) = backtest(&place, &["--strategy", "ema-cross", rule[0], rule[1]]);
    assert_eq!(trials, 4);
    assert_ne!(row(&swept, &0.02.into())["figures"]["total-return"], other);
    for (more, says) in [
        (
            &vary[..],
            "there is no rule stop-loss; give it with --risk stop-loss",
        ),
        (
            &["--vary", "risk.stop-loss=1,2"],
            "'risk.stop-loss' names no setting",
        ),
        (
            &["--vary", "model.direction.window=1,2"],
            "there is no model direction; give a file with models by --models",
        ),
    ] {
        let line = mistake(&sweep(&place, more));
        assert!(line.contains(says), "{line}");
    }
    let unknown = [&rule[..], &["--vary", "risk.stop-loss.part=1,2"]].concat();
    let line = mistake(&sweep(&place, &unknown));
    assert!(line.contains("'part' was unexpected"), "{line}");
}

const MODELS: &str = r#"
features = ["return_5", "volatility_20", "rsi_14"]
[models.direction]
window = 250
refit-every = 125
min-samples = 60
confidence = 0.55
[[models.direction.candidates]]
plugin = "linfa"
algorithm = "logistic-regression"
[[models.direction.candidates]]
plugin = "baseline"
algorithm = "base-rate"
"#;

#[test]
fn a_model_s_settings_and_hyper_parameters_are_varied_too() {
    let place = place();
    place.write("models.toml", MODELS);
    place.write("stocks.csv", swings());
    let terms = [
        "--strategy",
        "ml-signal",
        "--models",
        "models.toml",
        "--calendar",
        "24/7",
        "--symbol",
        "STOCKS",
    ];
    let run = |vary: &str| {
        sweep(
            &place,
            &[&terms[..], &["--vary", vary, "--json", "--out", vary]].concat(),
        )
    };
    let swept: Value = run("model.direction.window=150,450").json();
    let windows: Vec<Value> = [150, 450].map(Value::from).to_vec();
    for window in &windows {
        let models = MODELS.replace("window = 250", &format!("window = {window}"));
        place.write("models.toml", models);
        let (total, trials) = backtest(&place, &terms);
        assert_eq!(row(&swept, window)["figures"]["total-return"], total);
        assert_eq!(trials, 2);
    }
    place.write("models.toml", MODELS);
    let swept: Value = run("model.direction.logistic-regression.alpha=0.01,100.0").json();
    assert_eq!(swept["deflation"]["trials"], 4);
    assert_eq!(swept["counts"]["failed"], 0);
    for (vary, says) in [
        ("model.direction.breadth=1,2", "unknown field `breadth`"),
        (
            "model.direction.svm.c=1,2",
            "model direction has no candidate svm; use one of: logistic-regression, base-rate",
        ),
        (
            "model.direction.logistic-regression.beta=1,2",
            "has no hyper-parameter beta",
        ),
        ("model.direction.logistic-regression.alpha=1,-2", "alpha"),
        (
            "model.other.window=1,2",
            "there is no model other; use one of: direction",
        ),
    ] {
        let line = mistake(&run(vary));
        assert!(line.contains(says), "{line}");
    }
}
