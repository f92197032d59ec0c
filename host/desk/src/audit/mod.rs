//! The audit log: every intent, verdict, order, answer, fill, restriction, its lifting and what each session
//! began with, with who and why.
//!
//! Promises: records are only ever appended; each carries the SHA-256 of itself and of the one before it,
//! so that a record that was edited, removed, inserted or moved is found by [`verify()`]; the head (number and
//! hash of the last record at the last [`AuditLog::sync`], and a digest of everything that raised or lifted a
//! restriction) is kept beside the log under a key of this host's, so that a log whose tail was cut off, or that
//! was rewritten whole, is found too; what [`AuditLog::sync`] acknowledged is on disk. [`AuditLog::open`] goes
//! on with no log whose restrictions are not those that were sealed: none can be made to vanish without the key.
//!
//! Bounds: somebody who has both the database and the key file can rewrite both, who takes both away leaves
//! a folder in which nothing ever ran, and an older copy of the database is right up to where it ends. Whoever
//! wants proof against that keeps an [`Anchor`] elsewhere. What follows the head (records that a process that
//! was killed had not synced) is chained and not yet under the key: [`Verified::unsealed`] counts it; nothing of
//! it lifts a restriction. One process appends at a time, the one that holds the state folder's gateway lock.
//!
//! For callers: it is the order path's journal too. A session that ended without a close is resumed by
//! running it again on the records it left: while there are such records, [`AuditLog::append`] writes
//! nothing and instead compares; from the first difference on it gives [`AuditError::Diverged`].

mod chain;
mod export;
mod log;
mod table;
mod verify;

pub use chain::{Anchor, Event, Kind, Record};
pub use export::write_json_lines;
pub use log::{AuditError, AuditKey, AuditLog};
pub(crate) use table::{
    MIGRATION, MIGRATION_OF_INDEXES, MIGRATION_OF_RESTRICTIONS, beginnings, restrictions,
};
pub use table::{PAGE_LENGTH, beginning_of, is_begun, records_after, records_of, records_since};
pub use verify::{Finding, Verified, verify};
