//! What is promised of writers.

use super::*;
use crate::{Argument, Migration, MigrationSet, column, decimal, optional_decimal, wait};
use bulkhead_domain::{Decimal, Timestamp};

const SETS: &[MigrationSet] = &[MigrationSet {
    crate_name: "test",
    migrations: &[Migration {
        version: 1,
        name: "create",
        sql: "CREATE TABLE a (id BIGINT PRIMARY KEY, price TEXT, time BIGINT)",
    }],
}];
const INSERT: &str = "INSERT INTO a (id, price, time) VALUES ($1, $2, $3)";

fn store() -> Store {
    wait(async {
        let store = Store::in_memory().await?;
        store.migrate(SETS).await?;
        Ok::<_, StoreError>(store)
    })
    .unwrap()
}

fn insert(id: i64) -> Statement {
    Statement::new(INSERT)
        .bind(id)
        .bind(Decimal::new(123_450, 3))
        .bind(Timestamp(id * 10))
}

fn ids(store: &Store) -> Vec<i64> {
    wait(async {
        sqlx::query_scalar("SELECT id FROM a ORDER BY id")
            .fetch_all(store.pool())
            .await
            .map_err(|error| StoreError::during("read", &error))
    })
    .unwrap()
}

#[test]
fn what_was_flushed_is_there_in_full() {
    let store = store();
    let writer = store.writer().unwrap();
    for id in 0..5_000 {
        writer.write(insert(id)).unwrap();
    }
    writer.flush().unwrap();
    assert_eq!(ids(&store), (0..5_000).collect::<Vec<_>>());
    let row = wait(async {
        sqlx::query("SELECT price, time, NULL AS absent FROM a WHERE id = 7")
            .fetch_one(store.pool())
            .await
            .map_err(|error| StoreError::during("read", &error))
    })
    .unwrap();
    assert_eq!(decimal(&row, "price").unwrap(), Decimal::new(12_345, 2));
    assert_eq!(optional_decimal(&row, "absent").unwrap(), None);
    assert_eq!(column::<i64>(&row, "time").unwrap(), 70);
    assert!(decimal(&row, "absent").is_err());
}

#[test]
fn dropping_the_last_clone_writes_what_is_queued() {
    let store = store();
    let writer = store.writer().unwrap();
    let clone = writer.clone();
    clone.write(insert(1)).unwrap();
    drop(writer);
    clone.write(insert(2)).unwrap();
    drop(clone);
    assert_eq!(ids(&store), [1, 2]);
}

#[test]
fn a_failed_write_surfaces_and_stops_all_later_ones() {
    let store = store();
    let writer = store.writer().unwrap();
    writer.write(insert(1)).unwrap();
    writer.flush().unwrap();
    writer.write(insert(1)).unwrap();
    let error = writer.flush().unwrap_err();
    assert!(
        error.to_string().contains("UNIQUE") && error.to_string().contains("INSERT INTO a"),
        "{error}"
    );
    assert_eq!(writer.write(insert(2)), Err(error.clone()));
    assert_eq!(writer.flush(), Err(error.clone()));
    assert_eq!(writer.health(), Err(error));
    drop(writer);
    assert_eq!(ids(&store), [1]);
}

#[test]
fn a_group_is_written_whole_or_not_at_all() {
    let store = store();
    let writer = store.writer().unwrap();
    writer.write_group(vec![insert(1), insert(2)]).unwrap();
    writer.flush().unwrap();
    writer
        .write_group(vec![insert(3), insert(4), insert(1)])
        .unwrap();
    assert!(writer.flush().is_err());
    assert_eq!(ids(&store), [1, 2]);
}

#[test]
fn rows_written_together_keep_their_place_among_other_statements() {
    const UPDATE: &str = "UPDATE a SET time = time + $1 WHERE id <= $2";
    let store = store();
    let writer = store.writer().unwrap();
    for block in 0..5_i64 {
        for id in block * 30..(block + 1) * 30 {
            writer.write(insert(id)).unwrap();
        }
        writer
            .write(Statement::new(UPDATE).bind(1_000_i64).bind(i64::MAX))
            .unwrap();
    }
    writer.flush().unwrap();
    let times: Vec<i64> = wait(async {
        sqlx::query_scalar("SELECT time FROM a ORDER BY id")
            .fetch_all(store.pool())
            .await
            .map_err(|error| StoreError::during("read", &error))
    })
    .unwrap();
    // Every row met the updates that were given after it, and no other.
    let expected = (0..150).map(|id| id * 10 + 1_000 * (5 - id / 30));
    assert_eq!(times, expected.collect::<Vec<_>>());
}

