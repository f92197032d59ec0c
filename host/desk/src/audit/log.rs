//! Appending to the log.

use super::chain::{Anchor, End, Event, Record, restricted};
use super::table::{self, Head};
use bulkhead_domain::Problem;
use bulkhead_store::{Store, StoreError, Writer};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Why something could not be recorded, or a log not be continued.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AuditError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log is not what its head says.
    #[error("the audit log is not what its head says: {0}")]
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
    /// Makes the key of a log that is about to begin: 32 random bytes that only the owner can read. It waits
    /// beside its place until [`AuditKey::keep`], so that a process which is killed meanwhile leaves either no
    /// log or one with its key.
    ///
    /// # Errors
    /// When the file cannot be made, or there is a key already: its log was taken away.
    pub fn make(path: &Path) -> Result<AuditKey, Problem> {
        if path.exists() {
            return Err(Problem::user(
                "there is an audit log's key, and the log is gone or has lost its head",
                "restore the database from a backup; where nothing ever ran in this folder, remove the key",
            )
            .in_file(path));
        }
        let mut key = [0; 32];
        getrandom::fill(&mut key)
            .map_err(|error| std::io::Error::other(error.to_string()))
            .and_then(|()| write(&waiting(path), &key))
            .map_err(|error| cannot_make(&error, path))?;
        Ok(AuditKey(key))
    }

    /// Puts a key that was made where it belongs, now that its log has begun. Does nothing where it is.
    ///
    /// # Errors
    /// When the file system says no.
    pub fn keep(path: &Path) -> Result<(), Problem> {
        if path.exists() {
            return Ok(());
        }
        std::fs::rename(waiting(path), path)
            .and_then(|()| sync_folder(path))
            .map_err(|error| cannot_make(&error, path))
    }

    /// Reads the key of a log that there is already. Makes none: under another key the log could not be
    /// proven.
    ///
    /// # Errors
    /// When the file cannot be read, or is no key.
    pub fn read(path: &Path) -> Result<AuditKey, Problem> {
        let mend = "restore it from a backup; without it the log's end cannot be proven";
        let bytes = std::fs::read(path)
            .or_else(|error| match error.kind() {
                ErrorKind::NotFound => std::fs::read(waiting(path)).map_err(|_| error),
                _ => Err(error),
            })
            .map_err(|error| {
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
    pub(super) fn seal(&self, anchor: &Anchor, restrictions: &str) -> String {
        // HMAC takes keys of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            return String::new();
        };
        mac.update(format!("{anchor}:{restrictions}").as_bytes());
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

/// Where a key waits until its log has begun.
fn waiting(path: &Path) -> PathBuf {
    path.with_extension("key.new")
}

/// Writes a file that only the owner can read, anew, and returns once it is on disk.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if path.exists() {
        std::fs::remove_file(path)?;
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    sync_folder(path)
}

fn sync_folder(path: &Path) -> std::io::Result<()> {
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

fn cannot_make(error: &std::io::Error, path: &Path) -> Problem {
    Problem::host(
        format!("the audit log's key cannot be made: {error}"),
        "check the folder's owner and free space",
    )
    .in_file(path)
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
    end: End,
    /// What a resumed session left behind, not repeated yet.
    past: VecDeque<Record>,
}

impl AuditLog {
    /// A log that keeps nothing.
    #[must_use]
    pub fn none() -> AuditLog {
        AuditLog {
            sink: Sink::None,
            end: End::genesis(),
            past: VecDeque::new(),
        }
    }

    /// Opens the log for appending at its end; an empty one gets a sealed head at once, so that from its first
    /// record on a missing head means that somebody took it away. What raised and lifted restrictions is
    /// proven whole. Records after the head (of a process that ended without a close) are kept when they
    /// continue the chain and lift nothing: what does is sealed as it is written.
    ///
    /// # Errors
    /// [`AuditError::Head`] when the log's end, or what raised and lifted restrictions, is not what the head
    /// says.
    pub async fn open(
        store: &Store,
        writer: Writer,
        key: AuditKey,
    ) -> Result<AuditLog, AuditError> {
        let mut end = match table::head(store).await? {
            Some(head) if head.is_of(&key) => proven(store, &head).await?,
            Some(head) => {
                return Err(AuditError::Head(format!(
                    "the head {} was not written with this host's key",
                    head.anchor.sequence
                )));
            }
            None if table::records_since(store, i64::MIN).await?.is_empty() => {
                let end = End::genesis();
                writer.write(table::write_head(&end, &key))?;
                writer.flush()?;
                end
            }
            None => {
                return Err(AuditError::Head("there are records and no head".to_owned()));
            }
        };
        let written = end.anchor.sequence;
        for record in table::records_since(store, written.cast_signed().saturating_add(1)).await? {
            let next = end.after(&record.event);
            if record.sequence != next.anchor.sequence || record.hash != next.anchor.hash {
                return Err(AuditError::Head(format!(
                    "record {} does not follow the one before it",
                    record.sequence
                )));
            }
            if record.event.kind.lifts() {
                return Err(AuditError::Head(format!(
                    "record {} lifts a restriction and is not under the key",
                    record.sequence
                )));
            }
            end = next;
        }
        Ok(AuditLog {
            sink: Sink::Store {
                writer,
                key,
                written,
            },
            end,
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
        self.end.anchor
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

    /// Records an event that comes from outside the session, whatever is still to be repeated. One that lifts
    /// restrictions is sealed in the same commit: on disk there is never one that the key does not vouch for.
    ///
    /// # Errors
    /// [`AuditError::Store`].
    pub fn append_new(&mut self, event: Event) -> Result<(), AuditError> {
        let Sink::Store {
            writer,
            key,
            written,
        } = &mut self.sink
        else {
            return Ok(());
        };
        let end = self.end.after(&event);
        let lifts = event.kind.lifts();
        let insert = table::insert(end.anchor.sequence, event, end.anchor.hash);
        if lifts {
            writer.write_group(vec![insert, table::write_head(&end, key)])?;
            *written = end.anchor.sequence;
        } else {
            writer.write(insert)?;
        }
        self.end = end;
        Ok(())
    }

    /// Queues the head, and gives the writer whose flush makes everything so far durable; `None` where
    /// nothing is kept or nothing new.
    ///
    /// # Errors
    /// [`AuditError::Store`].
    pub(crate) fn seal(&mut self) -> Result<Option<Writer>, AuditError> {
        let Sink::Store {
            writer,
            key,
            written,
        } = &mut self.sink
        else {
            return Ok(None);
        };
        if *written != self.end.anchor.sequence {
            writer.write(table::write_head(&self.end, key))?;
            *written = self.end.anchor.sequence;
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

/// The end that a head vouches for, once the record it names and all that raised and lifted restrictions up to
/// it are found to be what it says.
async fn proven(store: &Store, head: &Head) -> Result<End, AuditError> {
    let anchor = head.anchor;
    if anchor.sequence > 0 {
        let last = table::one(store, anchor.sequence).await?;
        if last.is_none_or(|record| record.hash != anchor.hash) {
            return Err(AuditError::Head(format!(
                "record {} is missing or was changed",
                anchor.sequence
            )));
        }
    }
    let restrictions = table::restrictions(store)
        .await?
        .iter()
        .filter(|record| record.sequence <= anchor.sequence)
        .fold(End::genesis().restrictions, |before, record| {
            restricted(&before, record.sequence, &record.event)
        });
    if restrictions.to_string() != head.restrictions {
        return Err(AuditError::Head(
            "what raised and lifted restrictions was changed".to_owned(),
        ));
    }
    Ok(End {
        anchor,
        restrictions,
    })
}
