//! `bulkhead paper` and `bulkhead explain`: the last word of a run, every mistake as one line, and what is left
//! when a person or a full disk ends it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cli;

use bulkhead_store::{Statement, Store, StoreError, column};
use bulkhead_tests::{plugin, plugins, root};
use cli::{Place, Ran, finish};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const SESSION: &str = r#"name = "small"
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
fn with(part: &str, other: &str) -> String {
    assert!(SESSION.contains(part), "{part}");
    SESSION.replacen(part, other, 1)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The command with the project's plugins, compiled once for all tests here.
fn command(place: &Place, arguments: &[&str]) -> Command {
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

const PAPER: [&str; 5] = ["paper", "--config", "session.toml", "--out", "out"];

fn paper(place: &Place, session: &str) -> Ran {
    place.write("session.toml", session);
    finish(command(place, &PAPER))
}

fn json(place: &Place) -> Value {
    place.write("session.toml", SESSION);
    let mut arguments = PAPER.to_vec();
    arguments.push("--json");
    let ran = finish(command(place, &arguments));
    assert_eq!((ran.err.as_str(), ran.out.lines().count()), ("", 1));
    ran.json()
}

/// Names of the files in a folder; none where there is no folder.
fn names(folder: &Path) -> BTreeSet<String> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return BTreeSet::new();
    };
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// One line that has all the parts, nothing on standard output, and no report.
#[track_caller]
fn assert_refused(place: &Place, ran: &Ran, code: i32, parts: &[&str]) {
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

fn store(place: &Place) -> Store {
    bulkhead_store::wait(Store::open(place.path("state/bulkhead.db"))).unwrap()
}

/// States of all sessions that were kept.
fn states(place: &Place) -> Vec<String> {
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
    let explain = |id: &str| finish(command(&place, &["explain", id]));

    let trade = explain(proposal["decision"].as_str().unwrap());
    assert_eq!(trade.code, 0, "{}", trade.err);
    for part in ["ema-cross", "EMA 5", "rsi_14", "linfa/logistic-regression"] {
        assert!(trade.out.contains(part), "{part}: {}", trade.out);
    }
    let id = proposal["choices"][0]["decision"].as_str().unwrap();
    let choice = explain(id);
    assert_eq!(choice.code, 0, "{}", choice.err);
    assert!(choice.out.contains("the same choice"), "{}", choice.out);

    let unknown = explain("t-0000000000000000");
    assert_eq!((unknown.code, unknown.out.as_str()), (2, ""));
    assert!(
        unknown.err.contains("no session kept here has"),
        "{}",
        unknown.err
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

#[test]
fn every_mistake_in_a_configuration_is_one_line() {
    let place = Place::new();
    let data = place.path("data");
    std::fs::create_dir(&data).unwrap();
    let broken = place.path("broken.wasm");
    std::fs::write(&broken, b"\0asm no component").unwrap();
    let old = old_api(&place);
    let cases: Vec<(String, &[&str])> = vec![
        (
            with("[validation]\n", "[validation]\nvetoo = true\n"),
            &["vetoo", "session.toml", "line 38"],
        ),
        (
            with("cash = \"100000\"", "cash = \"many\""),
            &["many", "line 3"],
        ),
        (with("cash = \"100000\"", "cash = 0"), &["cash is 0"]),
        (
            with("name = \"small\"", "name = small"),
            &["session.toml", "line 1"],
        ),
        (
            with("seed = 5", "from = \"2000-13-01\""),
            &["'2000-13-01' is not a date"],
        ),
        (
            with("seed = 5", "from = \"2040-01-01\""),
            &["no bar lies between"],
        ),
        (
            with("symbols = [\"AAA\"]\nconfig", "symbols = [\"XYZ\"]\nconfig"),
            &["no symbol XYZ", "use one of: AAA"],
        ),
        (
            with(
                "symbols = [\"AAA\"]\nconfig = { fast",
                "symbols = [\"XYZ\"]\nconfig = { fast",
            ),
            &["strategy ema-cross trades XYZ", "use one of: AAA"],
        ),
        (with("\"rsi_14\"", "\"rsi_fourteen\""), &["rsi_fourteen"]),
        (
            with("model = \"direction\"", "model = \"magic\""),
            &[
                "strategy ml-signal needs model magic",
                "there is: direction",
            ],
        ),
        (
            with("\"logistic-regression\"", "\"oracle\""),
            &["linfa has no classifier oracle", "random-forest"],
        ),
        (
            with("alpha = 1.0", "alfa = 1.0"),
            &["no hyper-parameter alfa", "alpha"],
        ),
        (
            with("alpha = 1.0", "alpha = \"much\""),
            &["hyper-parameter alpha", "\"much\"", "use a number from"],
        ),
        (
            with("alpha = 1.0", "alpha = -1.0"),
            &["hyper-parameter alpha", "-1", "use a number from"],
        ),
        (with("fast = 5", "fats = 5"), &["ema-cross", "fats"]),
        (
            with("fast = 5", "fast = 30"),
            &["ema-cross", "`slow`", "fast"],
        ),
        (
            with("bars = 500", "bars = \"all\""),
            &["synthetic", "/bars"],
        ),
        (
            with("max-gross-exposure", "max-gross-exposition"),
            &["limits", "max-gross-exposition"],
        ),
        (
            with("plugin = \"ema-cross\"", "plugin = \"linfa\""),
            &["linfa", "model", "strategy"],
        ),
        (
            with("plugin = \"limits\"", "plugin = \"paper\""),
            &["paper", "broker", "risk-rule"],
        ),
        (
            with(
                "[broker]\nplugin = \"paper\"",
                "[broker]\nplugin = \"rulebook\"",
            ),
            &["rulebook", "ai-provider", "broker"],
        ),
        (
            with("plugin = \"linfa\"", "plugin = \"ema-cross\""),
            &["ema-cross", "strategy", "model"],
        ),
        (
            with("plugin = \"rulebook\"", "plugin = \"csv\""),
            &["csv", "data-source", "ai-provider"],
        ),
        (
            with(
                "plugin = \"rulebook\"",
                "plugin = \"rulebook\"\nmodel = \"gpt\"",
            ),
            &["no model gpt", "use one of: rulebook"],
        ),
        (
            with("plugin = \"ema-cross\"", "plugin = \"nobody\""),
            &["there is no plugin nobody", "use one of:", "ema-cross"],
        ),
        (
            with("plugin = \"ema-cross\"", "plugin = \"nowhere.wasm\""),
            &["nowhere.wasm", "No such file"],
        ),
        (
            with("plugin = \"ema-cross\"", &format!("plugin = {broken:?}")),
            &["broken.wasm"],
        ),
        (
            with("plugin = \"ema-cross\"", &format!("plugin = {old:?}")),
            &["built for API 9.0, this host speaks 0.1", "old.wasm"],
        ),
        (
            with("name = \"ml-signal\"", "name = \"ema-cross\""),
            &["two strategies are named ema-cross"],
        ),
    ];
    for (session, parts) in cases {
        let ran = paper(&place, &session);
        println!("{}", ran.err);
        assert_refused(&place, &ran, 2, parts);
        let somewhere = ["session.toml", ".wasm", "target/plugins"];
        assert!(
            somewhere.iter().any(|file| ran.err.contains(file)),
            "{}",
            ran.err
        );
    }
    // Not one of them is left as a session that runs.
    let states = states(&place);
    assert!(states.iter().all(|state| state == "failed"), "{states:?}");
}

/// A component that says it was made for another contract.
fn old_api(place: &Place) -> PathBuf {
    let manifest = bulkhead_manifest::read_section(&std::fs::read(plugin("ema-cross")).unwrap());
    let mut manifest = serde_json::to_value(manifest.unwrap()).unwrap();
    manifest["api"] = "9.0".into();
    let mut component = wat::parse_str("(component)").unwrap();
    wasm_encoder::ComponentSection::append_to_component(
        &wasm_encoder::CustomSection {
            name: bulkhead_manifest::SECTION.into(),
            data: serde_json::to_vec(&manifest).unwrap().into(),
        },
        &mut component,
    );
    place.write("old.wasm", component);
    place.path("old.wasm")
}

const HEADER: &str = "Date,Open,High,Low,Close,Volume,Adj Close\n";

#[test]
fn every_mistake_in_a_data_file_is_one_line() {
    let place = Place::new();
    let bars = |file: &str| {
        with(
            "plugin = \"synthetic\"\ndataset = \"synthetic\"",
            &format!("plugin = \"csv\"\nfolder = \"data\"\ndataset = \"{file}\""),
        )
        .replacen(
            "config = { seed = 11, bars = 500, symbols = [\"AAA\"], signal = { planted = { strength = 0.3 } } }",
            &format!("config = {{ file = \"{file}\", symbol = \"AAA\" }}"),
            1,
        )
    };
    let ran = paper(&place, &bars("bars.csv"));
    assert_refused(&place, &ran, 2, &["folder", "does not exist", "data"]);
    std::fs::create_dir(place.path("data")).unwrap();
    let ran = paper(&place, &bars("bars.csv"));
    assert_refused(&place, &ran, 2, &["bars.csv"]);
    let good = "2000-03-01,1,2,0.5,1.5,100,1.5\n";
    for (content, parts) in [
        (String::new(), &["bars.csv", "empty"][..]),
        (HEADER.to_owned(), &["bars.csv"]),
        (
            format!("{HEADER}{good}"),
            &["AAA has one bar only", "at least two"],
        ),
        (
            format!("Day,First,Most,Least,Last,Traded,Adjusted\n{good}"),
            &["bars.csv", "no open, high, low and close columns"],
        ),
        (
            format!("{HEADER}{good}2000-03-02,1,two,0.5,1.5,100,1.5\n"),
            &["bars.csv", "line 3", "High", "two"],
        ),
        (
            format!("{HEADER}{good}03/02/2000,1,2,0.5,1.5,100,1.5\n"),
            &["bars.csv", "line 3", "Date", "dates in two formats"],
        ),
    ] {
        place.write("data/bars.csv", &content);
        let ran = paper(&place, &bars("bars.csv"));
        println!("{}", ran.err);
        assert_refused(&place, &ran, 2, parts);
    }
}

#[test]
fn files_that_are_missing_broken_or_in_the_way_are_named() {
    let place = Place::new();
    place.run(&PAPER).refused(
        "the plugin folder cannot be read: No such file or directory (os error 2) (target/plugins); build the \
         plugins with `cargo xtask plugins`, or name their folder with --plugins",
    );
    finish(command(&place, &PAPER)).refused(
        "the configuration cannot be read: No such file or directory (os error 2) (session.toml); check the path",
    );
    place.write("session.toml", SESSION);

    // A file where folders should be.
    place.write("blocked", "");
    for (folders, parts) in [
        (["--out", "blocked"], &["report's folder", "blocked"][..]),
        (
            ["--out", "blocked/out"],
            &["report's folder", "blocked/out"],
        ),
        (["--state", "blocked"], &["state folder", "blocked"]),
    ] {
        let mut arguments = PAPER.to_vec();
        if folders[0] == "--out" {
            arguments.truncate(3);
        }
        arguments.extend(folders);
        let ran = finish(command_without_state(&place, &arguments));
        println!("{}", ran.err);
        assert_refused(&place, &ran, 2, parts);
    }

    // A database that is none, and one that was damaged.
    std::fs::create_dir_all(place.path("state")).unwrap();
    place.write("state/bulkhead.db", "no database, but a note".repeat(50));
    let ran = paper(&place, SESSION);
    assert_refused(&place, &ran, 2, &["bulkhead.db", "not a SQLite database"]);
    let explained = finish(command(&place, &["explain", "t-1"]));
    assert_refused(
        &place,
        &explained,
        2,
        &["bulkhead.db", "not a SQLite database"],
    );
    std::fs::remove_file(place.path("state/bulkhead.db")).unwrap();
    json(&place);
    std::fs::remove_dir_all(place.path("out")).unwrap();
    // What is still in the log beside the database would mend it.
    let folded = store(&place);
    bulkhead_store::wait(async {
        folded.close().await;
        Ok::<_, StoreError>(())
    })
    .unwrap();
    let mut bytes = std::fs::read(place.path("state/bulkhead.db")).unwrap();
    let middle = bytes.len() / 2;
    bytes[4096..middle].fill(0xa5);
    place.write("state/bulkhead.db", &bytes);
    let ran = paper(&place, SESSION);
    println!("{}", ran.err);
    assert_refused(&place, &ran, 2, &["bulkhead.db", "damaged"]);
    // It is as it was: there may be something to be saved in it.
    assert!(std::fs::read(place.path("state/bulkhead.db")).unwrap() == bytes);
}

/// As [`command`], but for the state folder.
fn command_without_state(place: &Place, arguments: &[&str]) -> Command {
    let plugins = plugins();
    let cache = concat!(env!("CARGO_TARGET_TMPDIR"), "/aot");
    let mut all = vec!["--plugins", text(&plugins), "--cache", cache];
    all.extend(arguments);
    place.command(&all)
}

/// A session that takes some seconds.
fn long() -> String {
    let text = with("bars = 500", "bars = 60000, start = \"1950-01-02\"");
    let (head, rest) = text.split_once("[models.direction]").unwrap();
    let (_, rest) = rest.split_once("[[strategies]]").unwrap();
    let (ema, rest) = rest.split_once("[[strategies]]").unwrap();
    let (_, rest) = rest.split_once("[[risk]]").unwrap();
    format!("{head}[[strategies]]{ema}[[risk]]{rest}")
}

#[cfg(unix)]
#[test]
fn a_person_can_end_a_session_and_keeps_what_was_done() {
    let place = Place::new();
    place.write("session.toml", long());
    let mut command = command(&place, &PAPER);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    // The first tenth of the bars has been seen.
    while !line.starts_with("small: ") {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "it ended by itself");
    }
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{rest}");
    assert!(rest.contains("ending after the bar at hand"), "{rest}");
    assert!(!rest.contains("error"), "{rest}");

    let report = std::fs::read(place.path("out/report.json")).unwrap();
    let report: Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(report["main"]["ending"], "interrupted");
    let bars = report["main"]["totals"]["bars"].as_u64().unwrap();
    assert!((6_000..60_000).contains(&bars), "{bars}");
    assert!(place.path("out/report.html").is_file());
    assert_eq!(states(&place), ["interrupted"]);
    let id = report["main"]["proposals"][0]["decision"].as_str().unwrap();
    let explained = finish(self::command(&place, &["explain", id]));
    assert_eq!(explained.code, 0, "{}", explained.err);
}

/// Many symbols, none of which is traded: a large report and a small database.
fn wide() -> String {
    let symbols: Vec<String> = (0..400).map(|number| format!("\"S{number:03}\"")).collect();
    long()
        .replace("bars = 60000, start = \"1950-01-02\"", "bars = 100")
        .replace("slow = 20", "slow = 500")
        .replace("[\"AAA\"]", &format!("[{}]", symbols.join(", ")))
}

#[cfg(unix)]
#[test]
fn a_full_disk_leaves_the_old_report_and_nothing_half_written() {
    let place = Place::new();
    let ran = paper(&place, &wide());
    assert_eq!(ran.code, 0, "{}", ran.err);
    let old = |name: &str| std::fs::read(place.path("out").join(name)).unwrap();
    let before = [old("report.html"), old("report.json")];
    let files = names(&place.path("out"));

    // No file may grow to the size of the report's data, below which all others stay: for it, the disk is
    // full. Where the signal is ignored, writing fails with an error, as it does on a full disk.
    let blocks = before[1].len() / 512 - 1;
    assert!(blocks > 2_000, "{blocks} blocks of 512 bytes");
    place.write("session.toml", wide());
    let mut limited = Command::new("sh");
    let shell = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
    let command = command(&place, &PAPER);
    limited
        .args(["-c", &shell, "sh"])
        .arg(command.get_program());
    limited.args(command.get_args());
    limited.current_dir(command.get_current_dir().unwrap());
    let ran = finish(limited);
    assert_eq!(ran.code, 1, "{}", ran.err);
    let errors: Vec<_> = ran
        .err
        .lines()
        .filter(|line| !line.starts_with("small"))
        .collect();
    let [line] = errors.as_slice() else {
        panic!("{}", ran.err);
    };
    for part in ["error: cannot write", "out/report.", "nothing was changed"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert!(before == [old("report.html"), old("report.json")]);
    assert_eq!(names(&place.path("out")), files);
    // The session itself was kept before its report was tried.
    assert_eq!(states(&place), ["completed", "completed"]);
}

#[test]
fn the_demo_configuration_is_one() {
    let demo = root().join("examples/demo/demo.toml");
    let config = bulkhead_session::SessionConfig::read(&demo).unwrap();
    for control in &config.controls {
        let path = demo.parent().unwrap().join(&control.config);
        bulkhead_session::SessionConfig::read(&path).unwrap();
    }
    assert_eq!(config.controls.len(), 2);
}
