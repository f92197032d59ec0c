//! How a new version came to know what its predecessor knew.

use bulkhead_registry::service::Way;
use std::fmt;

/// How it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Handed {
    /// It took over what was saved.
    Snapshot,
    /// It was told the past, or learnt from it, anew.
    Replay {
        /// Why nothing was taken over.
        because: String,
    },
    /// It was told the last part of the past: there was more of it than is kept.
    Part {
        /// Why nothing was taken over.
        because: String,
    },
    /// There was nothing to hand over.
    Nothing,
}

impl Handed {
    /// From how it went; `cut` where not all of the past is kept.
    pub(crate) fn by(way: Way, cut: bool) -> Handed {
        match way {
            Way::Snapshot { .. } => Handed::Snapshot,
            Way::Replay { because } if cut => Handed::Part { because },
            Way::Replay { because } => Handed::Replay { because },
        }
    }
}

impl fmt::Display for Handed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Handed::Snapshot => f.write_str("snapshot"),
            Handed::Replay { because } => write!(f, "replay, because {because}"),
            Handed::Part { because } => write!(f, "replay of what is kept, because {because}"),
            Handed::Nothing => f.write_str("nothing to hand over"),
        }
    }
}
