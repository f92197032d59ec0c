//! What is left when a person or a full disk ends a session.

#![cfg(unix)]

use crate::cli::{Place, finish};
use crate::small::{PAPER, command, names, paper, states, without_models};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

/// A session that takes some seconds.
fn long() -> String {
    without_models().replacen("bars = 500", "bars = 60000, start = \"1950-01-02\"", 1)
}

/// Runs the long session, ends it as a person would at the first line that begins so, and reads its report.
fn ended_at(place: &Place, beginning: &str) -> Value {
    place.write("session.toml", long());
    let mut command = command(place, &PAPER);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with(beginning) {
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
    serde_json::from_slice(&report).unwrap()
}

#[test]
fn a_comparison_that_was_cut_short_is_left_out() {
    let place = Place::new();
    let report = ended_at(&place, "small without veto: ");
    assert_eq!(report["main"]["ending"], "completed");
    assert!(report["without_validation"].is_null());
    assert_eq!(states(&place), ["completed"]);
}

#[test]
fn a_person_can_end_a_session_and_keeps_what_was_done() {
    let place = Place::new();
    let report = ended_at(&place, "small: ");
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
