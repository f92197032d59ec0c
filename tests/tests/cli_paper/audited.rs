//! The audit log of a session: what was done to it is found and named, and others can check it.

use crate::cli::{Place, Ran, finish};
use crate::small::{command, paper, store, without_models};
use bulkhead_domain::Digest;
use bulkhead_domain::digest::DigestBuilder;
use bulkhead_store::{StoreError, wait};
use serde_json::Value;

fn ran() -> Place {
    let place = Place::new();
    let ran = paper(&place, &without_models());
    assert_eq!(ran.code, 0, "{}", ran.err);
    place
}

fn verify(place: &Place, more: &[&str]) -> Ran {
    let mut arguments = vec!["audit", "verify"];
    arguments.extend(more);
    finish(command(place, &arguments))
}

pub(crate) fn change(place: &Place, sql: &'static str) {
    let store = store(place);
    wait(async {
        sqlx::raw_sql(sql).execute(store.pool()).await.unwrap();
        store.close().await;
        Ok::<_, StoreError>(())
    })
    .unwrap();
}

/// A copy of the state folder of a place, to do something to.
fn copy(place: &Place) -> Place {
    let copy = Place::new();
    std::fs::create_dir(copy.path("state")).unwrap();
    for name in ["bulkhead.db", "audit.key"] {
        std::fs::copy(
            place.path("state").join(name),
            copy.path("state").join(name),
        )
        .unwrap();
    }
    copy
}

#[test]
fn whatever_is_done_to_the_log_is_found_and_the_record_is_named() {
    let place = ran();
    // Everything is in the file itself: a copy of it is a copy of all.
    change(&place, "PRAGMA wal_checkpoint(TRUNCATE)");
    let fine = verify(&place, &[]);
    assert_eq!(fine.code, 0, "{}", fine.err);
    assert!(
        fine.out.contains("every record is as it was written"),
        "{}",
        fine.out
    );
    for (sql, named) in [
        (
            "UPDATE audit_log SET body = replace(body, '1', '2') WHERE sequence = 40",
            "record 40 was changed, or is not in its place",
        ),
        (
            "UPDATE audit_log SET time = time + 1 WHERE sequence = 1",
            "record 1 was changed, or is not in its place",
        ),
        (
            "DELETE FROM audit_log WHERE sequence = 33",
            "record 33 is missing",
        ),
        (
            "DELETE FROM audit_log WHERE sequence BETWEEN 30 AND 35",
            "records 30 to 35 are missing",
        ),
        (
            "DELETE FROM audit_log WHERE sequence > 50",
            "the log was cut off: it ends at record 50",
        ),
        (
            "DELETE FROM audit_log WHERE sequence = (SELECT MAX(sequence) FROM audit_log)",
            "the log was cut off",
        ),
        (
            "UPDATE audit_log SET sequence = -1 WHERE sequence = 20; \
             UPDATE audit_log SET sequence = 20 WHERE sequence = 21; \
             UPDATE audit_log SET sequence = 21 WHERE sequence = -1",
            "record 20 was changed, or is not in its place",
        ),
        (
            "INSERT INTO audit_log SELECT -5, time, session, actor, kind, subject, body, hash \
             FROM audit_log WHERE sequence = 9",
            "1 rows of the log have no number",
        ),
        ("DELETE FROM audit_head", "the log has no head"),
        (
            "DELETE FROM audit_log; DELETE FROM audit_head",
            "the log has no head",
        ),
        (
            "UPDATE audit_head SET sequence = 40, hash = (SELECT hash FROM audit_log WHERE \
             sequence = 40); DELETE FROM audit_log WHERE sequence > 40",
            "the head was not written with this host's key",
        ),
    ] {
        let copy = copy(&place);
        change(&copy, sql);
        let found = verify(&copy, &[]);
        assert_eq!(found.code, 1, "{sql}: {}", found.out);
        assert!(found.out.contains(named), "{sql}: {}", found.out);
        assert_eq!(found.err.lines().count(), 1, "{}", found.err);
        assert!(
            found.err.contains("tampered with or damaged"),
            "{}",
            found.err
        );
    }
    // Nobody goes on with a log that does not end as it ended, or is gone.
    for (sql, said) in [
        (
            "DELETE FROM audit_log WHERE sequence > 50",
            "bulkhead audit verify",
        ),
        (
            "DELETE FROM audit_log; DELETE FROM audit_head",
            "the log is gone",
        ),
    ] {
        let copy = copy(&place);
        change(&copy, sql);
        copy.write("session.toml", without_models());
        for arguments in [&["halt"][..], &crate::small::PAPER] {
            let refused = finish(command(&copy, arguments));
            assert_eq!(refused.code, 2, "{}", refused.err);
            assert_eq!(refused.err.lines().count(), 1, "{}", refused.err);
            assert!(refused.err.contains(said), "{}", refused.err);
        }
    }
}

