//! Making a call: which failures are tried again and where, fallbacks, and the load between equals.

mod balance;
mod config;
mod failure;
mod run;

pub use balance::Balance;
pub use config::{CallConfig, Fallbacks, Retries};
pub use failure::{Failure, FailureCase, Remedy};
pub use run::{Attempt, CallError, Run, Why, call};

#[cfg(test)]
mod tests;
