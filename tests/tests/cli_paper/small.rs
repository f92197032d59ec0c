//! A small session, and how it is run.

use crate::cli::{Place, Ran, finish};
use bulkhead_store::{Store, StoreError, column};
use bulkhead_tests::plugins;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

pub(crate) const SESSION: &str = r#"name = "small"
seed = 5
cash = "100000"
features = ["return_1", "volatility_20", "rsi_14", "volume_z_20"]

[[data]]
plugin = "synthetic"
dataset = "synthetic"
symbols = ["AAA"]
config = { seed = 11, bars = 500, symbols = ["AAA"], signal = { planted = { strength = 0.3 } } }

[models.direction]
window = 120
refit-every = 60
min-samples = 60

[[models.direction.candidates]]
plugin = "linfa"
algorithm = "logistic-regression"
parameters = { alpha = 1.0 }

[[strategies]]
name = "ema-cross"
plugin = "ema-cross"
symbols = ["AAA"]
config = { fast = 5, slow = 20, size = "100" }

[[strategies]]
name = "ml-signal"
plugin = "ml-signal"
config = { model = "direction" }

[[risk]]
plugin = "limits"
config = { max-gross-exposure = "1" }

[validation]
plugin = "rulebook"

[broker]
plugin = "paper"
"#;

/// The small session with part of its text replaced.
#[track_caller]
pub(crate) fn with(part: &str, other: &str) -> String {
    assert!(SESSION.contains(part), "{part}");
    SESSION.replacen(part, other, 1)
}

/// The small session without models, which take most of its time.
pub(crate) fn without_models() -> String {
    let (head, rest) = SESSION.split_once("[models.direction]").unwrap();
    let (_, rest) = rest.split_once("[[strategies]]").unwrap();
    let (ema, rest) = rest.split_once("[[strategies]]").unwrap();
    let (_, rest) = rest.split_once("[[risk]]").unwrap();
    format!("{head}[[strategies]]{ema}[[risk]]{rest}")
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The command with the project's plugins, compiled once for all tests here.
pub(crate) fn command(place: &Place, arguments: &[&str]) -> Command {
    let plugins = plugins();
    let mut all = vec![
        "--plugins",
        text(&plugins),
        "--cache",
        concat!(env!("CARGO_TARGET_TMPDIR"), "/aot"),
        "--state",
        "state",
    ];
    all.extend(arguments);
    place.command(&all)
}

pub(crate) const PAPER: [&str; 5] = ["paper", "--config", "session.toml", "--out", "out"];

pub(crate) fn paper(place: &Place, session: &str) -> Ran {
    place.write("session.toml", session);
    finish(command(place, &PAPER))
}

pub(crate) fn json(place: &Place) -> Value {
    place.write("session.toml", SESSION);
    let mut arguments = PAPER.to_vec();
    arguments.push("--json");
    let ran = finish(command(place, &arguments));
    assert_eq!((ran.err.as_str(), ran.out.lines().count()), ("", 1));
    ran.json()
}

/// Names of the files in a folder; none where there is no folder.
pub(crate) fn names(folder: &Path) -> BTreeSet<String> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return BTreeSet::new();
    };
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// One line that has all the parts, nothing on standard output, and no report.
#[track_caller]
pub(crate) fn assert_refused(place: &Place, ran: &Ran, code: i32, parts: &[&str]) {
    let Ran { out, err, .. } = ran;
    assert_eq!(ran.code, code, "{err}");
    let line = err.strip_suffix('\n').unwrap();
    assert!(line.starts_with("error: ") && !line.contains('\n'), "{err}");
    assert_eq!(out, "");
    assert!(
        line.contains("; "),
        "it does not say how to mend it: {line}"
    );
    for part in parts {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert_eq!(names(&place.path("out")), BTreeSet::new(), "{line}");
}

pub(crate) fn store(place: &Place) -> Store {
    bulkhead_store::wait(Store::open(place.path("state/bulkhead.db"))).unwrap()
}

/// States of all sessions that were kept.
pub(crate) fn states(place: &Place) -> Vec<String> {
    let store = store(place);
    bulkhead_store::wait(async {
        let rows = sqlx::query("SELECT state FROM sessions ORDER BY run")
            .fetch_all(store.pool())
            .await
            .unwrap();
        rows.iter()
            .map(|row| column(row, "state"))
            .collect::<Result<_, StoreError>>()
    })
    .unwrap()
}
