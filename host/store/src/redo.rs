//! The redo journal: what a writer acknowledged before the database has it.
//!
//! A commit of the database takes several writes, makes its files longer and now and then folds its log, and whoever
//! waits for one waits for all of that. An append to a file that has its size and its blocks already waits for
//! one small sync. So what must be durable at once is written here, and the database follows.
//!
//! Promises: what [`Journal::append`] returned from is on disk, in the order of its sequence numbers, and is in the
//! database exactly once after the next opening, whenever the process ended. The last record may be cut off or torn:
//! it was never acknowledged, and the journal ends before it. A record that is broken with a whole one behind it, or
//! that is missing, is an error and never passed over.
//!
//! How: the file lies beside the database (`NAME-redo`) and consists of a header and two segments of [`SEGMENT`]
//! bytes, written once with zeros. Each group of statements has a number; every transaction that the writer of a
//! journal commits says in [`STATE`] up to which number it goes. A segment begins anew once the database has all
//! of it on disk. Whatever fits neither is for the database to take.
//!
//! One process at a time, whoever holds the lock on the file, writes the journal or applies what it holds. A reader
//! that opens the database beside a living writer finds the lock taken and leaves the journal alone.
//!
//! The texts of statements are executed as they stand in the file: it is as trustworthy as the database beside it,
//! and needs the same protection.

mod format;
mod recover;

pub(crate) use self::recover::{Mark, opened, recover};

use self::format::{HEADER, encode, header};
use crate::statement::Argument;
use crate::{Migration, MigrationSet, Statement, StoreError};
use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Bytes of one of the two segments.
pub(crate) const SEGMENT: usize = 4 << 20;
/// Longest that a writer waits for whoever applies what an earlier one left.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pause between two tries.
const RETRY: Duration = Duration::from_millis(5);

/// Statements that are applied together or not at all.
pub(crate) type Group = Arc<[Statement]>;

/// What the database knows of its journal: which is its own, and how much of it was applied. The identity keeps
/// the journal of one database from another that was put in its place.
pub(crate) const STATE: MigrationSet = MigrationSet {
    crate_name: "store",
    migrations: &[Migration {
        version: 1,
        name: "the journal's identity and how much of it was applied",
        sql: "CREATE TABLE store_journal (id BIGINT PRIMARY KEY, identity TEXT NOT NULL, applied BIGINT NOT NULL);\
              INSERT INTO store_journal (id, identity, applied) VALUES (1, lower(hex(randomblob(16))), 0);",
    }],
};
/// Says that the database has everything up to a number.
const APPLIED: &str = "UPDATE store_journal SET applied = $1 WHERE id = 1";

/// The statement that belongs at the end of a transaction which goes up to this number.
pub(crate) fn applied(last: u64) -> Statement {
    Statement::new(APPLIED).bind(last.cast_signed())
}

/// Where the journal of a database is.
pub(crate) fn beside(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-redo");
    name.into()
}

/// A journal's file that nobody else writes or applies, until it is dropped.
#[derive(Debug)]
pub(crate) struct Locked {
    file: File,
    path: PathBuf,
}

impl Locked {
    /// The journal that lies beside a database, where there is one and nobody else has it.
    pub(crate) fn existing(database: &Path) -> Result<Option<Locked>, StoreError> {
        let path = beside(database);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(&path, &error)),
        };
        match file.try_lock() {
            Ok(()) => Ok(Some(Locked { file, path })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(failed(&path, &error)),
        }
    }

    /// The journal of a database, to write it; made where there is none. Waits for whoever only applies what it
    /// holds.
    pub(crate) fn take(database: &Path) -> Result<Locked, StoreError> {
        let path = beside(database);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| failed(&path, &error))?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Locked { file, path }),
                Err(TryLockError::WouldBlock) if begun.elapsed() < PATIENCE => {
                    std::thread::sleep(RETRY);
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(StoreError::InUse {
                        path: database.to_owned(),
                        text: format!("it writes the journal {}", path.display()),
                    });
                }
                Err(TryLockError::Error(error)) => return Err(failed(&path, &error)),
            }
        }
    }
}

