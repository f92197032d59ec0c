//! Every kind's error variant as one [`Refusal`].

use crate::bindings::{
    ai_provider::exports::bulkhead::plugin::ai_provider,
    data_source::exports::bulkhead::plugin::data_source, model::exports::bulkhead::plugin::model,
    risk_rule::exports::bulkhead::plugin::risk_rule,
    simulated_broker::exports::bulkhead::plugin::broker,
    strategy::exports::bulkhead::plugin::strategy,
};
use bulkhead_domain::Refusal;

fn other((code, text): (String, String)) -> Refusal {
    Refusal::Other { code, text }
}

impl From<data_source::Error> for Refusal {
    fn from(error: data_source::Error) -> Self {
        use data_source::Error;
        match error {
            Error::InvalidInput(text) => Refusal::InvalidInput(text),
            Error::Unauthorized(text) => Refusal::Unauthorized(text),
            Error::RateLimited(wait) => Refusal::RateLimited(wait),
            Error::Unavailable(text) => Refusal::Unavailable(text),
            Error::Unsupported(text) => Refusal::Unsupported(text),
            Error::Timeout => Refusal::Timeout,
            Error::Other(pair) => other(pair),
        }
    }
}

impl From<ai_provider::Error> for Refusal {
    fn from(error: ai_provider::Error) -> Self {
        use ai_provider::Error;
        match error {
            Error::InvalidInput(text) => Refusal::InvalidInput(text),
            Error::Unauthorized(text) => Refusal::Unauthorized(text),
            Error::RateLimited(wait) => Refusal::RateLimited(wait),
            Error::Unavailable(text) => Refusal::Unavailable(text),
            Error::Unsupported(text) => Refusal::Unsupported(text),
            Error::Timeout => Refusal::Timeout,
            Error::ContentPolicy(text) => Refusal::ContentPolicy(text),
            Error::ContextOverflow(limit) => Refusal::ContextOverflow(limit),
            Error::Other(pair) => other(pair),
        }
    }
}

impl From<broker::Error> for Refusal {
    fn from(error: broker::Error) -> Self {
        use broker::Error;
        match error {
            Error::InvalidInput(text) => Refusal::InvalidInput(text),
            Error::Unauthorized(text) => Refusal::Unauthorized(text),
            Error::RateLimited(wait) => Refusal::RateLimited(wait),
            Error::Unavailable(text) => Refusal::Unavailable(text),
            Error::Unsupported(text) => Refusal::Unsupported(text),
            Error::Timeout => Refusal::Timeout,
            Error::Rejected(rejection) => Refusal::Rejected {
                code: rejection.code,
                text: rejection.text,
            },
            Error::Ambiguous(text) => Refusal::Ambiguous(text),
            Error::Other(pair) => other(pair),
        }
    }
}

impl From<model::Error> for Refusal {
    fn from(error: model::Error) -> Self {
        use model::Error;
        match error {
            Error::InvalidInput(text) => Refusal::InvalidInput(text),
            Error::Unsupported(text) => Refusal::Unsupported(text),
            Error::InsufficientData(text) => Refusal::InsufficientData(text),
            Error::Cancelled => Refusal::Cancelled,
            Error::Other(pair) => other(pair),
        }
    }
}

impl From<risk_rule::Error> for Refusal {
    fn from(error: risk_rule::Error) -> Self {
        use risk_rule::Error;
        match error {
            Error::InvalidInput(text) => Refusal::InvalidInput(text),
            Error::Unsupported(text) => Refusal::Unsupported(text),
            Error::Other(pair) => other(pair),
        }
    }
}

impl From<strategy::Error> for Refusal {
    fn from(error: strategy::Error) -> Self {
        use strategy::Error;
        match error {
            Error::InvalidInput(text) => Refusal::InvalidInput(text),
            Error::Unsupported(text) => Refusal::Unsupported(text),
            Error::Other(pair) => other(pair),
        }
    }
}
