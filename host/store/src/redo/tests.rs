//! What is promised of journals. A process that ended is played by a journal that is written and dropped, while the
//! database gets only what the test gives it.

use super::format::Record;
use super::*;
use crate::{Store, wait};
use bulkhead_domain::Problem;
use tempfile::TempDir;

const SETS: &[MigrationSet] = &[MigrationSet {
    crate_name: "test",
    migrations: &[Migration {
        version: 1,
        name: "create",
        sql: "CREATE TABLE a (number BIGINT NOT NULL CHECK (number <> 13), text TEXT, real DOUBLE PRECISION, bytes BLOB)",
    }],
}];
const INSERT: &str = "INSERT INTO a (number, text) VALUES ($1, $2)";

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Place {
        Place {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("a.db")
    }

    fn journal(&self) -> PathBuf {
        beside(&self.database())
    }

    fn open(&self) -> Result<Store, StoreError> {
        wait(async {
            let store = Store::open(self.database()).await?;
            store.migrate(SETS).await?;
            Ok(store)
        })
    }

    /// Opens the database and takes the journal, as a writer does, but without the thread that the database gets
    /// everything from.
    fn journalled(&self) -> (Store, Journal) {
        let store = self.open().unwrap();
        let mut locked = Locked::take(&self.database()).unwrap();
        let (locked, mark) = wait(async {
            store.migrate(&[STATE]).await?;
            let mark = recover(&mut locked, store.pool()).await?;
            Ok::<_, StoreError>((locked, mark.unwrap()))
        })
        .unwrap();
        (store, Journal::new(locked, &mark))
    }

    /// A process that made these groups durable, one record each, and ended before the database had any.
    fn ended_after(&self, numbers: std::ops::RangeInclusive<u64>) {
        let (_store, mut journal) = self.journalled();
        for number in numbers {
            assert!(journal.append(number, &[group(number)], 0).unwrap());
        }
    }

    fn change(&self, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = std::fs::read(self.journal()).unwrap();
        change(&mut bytes);
        std::fs::write(self.journal(), bytes).unwrap();
    }

    /// The problem of an opening that is refused, as a person reads it.
    fn refused(&self) -> String {
        let problem: Problem = self.open().err().unwrap().into();
        assert_eq!(problem.to_string().lines().count(), 1);
        problem.to_string()
    }
}

fn group(number: u64) -> Group {
    Arc::new([Statement::new(INSERT)
        .bind(number.cast_signed())
        .bind(format!("text of {number}"))])
}

fn numbers(store: &Store) -> Vec<i64> {
    wait(async {
        sqlx::query_scalar("SELECT number FROM a ORDER BY rowid")
            .fetch_all(store.pool())
            .await
            .map_err(|error| StoreError::during("read", &error))
    })
    .unwrap()
}

/// Number, text, real, bytes.
type Row = (i64, Option<String>, Option<f64>, Option<Vec<u8>>);

/// Where the records of a segment begin, and where the last ends.
fn records(bytes: &[u8], segment: usize) -> Vec<usize> {
    let mut at = HEADER + segment * SEGMENT;
    let mut places = vec![at];
    while let Some(record) = Record::read(&bytes[at..]) {
        at += record.len();
        places.push(at);
    }
    places
}

