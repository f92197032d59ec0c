//! Every kind's error variant as one [`Refusal`]. Its texts are the guest's own and end in errors of one line.

use crate::bindings::{
    ai_provider::exports::bulkhead::plugin::ai_provider,
    data_source::exports::bulkhead::plugin::data_source, model::exports::bulkhead::plugin::model,
    risk_rule::exports::bulkhead::plugin::risk_rule,
    simulated_broker::exports::bulkhead::plugin::broker,
    strategy::exports::bulkhead::plugin::strategy,
};
use crate::text::owned_line;
use bulkhead_domain::Refusal;

fn other((code, text): (String, String)) -> Refusal {
    Refusal::Other {
        code: owned_line(code),
        text: owned_line(text),
    }
}

impl From<data_source::Error> for Refusal {
    fn from(error: data_source::Error) -> Self {
        use data_source::Error;
        match error {
            Error::InvalidInput(text) => Refusal::InvalidInput(owned_line(text)),
            Error::Unauthorized(text) => Refusal::Unauthorized(owned_line(text)),
            Error::RateLimited(wait) => Refusal::RateLimited(wait),
            Error::Unavailable(text) => Refusal::Unavailable(owned_line(text)),
            Error::Unsupported(text) => Refusal::Unsupported(owned_line(text)),
            Error::Timeout => Refusal::Timeout,
            Error::Other(pair) => other(pair),
        }
    }
}

impl From<ai_provider::Error> for Refusal {
    fn from(error: ai_provider::Error) -> Self {
        use ai_provider::Error;
        match error {
            Error::InvalidInput(text) => Refusal::InvalidInput(owned_line(text)),
            Error::Unauthorized(text) => Refusal::Unauthorized(owned_line(text)),
            Error::RateLimited(wait) => Refusal::RateLimited(wait),
            Error::Unavailable(text) => Refusal::Unavailable(owned_line(text)),
            Error::Unsupported(text) => Refusal::Unsupported(owned_line(text)),
            Error::Timeout => Refusal::Timeout,
            Error::ContentPolicy(text) => Refusal::ContentPolicy(owned_line(text)),
            Error::ContextOverflow(limit) => Refusal::ContextOverflow(limit),
            Error::Other(pair) => other(pair),
        }
    }
}

impl From<broker::Error> for Refusal {
    fn from(error: broker::Error) -> Self {
        use broker::Error;
        match error {
            Error::InvalidInput(text) => Refusal::InvalidInput(owned_line(text)),
            Error::Unauthorized(text) => Refusal::Unauthorized(owned_line(text)),
            Error::RateLimited(wait) => Refusal::RateLimited(wait),
            Error::Unavailable(text) => Refusal::Unavailable(owned_line(text)),
            Error::Unsupported(text) => Refusal::Unsupported(owned_line(text)),
            Error::Timeout => Refusal::Timeout,
            Error::Rejected(rejection) => Refusal::Rejected {
                code: owned_line(rejection.code),
                text: owned_line(rejection.text),
            },
            Error::Ambiguous(text) => Refusal::Ambiguous(owned_line(text)),
            Error::Other(pair) => other(pair),
        }
    }
}

impl From<model::Error> for Refusal {
    fn from(error: model::Error) -> Self {
        use model::Error;
        match error {
            Error::InvalidInput(text) => Refusal::InvalidInput(owned_line(text)),
            Error::Unsupported(text) => Refusal::Unsupported(owned_line(text)),
            Error::InsufficientData(text) => Refusal::InsufficientData(owned_line(text)),
            Error::Cancelled => Refusal::Cancelled,
            Error::Other(pair) => other(pair),
        }
    }
}

impl From<risk_rule::Error> for Refusal {
    fn from(error: risk_rule::Error) -> Self {
        use risk_rule::Error;
        match error {
            Error::InvalidInput(text) => Refusal::InvalidInput(owned_line(text)),
            Error::Unsupported(text) => Refusal::Unsupported(owned_line(text)),
            Error::Other(pair) => other(pair),
        }
    }
}

impl From<strategy::Error> for Refusal {
    fn from(error: strategy::Error) -> Self {
        use strategy::Error;
        match error {
            Error::InvalidInput(text) => Refusal::InvalidInput(owned_line(text)),
            Error::Unsupported(text) => Refusal::Unsupported(owned_line(text)),
            Error::Other(pair) => other(pair),
        }
    }
}
