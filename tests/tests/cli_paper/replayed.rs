//! A session that was recorded, run again through the backtest's engine by the command.

use crate::cli::{Place, Ran, command_in, finish};
use crate::small::{SESSION, paper, store, text, with};
use bulkhead_store::Statement;
use bulkhead_tests::plugins;
use serde_json::Value;

/// Replays the small session from another folder than it was run in.
fn replay(place: &Place, more: &[&str]) -> Ran {
    let (plugins, state) = (plugins(), place.path("state"));
    let (elsewhere, cache) = (place.path("elsewhere"), env!("CARGO_TARGET_TMPDIR"));
    std::fs::create_dir_all(&elsewhere).unwrap();
    let mut all = vec!["--plugins", text(&plugins), "--state", text(&state)];
    all.extend([
        "--cache",
        concat!(env!("CARGO_TARGET_TMPDIR"), "/aot"),
        "replay",
        "small",
    ]);
    all.extend(more);
    finish(command_in(&elsewhere, cache.as_ref(), &all))
}

#[test]
fn a_replay_is_equal_or_says_what_is_not() {
    let place = Place::new();
    let ran = paper(&place, SESSION);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let equal = replay(&place, &[]);
    assert_eq!(equal.code, 0, "{}", equal.err);
    assert!(equal.out.starts_with("equal: "), "{}", equal.out);
    assert!(equal.out.contains(" over 500 bars in "), "{}", equal.out);
    let told: Value = replay(&place, &["--json"]).json();
    assert!(told["difference"].is_null(), "{told}");
    assert!(told["decisions"].as_u64().unwrap() > 10, "{told}");

    let writer = store(&place).writer().unwrap();
    let sql = "UPDATE proposals SET record = replace(record, 'EMA 5', 'EMA 6') \
         WHERE decision = (SELECT decision FROM proposals WHERE record LIKE '%EMA 5%' ORDER BY time LIMIT 1)";
    writer.write(Statement::new(sql)).unwrap();
    writer.flush().unwrap();
    drop(writer);
    let parted = replay(&place, &[]);
    assert_eq!(parted.code, 2, "{}", parted.err);
    for part in [
        " and its replay part on ",
        "of ema-cross on AAA",
        "it differs in reason",
    ] {
        assert!(parted.err.contains(part), "{part}: {}", parted.err);
    }
    for part in [
        "| <> | reason ",
        "EMA 6",
        "EMA 5",
        "features rsi_14",
        "session",
        "backtest",
    ] {
        assert!(parted.out.contains(part), "{part}: {}", parted.out);
    }
}

/// Wherever the command is run, relative paths start where the configuration lay.
#[test]
fn a_replay_finds_what_the_configuration_named() {
    let place = Place::new();
    std::fs::create_dir(place.path("bars")).unwrap();
    let bars = "Date,Open,High,Low,Close,Volume\n";
    let line = |day: usize| {
        let close = 100.0 + ((day * 7) % 11) as f64;
        format!(
            "2024-{:02}-{:02},{close},{},{},{close},1000000\n",
            1 + day / 28,
            1 + day % 28,
            close + 1.0,
            close - 1.0
        )
    };
    let bars = (0..200).fold(bars.to_owned(), |text, day| text + &line(day));
    place.write("bars/a.csv", bars);
    let data = r#"plugin = "synthetic"
dataset = "synthetic"
symbols = ["AAA"]
config = { seed = 11, bars = 500, symbols = ["AAA"], signal = { planted = { strength = 0.3 } } }"#;
    let csv = r#"plugin = "csv"
folder = "bars"
dataset = "a.csv"
symbols = ["AAA"]
calendar = "24/7"
config = { file = "a.csv", symbol = "AAA" }"#;
    let ran = paper(&place, &with(data, csv));
    assert_eq!(ran.code, 0, "{}", ran.err);
    let again = replay(&place, &[]);
    assert_eq!(again.code, 0, "{}", again.err);
    place.write(
        "bars/a.csv",
        "Date,Open,High,Low,Close,Volume\n2024-01-01,1,1,1,1,1\n2024-01-02,1,1,1,1,1\n",
    );
    let changed = replay(&place, &[]);
    assert_eq!(changed.code, 2, "{}", changed.err);
    assert!(
        changed.err.contains("data AAA is not what run s-"),
        "{}",
        changed.err
    );
}