#[test]
fn what_was_durable_is_there_once_after_the_next_opening() {
    let place = Place::new();
    place.ended_after(1..=5);
    for _ in 0..3 {
        assert_eq!(numbers(&place.open().unwrap()), [1, 2, 3, 4, 5]);
    }
    // And what is journalled then goes on from there.
    place.ended_after(6..=7);
    assert_eq!(numbers(&place.open().unwrap()), [1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn every_kind_of_value_comes_back_as_it_was() {
    const ALL: &str = "INSERT INTO a (number, text, real, bytes) VALUES ($1, $2, $3, $4)";
    let place = Place::new();
    let (store, mut journal) = place.journalled();
    let full = Statement::new(ALL)
        .bind(i64::MIN)
        .bind("a 'quoted' $1 \n line")
        .bind(-0.1)
        .bind(vec![0_u8, 255]);
    let empty = Statement::new(ALL)
        .bind(1_i64)
        .bind(None::<String>)
        .bind(None::<f64>)
        .bind(None::<Vec<u8>>);
    let groups: [Group; 2] = [Arc::new([full, empty]), group(7)];
    assert!(journal.append(1, &groups, 0).unwrap());
    drop((store, journal));
    let store = place.open().unwrap();
    let rows: Vec<Row> = wait(async {
        sqlx::query_as("SELECT number, text, real, bytes FROM a ORDER BY rowid")
            .fetch_all(store.pool())
            .await
            .map_err(|error| StoreError::during("read", &error))
    })
    .unwrap();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        rows,
        [
            (
                i64::MIN,
                text("a 'quoted' $1 \n line"),
                Some(-0.1),
                Some(vec![0, 255])
            ),
            (1, None, None, None),
            (7, text("text of 7"), None, None),
        ]
    );
}

#[test]
fn a_last_record_that_is_cut_off_or_torn_was_never_acknowledged() {
    type Change = fn(&mut Vec<u8>, usize, usize);
    let changes: [Change; 4] = [
        |bytes, _, end| bytes.truncate(end - 5),
        |bytes, last, _| bytes.truncate(last + 3),
        |bytes, last, end| bytes[last + 30..end].fill(0),
        |bytes, last, _| bytes[last..last + 16].fill(0),
    ];
    for change in changes {
        let place = Place::new();
        place.ended_after(1..=5);
        place.change(|bytes| {
            let places = records(bytes, 0);
            change(bytes, places[4], places[5]);
        });
        assert_eq!(numbers(&place.open().unwrap()), [1, 2, 3, 4]);
        // Its number is given to another group, of which the next opening knows which it was.
        place.ended_after(5..=6);
        assert_eq!(numbers(&place.open().unwrap()), [1, 2, 3, 4, 5, 6]);
    }
}

#[test]
fn a_flipped_bit_before_the_end_is_told_and_nothing_is_applied() {
    for offset in [1, 5, 9, 13, 17, 30] {
        let place = Place::new();
        place.ended_after(1..=5);
        let mut at = 0;
        place.change(|bytes| {
            at = records(bytes, 0)[2] + offset;
            bytes[at] ^= 0x10;
        });
        let text = place.refused();
        assert!(
            text.contains("what follows 2 in it is broken, and 4 stands behind that")
                && text.ends_with("move the journal away to go on without what only it holds"),
            "{text}"
        );
        // Mended, it is applied whole.
        place.change(|bytes| bytes[at] ^= 0x10);
        assert_eq!(numbers(&place.open().unwrap()), [1, 2, 3, 4, 5]);
        // What the database has is not asked any more.
        place.change(|bytes| bytes[at] ^= 0x10);
        assert_eq!(numbers(&place.open().unwrap()), [1, 2, 3, 4, 5]);
    }
}

#[test]
fn a_broken_header_is_told() {
    let place = Place::new();
    place.ended_after(1..=2);
    place.change(|bytes| bytes[20] ^= 1);
    let text = place.refused();
    assert!(text.contains("its header is broken"), "{text}");
}

#[test]
fn a_file_that_was_being_made_holds_nothing() {
    let place = Place::new();
    place.ended_after(1..=2);
    drop(place.open().unwrap());
    for length in [0, 100, HEADER + 7] {
        std::fs::write(place.journal(), vec![0; length]).unwrap();
        assert_eq!(numbers(&place.open().unwrap()), [1, 2]);
    }
    place.ended_after(3..=3);
    assert_eq!(numbers(&place.open().unwrap()), [1, 2, 3]);
}

#[test]
fn a_segment_begins_anew_once_the_database_has_all_of_it() {
    let place = Place::new();
    let (store, mut journal) = place.journalled();
    let large = |number: u64| -> Group {
        Arc::new([Statement::new(INSERT)
            .bind(number.cast_signed())
            .bind("x".repeat(SEGMENT / 4))])
    };
    // Three fit a segment, and the database has none of them.
    for number in 1..=6 {
        assert!(journal.append(number, &[large(number)], 0).unwrap());
    }
    for applied in 0..3 {
        assert!(!journal.append(7, &[large(7)], applied).unwrap());
    }
    assert_eq!(journal.durable(), 6);
    // Of a record that had no room nothing is left behind, its statement's text neither.
    let other = Statement::new("INSERT INTO a (text, number) VALUES ($2, $1)")
        .bind(99_i64)
        .bind("x".repeat(SEGMENT / 4));
    assert!(!journal.append(7, &[Arc::new([other])], 0).unwrap());
    assert!(journal.append(7, &[group(7)], 0).unwrap());
    drop((store, journal));
    let store = place.open().unwrap();
    assert_eq!(numbers(&store), [1, 2, 3, 4, 5, 6, 7]);
    drop(store);

    // Behind the new records lie those of the first use, which were applied long ago.
    let (store, mut journal) = place.journalled();
    assert!(journal.append(8, &[group(8)], 7).unwrap());
    for number in 9..=14 {
        assert!(
            journal
                .append(number, &[large(number + 100)], number - 1)
                .unwrap()
        );
    }
    drop((store, journal));
    // As if the database had got them up to 11.
    let store = wait(async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(place.database());
        let mut connection = sqlx::ConnectOptions::connect(&options).await.unwrap();
        sqlx::raw_sql("UPDATE store_journal SET applied = 11")
            .execute(&mut connection)
            .await
            .unwrap();
        sqlx::Connection::close(connection).await.unwrap();
        Store::open(place.database()).await
    })
    .unwrap();
    assert_eq!(numbers(&store), [1, 2, 3, 4, 5, 6, 7, 112, 113, 114]);
}

#[test]
fn what_is_larger_than_a_segment_is_for_the_database() {
    let place = Place::new();
    let (store, mut journal) = place.journalled();
    let text = "x".repeat(SEGMENT - 20);
    let huge: Group = Arc::new([Statement::new(INSERT).bind(1_i64).bind(&text)]);
    assert!(!journal.append(1, &[huge], 0).unwrap());
    drop(journal);
    let writer = store.journalled_writer().unwrap();
    writer
        .write(Statement::new(INSERT).bind(1_i64).bind(text))
        .unwrap();
    writer.sync().unwrap();
    assert_eq!(numbers(&store), [1]);
    writer
        .write(Statement::new(INSERT).bind(2_i64).bind("small"))
        .unwrap();
    writer.sync().unwrap();
    drop(writer);
    assert_eq!(numbers(&store), [1, 2]);
}

#[test]
fn a_record_that_is_missing_is_told() {
    let place = Place::new();
    place.ended_after(1..=3);
    drop(place.open().unwrap());
    let backup = std::fs::read(place.journal()).unwrap();
    let (store, mut journal) = place.journalled();
    assert!(journal.append(5, &[group(5)], 4).unwrap());
    drop((store, journal));
    let text = place.refused();
    assert!(
        text.contains("it goes on with 5 where the database has everything up to 3"),
        "{text}"
    );
    std::fs::write(place.journal(), backup).unwrap();
    assert_eq!(numbers(&place.open().unwrap()), [1, 2, 3]);
}

#[test]
fn the_journal_of_another_database_is_not_applied() {
    let (place, other) = (Place::new(), Place::new());
    other.ended_after(1..=3);
    drop(place.journalled());
    std::fs::copy(other.journal(), place.journal()).unwrap();
    let text = place.refused();
    assert!(
        text.contains("it is the journal of another database than the one beside it"),
        "{text}"
    );
    // Nor where the database was moved away, and a new one begins.
    std::fs::remove_file(other.database()).unwrap();
    let text = other.refused();
    assert!(text.contains("another database"), "{text}");
    std::fs::remove_file(place.journal()).unwrap();
    assert_eq!(numbers(&place.open().unwrap()), [] as [i64; 0]);
}

#[test]
fn whoever_opens_beside_a_living_writer_leaves_its_journal_alone() {
    let place = Place::new();
    let (store, mut journal) = place.journalled();
    assert!(journal.append(1, &[group(1)], 0).unwrap());
    assert_eq!(numbers(&place.open().unwrap()), [] as [i64; 0]);
    drop((store, journal));
    assert_eq!(numbers(&place.open().unwrap()), [1]);
}

#[test]
fn a_second_writer_waits_for_the_first_to_end() {
    let place = Place::new();
    let store = place.open().unwrap();
    let first = store.journalled_writer().unwrap();
    std::thread::scope(|scope| {
        let second = scope.spawn(|| store.journalled_writer());
        first
            .write(Statement::new(INSERT).bind(1_i64).bind("a"))
            .unwrap();
        first.sync().unwrap();
        std::thread::sleep(Duration::from_millis(50));
        assert!(!second.is_finished());
        drop(first);
        let second = second.join().unwrap().unwrap();
        assert_eq!(numbers(&store), [1]);
        second
            .write(Statement::new(INSERT).bind(2_i64).bind("b"))
            .unwrap();
        second.sync().unwrap();
        drop(second);
        assert_eq!(numbers(&store), [1, 2]);
    });
}

#[test]
fn what_the_database_refuses_is_told_and_what_came_before_is_applied() {
    let place = Place::new();
    let (store, mut journal) = place.journalled();
    for number in 1..=4 {
        let of: Group = if number == 3 {
            group(13)
        } else {
            group(number)
        };
        assert!(journal.append(number, &[of], 0).unwrap());
    }
    drop((store, journal));
    for _ in 0..2 {
        let text = place.refused();
        assert!(
            text.starts_with("the last 2 writes of the journal ")
                && text.contains("refused 'INSERT INTO a")
                && text.contains("CHECK")
                && text.ends_with("move the journal away to go on without these writes"),
            "{text}"
        );
    }
    std::fs::remove_file(place.journal()).unwrap();
    assert_eq!(numbers(&place.open().unwrap()), [1, 2]);
}

#[test]
fn a_writer_whose_acknowledged_write_is_refused_fails_and_the_journal_keeps_it() {
    let place = Place::new();
    let store = place.open().unwrap();
    let writer = store.journalled_writer().unwrap();
    writer.write_group(vec![group(1)[0].clone()]).unwrap();
    writer.sync().unwrap();
    writer.write_group(vec![group(13)[0].clone()]).unwrap();
    // It becomes durable, unless this machine is so slow that the database refuses it before.
    let synced = writer.sync();
    let error = writer.flush().unwrap_err();
    assert!(error.to_string().contains("CHECK"), "{error}");
    assert_eq!(writer.sync(), Err(error.clone()));
    assert_eq!(writer.write(group(2)[0].clone()), Err(error));
    drop((writer, store));
    if synced.is_ok() {
        let text = place.refused();
        assert!(
            text.starts_with("the last 1 writes of the journal "),
            "{text}"
        );
    } else {
        assert_eq!(numbers(&place.open().unwrap()), [1]);
    }
}

#[test]
fn a_disk_without_room_for_the_journal_is_told_and_fails_the_writer() {
    let place = Place::new();
    let store = place.open().unwrap();
    std::os::unix::fs::symlink("/dev/full", place.journal()).unwrap();
    let writer = store.journalled_writer().unwrap();
    writer.write(group(1)[0].clone()).unwrap();
    let error = writer.sync().unwrap_err();
    let problem: Problem = error.clone().into();
    let text = problem.to_string();
    assert!(
        text.contains("a.db-redo cannot be used") && text.ends_with("free some space and repeat"),
        "{text}"
    );
    assert_eq!(writer.write(group(2)[0].clone()), Err(error));
}

#[test]
fn a_database_in_memory_needs_no_journal() {
    let store = wait(async {
        let store = Store::in_memory().await?;
        store.migrate(SETS).await?;
        Ok::<_, StoreError>(store)
    })
    .unwrap();
    let writer = store.journalled_writer().unwrap();
    writer.write(group(1)[0].clone()).unwrap();
    writer.sync().unwrap();
    assert_eq!(numbers(&store), [1]);
}

#[test]
fn the_database_follows_what_is_durable() {
    let place = Place::new();
    let store = place.open().unwrap();
    let writer = store.journalled_writer().unwrap();
    for number in 1..=200 {
        writer.write(group(100 + number)[0].clone()).unwrap();
        writer.sync().unwrap();
    }
    // A flush is there at once, and what was only synced with it.
    writer.flush().unwrap();
    assert_eq!(numbers(&store).len(), 200);
    writer.write(group(1)[0].clone()).unwrap();
    writer.sync().unwrap();
    let begun = Instant::now();
    while numbers(&store).len() < 201 {
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
    // What was in the database before anybody asked is not in the journal.
    let bytes = std::fs::read(place.journal()).unwrap();
    let before = records(&bytes, 0);
    for number in 1..=50 {
        writer.write(group(1_000 + number)[0].clone()).unwrap();
    }
    writer.flush().unwrap();
    writer.sync().unwrap();
    let bytes = std::fs::read(place.journal()).unwrap();
    assert_eq!(records(&bytes, 0), before);
}

#[test]
fn what_a_power_cut_takes_from_the_log_is_in_the_journal() {
    let place = Place::new();
    let store = place.open().unwrap();
    let writer = store.journalled_writer().unwrap();
    let write = |number: i64| {
        let statement = Statement::new(INSERT).bind(number).bind("a");
        writer.write(statement).unwrap();
    };
    write(1);
    writer.flush().unwrap();
    // What of the log is on disk for sure.
    let log = place.database().with_extension("db-wal");
    let synced = std::fs::read(&log).unwrap();
    write(2);
    while numbers(&store) != [1, 2] {
        std::thread::sleep(Duration::from_millis(1));
    }
    // The database has 2, but nobody has seen to it that its disk has.
    write(3);
    writer.sync().unwrap();
    let other = Place::new();
    std::fs::copy(place.database(), other.database()).unwrap();
    std::fs::copy(place.journal(), other.journal()).unwrap();
    std::fs::write(other.database().with_extension("db-wal"), synced).unwrap();
    assert_eq!(numbers(&other.open().unwrap()), [1, 2, 3]);
    drop(writer);
    assert_eq!(numbers(&store), [1, 2, 3]);
}
