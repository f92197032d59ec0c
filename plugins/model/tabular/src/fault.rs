//! Why a model could not be fitted, loaded or asked.

use bulkhead_sdk::model::Error;
use thiserror::Error as ThisError;

/// Every way to fail, with what the caller can do about it in the text.
#[derive(Debug, Clone, PartialEq, ThisError)]
pub enum Fault {
    /// The caller's mistake.
    #[error("{0}")]
    Invalid(String),
    /// A valid wish that this algorithm does not serve.
    #[error("{0}")]
    Unsupported(String),
    /// Too few samples, or one class only.
    #[error("{0}")]
    Insufficient(String),
    /// Asked to stop before there was anything usable.
    #[error("stopped before there was a usable model")]
    Cancelled,
    /// The optimiser gave up: a code and its message.
    #[error("{0}: {1}")]
    Solver(&'static str, String),
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Invalid(text) => Error::InvalidInput(text),
            Fault::Unsupported(text) => Error::Unsupported(text),
            Fault::Insufficient(text) => Error::InsufficientData(text),
            Fault::Cancelled => Error::Cancelled,
            Fault::Solver(code, text) => Error::Other((code.to_owned(), text)),
        }
    }
}
