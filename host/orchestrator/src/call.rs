//! Making a call: which failures are tried again and where, fallbacks, and the load between equals.

mod balance;
mod failure;
mod run;

pub use balance::Balance;
pub use failure::{Failure, FailureCase, Remedy};
pub use run::{Attempt, CallConfig, CallError, Fallbacks, Retries, Run, Why, call};

#[cfg(test)]
mod tests;
