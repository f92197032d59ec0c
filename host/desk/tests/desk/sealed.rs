//! What the key vouches for: restrictions that are taken away without it are missed.

use crate::durable::{Folder, RUN, change, event, gate, latch, run, store};
use bulkhead_desk::audit::{AuditKey, AuditLog, Event, Finding, Kind, records_since, verify};
use bulkhead_desk::switch::{self, Scope, TradingState};
use bulkhead_domain::digest::DigestBuilder;
use bulkhead_store::{Statement, Store, StoreError, wait};

/// Why a log is not gone on with.
fn refused(store: &Store) -> String {
    let key = AuditKey::from_bytes([7; 32]);
    let writer = store.writer().unwrap();
    let opened = wait(async { Ok::<_, StoreError>(AuditLog::open(store, writer, key).await) });
    opened.unwrap().map(|_| ()).unwrap_err().to_string()
}

fn findings(store: &Store) -> Vec<Finding> {
    let key = AuditKey::from_bytes([7; 32]);
    wait(verify(store, &key, &[])).unwrap().findings
}

/// Adds a record as somebody would who has the database and not the key: it continues the chain.
fn forge(store: &Store, event: &Event) {
    let last = wait(records_since(store, 1)).unwrap().pop().unwrap();
    let sequence = last.sequence + 1;
    let hash = DigestBuilder::new()
        .part("before", last.hash.bytes())
        .part("sequence", &sequence.to_le_bytes())
        .part("time", &event.time.0.to_le_bytes())
        .part("session", event.session.as_bytes())
        .part("actor", event.actor.as_bytes())
        .part("kind", event.kind.name().as_bytes())
        .part("subject", event.subject.as_bytes())
        .part("body", event.body.as_bytes())
        .finish();
    let writer = store.writer().unwrap();
    let insert = "INSERT INTO audit_log (sequence, time, session, actor, kind, subject, body, hash) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    writer
        .write(
            Statement::new(insert)
                .bind(i64::try_from(sequence).unwrap())
                .bind(event.time)
                .bind(event.session.clone())
                .bind(event.actor.clone())
                .bind(event.kind.name())
                .bind(event.subject.clone())
                .bind(event.body.clone())
                .bind(hash.to_string()),
        )
        .unwrap();
    writer.flush().unwrap();
}

#[test]
fn a_restriction_that_was_taken_out_of_the_log_stops_the_next_start() {
    for sql in [
        "DELETE FROM audit_log WHERE kind = 'raised' AND subject = 'global'",
        "UPDATE audit_log SET kind = 'order' WHERE kind = 'raised' AND subject = 'global'",
        "UPDATE audit_log SET body = replace(body, 'halted', 'reduce-only') WHERE subject = 'global'",
        "UPDATE audit_log SET subject = 'strategy:x' WHERE kind = 'raised' AND subject = 'global'",
        "UPDATE audit_log SET kind = 'lowered', subject = 'global' WHERE subject = 'a'",
        "UPDATE audit_log SET sequence = 1000 WHERE kind = 'raised' AND subject = 'global'",
        "UPDATE audit_log SET sequence = -1 WHERE kind = 'raised' AND subject = 'global'",
        "UPDATE audit_head SET restrictions = 'none'",
    ] {
        let store = store();
        let first = gate(&store);
        let aapl = Scope::Instrument("AAPL".to_owned());
        for scope in [aapl, Scope::Global] {
            let raised = first.raise(latch(scope, TradingState::Halted, "person:me"));
            raised.unwrap();
        }
        for subject in ["a", "b"] {
            first.append(event(RUN, Kind::Order, subject)).unwrap();
        }
        first.sync().unwrap();
        drop(first);
        drop(gate(&store));
        change(&store, sql);
        let why = refused(&store);
        assert!(why.contains("its head"), "{sql}: {why}");
        assert_ne!(findings(&store), [], "{sql}");
    }
}

