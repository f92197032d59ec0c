//! How a call can fail, and what each case asks for. Nothing but the case decides.

use bulkhead_domain::Refusal;
use serde::{Deserialize, Serialize};

/// How a call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureCase {
    /// The caller's mistake.
    InvalidInput,
    /// The provider does not know us.
    Unauthorized,
    /// Too many requests; the wait in nanoseconds, where known.
    RateLimited(Option<i64>),
    /// The provider cannot be reached.
    Unavailable,
    /// The candidate does not do that.
    Unsupported,
    /// No answer in time.
    Timeout,
    /// Too little data to work on.
    InsufficientData,
    /// Stopped on request.
    Cancelled,
    /// The provider refused the content.
    ContentPolicy,
    /// The request does not fit the model.
    ContextOverflow,
    /// A venue refused an order.
    Rejected,
    /// It is not known whether the request took effect.
    Ambiguous,
    /// Its budget does not allow it; nothing was asked.
    OverBudget,
    /// The plugin trapped or broke its contract.
    Trapped,
    /// Anything else.
    Other,
}

/// What to do after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Nothing: it would fail elsewhere too, or must not be repeated.
    GiveUp,
    /// Ask the same candidate again after a pause, then another.
    Again,
    /// Ask the same candidate after this many nanoseconds, where that is not too long; else another.
    AgainAfter(i64),
    /// Ask another.
    Another,
    /// Ask one with a larger context window.
    LargerContext,
    /// Ask one with another content policy.
    OtherPolicy,
}

impl FailureCase {
    /// What the case asks for.
    #[must_use]
    pub fn remedy(self) -> Remedy {
        match self {
            FailureCase::InvalidInput
            | FailureCase::Cancelled
            | FailureCase::Rejected
            | FailureCase::Ambiguous => Remedy::GiveUp,
            FailureCase::Unavailable => Remedy::Again,
            FailureCase::RateLimited(Some(wait)) => Remedy::AgainAfter(wait.max(0)),
            FailureCase::RateLimited(None)
            | FailureCase::Unauthorized
            | FailureCase::Unsupported
            | FailureCase::Timeout
            | FailureCase::InsufficientData
            | FailureCase::OverBudget
            | FailureCase::Trapped
            | FailureCase::Other => Remedy::Another,
            FailureCase::ContextOverflow => Remedy::LargerContext,
            FailureCase::ContentPolicy => Remedy::OtherPolicy,
        }
    }

    /// Whether it speaks of the candidate's health, so that its breaker hears of it.
    #[must_use]
    pub fn is_of_health(self) -> bool {
        match self {
            FailureCase::Unauthorized
            | FailureCase::RateLimited(_)
            | FailureCase::Unavailable
            | FailureCase::Timeout
            | FailureCase::Ambiguous
            | FailureCase::Trapped
            | FailureCase::Other => true,
            FailureCase::InvalidInput
            | FailureCase::Unsupported
            | FailureCase::InsufficientData
            | FailureCase::OverBudget
            | FailureCase::Cancelled
            | FailureCase::ContentPolicy
            | FailureCase::ContextOverflow
            | FailureCase::Rejected => false,
        }
    }
}

/// A failed call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{text}")]
pub struct Failure {
    /// How.
    pub case: FailureCase,
    /// In words.
    pub text: String,
}

impl Failure {
    /// A failure of a case, in words.
    #[must_use]
    pub fn new(case: FailureCase, text: impl Into<String>) -> Self {
        Failure {
            case,
            text: text.into(),
        }
    }
}

impl From<&Refusal> for Failure {
    fn from(refusal: &Refusal) -> Self {
        let case = match refusal {
            Refusal::InvalidInput(_) => FailureCase::InvalidInput,
            Refusal::Unauthorized(_) => FailureCase::Unauthorized,
            Refusal::RateLimited(wait) => FailureCase::RateLimited(*wait),
            Refusal::Unavailable(_) => FailureCase::Unavailable,
            Refusal::Unsupported(_) => FailureCase::Unsupported,
            Refusal::Timeout => FailureCase::Timeout,
            Refusal::InsufficientData(_) => FailureCase::InsufficientData,
            Refusal::Cancelled => FailureCase::Cancelled,
            Refusal::ContentPolicy(_) => FailureCase::ContentPolicy,
            Refusal::ContextOverflow(_) => FailureCase::ContextOverflow,
            Refusal::Rejected { .. } => FailureCase::Rejected,
            Refusal::Ambiguous(_) => FailureCase::Ambiguous,
            Refusal::Other { .. } => FailureCase::Other,
        };
        Failure::new(case, refusal.to_string())
    }
}
