//! One record and its place in the chain.

use bulkhead_domain::{Digest, Timestamp, digest::DigestBuilder};
use serde::Serialize;
use std::fmt;
use std::str::FromStr;

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A session began: its inputs (plugins, data and configuration, each with its digest), its nonce, and the
    /// restrictions that held.
    Session,
    /// A session ended, and how.
    Ended,
    /// One moment of a session: the bars that closed at it were seen.
    Moment,
    /// What an AI provider said about the entries of one moment.
    Advice,
    /// Somebody wants an order, and why.
    Intent,
    /// What was said about an order, where it was refused.
    Denied,
    /// An order that passed every check, before it is sent.
    Order,
    /// An order passed the gate and was handed to the broker.
    Sent,
    /// What the broker answered to a request.
    Answer,
    /// A change to an order, or its cancellation, was asked for.
    Request,
    /// The broker's word on an order: accepted, filled, ended.
    Update,
    /// Something found while comparing with the broker, and what was done about it.
    Reconciled,
    /// Trading was restricted.
    Raised,
    /// A restriction was lifted: all that a person can override, whoever raised it.
    Lowered,
    /// A version of a plugin took another's place in a session.
    Swapped,
    /// A person started or resumed a run, whose beginning says with which plugins, data and configuration; or is
    /// about to change an installed plugin.
    Configuration,
}

impl Kind {
    const ALL: [(Kind, &'static str); 16] = [
        (Kind::Session, "session"),
        (Kind::Ended, "ended"),
        (Kind::Moment, "moment"),
        (Kind::Advice, "advice"),
        (Kind::Intent, "intent"),
        (Kind::Denied, "denied"),
        (Kind::Order, "order"),
        (Kind::Sent, "sent"),
        (Kind::Answer, "answer"),
        (Kind::Request, "request"),
        (Kind::Update, "update"),
        (Kind::Reconciled, "reconciled"),
        (Kind::Raised, "raised"),
        (Kind::Lowered, "lowered"),
        (Kind::Swapped, "swapped"),
        (Kind::Configuration, "configuration"),
    ];

    /// Its name in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        Kind::ALL
            .iter()
            .find(|(kind, _)| *kind == self)
            .map_or("", |(_, name)| name)
    }

    /// The kind with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Kind> {
        Kind::ALL
            .iter()
            .find(|(_, known)| *known == name)
            .map(|(kind, _)| *kind)
    }

    /// Whether it takes restrictions away: one that is lifted, or those of a run that ended.
    pub(super) fn lifts(self) -> bool {
        matches!(self, Kind::Lowered | Kind::Ended)
    }

    /// Whether it says which restrictions hold.
    fn restricts(self) -> bool {
        self == Kind::Raised || self.lifts()
    }
}

/// Something to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When: the session's time for what a session does, the clock's for what a person does.
    pub time: Timestamp,
    /// The session's run it belongs to; empty for what concerns no session.
    pub session: String,
    /// Who: `session`, `rule:<name>`, `broker:<name>`, `person:<name>`, `agent:<name>` or `host`.
    pub actor: String,
    /// What about.
    pub kind: Kind,
    /// Which order, decision, scope or setting.
    pub subject: String,
    /// Everything else, as one JSON value.
    pub body: String,
}

/// A recorded event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Counted from 1, without gaps.
    pub sequence: u64,
    /// What was recorded.
    pub event: Event,
    /// SHA-256 over the previous record's hash, the number and every field of the event.
    pub hash: Digest,
}

/// What the first record follows.
pub(super) fn genesis() -> Anchor {
    Anchor {
        sequence: 0,
        hash: Digest::of(b"the audit log begins"),
    }
}

/// The hash that an event has when it is recorded after `before`.
pub(super) fn hash(before: &Anchor, event: &Event) -> Digest {
    DigestBuilder::new()
        .part("before", before.hash.bytes())
        .part("sequence", &(before.sequence + 1).to_le_bytes())
        .part("time", &event.time.0.to_le_bytes())
        .part("session", event.session.as_bytes())
        .part("actor", event.actor.as_bytes())
        .part("kind", event.kind.name().as_bytes())
        .part("subject", event.subject.as_bytes())
        .part("body", event.body.as_bytes())
        .finish()
}

/// The end of the log: what the key vouches for.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    /// The last record.
    pub(super) anchor: Anchor,
    /// A chain of its own over the records that raise and lift restrictions, so that what holds can be proven
    /// from these few.
    pub(super) restrictions: Digest,
}

impl End {
    /// Of a log without records.
    pub(super) fn genesis() -> End {
        let anchor = genesis();
        End {
            anchor,
            restrictions: anchor.hash,
        }
    }

    /// Once an event is recorded.
    pub(super) fn after(&self, event: &Event) -> End {
        let sequence = self.anchor.sequence + 1;
        End {
            anchor: Anchor {
                sequence,
                hash: hash(&self.anchor, event),
            },
            restrictions: if event.kind.restricts() {
                restricted(&self.restrictions, sequence, event)
            } else {
                self.restrictions
            },
        }
    }
}

/// The chain over restrictions after one more record of its sort.
pub(super) fn restricted(before: &Digest, sequence: u64, event: &Event) -> Digest {
    let before = Anchor {
        sequence: sequence.saturating_sub(1),
        hash: *before,
    };
    hash(&before, event)
}

/// A point of the log to keep elsewhere: the log is right up to it when the record with this number still
/// has this hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    /// Number of the record; 0 before the first.
    pub sequence: u64,
    /// Its hash.
    pub hash: Digest,
}

impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.sequence, self.hash)
    }
}

impl FromStr for Anchor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once(':').and_then(|(sequence, hash)| {
            Some(Anchor {
                sequence: sequence.parse().ok()?,
                hash: hash.parse().ok()?,
            })
        });
        parsed.ok_or_else(|| {
            format!("'{text}' is no anchor: give NUMBER:HASH as `audit verify` prints it")
        })
    }
}