#[test]
fn a_folder_whose_database_is_gone_is_not_one_in_which_nothing_is_restricted() {
    let place = Place::new();
    assert_eq!(finish(command(&place, &["halt"])).code, 0);
    for name in ["bulkhead.db", "bulkhead.db-wal", "bulkhead.db-shm"] {
        // The last two are there only while it is open.
        let _ = std::fs::remove_file(place.path("state").join(name));
    }
    // What orders wait for knows whose it was, where there is one.
    let refused = finish(command(&place, &["status"]));
    assert_ne!((refused.code, refused.out.as_str()), (0, ""));
    assert_eq!(refused.err.lines().count(), 1, "{}", refused.err);
    let _ = std::fs::remove_file(place.path("state/bulkhead.db-redo"));
    let refused = finish(command(&place, &["status"]));
    assert_eq!((refused.code, refused.out.as_str()), (2, ""));
    assert!(refused.err.contains("the log is gone"), "{}", refused.err);
    assert_eq!(refused.err.lines().count(), 1, "{}", refused.err);
}

#[test]
fn a_halt_that_was_taken_out_of_the_log_is_missed_before_anything_trades() {
    let place = ran();
    assert_eq!(finish(command(&place, &["halt"])).code, 0);
    assert_eq!(
        finish(command(&place, &["halt", "--scope", "instrument:XYZ"])).code,
        0
    );
    change(&place, "PRAGMA wal_checkpoint(TRUNCATE)");
    for sql in [
        "DELETE FROM audit_log WHERE kind = 'raised' AND subject = 'global'",
        "UPDATE audit_log SET kind = 'order' WHERE kind = 'raised' AND subject = 'global'",
    ] {
        let copy = copy(&place);
        change(&copy, sql);
        copy.write("session.toml", without_models());
        for arguments in [&["status"][..], &crate::small::PAPER] {
            let refused = finish(command(&copy, arguments));
            assert_eq!((refused.code, refused.out.as_str()), (2, ""));
            assert!(
                refused
                    .err
                    .contains("what raised and lifted restrictions was changed"),
                "{}",
                refused.err
            );
            assert_eq!(refused.err.lines().count(), 1, "{}", refused.err);
        }
    }
}

#[test]
fn a_run_begins_with_the_digests_of_what_it_runs_with_and_who_started_it() {
    let place = ran();
    let exported = ["--json", "audit", "export", "--out", "log.jsonl"];
    assert_eq!(finish(command(&place, &exported)).code, 0);
    let lines = std::fs::read_to_string(place.path("log.jsonl")).unwrap();
    let record = |kind: &str| -> Value {
        let mut lines = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        lines.find(|line: &Value| line["kind"] == kind).unwrap()
    };
    let began: Value = serde_json::from_str(record("session")["body"].as_str().unwrap()).unwrap();
    let inputs = began["inputs"].as_array().unwrap();
    let report = std::fs::read(place.path("out/report.json")).unwrap();
    let report: Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(began["inputs"], report["main"]["inputs"]);
    let digest = |kind: &str, name: &str| {
        let mut all = inputs.iter();
        let input = all
            .find(|one| one["kind"] == kind && one["name"].as_str().unwrap().starts_with(name))
            .unwrap_or_else(|| panic!("no {kind} {name}: {inputs:?}"));
        input["digest"].as_str().unwrap().to_owned()
    };
    for id in ["ema-cross", "limits", "paper", "synthetic"] {
        let component = std::fs::read(bulkhead_tests::plugin(id)).unwrap();
        assert_eq!(digest("plugin", id), Digest::of(&component).to_string());
    }
    for (kind, name) in [("config", "small"), ("data", "AAA")] {
        assert_eq!(digest(kind, name).len(), 64);
    }
    // Who started it is who the system says, not what the environment says.
    let started = record("configuration");
    let asked = std::process::Command::new("id")
        .arg("-un")
        .output()
        .unwrap();
    let me = String::from_utf8(asked.stdout).unwrap();
    assert_eq!(started["actor"], format!("person:{}", me.trim()));
}

