//! A process owns the state folder: it makes the changes, and can be stopped meanwhile.

use crate::cli::Place;
use crate::components::version;
use crate::{bad, command, good, install, json, text, verified};
use bulkhead_desk::switch::control::{Control, Operations};
use bulkhead_desk::switch::{self, GatewayLock};
use bulkhead_domain::Problem;
use bulkhead_store::{Store, wait};
use bulkhead_tests::{plugin, plugins};
use serde_json::Value;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Longer than this test on any machine.
const SESSION: &str = r#"
name = "busy"
seed = 3
cash = "1000000"

[[data]]
plugin = "synthetic"
dataset = "synthetic"
symbols = ["AAA"]
config = { seed = 5, bars = 60000, start = "1950-01-02", symbols = ["AAA"] }

[[strategies]]
name = "fast"
plugin = "ema-cross"
config = { fast = 2, slow = 3, size = "100" }

[broker]
plugin = "paper"
"#;

fn with_folder(place: &Place, arguments: &[&str]) -> Command {
    let plugins = plugins();
    let mut all = vec!["--plugins", text(&plugins)];
    all.extend(arguments);
    command(place, &all)
}

/// Starts a session and waits until it owns the folder and listens.
fn session(place: &Place) -> Child {
    session_of(place, 60_000)
}