#[test]
fn nothing_lifts_a_restriction_that_the_key_does_not_vouch_for() {
    let raised = || {
        let store = store();
        let first = gate(&store);
        for scope in [Scope::Global, run()] {
            let actor = "person:me";
            first
                .raise(latch(scope, TradingState::Halted, actor))
                .unwrap();
        }
        store
    };
    let store = raised();
    for (kind, session, subject) in [
        (Kind::Lowered, "", "global"),
        (Kind::Ended, RUN, "abandoned"),
    ] {
        let store = raised();
        let forged = Event {
            actor: "person:me".to_owned(),
            ..event(session, kind, subject)
        };
        forge(&store, &forged);
        assert_eq!(findings(&store), [Finding::Lifted { sequence: 3 }]);
        let why = refused(&store);
        assert!(why.contains("record 3 lifts a restriction"), "{why}");
    }
    // One more restriction harms nobody: a process that was killed as it raised it left just that.
    let body = wait(records_since(&store, 1)).unwrap().remove(0).event.body;
    let aapl = Scope::Instrument("AAPL".to_owned());
    let late = Event {
        body: body.replace("\"global\"", "\"instrument:AAPL\""),
        ..event("", Kind::Raised, "instrument:AAPL")
    };
    forge(&store, &late);
    assert_eq!(findings(&store), []);
    let next = gate(&store);
    assert!(next.latches().get(&aapl).is_some());
    assert!(next.latches().get(&Scope::Global).is_some());
    // It is under the key from then on.
    next.append(event(RUN, Kind::Order, "a")).unwrap();
    next.sync().unwrap();
    drop(next);
    assert!(gate(&store).latches().get(&aapl).is_some());
    assert_eq!(findings(&store), []);
}

#[test]
fn the_end_of_a_run_is_under_the_key_as_soon_as_it_is_on_disk() {
    let store = store();
    let first = gate(&store);
    first.append(event(RUN, Kind::Session, RUN)).unwrap();
    first
        .raise(latch(run(), TradingState::Halted, "rule:drawdown-guard"))
        .unwrap();
    first.append(event(RUN, Kind::Order, "a")).unwrap();
    // Its process is killed before anything else is synced.
    first.abandon(event(RUN, Kind::Ended, "abandoned")).unwrap();
    drop(first);
    assert_eq!(findings(&store), []);
    assert!(gate(&store).latches().is_empty());
}

#[test]
fn a_key_is_made_once_whole_and_never_for_a_log_that_had_another() {
    let folder = Folder::new("key");
    let path = folder.path().join("audit.key");
    let store = store();
    drop(switch::open(&store, folder.path()).unwrap());
    let key = std::fs::read(&path).unwrap();
    assert_eq!(key.len(), 32);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    drop(switch::open(&store, folder.path()).unwrap());
    assert_eq!(std::fs::read(&path).unwrap(), key);

    std::fs::remove_file(&path).unwrap();
    let problem = switch::open(&store, folder.path()).err().unwrap();
    let text = problem.to_string();
    assert!(text.contains("key cannot be read"), "{text}");
    assert!(text.contains("backup"), "{text}");
    assert!(!path.exists());
    std::fs::write(&path, &key[..7]).unwrap();
    let problem = switch::open(&store, folder.path()).err().unwrap();
    assert!(
        problem.to_string().contains("has 7 bytes, not 32"),
        "{problem}"
    );
}

#[test]
fn a_log_that_was_wiped_is_not_begun_anew_under_its_key() {
    let folder = Folder::new("wiped");
    let path = folder.path().join("audit.key");
    let store = store();
    let first = switch::open(&store, folder.path()).unwrap();
    first
        .raise(latch(Scope::Global, TradingState::Halted, "person:me"))
        .unwrap();
    drop(first);
    change(&store, "DELETE FROM audit_log");
    change(&store, "DELETE FROM audit_head");
    let problem = switch::open(&store, folder.path()).err().unwrap();
    let text = problem.to_string();
    assert!(text.contains("the log is gone"), "{text}");
    assert_eq!((problem.exit_code(), text.lines().count()), (2, 1));
    let key = AuditKey::read(&path).unwrap();
    let verified = wait(verify(&store, &key, &[])).unwrap();
    assert_eq!(verified.findings, [Finding::NoHead]);
}

#[test]
fn a_log_that_was_killed_as_it_began_begins_again() {
    let folder = Folder::new("begin");
    let path = folder.path().join("audit.key");
    let waiting = folder.path().join("audit.key.new");
    // Before its head was on disk.
    std::fs::write(&waiting, [1; 9]).unwrap();
    let store = store();
    drop(switch::open(&store, folder.path()).unwrap());
    // And right after.
    std::fs::rename(&path, &waiting).unwrap();
    drop(switch::open(&store, folder.path()).unwrap());
    assert!(path.exists() && !waiting.exists());
    assert_eq!(std::fs::read(&path).unwrap().len(), 32);
}