#[test]
fn one_row_of_many_that_is_refused_leaves_none() {
    let store = store();
    let writer = store.writer().unwrap();
    writer.write(insert(20)).unwrap();
    writer.flush().unwrap();
    writer.write_group((0..40).map(insert).collect()).unwrap();
    let error = writer.flush().unwrap_err();
    assert!(
        error.to_string().contains("UNIQUE") && error.to_string().contains(INSERT),
        "{error}"
    );
    drop(writer);
    assert_eq!(ids(&store), [20]);
}

/// What a writer makes of a file, where small transactions are sent at once.
fn in_a_file(write: impl FnOnce(&Store, &std::path::Path)) -> Vec<i64> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let store = wait(async {
        let store = Store::open(&path).await?;
        store.migrate(SETS).await?;
        Ok::<_, StoreError>(store)
    })
    .unwrap();
    write(&store, &path);
    ids(&store)
}

#[test]
fn a_small_transaction_is_written_whole_or_not_at_all_too() {
    const MOVE: &str = "UPDATE a SET id = id + $2 WHERE id = $1";
    let written = in_a_file(|store, _| {
        let writer = store.writer().unwrap();
        let moved = |id: i64, by: i64| Statement::new(MOVE).bind(id).bind(by);
        writer
            .write_group(vec![insert(1), insert(2), insert(3), moved(2, 40)])
            .unwrap();
        writer.flush().unwrap();
        writer.write(insert(2)).unwrap();
        writer.flush().unwrap();
        // Its last statement is refused, so its first leave nothing.
        writer
            .write_group(vec![insert(4), insert(5), moved(1, 1)])
            .unwrap();
        let error = writer.flush().unwrap_err();
        assert!(
            error.to_string().contains("UNIQUE") && error.to_string().contains(MOVE),
            "{error}"
        );
        assert_eq!(writer.write(insert(6)), Err(error));
    });
    assert_eq!(written, [1, 2, 3, 42]);
}

/// What a writer's own hand makes of a file.
fn by_hand(
    act: impl AsyncFnOnce(&mut Hand<'_>, &mut SqliteConnection) -> Result<(), StoreError>,
) -> Vec<i64> {
    in_a_file(|store, _| {
        runtime()
            .unwrap()
            .block_on(async {
                let mut hand = Hand::new(store, false);
                hand.own = store.connection(true).await?;
                let mut other = store.connection(true).await?.unwrap();
                act(&mut hand, &mut other).await
            })
            .unwrap();
    })
}

#[test]
fn a_small_transaction_is_sent_at_once_and_one_that_is_refused_leaves_nothing() {
    let written = by_hand(async |hand, _| {
        assert!(hand.commit_at_once(&[insert(1), insert(2)]).await?);
        assert!(!hand.commit_at_once(&[insert(3), insert(1)]).await?);
        assert!(hand.commit_at_once(&[insert(4)]).await?);
        Ok(())
    });
    assert_eq!(written, [1, 2, 4]);
}

#[test]
fn a_lock_that_is_not_free_in_time_is_not_waited_for_twice() {
    let written = by_hand(async |hand, other| {
        let execute = async |connection: &mut SqliteConnection, sql: &'static str| {
            sqlx::query(sql).execute(connection).await.unwrap();
        };
        execute(hand.own.as_mut().unwrap(), "PRAGMA busy_timeout = 20").await;
        execute(other, BEGIN).await;
        let error = hand.commit_at_once(&[insert(1)]).await.unwrap_err();
        assert!(error.to_string().contains("locked"), "{error}");
        execute(other, ROLLBACK).await;
        assert!(hand.commit_at_once(&[insert(2)]).await?);
        Ok(())
    });
    assert_eq!(written, [2]);
}

#[test]
fn a_statement_without_all_its_values_moves_none_of_anothers() {
    let short = || Statement::new(INSERT).bind(1_i64);
    let mut forms = Forms::default();
    assert_eq!(forms.transaction(&[short(), insert(2)]), None);
    let store = store();
    let writer = store.writer().unwrap();
    writer
        .write_group(vec![insert(0), short(), insert(2), insert(3)])
        .unwrap();
    writer.flush().unwrap();
    assert_eq!(ids(&store), [0, 1, 2, 3]);
}

