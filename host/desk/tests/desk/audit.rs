//! The audit log finds what was done to it.

use bulkhead_desk::audit::{
    Anchor, AuditError, AuditKey, AuditLog, Event, Finding, Kind, records_of, records_since, verify,
};
use bulkhead_desk::tables;
use bulkhead_domain::Timestamp;
use bulkhead_store::{Statement, Store, StoreError, wait};

fn store() -> Store {
    wait(async {
        let store = Store::in_memory().await?;
        store.migrate(&[tables::MIGRATIONS]).await?;
        Ok::<_, StoreError>(store)
    })
    .unwrap()
}

fn key() -> AuditKey {
    AuditKey::from_bytes([7; 32])
}

fn open(store: &Store) -> Result<AuditLog, AuditError> {
    let writer = store.writer().unwrap();
    wait_audit(AuditLog::open(store, writer, key()))
}

fn wait_audit<T>(
    future: impl std::future::Future<Output = Result<T, AuditError>> + Send,
) -> Result<T, AuditError>
where
    T: Send,
{
    wait(async { Ok::<_, StoreError>(future.await) }).unwrap()
}

fn event(session: &str, number: i64) -> Event {
    Event {
        time: Timestamp(number),
        session: session.to_owned(),
        actor: "host".to_owned(),
        kind: Kind::Order,
        subject: format!("order-{number}"),
        body: format!("{{\"quantity\":\"{number}\"}}"),
    }
}

fn filled() -> Store {
    let store = store();
    let mut log = open(&store).unwrap();
    for number in 1..=9 {
        log.append(event("s", number)).unwrap();
    }
    log.sync().unwrap();
    store
}

fn change(store: &Store, sql: &'static str) {
    let writer = store.writer().unwrap();
    writer.write(Statement::new(sql)).unwrap();
    writer.flush().unwrap();
}

fn findings(store: &Store, anchors: &[Anchor]) -> Vec<Finding> {
    wait(verify(store, &key(), anchors)).unwrap().findings
}

#[test]
fn a_log_that_nobody_touched_verifies_and_goes_on_after_a_restart() {
    let store = filled();
    assert_eq!(findings(&store, &[]), []);
    let mut log = open(&store).unwrap();
    log.append(event("s", 10)).unwrap();
    log.sync().unwrap();
    let verified = wait(verify(&store, &key(), &[])).unwrap();
    assert_eq!((verified.records, verified.findings), (10, Vec::new()));
    assert_eq!(verified.head.sequence, 10);
}

#[test]
fn records_that_were_synced_by_nobody_are_kept_when_they_continue_the_chain() {
    let store = filled();
    let mut log = open(&store).unwrap();
    log.append(event("s", 10)).unwrap();
    drop(log);
    let log = open(&store).unwrap();
    assert_eq!(log.head().sequence, 10);
    assert_eq!(findings(&store, &[]), []);
}

#[test]
fn edited_removed_moved_and_inserted_records_are_named() {
    for (sql, wanted) in [
        (
            "UPDATE audit_log SET body = '{\"quantity\":\"1000\"}' WHERE sequence = 4",
            Finding::Changed { sequence: 4 },
        ),
        (
            "UPDATE audit_log SET time = 99 WHERE sequence = 1",
            Finding::Changed { sequence: 1 },
        ),
        (
            "UPDATE audit_log SET actor = 'person:me' WHERE sequence = 9",
            Finding::Changed { sequence: 9 },
        ),
        (
            "DELETE FROM audit_log WHERE sequence BETWEEN 3 AND 5",
            Finding::Missing { from: 3, to: 5 },
        ),
        (
            "DELETE FROM audit_log WHERE sequence = 1",
            Finding::Missing { from: 1, to: 1 },
        ),
        (
            "DELETE FROM audit_log WHERE sequence > 6",
            Finding::CutOff { last: 6, head: 9 },
        ),
        (
            "DELETE FROM audit_log WHERE sequence = 9",
            Finding::CutOff { last: 8, head: 9 },
        ),
        ("DELETE FROM audit_head", Finding::NoHead),
        ("UPDATE audit_head SET sequence = 8", Finding::Seal),
        (
            "UPDATE audit_log SET hash = 'x' WHERE sequence = 2",
            Finding::Unreadable {
                sequence: 2,
                why: String::new(),
            },
        ),
    ] {
        let store = filled();
        change(&store, sql);
        let found = findings(&store, &[]);
        // A head that is not ours says nothing of what it names.
        let sealed = !found.contains(&Finding::Seal);
        assert!(found.len() == 1 || !sealed, "{sql}: {found:?}");
        let named = found.iter().any(|found| match (found, &wanted) {
            (Finding::Unreadable { sequence: a, .. }, Finding::Unreadable { sequence: b, .. }) => {
                a == b
            }
            (found, wanted) => found == wanted,
        });
        assert!(named, "{sql}: {found:?}");
    }
}

