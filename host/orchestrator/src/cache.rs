//! Answers that are given again, and identical requests that share one call.
//!
//! Promises: an answer is given again only for the same code, offering, configuration and input, and not after its
//! time; of identical requests at one time a single one makes the call, the others wait for its answer; when it
//! fails or is dropped, one that waits takes its place, so that nobody waits for ever. A waiter may be a thread or a
//! future; one that is dropped is passed over.
//!
//! Bounds: so many entries and so many bytes, the least recently used goes first; an answer larger than the whole
//! cache is shared with those who wait and not kept. Time is given, never read.

mod entries;
mod flight;

pub use flight::{Begun, Cache, Flight, Ticket};

use crate::task::Candidate;
use bulkhead_domain::Digest;
use bulkhead_domain::digest::DigestBuilder;
use serde::{Deserialize, Serialize};

/// What a cache keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct CacheConfig {
    /// Most entries.
    pub entries: usize,
    /// Most bytes, by the size that is told of each answer.
    pub bytes: usize,
    /// How long an answer is given again, nanoseconds; 0 keeps nothing and still shares calls.
    #[serde(rename = "ttl-seconds", with = "crate::seconds")]
    pub ttl: i64,
}

impl Default for CacheConfig {
    fn default() -> Self {
        CacheConfig {
            entries: 10_000,
            bytes: 64 << 20,
            ttl: 3_600 * bulkhead_domain::time::SECOND,
        }
    }
}

/// What identifies a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CacheKey(Digest);

impl CacheKey {
    /// The key of an input to a function of a candidate: digest of component, offering, configuration, function
    /// and input.
    #[must_use]
    pub fn new(candidate: &Candidate, function: &str, input: &[u8]) -> Self {
        let mut builder = DigestBuilder::new();
        builder
            .part("candidate", candidate.identity().bytes())
            .part("function", function.as_bytes())
            .part("input", input);
        CacheKey(builder.finish())
    }
}
