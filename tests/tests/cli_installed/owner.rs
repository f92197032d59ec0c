//! A process owns the state folder: it makes the changes, and can be stopped meanwhile.

use crate::cli::{Place, Ran, finish};
use crate::components::version;
use crate::{command, good, install, json, text, verified};
use bulkhead_tests::{plugin, plugins};
use std::process::{Child, Command, Stdio};
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

#[test]
fn the_process_that_owns_the_folder_makes_the_changes_and_can_be_stopped_meanwhile() {
    let place = Place::new();
    let session = session(&place);
    place.write("one.wasm", std::fs::read(plugin("linfa")).unwrap());
    place.write("two.wasm", version("linfa", "0.9.0"));
    let made = json(&place, &["plugin", "install", "one.wasm"]);
    assert_eq!(made["owned"], true);
    let said = good(&place, &["plugin", "enable", "linfa"]);
    assert!(said.contains("; the process that runs was told"), "{said}");

    // The kill switch while a change is on its way.
    let mut install = command(&place, &["plugin", "install", "two.wasm"]);
    let installing = install
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    let halted: Ran = finish(command(&place, &["halt", "--reason", "a test"]));
    assert_eq!(halted.code, 0, "{}", halted.err);
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    let installed = installing.wait_with_output().unwrap();
    assert!(
        installed.status.success(),
        "{}",
        String::from_utf8_lossy(&installed.stderr)
    );
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
    std::thread::sleep(Duration::from_millis(500));
    for change in [
        &["plugin", "swap", "ema-cross", "--to", "0.2.0"][..],
        &["plugin", "config", "set", "ema-cross", "fast=4"],
        &["plugin", "rollback", "ema-cross"],
    ] {
        let said = good(&place, change);
        assert!(said.contains("the process that runs was told"), "{said}");
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
fn a_version_swapped_in_during_a_session_is_seen_by_it_and_a_run_that_was_killed_resumes_on_both() {
    let place = Place::new();
    install(&place, &std::fs::read(plugin("ema-cross")).unwrap());
    install(&place, &version("ema-cross", "0.2.0"));
    good(&place, &["plugin", "enable", "ema-cross"]);
    let mut running = session_of(&place, 12_000);
    let swapped = || {
        let export = place.path("log.jsonl");
        let ran = crate::run(&place, &["audit", "export", "--out", text(&export)]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        let log = std::fs::read_to_string(&export).unwrap();
        let lines = log
            .lines()
            .filter(|line| line.contains("\"kind\":\"swapped\""));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let wait_for = |what: &str, done: &mut dyn FnMut() -> bool| {
        let begun = Instant::now();
        while !done() {
            assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    // It has traded for a while.
    wait_for("it never began", &mut || {
        let status = crate::run(&place, &["--json", "statement", "--list"]);
        status.code == 0 && status.out.contains("running")
    });
    std::thread::sleep(Duration::from_millis(300));
    good(&place, &["plugin", "swap", "ema-cross", "--to", "0.2.0"]);
    wait_for("it never swapped", &mut || !swapped().is_empty());
    running.kill().unwrap();
    running.wait().unwrap();
    verified(&place);
    let before = swapped();
    assert_eq!(before.len(), 1, "{before:?}");

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
    assert_eq!(result["swaps"][0]["version"], "0.2.0", "{result}");
    assert_eq!(result["incidents"], 0, "{result}");
    assert_eq!(swapped(), before);
    verified(&place);
}