/// The journal, open for writing.
#[derive(Debug)]
pub(crate) struct Journal {
    locked: Locked,
    header: [u8; HEADER],
    /// Whether the file has its header and its size.
    made: bool,
    /// The segment that is written, and where in it.
    at: usize,
    offset: usize,
    /// The last number in each segment.
    ends: [u64; 2],
    /// Texts of statements that the segment has already, by their place.
    texts: HashMap<&'static str, u32>,
    record: Vec<u8>,
    /// Everything up to this number is durable.
    durable: u64,
}

impl Journal {
    /// The journal of a database that has everything it held.
    pub(crate) fn new(locked: Locked, mark: &Mark) -> Journal {
        Journal {
            locked,
            header: header(&mark.identity),
            made: false,
            at: 0,
            offset: 0,
            ends: [mark.applied; 2],
            texts: HashMap::new(),
            record: Vec::new(),
            durable: mark.applied,
        }
    }

    /// Everything up to this number is durable.
    pub(crate) fn durable(&self) -> u64 {
        self.durable
    }

    /// Takes note that the database has everything up to this number on disk.
    pub(crate) fn committed(&mut self, last: u64) {
        self.durable = self.durable.max(last);
    }

    /// Makes groups durable, of which the first has the number `first`; the database has everything up to `applied` on
    /// disk.
    /// False where there is no room for them.
    pub(crate) fn append(
        &mut self,
        first: u64,
        groups: &[Group],
        applied: u64,
    ) -> Result<bool, StoreError> {
        if groups.iter().map(size).sum::<usize>() > SEGMENT {
            return Ok(false);
        }
        self.make()
            .map_err(|error| failed(&self.locked.path, &error))?;
        if !self.encode(first, groups) {
            let other = 1 - self.at;
            if self.ends.get(other).is_none_or(|end| *end > applied) {
                return Ok(false);
            }
            (self.at, self.offset) = (other, 0);
            self.texts.clear();
            if !self.encode(first, groups) {
                return Ok(false);
            }
        }
        let place = HEADER + self.at * SEGMENT + self.offset;
        self.locked
            .file
            .write_all_at(&self.record, place as u64)
            .and_then(|()| self.locked.file.sync_data())
            .map_err(|error| failed(&self.locked.path, &error))?;
        self.offset += self.record.len();
        self.durable = first + groups.len() as u64 - 1;
        if let Some(end) = self.ends.get_mut(self.at) {
            *end = self.durable;
        }
        Ok(true)
    }

    /// Makes the record of groups. False where the segment has no room for it.
    fn encode(&mut self, first: u64, groups: &[Group]) -> bool {
        let known = self.texts.len();
        encode(first, groups, &mut self.texts, &mut self.record);
        let fits = self.offset + self.record.len() <= SEGMENT;
        if !fits {
            // The segment does not get them.
            self.texts.retain(|_, place| (*place as usize) < known);
        }
        fits
    }

    /// Gives the file its size by writing it whole, so that no later write waits for the file system to find
    /// room. The header comes last: a file without one holds nothing.
    fn make(&mut self) -> std::io::Result<()> {
        if self.made {
            return Ok(());
        }
        let file = &self.locked.file;
        let mut found = [0; HEADER];
        let (length, whole) = (file.metadata()?.len(), (HEADER + 2 * SEGMENT) as u64);
        if length != whole || file.read_exact_at(&mut found, 0).is_err() || found != self.header {
            if length > whole {
                file.set_len(whole)?;
            }
            let zeros = vec![0; HEADER];
            for place in (0..whole).step_by(HEADER) {
                file.write_all_at(&zeros, place)?;
            }
            file.sync_all()?;
            file.write_all_at(&self.header, 0)?;
            file.sync_all()?;
            if let Some(folder) = self.locked.path.parent() {
                let here = folder.as_os_str().is_empty();
                File::open(if here { Path::new(".") } else { folder })?.sync_all()?;
            }
        }
        self.made = true;
        Ok(())
    }
}

/// About the bytes of a group.
fn size(group: &Group) -> usize {
    let of = |argument: &Argument| match argument {
        Argument::Text(Some(text)) => text.len(),
        Argument::Bytes(Some(bytes)) => bytes.len(),
        _ => size_of::<u64>(),
    };
    let statements = group.iter();
    statements
        .map(|statement| statement.arguments().iter().map(of).sum::<usize>())
        .sum()
}

fn failed(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Journal {
        path: path.to_owned(),
        text: error.to_string(),
        full: matches!(
            error.kind(),
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded
        ),
    }
}

#[cfg(test)]
mod tests;
