//! Appending to the log.

use super::chain::{Anchor, Event, Record, genesis, hash};
use super::table;
use bulkhead_domain::Problem;
use bulkhead_store::{Store, StoreError, Writer};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Why something could not be recorded, or a log not be continued.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AuditError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log is not what its head says.
    #[error("the audit log does not end as its head says: {0}")]
    Head(String),
    /// A resumed session did something else than the record says it did.
    #[error(
        "record {sequence} of the audit log says '{recorded}', and the session that is resumed came to '{now}'"
    )]
    Diverged {
        /// Number of the record.
        sequence: u64,
        /// What is recorded.
        recorded: String,
        /// What the session did now.
        now: String,
    },
}

impl From<AuditError> for Problem {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::Store(error) => error.into(),
            AuditError::Head(_) => Problem::user(
                error.to_string(),
                "run `bulkhead audit verify` to see which record is wrong, and restore the database from a backup",
            ),
            AuditError::Diverged { .. } => Problem::user(
                error.to_string(),
                "use the plugins, data and configuration that the session was started with, or start it anew with --fresh",
            ),
        }
    }
}

/// The key that only this host has.
#[derive(Clone)]
pub struct AuditKey([u8; 32]);

impl AuditKey {
    /// Reads the key, making it where there is none: 32 random bytes that only the owner can read. It is there
    /// whole or not at all, whenever the process ends.
    ///
    /// # Errors
    /// When the file cannot be read or made, or is no key.
    pub fn open(path: &Path) -> Result<AuditKey, Problem> {
        if !path.exists() {
            make(path).map_err(|error| {
                Problem::host(
                    format!("the audit log's key cannot be made: {error}"),
                    "check the folder's owner and free space",
                )
                .in_file(path)
            })?;
        }
        AuditKey::read(path)
    }

    /// Reads the key of a log that there is already. Makes none: under another key the log could not be
    /// proven.
    ///
    /// # Errors
    /// When the file cannot be read, or is no key.
    pub fn read(path: &Path) -> Result<AuditKey, Problem> {
        let mend = "restore it from a backup; without it the log's end cannot be proven";
        let bytes = std::fs::read(path).map_err(|error| {
            Problem::user(format!("the audit log's key cannot be read: {error}"), mend)
                .in_file(path)
        })?;
        bytes.try_into().map(AuditKey).map_err(|bytes: Vec<u8>| {
            Problem::user(
                format!("the audit log's key has {} bytes, not 32", bytes.len()),
                mend,
            )
            .in_file(path)
        })
    }

    /// A key from bytes.
    #[must_use]
    pub fn from_bytes(key: [u8; 32]) -> AuditKey {
        AuditKey(key)
    }

    /// Authenticates a head.
    pub(super) fn seal(&self, anchor: &Anchor) -> String {
        // HMAC takes keys of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            return String::new();
        };
        mac.update(anchor.to_string().as_bytes());
        mac.finalize()
            .into_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

impl std::fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AuditKey")
    }
}

/// Makes a key's file, unless somebody else has made it meanwhile.
fn make(path: &Path) -> std::io::Result<()> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| std::io::Error::other(error.to_string()))?;
    let new = path.with_extension(format!("{}.new", std::process::id()));
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)
        .and_then(|mut file| {
            file.write_all(&key)?;
            file.sync_all()
        })
        .and_then(|()| match std::fs::hard_link(&new, path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        });
    // Left behind it would only be in the way.
    let _ = std::fs::remove_file(&new);
    written?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Where records go.
enum Sink {
    /// Nowhere: a backtest is not audited.
    None,
    Store {
        writer: Writer,
        key: AuditKey,
        /// The head as last written.
        written: u64,
    },
}

/// The log, open for appending.
pub struct AuditLog {
    sink: Sink,
    head: Anchor,
    /// What a resumed session left behind, not repeated yet.
    past: VecDeque<Record>,
}

impl AuditLog {
    /// A log that keeps nothing.
    #[must_use]
    pub fn none() -> AuditLog {
        AuditLog {
            sink: Sink::None,
            head: genesis(),
            past: VecDeque::new(),
        }
    }

