//! Whoever makes a task class's calls.

use crate::budget::Amount;
use crate::call::Failure;
use bulkhead_domain::Timestamp;

/// Whoever makes the calls.
///
/// One that repeats a recorded past gives what was recorded: answers, and whom a budget did not let be asked. It uses
/// nothing itself, so its own estimates are `None`.
pub trait Asker {
    /// What comes back.
    type Answer;

    /// The time by which breakers count and choices are dated: a session's own.
    fn now(&self) -> Timestamp;

    /// Most that asking a candidate can use, with the time of the clock on the wall, by which budgets count.
    /// `None` where nothing is used, as when a recorded past is repeated.
    fn estimate(&self, candidate: usize) -> Option<(Amount, Timestamp)>;

    /// Takes in, before anybody is asked, whose budget is spent, by place, each in words; gives the places of those
    /// who are not asked for it: these, or those that a recorded past names.
    fn over_budget(&mut self, found: Vec<(usize, Failure)>) -> Vec<usize> {
        found.into_iter().map(|(place, _)| place).collect()
    }

    /// Takes in that a candidate whose turn had come was not asked, because its budget was spent meanwhile.
    fn denied(&mut self, candidate: usize, failure: &Failure) {
        let _ = (candidate, failure);
    }

    /// Lets some nanoseconds pass.
    fn pause(&mut self, nanoseconds: i64) -> impl Future<Output = ()>;

    /// Asks a candidate, by its place.
    fn ask(
        &mut self,
        candidate: usize,
    ) -> impl Future<Output = Result<Answered<Self::Answer>, Failure>>;
}

/// An answer, and what it took.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered<T> {
    /// The answer.
    pub value: T,
    /// Seconds it took; `None` where that is not known.
    pub latency: Option<f64>,
    /// What it used.
    pub used: Amount,
    /// Given again without a call.
    pub cached: bool,
}
