//! The journal's bytes.
//!
//! Everything is little-endian. The header is one block: magic, version, bytes of a segment, the database's identity,
//! and a CRC-32 of these. A record begins at a multiple of [`ALIGNED`] and has a head of [`HEAD`] bytes (magic; CRC-32
//! of what follows; bytes of the content; groups in it; number of the first) and its content: every group's
//! statements, each with its text's place in the segment's list of texts, the text itself where the list has it not
//! yet, and its values.
//!
//! Sectors before a record are written again with what they had: like SQLite's own log, it relies on a disk that
//! leaves those whole when the power fails.

use super::{Group, SEGMENT};
use crate::statement::Argument;
use std::collections::HashMap;
use std::sync::Arc;

/// Bytes of the header.
pub(super) const HEADER: usize = 4_096;
/// Where records may begin.
pub(super) const ALIGNED: usize = 8;
/// Bytes of a record before its content.
const HEAD: usize = 24;
/// What comes before the checksum, and the checksum.
const SUMMED: usize = 8;

const MAGIC: &[u8; 8] = b"BLKHREDO";
const VERSION: u32 = 1;
const RECORD: u32 = 0x5245_444f;

/// The header of a database's journal.
pub(super) fn header(identity: &str) -> [u8; HEADER] {
    let mut bytes = Vec::from(MAGIC);
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend(length(SEGMENT));
    bytes.extend(length(identity.len()));
    bytes.extend(identity.as_bytes());
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    let mut header = [0; HEADER];
    for (to, from) in header.iter_mut().zip(bytes) {
        *to = from;
    }
    header
}

/// What a header says.
pub(super) struct Header<'a> {
    pub(super) version: u32,
    pub(super) segment: usize,
    pub(super) identity: &'a str,
}

/// Reads a header; `None` where there is none.
pub(super) fn read_header(bytes: &[u8]) -> Option<Header<'_>> {
    let mut rest = Bytes(bytes);
    if rest.take(MAGIC.len())? != MAGIC {
        return None;
    }
    let (version, segment) = (rest.u32()?, rest.u32()? as usize);
    let identity = std::str::from_utf8(rest.sized()?).ok()?;
    let read = bytes.len() - rest.0.len();
    let whole = rest.u32()? == crc32fast::hash(bytes.get(..read)?);
    whole.then_some(Header {
        version,
        segment,
        identity,
    })
}

/// Whether a header is known to this program.
pub(super) fn is_known(header: &Header<'_>) -> bool {
    header.version == VERSION
}

fn length(of: usize) -> [u8; 4] {
    // What is longer than a segment is never written.
    u32::try_from(of).unwrap_or(u32::MAX).to_le_bytes()
}

/// Makes the record of groups. Texts that are new to the segment are added to its list.
pub(super) fn encode(
    first: u64,
    groups: &[Group],
    texts: &mut HashMap<&'static str, u32>,
    record: &mut Vec<u8>,
) {
    record.clear();
    record.extend([0; HEAD]);
    for group in groups {
        record.extend(length(group.len()));
        for statement in group.iter() {
            let next = u32::try_from(texts.len()).unwrap_or(u32::MAX);
            let place = *texts.entry(statement.sql()).or_insert(next);
            record.extend(place.to_le_bytes());
            if place == next {
                sized(record, statement.sql().as_bytes());
            }
            record.extend(length(statement.arguments().len()));
            for argument in statement.arguments() {
                value(record, argument);
            }
        }
    }
    record.resize(record.len().next_multiple_of(ALIGNED), 0);
    let content = record.len() - HEAD;
    let mut head = Vec::with_capacity(HEAD - SUMMED);
    head.extend(length(content));
    head.extend(length(groups.len()));
    head.extend(first.to_le_bytes());
    put(record, SUMMED, &head);
    let sum = crc32fast::hash(record.get(SUMMED..).unwrap_or_default());
    put(record, 0, &RECORD.to_le_bytes());
    put(record, 4, &sum.to_le_bytes());
}

