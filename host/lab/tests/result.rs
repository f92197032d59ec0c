//! A run's folder: whole or not at all, described by its schema, small for millions of bars, proof against what others
//! word.

mod run;

use bulkhead_domain::time::SECOND;
use bulkhead_lab::result::{EquityWriter, Run, RunResult, SCHEMA, Status, Written, write};
use parquet::file::reader::{FileReader, SerializedFileReader};
use run::Made;
use serde_json::Value;
use std::fs::{self, File};
use std::path::Path;

fn of(made: &Made) -> Run<'_> {
    Run {
        result: &made.result,
        performance: &made.performance,
        prices: &made.prices,
    }
}

#[expect(clippy::unwrap_used, reason = "tests")]
fn written(made: &Made, folder: &Path) -> (Written, String) {
    let written = write(folder, &of(made), None).unwrap();
    let html = fs::read_to_string(&written.html).unwrap();
    (written, html)
}

#[expect(clippy::unwrap_used, reason = "tests")]
fn schema() -> jsonschema::Validator {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    assert!(jsonschema::meta::is_valid(&schema));
    jsonschema::validator_for(&schema).unwrap()
}

#[expect(clippy::unwrap_used, reason = "tests")]
fn valid(result: &RunResult) {
    let value = serde_json::to_value(result).unwrap();
    let errors: Vec<String> = schema()
        .iter_errors(&value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

#[test]
fn the_schema_describes_results_and_nothing_else() {
    let mut made = run::run(&run::closes());
    assert!(made.result.statistics.trades.closed > 20);
    assert!(!made.result.diagnoses.is_empty());
    valid(&made.result);
    made.result.status = Status::Partial {
        error: "the strategy trapped".into(),
        time: 5,
    };
    made.result.totals.slippage = None;
    valid(&made.result);

    let good = serde_json::to_value(&made.result).unwrap();
    let schema = schema();
    for (pointer, bad) in [
        ("/format", serde_json::json!(2)),
        ("/digest", serde_json::json!("abc")),
        ("/label", serde_json::json!("proven")),
        ("/status/state", serde_json::json!("complete")),
        ("/totals/fees", serde_json::json!(1.5)),
        ("/statistics/curve/sharpe/value", serde_json::json!("NaN")),
        (
            "/statistics/curve/sharpe",
            serde_json::json!({ "value": 1.0 }),
        ),
        ("/diagnoses/0/severity", serde_json::json!("bad")),
    ] {
        let mut value = good.clone();
        *value.pointer_mut(pointer).unwrap() = bad;
        assert!(!schema.is_valid(&value), "{pointer}");
    }
}

#[test]
fn a_run_without_a_trade_and_one_of_a_single_bar_are_told_of() {
    let closes = run::closes();
    for bars in [1, 2, 40] {
        let made = run::run(&closes[..bars]);
        valid(&made.result);
        let folder = tempfile::tempdir().unwrap();
        let (_, html) = written(&made, folder.path());
        assert!(html.contains("Nothing was traded."), "{bars}");
        assert!(!html.contains("NaN") && !html.contains("inf "), "{bars}");
    }
}

#[test]
fn results_are_read_back_and_equal_runs_give_equal_bytes() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let made = run::run(&run::closes());
    let (first, html) = written(&made, one.path());
    let (second, again) = written(&run::run(&run::closes()), two.path());
    assert_eq!(html, again);
    let json = fs::read(&first.json).unwrap();
    assert_eq!(json, fs::read(second.json).unwrap());
    let read: RunResult = serde_json::from_slice(&json).unwrap();
    assert_eq!(read.totals, made.result.totals);
    assert_eq!(read.diagnoses.len(), made.result.diagnoses.len());
    assert_eq!(
        fs::read(first.trades).unwrap(),
        fs::read(second.trades).unwrap()
    );
}

#[test]
fn trades_are_listed_for_a_spreadsheet_that_computes_none_of_their_texts() {
    let mut made = run::run(&run::closes());
    made.result.run.instruments[0].symbol = "=HYPERLINK(\"x\")".into();
    let folder = tempfile::tempdir().unwrap();
    let (written, _) = written(&made, folder.path());
    let csv = fs::read_to_string(written.trades).unwrap();
    let lines: Vec<&str> = csv.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), made.performance.trades.len() + 1);
    assert!(
        lines[0].starts_with("owner,symbol,side,opened,closed"),
        "{}",
        lines[0]
    );
    assert!(
        lines[1].starts_with("mean-cross,\"'=HYPERLINK"),
        "{}",
        lines[1]
    );
    assert!(lines[1].contains(",long,2005-"), "{}", lines[1]);
}

