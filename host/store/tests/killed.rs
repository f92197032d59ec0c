//! Writers that are killed: everything that was acknowledged is there, once, and nothing behind a gap.
//!
//! This very program is started again as the one that writes, and ended with SIGKILL at moments drawn at random
//! (the seed is printed; `BULKHEAD_CRASH_SEED` repeats one), again and again on one database.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use bulkhead_store::{Migration, MigrationSet, Statement, Store, StoreError, wait};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const SETS: &[MigrationSet] = &[MigrationSet {
    crate_name: "test",
    migrations: &[Migration {
        version: 1,
        name: "create",
        // Nothing that would refuse a row that is written twice.
        sql: "CREATE TABLE a (number BIGINT NOT NULL, text TEXT NOT NULL);\
              CREATE TABLE last (id BIGINT NOT NULL, number BIGINT NOT NULL);\
              INSERT INTO last (id, number) VALUES (1, 0);",
    }],
}];
const INSERT: &str = "INSERT INTO a (number, text) VALUES ($1, $2)";
const LAST: &str = "UPDATE last SET number = number + $1 WHERE id = 1";
const READ: &str = "SELECT number FROM a ORDER BY rowid";
const READ_LAST: &str = "SELECT number FROM last";

/// Where the program that is started again finds its database.
const DATABASE: &str = "BULKHEAD_KILLED_DATABASE";
const KILLS: u32 = 40;

fn open(path: &Path) -> Store {
    wait(async {
        let store = Store::open(path).await?;
        store.migrate(SETS).await?;
        Ok::<_, StoreError>(store)
    })
    .unwrap()
}

/// The rows, and how often the other table says that there was one.
fn read(store: &Store) -> (Vec<i64>, i64) {
    wait(async {
        let failed = |error| StoreError::of_statement(READ, &error);
        let numbers = sqlx::query_scalar(READ)
            .fetch_all(store.pool())
            .await
            .map_err(failed)?;
        let last = sqlx::query_scalar(READ_LAST)
            .fetch_one(store.pool())
            .await
            .map_err(failed)?;
        Ok::<_, StoreError>((numbers, last))
    })
    .unwrap()
}

/// The program that writes: groups of rows of very different sizes, some synced, some flushed, most neither.
#[test]
fn the_one_that_writes() {
    let Some(path) = std::env::var_os(DATABASE).map(PathBuf::from) else {
        return;
    };
    let store = open(&path);
    let writer = store.journalled_writer().unwrap();
    let (numbers, _) = read(&store);
    let first = numbers.last().copied().unwrap_or(0) + 1;
    let mut out = std::io::stdout();
    for number in first.. {
        let size = if number % 97 == 0 { 300_000 } else { 700 };
        writer
            .write_group(vec![
                Statement::new(INSERT).bind(number).bind("x".repeat(size)),
                Statement::new(LAST).bind(1_i64),
            ])
            .unwrap();
        match number % 7 {
            0 if number % 5 == 0 => writer.flush().unwrap(),
            0 | 3 | 4 => writer.sync().unwrap(),
            _ => continue,
        }
        writeln!(out, "durable {number}").unwrap();
    }
}

/// Ends the writer after a while, and gives the last number that it said was durable.
fn killed(path: &Path, after: Duration) -> i64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_one_that_writes", "--nocapture"])
        .env(DATABASE, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    let durable = |line: Option<std::io::Result<String>>| -> Option<Option<i64>> {
        let line = line?.unwrap();
        Some(
            line.strip_prefix("durable ")
                .and_then(|number| number.parse().ok()),
        )
    };
    let mut last = 0;
    let mut begun = None;
    while let Some(said) = durable(said.next()) {
        if let Some(number) = said {
            last = number;
            // From the first one on: opening and making the journal take their time.
            if begun.get_or_insert_with(Instant::now).elapsed() > after {
                break;
            }
        }
    }
    assert!(begun.is_some(), "the writer ended by itself");
    child.kill().unwrap();
    // What it said before it ended is still in the pipe, to the last whole line.
    while let Some(said) = durable(said.next()) {
        last = said.unwrap_or(last).max(last);
    }
    child.wait().unwrap();
    last
}

#[test]
fn what_was_acknowledged_is_there_once_however_often_the_writer_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let seed = std::env::var("BULKHEAD_CRASH_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| u64::from(std::process::id()) + 1);
    println!("BULKHEAD_CRASH_SEED={seed}");
    let mut draw = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let (mut before, mut only_journalled) = (0, 0);
    for kill in 0..KILLS {
        draw ^= draw >> 12;
        draw ^= draw << 25;
        draw ^= draw >> 27;
        let durable = killed(&path, Duration::from_micros(draw % 120_000));
        assert!(durable > before, "kill {kill}: nothing became durable");
        // As it is found, without what is in the journal: this is what makes the test one of the journal.
        let hidden = folder.path().join("hidden");
        let journal = folder.path().join("a.db-redo");
        std::fs::rename(&journal, &hidden).unwrap();
        let in_database = read(&open(&path)).0.len();
        std::fs::rename(&hidden, &journal).unwrap();
        only_journalled += u32::from((in_database as i64) < durable);

        let (numbers, counted) = read(&open(&path));
        let there = numbers.len() as i64;
        assert!(
            numbers.iter().copied().eq(1..=there),
            "kill {kill}: a gap, or a row that is there twice"
        );
        assert_eq!(counted, there, "kill {kill}: half a group");
        assert!(
            there >= durable,
            "kill {kill}: {durable} was acknowledged, {there} are there"
        );
        before = there;
    }
    assert!(
        only_journalled > 0,
        "no kill met a database that was behind"
    );
}
