//! Reading the whole log and looking for what is wrong with it.

use super::chain::{Anchor, genesis, hash};
use super::log::AuditKey;
use super::table;
use bulkhead_store::{Store, StoreError, column};
use std::fmt;

/// Something wrong with the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// A record cannot be read as one.
    Unreadable {
        /// Its number.
        sequence: u64,
        /// Why.
        why: String,
    },
    /// Numbers are missing before this record.
    Missing {
        /// First number that is missing.
        from: u64,
        /// Last number that is missing.
        to: u64,
    },
    /// The record is not what was written, or not in its place.
    Changed {
        /// Its number.
        sequence: u64,
    },
    /// The log ends before its head.
    CutOff {
        /// The last record there is.
        last: u64,
        /// The last record there was.
        head: u64,
    },
    /// The record that the head or an anchor names has another hash: the log was rewritten.
    Rewritten {
        /// The record's number.
        sequence: u64,
    },
    /// The head was not written with this host's key.
    Seal,
    /// There is no head. A log has one before its first record: it was taken away, or the whole log was.
    NoHead,
    /// A record after the head takes restrictions away. Those are sealed as they are written: somebody without
    /// the key added it.
    Lifted {
        /// Its number.
        sequence: u64,
    },
    /// Rows without a number, or with one below 1: nothing that was ever recorded.
    Strays {
        /// How many.
        rows: u64,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Finding::Unreadable { sequence, why } => {
                write!(f, "record {sequence} cannot be read: {why}")
            }
            Finding::Missing { from, to } if from == to => write!(f, "record {from} is missing"),
            Finding::Missing { from, to } => write!(f, "records {from} to {to} are missing"),
            Finding::Changed { sequence } => {
                write!(f, "record {sequence} was changed, or is not in its place")
            }
            Finding::CutOff { last, head } => {
                write!(
                    f,
                    "the log was cut off: it ends at record {last}, its head is {head}"
                )
            }
            Finding::Rewritten { sequence } => {
                write!(f, "the log was rewritten up to record {sequence}")
            }
            Finding::Seal => f.write_str("the head was not written with this host's key"),
            Finding::NoHead => {
                f.write_str("the log has no head: that, or all of it, was taken away")
            }
            Finding::Lifted { sequence } => {
                write!(
                    f,
                    "record {sequence} lifts a restriction and is not under the key"
                )
            }
            Finding::Strays { rows } => {
                write!(
                    f,
                    "{rows} rows of the log have no number that a record can have"
                )
            }
        }
    }
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Records read.
    pub records: u64,
    /// The last record: what to keep elsewhere as an anchor.
    pub head: Anchor,
    /// Records after the sealed head: chained, and not under the key yet. A process that runs seals them as it
    /// goes, one that was killed when it is resumed.
    pub unsealed: u64,
    /// What is wrong, in the order of the log; empty when nothing is.
    pub findings: Vec<Finding>,
}

/// Reads the whole log. After a record that is wrong the chain is taken up again at the hash that it
/// carries, so that every wrong record is named, not only the first.
///
/// # Errors
/// [`StoreError`] when the database cannot be read.
pub async fn verify(
    store: &Store,
    key: &AuditKey,
    anchors: &[Anchor],
) -> Result<Verified, StoreError> {
    let sealed = table::head(store).await?;
    let mut findings = Vec::new();
    let mut last = genesis();
    let mut records = 0;
    let mut unreadable = false;
    let rows = table::numberless(store).await?;
    if rows > 0 {
        findings.push(Finding::Strays { rows });
    }
    let mut expected: Vec<Anchor> = anchors.to_vec();
    match &sealed {
        Some(head) => {
            if !head.is_of(key) {
                findings.push(Finding::Seal);
            }
            expected.push(head.anchor);
        }
        None => findings.push(Finding::NoHead),
    }
    let mut sealed = sealed.map_or(0, |head| head.anchor.sequence);
    let mut lifted = Vec::new();
    'log: loop {
        let page = table::page(store, last.sequence).await?;
        if page.is_empty() {
            break;
        }
        for row in &page {
            records += 1;
            let sequence: i64 = match column(row, "sequence") {
                Ok(sequence) => sequence,
                Err(error) => {
                    // Anything but a number sorts behind every number: no row that can be read follows.
                    findings.push(Finding::Unreadable {
                        sequence: last.sequence + 1,
                        why: error.to_string(),
                    });
                    break 'log;
                }
            };
            let sequence = u64::try_from(sequence).unwrap_or(0);
            if sequence > last.sequence + 1 {
                findings.push(Finding::Missing {
                    from: last.sequence + 1,
                    to: sequence - 1,
                });
            }
            let gap = sequence != last.sequence + 1;
            match table::record(row) {
                Ok(record) => {
                    let right = record.hash == hash(&last, &record.event);
                    // What follows a gap cannot be checked against what is gone.
                    if !right && !gap && !unreadable {
                        findings.push(Finding::Changed { sequence });
                    }
                    let elsewhere = |anchor: &&Anchor| {
                        anchor.sequence == sequence && anchor.hash != record.hash
                    };
                    if expected.iter().any(|anchor| elsewhere(&anchor)) {
                        findings.push(Finding::Rewritten { sequence });
                    }
                    if sequence > sealed && record.event.kind.lifts() {
                        lifted.push(sequence);
                    }
                    last = Anchor {
                        sequence,
                        hash: record.hash,
                    };
                    unreadable = false;
                }
                Err(error) => {
                    findings.push(Finding::Unreadable {
                        sequence,
                        why: error.to_string(),
                    });
                    last.sequence = sequence;
                    unreadable = true;
                }
            }
        }
    }
    let head = expected.iter().map(|anchor| anchor.sequence).max();
    if let Some(head) = head.filter(|head| *head > last.sequence) {
        findings.push(Finding::CutOff {
            last: last.sequence,
            head,
        });
    }
    if !lifted.is_empty() {
        // A process that writes meanwhile has sealed them since.
        let now = table::head(store).await?.filter(|head| head.is_of(key));
        sealed = now.map_or(sealed, |head| head.anchor.sequence.max(sealed));
        let unsealed = lifted.into_iter().filter(|sequence| *sequence > sealed);
        findings.extend(unsealed.map(|sequence| Finding::Lifted { sequence }));
    }
    Ok(Verified {
        records,
        head: last,
        unsealed: last.sequence.saturating_sub(sealed),
        findings,
    })
}