#[test]
fn the_log_is_folded_into_the_file_while_the_writer_goes_on() {
    let written = in_a_file(|store, path| {
        let writer = store.writer().unwrap();
        let size = |ending| {
            std::fs::metadata(path.with_extension(ending))
                .unwrap()
                .len()
        };
        let before = size("db");
        for id in 0..240_000 {
            writer.write(insert(id)).unwrap();
            if id % 500 == 0 {
                writer.flush().unwrap();
            }
        }
        writer.flush().unwrap();
        // Without it everything would stay in the log for as long as the file is open.
        assert!(size("db") > before + 2_000_000, "{} bytes", size("db"));
        // And where little is folded at a time the log begins anew before it has grown.
        assert!(size("db-wal") < 1_000_000, "{} bytes", size("db-wal"));
    });
    assert_eq!(written, (0..240_000).collect::<Vec<_>>());
}

#[test]
fn whoever_waits_for_room_is_let_in_or_told_that_the_writer_is_gone() {
    let queue = Queue::new(0, LINGER, false);
    let message = |id| Message::Write(Arc::new([insert(id)]));
    std::thread::scope(|scope| {
        let adds = scope.spawn(|| {
            (0..8 * QUEUE as i64)
                .take_while(|id| queue.add(message(*id)))
                .count()
        });
        let mut taken = 0;
        while taken < 2 * QUEUE {
            taken += queue.take().unwrap().statements;
        }
        queue.leave();
        let added = adds.join().unwrap();
        assert!(added >= taken && added < 8 * QUEUE, "{added}");
    });
    assert!(!queue.add(message(0)));
}

#[test]
fn a_writer_may_be_used_inside_a_runtime() {
    let store = store();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let writer = store.writer().unwrap();
        writer.write(insert(1)).unwrap();
        writer.flush().unwrap();
    });
    assert_eq!(ids(&store), [1]);
}

#[test]
fn flushed_rows_survive_reopening_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let open = || {
        wait(async {
            let store = Store::open(&path).await?;
            store.migrate(SETS).await?;
            Ok::<_, StoreError>(store)
        })
        .unwrap()
    };
    let first = open();
    let writer = first.writer().unwrap();
    writer.write(insert(1)).unwrap();
    writer.flush().unwrap();
    // The first store is still open: the second reads through the WAL.
    assert_eq!(ids(&open()), [1]);
}

/// Has a store's writer write without a pause while `other` takes so many turns, and tells how long those took.
fn flooded(store: &Store, other: &Store, turns: i64) -> Duration {
    use std::sync::atomic::{AtomicBool, Ordering};
    let writer = store.writer().unwrap();
    let done = AtomicBool::new(false);
    let taken = std::thread::scope(|scope| {
        let flood = scope.spawn(|| {
            let mut id = 0;
            while !done.load(Ordering::Relaxed) {
                writer.write(insert(id)).unwrap();
                id += 1;
            }
            id
        });
        let begun = std::time::Instant::now();
        let taken = (1..=turns).try_for_each(|id| {
            wait(async {
                // Reading and preparing take no lock; what is written has to wait its turn.
                other.migrate(SETS).await?;
                let mut turn = other.begin().await?;
                Forms::default().write(&mut turn, &[insert(-id)]).await?;
                turn.commit()
                    .await
                    .map_err(|error| StoreError::during("commit", &error))
            })
        });
        let took = begun.elapsed();
        done.store(true, Ordering::Relaxed);
        assert!(flood.join().unwrap() > 0);
        taken.map(|()| took)
    });
    writer.flush().unwrap();
    taken.unwrap()
}

#[test]
fn a_writer_without_a_pause_keeps_nobody_out() {
    in_a_file(|busy, path| {
        let other = wait(async { Store::open(path).await }).unwrap();
        flooded(busy, &other, 10);
    });
}

#[test]
fn whoever_shares_the_store_goes_before_a_writer_that_never_pauses() {
    in_a_file(|store, _| {
        let took = flooded(store, store, 30);
        // Left to chance a single one takes most of a second.
        assert!(took.as_secs() < 15, "{took:?}");
    });
}

#[test]
fn absent_values_keep_their_type() {
    assert_eq!(Argument::from(None::<Decimal>), Argument::Text(None));
    assert_eq!(Argument::from(None::<i64>), Argument::Integer(None));
    assert_eq!(Argument::from(Some(1.5)), Argument::Real(Some(1.5)));
}
