//! Denials that can be read.

use bulkhead_sdk::risk_rule::Denial;

/// Stable code, what was seen, what would have been allowed, and one line for people.
#[must_use]
pub fn denial(
    code: &str,
    observed: impl std::fmt::Display,
    limit: impl std::fmt::Display,
    text: impl Into<String>,
) -> Denial {
    Denial {
        code: code.to_owned(),
        observed: observed.to_string(),
        limit: limit.to_string(),
        text: text.into(),
    }
}
