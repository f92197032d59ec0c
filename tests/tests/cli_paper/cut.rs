//! A journal that is cut in the middle, as a disk that lies about syncs leaves it: recovered from or refused in
//! one line, never a wrong position.

use crate::cli::{Place, finish};
use crate::crash::{Draws, place, session};
use crate::small::command;
use std::path::Path;
use std::time::Duration;

/// Cuts a file to a length drawn at random; gives what was left of how much.
fn cut(path: &Path, draws: &mut Draws) -> (u64, u64) {
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    let whole = file.metadata().unwrap().len();
    let left = draws.below(whole);
    file.set_len(left).unwrap();
    (left, whole)
}

fn killed(place: &Place, draws: &mut Draws) {
    let mut child = session(place)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(500 + draws.below(800)));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_log_that_was_cut_is_gone_on_from_its_last_whole_commit() {
    let calm = place("");
    let wanted = finish(session(&calm)).json()["digest"].clone();
    let mut draws = Draws::new();
    let mut cuts = 0;
    for _ in 0..5 {
        let place = place("");
        for _ in 0..2 {
            killed(&place, &mut draws);
            let log = place.path("state/bulkhead.db-wal");
            if log.exists() && std::fs::metadata(&log).unwrap().len() > 0 {
                let (left, whole) = cut(&log, &mut draws);
                println!("cut to {left} of {whole} bytes");
                cuts += 1;
            }
        }
        let ran = finish(session(&place));
        if ran.code == 0 {
            assert_eq!(ran.json()["digest"], wanted);
            let audit = finish(command(&place, &["--json", "audit", "verify"])).json();
            assert_eq!(audit["findings"], serde_json::json!([]));
        } else {
            assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
            assert!(ran.err.contains("; "), "{}", ran.err);
        }
    }
    assert!(cuts > 0, "nothing was cut");
}

#[test]
fn a_database_that_was_cut_is_refused_in_one_line() {
    let mut draws = Draws::new();
    for _ in 0..3 {
        let place = place("");
        killed(&place, &mut draws);
        // Folded into the file, so that neither log nor journal can bring back what is cut.
        finish(command(&place, &["status"]));
        crate::audited::change(&place, "PRAGMA wal_checkpoint(TRUNCATE)");
        let database = place.path("state/bulkhead.db");
        let whole = std::fs::metadata(&database).unwrap().len();
        assert!(whole > 3 * 4096, "{whole}");
        let file = std::fs::OpenOptions::new()
            .write(true)
            .open(&database)
            .unwrap();
        file.set_len(whole - 4096 - draws.below(4096)).unwrap();
        for arguments in [
            &["--json", "audit", "verify"][..],
            &["status"],
            &["halt"],
            &crate::small::PAPER,
        ] {
            let ran = finish(command(&place, arguments));
            assert_eq!(
                (ran.code, ran.out.as_str()),
                (1, ""),
                "{arguments:?}: {}",
                ran.err
            );
            assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
            assert!(
                ran.err.contains("damaged") && ran.err.contains("backup"),
                "{}",
                ran.err
            );
        }
    }
}