#[test]
fn every_bars_equity_is_kept_and_appears_with_the_rest_only() {
    let folder = tempfile::tempdir().unwrap();
    let made = run::run(&run::closes());
    let mut writer = EquityWriter::create(folder.path()).unwrap();
    for bar in 0..150_000 {
        writer.push(bar, 100.0 + bar as f64, 50.0, 0.5).unwrap();
    }
    let file = writer.finish().unwrap();
    let place = folder.path().join("equity.parquet");
    assert!(!place.exists());
    let written = write(folder.path(), &of(&made), Some(file)).unwrap();
    assert_eq!(written.equity.as_deref(), Some(place.as_path()));
    let reader = SerializedFileReader::new(File::open(&place).unwrap()).unwrap();
    assert_eq!(reader.metadata().file_metadata().num_rows(), 150_000);
    assert_eq!(reader.num_row_groups(), 3);
    let last = reader.get_row_iter(None).unwrap().last().unwrap().unwrap();
    assert_eq!(
        last.to_string(),
        "{time: 149999, equity: 150099.0, cash: 50.0, gross_exposure: 0.5}"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);

    // The next run in this folder keeps no curve: the old one is not left for its own.
    write(folder.path(), &of(&made), None).unwrap();
    assert!(!place.exists());
}

#[test]
fn a_run_that_is_given_up_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = EquityWriter::create(folder.path()).unwrap();
    writer.push(1, 1.0, 1.0, 0.0).unwrap();
    drop(writer.finish().unwrap());
    drop(EquityWriter::create(folder.path()).unwrap());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_place_that_is_taken_leaves_everything_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("result.json")).unwrap();
    let made = run::run(&run::closes());
    let problem = write(folder.path(), &of(&made), None)
        .unwrap_err()
        .to_string();
    assert!(
        problem.contains("result.json") && problem.contains("move it away"),
        "{problem}"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_page_of_a_million_bars_is_small() {
    let start = run::closes()[0].0;
    let closes: Vec<(i64, f64)> = (0..1_000_000i64)
        .map(|bar| {
            let wave = (bar % 400 - 200).abs() as f64 / 10.0;
            (
                start + bar * 60 * SECOND,
                100.0 + wave + (bar % 7) as f64 * 0.1,
            )
        })
        .collect();
    let made = run::run(&closes);
    assert!(made.performance.trades.len() > 2_000);
    let folder = tempfile::tempdir().unwrap();
    let (_, html) = written(&made, folder.path());
    assert!(html.len() < 600_000, "{} bytes", html.len());
    assert!(html.contains("<code>trades.csv</code> has all"));
}

#[test]
fn what_others_word_cannot_become_markup_and_nothing_is_loaded_or_run() {
    let words = "</title><script>alert(1)</script><img src=x onerror=alert(1)>\"'";
    let mut made = run::run(&run::closes());
    let result = &mut made.result;
    result.run.strategy = words.into();
    result.run.version = words.into();
    result.run.seed = words.into();
    result.run.engine = words.into();
    result.currency = words.into();
    result.run.instruments[0].symbol = words.into();
    result.run.parameters.insert(words.into(), words.into());
    result.run.config = words.into();
    result.status = Status::Partial {
        error: words.into(),
        time: 0,
    };
    for diagnosis in &mut result.diagnoses {
        diagnosis.text = words.into();
        diagnosis.rule = words.into();
    }
    result.statistics.benchmarks[0].name = words.into();
    made.performance.benchmarks[0].name = words.into();
    made.prices[0].symbol = words.into();
    let folder = tempfile::tempdir().unwrap();
    let (_, html) = written(&made, folder.path());
    for tag in ["<script", "<img", "style=\"", "http://", "https://", "url("] {
        assert!(!html.contains(tag), "{tag}");
    }
    assert_eq!(html.matches("</title>").count(), 1);
    assert!(html.contains("default-src 'none'"));
    assert!(html.contains("This run failed on 1970-01-01"));
}
