//! The log as text that others can check.

use super::chain::Record;
use serde::Serialize;
use std::io::{self, Write};

#[derive(Serialize)]
struct Line<'a> {
    sequence: u64,
    time: String,
    time_ns: i64,
    session: &'a str,
    actor: &'a str,
    kind: &'static str,
    subject: &'a str,
    body: &'a str,
    hash: String,
}

/// Writes records as JSON Lines, one a record, oldest first. `body` is the recorded text itself, which the
/// hash covers.
///
/// # Errors
/// What `out` says.
pub fn write_json_lines(records: &[Record], out: &mut impl Write) -> io::Result<()> {
    for record in records {
        let event = &record.event;
        let line = Line {
            sequence: record.sequence,
            time: event.time.to_string(),
            time_ns: event.time.0,
            session: &event.session,
            actor: &event.actor,
            kind: event.kind.name(),
            subject: &event.subject,
            body: &event.body,
            hash: record.hash.to_string(),
        };
        serde_json::to_writer(&mut *out, &line)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}