fn put(record: &mut [u8], at: usize, bytes: &[u8]) {
    for (to, from) in record.iter_mut().skip(at).zip(bytes) {
        *to = *from;
    }
}

fn sized(record: &mut Vec<u8>, bytes: &[u8]) {
    record.extend(length(bytes.len()));
    record.extend(bytes);
}

fn value(record: &mut Vec<u8>, argument: &Argument) {
    match argument {
        Argument::Text(None) => record.push(0),
        Argument::Integer(None) => record.push(1),
        Argument::Real(None) => record.push(2),
        Argument::Bytes(None) => record.push(3),
        Argument::Text(Some(text)) => {
            record.push(4);
            sized(record, text.as_bytes());
        }
        Argument::Integer(Some(number)) => {
            record.push(5);
            record.extend(number.to_le_bytes());
        }
        Argument::Real(Some(number)) => {
            record.push(6);
            record.extend(number.to_bits().to_le_bytes());
        }
        Argument::Bytes(Some(bytes)) => {
            record.push(7);
            sized(record, bytes);
        }
    }
}

/// A record whose checksum is right.
pub(super) struct Record<'a> {
    /// The number of its first group.
    pub(super) first: u64,
    groups: u32,
    content: &'a [u8],
}

/// A statement as it is found in the journal.
#[derive(Debug, PartialEq)]
pub(super) struct Found {
    pub(super) sql: Arc<str>,
    pub(super) arguments: Vec<Argument>,
}

impl<'a> Record<'a> {
    /// The record that begins here, where a whole one does.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Record<'a>> {
        let mut rest = Bytes(bytes);
        if rest.u32()? != RECORD {
            return None;
        }
        let sum = rest.u32()?;
        let content = rest.u32()? as usize;
        let (groups, first) = (rest.u32()?, rest.u64()?);
        let summed = bytes.get(SUMMED..HEAD.checked_add(content)?)?;
        (crc32fast::hash(summed) == sum && groups > 0).then_some(Record {
            first,
            groups,
            content: rest.take(content)?,
        })
    }

    /// The number of its last group.
    pub(super) fn last(&self) -> u64 {
        self.first.saturating_add(u64::from(self.groups) - 1)
    }

    /// Bytes of it.
    pub(super) fn len(&self) -> usize {
        HEAD + self.content.len()
    }

    /// Its groups, by the texts of the records before it in the segment, which it adds to. `None` where it is not
    /// what this program writes.
    pub(super) fn groups(&self, texts: &mut Vec<Arc<str>>) -> Option<Vec<Vec<Found>>> {
        let mut rest = Bytes(self.content);
        (0..self.groups)
            .map(|_| {
                let statements = rest.u32()?;
                (0..statements).map(|_| rest.statement(texts)).collect()
            })
            .collect()
    }
}

/// What is left to read.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    fn sized(&mut self) -> Option<&'a [u8]> {
        let count = self.u32()? as usize;
        self.take(count)
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.sized()?).ok()
    }

    fn statement(&mut self, texts: &mut Vec<Arc<str>>) -> Option<Found> {
        let place = self.u32()? as usize;
        if place == texts.len() {
            texts.push(self.text()?.into());
        }
        let sql = Arc::clone(texts.get(place)?);
        let values = self.u32()?;
        let arguments = (0..values).map(|_| self.value()).collect::<Option<_>>()?;
        Some(Found { sql, arguments })
    }

    fn value(&mut self) -> Option<Argument> {
        Some(match self.take(1)? {
            [0] => Argument::Text(None),
            [1] => Argument::Integer(None),
            [2] => Argument::Real(None),
            [3] => Argument::Bytes(None),
            [4] => Argument::Text(Some(self.text()?.to_owned())),
            [5] => Argument::Integer(Some(self.u64()?.cast_signed())),
            [6] => Argument::Real(Some(f64::from_bits(self.u64()?))),
            [7] => Argument::Bytes(Some(self.sized()?.to_vec())),
            _ => return None,
        })
    }
}
