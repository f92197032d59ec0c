//! What a plugin answers when it cannot do what it was asked: the caller acts on the case.

use serde::{Deserialize, Serialize};

/// A plugin's own error, as it crossed the contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// The caller's mistake; trying elsewhere would not help.
    #[error("invalid input: {0}")]
    InvalidInput(String),
    /// The provider does not know the caller.
    #[error("unauthorized: {0}")]
    Unauthorized(String),
    /// Too many requests; the wait in nanoseconds, where known.
    #[error("rate limited{}", .0.map(|wait| format!(", retry after {wait} ns")).unwrap_or_default())]
    RateLimited(Option<i64>),
    /// The provider cannot be reached.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// The plugin does not do that.
    #[error("unsupported: {0}")]
    Unsupported(String),
    /// No answer in time.
    #[error("timed out")]
    Timeout,
    /// Too few samples to learn from.
    #[error("insufficient data: {0}")]
    InsufficientData(String),
    /// Stopped on request.
    #[error("cancelled")]
    Cancelled,
    /// The provider refused the content.
    #[error("content policy: {0}")]
    ContentPolicy(String),
    /// The request does not fit; the limit in tokens, where known.
    #[error("context overflow{}", .0.map(|limit| format!(", limit {limit} tokens")).unwrap_or_default())]
    ContextOverflow(Option<u64>),
    /// A broker refused an order: code and text.
    #[error("rejected {code}: {text}")]
    Rejected {
        /// The venue's code.
        code: String,
        /// What it says.
        text: String,
    },
    /// It is not known whether the request took effect.
    #[error("ambiguous: {0}")]
    Ambiguous(String),
    /// Anything else: code and text.
    #[error("{code}: {text}")]
    Other {
        /// The plugin's code.
        code: String,
        /// What it says.
        text: String,
    },
}