#[test]
fn rows_that_no_record_can_be_are_found() {
    for sql in [
        "UPDATE audit_log SET sequence = -3 WHERE sequence = 9",
        "UPDATE audit_log SET sequence = NULL WHERE sequence = 9",
    ] {
        let store = filled();
        change(&store, sql);
        let found = findings(&store, &[]);
        assert_eq!(
            found,
            [
                Finding::Strays { rows: 1 },
                Finding::CutOff { last: 8, head: 9 }
            ],
            "{sql}"
        );
    }
    let store = filled();
    change(
        &store,
        "UPDATE audit_log SET sequence = 'nine' WHERE sequence = 9",
    );
    let found = findings(&store, &[]);
    assert!(
        matches!(found[0], Finding::Unreadable { sequence: 9, .. }),
        "{found:?}"
    );
}

#[test]
fn what_is_not_sealed_yet_is_counted_and_a_log_without_its_head_is_not_continued() {
    let store = filled();
    let mut log = open(&store).unwrap();
    log.append(event("s", 10)).unwrap();
    drop(log);
    let verified = wait(verify(&store, &key(), &[])).unwrap();
    assert_eq!((verified.unsealed, verified.findings), (1, Vec::new()));
    // Whoever takes the head away to write another history meets this, from the first record on.
    change(&store, "DELETE FROM audit_head");
    let error = open(&store).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("no head"), "{error}");

    let store = self::store();
    let mut log = open(&store).unwrap();
    log.append(event("s", 1)).unwrap();
    drop(log);
    let verified = wait(verify(&store, &key(), &[])).unwrap();
    assert_eq!((verified.unsealed, verified.findings), (1, Vec::new()));
}

#[test]
fn two_records_that_changed_places_are_both_named() {
    let store = filled();
    change(
        &store,
        "UPDATE audit_log SET sequence = 100 WHERE sequence = 3",
    );
    change(
        &store,
        "UPDATE audit_log SET sequence = 3 WHERE sequence = 4",
    );
    change(
        &store,
        "UPDATE audit_log SET sequence = 4 WHERE sequence = 100",
    );
    let found = findings(&store, &[]);
    for sequence in [3, 4] {
        assert!(found.contains(&Finding::Changed { sequence }), "{found:?}");
    }
}

#[test]
fn a_log_rewritten_whole_needs_the_key_or_meets_an_anchor() {
    // Somebody writes another history, chained as it should be, under a key of his own.
    let honest = filled();
    let anchor = wait(verify(&honest, &key(), &[])).unwrap().head;
    let forged = store();
    let writer = forged.writer().unwrap();
    let other = AuditKey::from_bytes([8; 32]);
    let mut log = wait_audit(AuditLog::open(&forged, writer, other.clone())).unwrap();
    for number in 11..=20 {
        log.append(event("s", number)).unwrap();
    }
    log.sync().unwrap();
    assert_eq!(findings(&forged, &[]), [Finding::Seal]);
    let text = anchor.to_string();
    let found = wait(verify(&forged, &other, &[text.parse().unwrap()]))
        .unwrap()
        .findings;
    assert_eq!(found, [Finding::Rewritten { sequence: 9 }]);
}

#[test]
fn a_log_whose_end_is_wrong_is_not_continued() {
    let store = filled();
    change(&store, "DELETE FROM audit_log WHERE sequence > 6");
    let error = open(&store).map(|_| ()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("record 9 is missing or was changed"),
        "{error}"
    );
}

#[test]
fn a_resumed_session_repeats_its_records_and_diverges_by_name() {
    let store = filled();
    let past = wait(records_of(&store, "s")).unwrap();
    let mut log = open(&store).unwrap();
    log.repeat(past);
    for number in 1..=9 {
        log.append(event("s", number)).unwrap();
    }
    assert!(log.next_past().is_none());
    log.append(event("s", 10)).unwrap();
    log.sync().unwrap();
    assert_eq!(wait(records_since(&store, 10)).unwrap().len(), 1);

    let mut log = open(&store).unwrap();
    log.repeat(wait(records_of(&store, "s")).unwrap());
    log.append(event("s", 1)).unwrap();
    let error = log.append(event("s", 3)).unwrap_err().to_string();
    assert!(error.contains("record 2"), "{error}");
    assert!(
        error.contains("order-2") && error.contains("order-3"),
        "{error}"
    );
}
