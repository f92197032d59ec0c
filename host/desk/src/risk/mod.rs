//! The only way to a sendable order: host checks, then risk rules.
//!
//! Promises: [`RiskApproved`] is made in this module alone, after every check and rule has passed; a
//! rule can reduce or refuse, never enlarge; whatever fails, denies; an order proven to reduce its
//! owner's position is refused by structural checks and the trading state only.
//!
//! Bounds: the pass path of the host checks allocates nothing.

mod approved;
mod basis;
mod chain;
pub(crate) mod checks;
mod exposure;
mod flow;
mod limits;
mod pipeline;
mod record;

pub(crate) use approved::Request;
pub use approved::RiskApproved;
pub use limits::CheckLimits;
pub use record::{VerdictKind, VerdictRecord};

pub use crate::switch::TradingState;
pub(crate) use basis::{AccountView, Basis, Listing, Mark};
pub(crate) use chain::{Chain, REVIEW_FAILED};
pub(crate) use exposure::{Exposure, ExposureLine, Load};
pub(crate) use flow::Flow;
pub(crate) use pipeline::{Candidate, Judge, Screened, Verdicts};

use bulkhead_domain::risk::Denial;
use std::fmt::Display;

/// A denial in the desk's own words.
pub(crate) fn denial(
    code: &str,
    observed: impl Display,
    limit: impl Display,
    text: &str,
) -> Denial {
    Denial {
        code: code.to_owned(),
        observed: observed.to_string(),
        limit: limit.to_string(),
        text: text.to_owned(),
    }
}