fn session_of(place: &Place, bars: u32) -> Child {
    let text = SESSION.replace("bars = 60000", &format!("bars = {bars}"));
    place.write("session.toml", &text);
    let mut paper = with_folder(
        place,
        &[
            "--json",
            "paper",
            "--config",
            "session.toml",
            "--out",
            "out",
        ],
    );
    let child = paper
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while !place.path("state/control.sock").exists() {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "it never listened"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    child
}

fn wait_for(what: &str, done: &mut dyn FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until the session has traded for a while.
fn trading(place: &Place) {
    wait_for("it never began", &mut || {
        let status = crate::run(place, &["--json", "statement", "--list"]);
        status.code == 0 && status.out.contains("running")
    });
    std::thread::sleep(Duration::from_millis(300));
}

/// The audit log.
fn exported(place: &Place) -> String {
    let export = place.path("log.jsonl");
    let ran = crate::run(place, &["audit", "export", "--out", text(&export)]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    std::fs::read_to_string(&export).unwrap()
}

#[test]
fn the_process_that_owns_the_folder_makes_the_changes() {
    let place = Place::new();
    let session = session(&place);
    place.write("one.wasm", std::fs::read(plugin("linfa")).unwrap());
    place.write("two.wasm", version("linfa", "0.9.0"));
    let made = json(&place, &["plugin", "install", "one.wasm"]);
    assert_eq!(made["owned"], true);
    let said = good(&place, &["plugin", "enable", "linfa"]);
    assert!(said.contains("; no session that runs takes it"), "{said}");
    good(&place, &["plugin", "install", "two.wasm"]);
    good(&place, &["plugin", "swap", "linfa", "--to", "0.9.0"]);

    let ended = Command::new("kill")
        .args(["-INT", &session.id().to_string()])
        .status()
        .unwrap();
    assert!(ended.success());
    let output = session.wait_with_output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let history = json(&place, &["plugin", "history", "linfa"]);
    assert_eq!(history.as_array().unwrap().len(), 4);
    verified(&place);
    // Nobody owns the folder now: the command does it itself.
    assert_eq!(
        json(&place, &["plugin", "rollback", "linfa"])["owned"],
        false
    );
    verified(&place);
}

#[test]
fn what_is_changed_during_a_session_does_not_disturb_its_records() {
    let place = Place::new();
    install(&place, &std::fs::read(plugin("ema-cross")).unwrap());
    install(&place, &version("ema-cross", "0.2.0"));
    good(&place, &["plugin", "enable", "ema-cross"]);
    let mut running = session(&place);
    trading(&place);
    for (change, holds) in [
        (
            &["plugin", "swap", "ema-cross", "--to", "0.2.0"][..],
            "; the session that runs takes it at its next moment",
        ),
        (
            &["plugin", "config", "set", "ema-cross", "fast=4"],
            "; a session that runs goes on as it began, and the next one heeds it",
        ),
        (
            &["plugin", "rollback", "ema-cross"],
            "; the session that runs takes it at its next moment",
        ),
    ] {
        let said = good(&place, change);
        assert!(said.contains(holds), "{said}");
    }
    running.kill().unwrap();
    running.wait().unwrap();
    verified(&place);
    let shown = json(&place, &["plugin", "inspect", "ema-cross"]);
    assert_eq!(
        (&shown["installed"]["generation"], &shown["config"]),
        (&3.into(), &serde_json::json!({}))
    );
}

#[test]
fn versions_swapped_in_during_a_session_are_seen_by_it_and_a_run_that_was_killed_resumes_on_both() {
    let place = Place::new();
    // In an order that is not that of their names.
    const SWAPPED: [&str; 2] = ["paper", "ema-cross"];
    for id in SWAPPED {
        install(&place, &std::fs::read(plugin(id)).unwrap());
        install(&place, &version(id, "0.2.0"));
        good(&place, &["plugin", "enable", id]);
    }
    let mut running = session_of(&place, 12_000);
    let swapped = || {
        let log = exported(&place);
        let lines = log
            .lines()
            .filter(|line| line.contains("\"kind\":\"swapped\""));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    trading(&place);
    for id in SWAPPED {
        good(&place, &["plugin", "swap", id, "--to", "0.2.0"]);
    }
    wait_for("it never swapped", &mut || swapped().len() == 2);
    running.kill().unwrap();
    running.wait().unwrap();
    verified(&place);
    let before = swapped();
    for (record, id) in before.iter().zip(SWAPPED) {
        assert!(
            record.contains(id) && !record.contains("refused"),
            "{record}"
        );
    }
    // The run began with what served before.
    let said = bad(&place, &["plugin", "uninstall", "ema-cross@0.1.0"]);
    assert!(said.contains("has not ended and needs 0.1.0 ("), "{said}");

    // The version in service is the new one by now; the run that goes on began with the old one.
    let plugins = plugins();
    let arguments = [
        "--plugins",
        text(&plugins),
        "--json",
        "paper",
        "--config",
        "session.toml",
    ];
    let ran = crate::run(&place, &[arguments.as_slice(), &["--out", "out"]].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    let result = ran.json();
    assert_eq!(result["ending"], "completed", "{result}");
    for (swap, id) in result["swaps"].as_array().unwrap().iter().zip(SWAPPED) {
        assert_eq!(
            (&swap["plugin"], &swap["version"]),
            (&id.into(), &"0.2.0".into())
        );
        assert_eq!(swap["places"][0][1], "snapshot", "{swap}");
    }
    assert_eq!(result["incidents"], 0, "{result}");
    assert_eq!(swapped(), before);
    verified(&place);
}

#[test]
fn a_fresh_start_leaves_what_was_killed_behind_whatever_version_it_ran() {
    let place = Place::new();
    install(&place, &std::fs::read(plugin("ema-cross")).unwrap());
    install(&place, &version("ema-cross", "0.2.0"));
    good(&place, &["plugin", "enable", "ema-cross"]);
    let mut killed = session_of(&place, 3_000);
    trading(&place);
    killed.kill().unwrap();
    killed.wait().unwrap();
    good(&place, &["plugin", "swap", "ema-cross", "--to", "0.2.0"]);
    let plugins = plugins();
    let paper = |more: &[&str]| {
        let arguments = ["--plugins", text(&plugins), "--json", "paper"];
        let files = ["--config", "session.toml", "--out", "out"];
        let ran = crate::run(&place, &[&arguments[..], &files, more].concat());
        assert_eq!(ran.code, 0, "{}", ran.err);
        let result = ran.json();
        assert_eq!(result["swaps"], serde_json::json!([]), "{result}");
        result["run"].as_str().unwrap().to_owned()
    };
    let fresh = paper(&["--fresh"]);
    let again = paper(&[]);
    // The run that was killed is another session's: it began with another version.
    assert_eq!(
        fresh.strip_suffix(".1"),
        again.strip_suffix(".2"),
        "{fresh} {again}"
    );
    let runs = json(&place, &["statement", "--list"])["runs"].clone();
    let state = |run: &Value| run["state"].as_str().unwrap().to_owned();
    let mut states: Vec<String> = runs.as_array().unwrap().iter().map(state).collect();
    states.sort();
    assert_eq!(states, ["abandoned", "completed", "completed"], "{runs}");
    verified(&place);
}

/// An owner whose change goes on until it is let go.
struct Slow {
    begun: Sender<()>,
    go: Mutex<Receiver<()>>,
}

impl Operations for Slow {
    fn plugin(&self, _: Value, _: &str) -> Result<Value, Problem> {
        self.begun.send(()).unwrap();
        self.go.lock().unwrap().recv().unwrap();
        Err(Problem::user("it was let go", "nothing"))
    }
}

#[test]
fn trade_is_stopped_while_a_change_of_the_plugins_goes_on() {
    const PATIENCE: Duration = Duration::from_secs(60);
    let place = Place::new();
    install(&place, &std::fs::read(plugin("ema-cross")).unwrap());
    let state = place.path("state");
    let lock = GatewayLock::take(&state).unwrap();
    let store = wait(Store::open(state.join("bulkhead.db"))).unwrap();
    let gate = Arc::new(switch::open(&store, &state).unwrap());
    let ((begin, begun), (let_go, go)) = (channel(), channel());
    let go = Mutex::new(go);
    let slow = Arc::new(Slow { begun: begin, go });
    let control = Control::start(&state, gate, slow).unwrap();

    let mut enabling = command(&place, &["plugin", "enable", "ema-cross"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    begun.recv_timeout(PATIENCE).unwrap();
    good(&place, &["halt", "--reason", "a test"]);
    assert_eq!(enabling.try_wait().unwrap(), None);
    let_go.send(()).unwrap();
    let output = enabling.wait_with_output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(err.contains("it was let go"), "{err}");
    drop((control, lock));
    verified(&place);
}

#[test]
fn a_strategy_that_is_disabled_while_a_session_runs_it_opens_nothing_any_more() {
    let place = Place::new();
    install(&place, &std::fs::read(plugin("ema-cross")).unwrap());
    install(&place, &std::fs::read(plugin("linfa")).unwrap());
    good(&place, &["plugin", "enable", "ema-cross"]);
    good(&place, &["plugin", "enable", "linfa"]);
    let opened = |log: &str| {
        let filled = log
            .lines()
            .filter(|line| line.contains("\"kind\":\"update\""));
        let bought = |line: &&str| line.contains(r#"\"side\":\"buy\""#);
        filled.filter(bought).count()
    };
    let mut running = session(&place);
    wait_for("it never bought", &mut || opened(&exported(&place)) > 1);
    let disable = |id| ["plugin", "disable", id, "--reason", "it lost too much"];
    let said = good(&place, &disable("ema-cross"));
    assert!(
        said.contains(
            "disabled); a session that runs it only reduces positions from now on; what works stays"
        ),
        "{said}"
    );
    let held = || json(&place, &["status"])["restrictions"].clone();
    let latch = held()["plugin:ema-cross"].clone();
    assert_eq!(latch["state"], "reduce-only", "{latch}");
    assert_eq!(
        latch["reason"],
        "plugin ema-cross was disabled: it lost too much"
    );
    // What has no orders of its own cannot be restricted by its name.
    let said = good(&place, &disable("linfa"));
    assert!(
        said.contains("goes on with it to its end; `bulkhead halt` stops it"),
        "{said}"
    );
    let since = || {
        let log = exported(&place);
        let (_, since) = log.split_once("\"kind\":\"raised\"").unwrap();
        since.to_owned()
    };
    wait_for("it wanted nothing", &mut || {
        since().matches("TRADING_STATE").count() > 1
    });
    running.kill().unwrap();
    running.wait().unwrap();
    // What had been sent before may be filled yet.
    assert!(opened(&since()) <= 1);

    // Whoever enables it lifts that, and nothing that somebody else raised.
    good(&place, &["plugin", "enable", "ema-cross"]);
    assert_eq!(held(), serde_json::json!({}));
    let halt = ["halt", "--scope", "plugin:linfa", "--reason", "mine"];
    assert_eq!(crate::run(&place, &halt).code, 0);
    good(&place, &["plugin", "enable", "linfa"]);
    assert_eq!(held()["plugin:linfa"]["state"], "halted");
    verified(&place);
}

#[test]
fn a_change_compiles_before_it_keeps_others_from_starting() {
    let place = Place::new();
    install(&place, &std::fs::read(plugin("linfa")).unwrap());
    let second = install(&place, &version("linfa", "0.9.0"));
    good(&place, &["plugin", "enable", "linfa"]);
    let state = place.path("state");
    let begun = Instant::now();
    let to = second.to_string();
    let mut swap = place
        .command(&[
            "--cache", "cold", "--state", "state", "plugin", "swap", "linfa", "--to", &to,
        ])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let (mut longest, mut since) = (Duration::ZERO, None);
    while swap.try_wait().unwrap().is_none() {
        since = match GatewayLock::take(&state) {
            Ok(_) => None,
            Err(_) => since.or_else(|| Some(Instant::now())),
        };
        longest = longest.max(since.map_or(Duration::ZERO, |since| since.elapsed()));
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(swap.wait().unwrap().success());
    let took = begun.elapsed();
    assert!(longest * 2 < took, "{longest:?} of {took:?}");
}