    /// Opens the log for appending at its end; an empty one gets a sealed head at once, so that from its first
    /// record on a missing head means that somebody took it away. Records after the head (of a process that ended without a
    /// close) are kept when they continue the chain.
    ///
    /// # Errors
    /// [`AuditError::Head`] when the log's end is not what its head says.
    pub async fn open(
        store: &Store,
        writer: Writer,
        key: AuditKey,
    ) -> Result<AuditLog, AuditError> {
        let head = table::head(store).await?;
        let head = match head {
            Some((anchor, seal)) if seal == key.seal(&anchor) => anchor,
            Some((anchor, _)) => {
                return Err(AuditError::Head(format!(
                    "the head {} was not written with this host's key",
                    anchor.sequence
                )));
            }
            None if table::records_since(store, i64::MIN).await?.is_empty() => {
                writer.write(table::write_head(&genesis(), &key.seal(&genesis())))?;
                writer.flush()?;
                genesis()
            }
            None => {
                return Err(AuditError::Head("there are records and no head".to_owned()));
            }
        };
        let tail = table::records_since(store, head.sequence.cast_signed()).await?;
        let mut end = head;
        let mut tail = tail.into_iter();
        if head.sequence > 0 {
            match tail.next() {
                Some(record) if record.sequence == head.sequence && record.hash == head.hash => {}
                Some(_) | None => {
                    return Err(AuditError::Head(format!(
                        "record {} is missing or was changed",
                        head.sequence
                    )));
                }
            }
        }
        for record in tail {
            let follows =
                record.sequence == end.sequence + 1 && record.hash == hash(&end, &record.event);
            if !follows {
                return Err(AuditError::Head(format!(
                    "record {} does not follow the one before it",
                    record.sequence
                )));
            }
            end = Anchor {
                sequence: record.sequence,
                hash: record.hash,
            };
        }
        Ok(AuditLog {
            sink: Sink::Store {
                writer,
                key,
                written: head.sequence,
            },
            head: end,
            past: VecDeque::new(),
        })
    }

    /// Makes the log repeat what a session left behind: see the module's note for callers.
    pub fn repeat(&mut self, past: Vec<Record>) {
        self.past = past.into();
    }

    /// The next record of the past, while there is one.
    #[must_use]
    pub fn next_past(&self) -> Option<&Record> {
        self.past.front()
    }

    /// Takes the next record of the past.
    pub fn take_past(&mut self) -> Option<Record> {
        self.past.pop_front()
    }

    /// Whether records are kept.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        matches!(self.sink, Sink::Store { .. })
    }

    /// The last record.
    #[must_use]
    pub fn head(&self) -> Anchor {
        self.head
    }

    /// Records an event; while there is a past, compares it with the past instead. Returns at once: only
    /// [`AuditLog::sync`] makes it durable.
    ///
    /// # Errors
    /// [`AuditError`].
    pub fn append(&mut self, event: Event) -> Result<(), AuditError> {
        // A record that differs stays: nothing that comes after it is compared with the one behind it, and
        // the session is not taken to have come to the end of its past.
        if let Some(record) = self.past.front() {
            if record.event == event {
                self.past.pop_front();
                return Ok(());
            }
            let told = |event: &Event| {
                format!(
                    "{} {} {} at {}: {}",
                    event.actor,
                    event.kind.name(),
                    event.subject,
                    event.time,
                    event.body
                )
            };
            return Err(AuditError::Diverged {
                sequence: record.sequence,
                recorded: told(&record.event),
                now: told(&event),
            });
        }
        self.append_new(event)
    }

    /// Records an event that comes from outside the session, whatever is still to be repeated.
    ///
    /// # Errors
    /// [`AuditError::Store`].
    pub fn append_new(&mut self, event: Event) -> Result<(), AuditError> {
        let Sink::Store { writer, .. } = &self.sink else {
            return Ok(());
        };
        let sequence = self.head.sequence + 1;
        let hash = hash(&self.head, &event);
        writer.write(table::insert(sequence, event, hash))?;
        self.head = Anchor { sequence, hash };
        Ok(())
    }

    /// Queues the head, and gives the writer whose flush makes everything so far durable; `None` where
    /// nothing is kept or nothing new.
    ///
    /// # Errors
    /// [`AuditError::Store`].
    pub(crate) fn seal(&mut self) -> Result<Option<Writer>, AuditError> {
        let head = self.head;
        let Sink::Store {
            writer,
            key,
            written,
        } = &mut self.sink
        else {
            return Ok(None);
        };
        if *written != head.sequence {
            writer.write(table::write_head(&head, &key.seal(&head)))?;
            *written = head.sequence;
        }
        Ok(Some(writer.clone()))
    }

    /// Returns once everything recorded so far is on disk.
    ///
    /// # Errors
    /// [`AuditError::Store`].
    pub fn sync(&mut self) -> Result<(), AuditError> {
        match self.seal()? {
            Some(writer) => Ok(writer.flush()?),
            None => Ok(()),
        }
    }
}