#[test]
fn whoever_lifts_a_restriction_is_who_the_system_says() {
    let place = Place::new();
    let asked = std::process::Command::new("id")
        .arg("-un")
        .output()
        .unwrap();
    let me = format!("person:{}", String::from_utf8(asked.stdout).unwrap().trim());
    for arguments in [&["halt"][..], &["resume", "--reason", "looked at it"]] {
        let mut command = command(&place, arguments);
        command.env("USER", "mallory").env("SUDO_USER", "mallory");
        assert_eq!(finish(command).code, 0);
    }
    let exported = ["audit", "export", "--out", "log.jsonl"];
    assert_eq!(finish(command(&place, &exported)).code, 0);
    let lines = std::fs::read_to_string(place.path("log.jsonl")).unwrap();
    let actors: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["actor"].clone())
        .collect();
    assert_eq!(actors, [me.as_str(), me.as_str()]);
}

#[test]
fn a_log_without_its_key_is_refused_and_gets_no_other() {
    let place = ran();
    let key = place.path("state/audit.key");
    std::fs::remove_file(&key).unwrap();
    let refused = verify(&place, &[]);
    assert_eq!((refused.code, refused.out.as_str()), (2, ""));
    assert!(refused.err.contains("audit.key"), "{}", refused.err);
    assert_eq!(refused.err.lines().count(), 1, "{}", refused.err);
    assert!(!key.exists());
}

/// The hash of a record, from what is exported alone.
fn hash(before: Digest, line: &Value) -> Digest {
    let text = |name: &str| line[name].as_str().unwrap();
    let number = |name: &str| line[name].as_i64().unwrap();
    DigestBuilder::new()
        .part("before", before.bytes())
        .part("sequence", &number("sequence").to_le_bytes())
        .part("time", &number("time_ns").to_le_bytes())
        .part("session", text("session").as_bytes())
        .part("actor", text("actor").as_bytes())
        .part("kind", text("kind").as_bytes())
        .part("subject", text("subject").as_bytes())
        .part("body", text("body").as_bytes())
        .finish()
}

#[test]
fn what_is_exported_can_be_checked_by_others_and_an_anchor_proves_it_later() {
    let place = ran();
    let told = finish(command(&place, &["--json", "audit", "verify"])).json();
    let exported = finish(command(
        &place,
        &["--json", "audit", "export", "--out", "log.jsonl"],
    ))
    .json();
    assert_eq!(exported["records"], told["records"]);
    let lines = std::fs::read_to_string(place.path("log.jsonl")).unwrap();
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), told["records"].as_u64().unwrap() as usize);
    let mut before = Digest::of(b"the audit log begins");
    for (line, number) in lines.iter().zip(1..) {
        assert_eq!(line["sequence"], number);
        before = hash(before, line);
        assert_eq!(line["hash"], before.to_string(), "record {number}");
    }
    let anchor = format!("{}:{before}", lines.len());
    assert_eq!(told["head"], anchor.as_str());
    let kinds: Vec<&str> = lines
        .iter()
        .map(|line| line["kind"].as_str().unwrap())
        .collect();
    for kind in [
        "session", "intent", "order", "sent", "answer", "update", "ended",
    ] {
        assert!(kinds.contains(&kind), "no {kind}");
    }

    // The anchor still holds after more was recorded, and a part can be exported.
    assert_eq!(finish(command(&place, &["halt"])).code, 0);
    assert_eq!(verify(&place, &["--anchor", &anchor]).code, 0);
    let from = lines.len().to_string();
    let part = [
        "--json",
        "audit",
        "export",
        "--out",
        "part.jsonl",
        "--from",
        &from,
    ];
    assert_eq!(finish(command(&place, &part)).json()["records"], 2);
    let other = format!("{}:{}", lines.len(), Digest::of(b"something else"));
    let found = verify(&place, &["--anchor", &other]);
    assert_eq!(found.code, 1);
    assert!(found.out.contains("the log was rewritten"), "{}", found.out);
    let later = format!("{}:{before}", lines.len() + 100);
    assert!(
        verify(&place, &["--anchor", &later])
            .out
            .contains("cut off")
    );
    let wrong = verify(&place, &["--anchor", "many"]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.err.contains("NUMBER:HASH"), "{}", wrong.err);
}
