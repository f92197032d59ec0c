//! One piece of work from the first attempt to an answer or a reason why there is none.
//!
//! [`Run`] does no I/O and reads no clock: ask [`Run::next`] whom to call, call, tell [`Run::answered`]. So it
//! serves synchronous callers ([`call`] wraps it) and asynchronous ones alike, and nothing is held while a call is out.
//!
//! Promises: what to do after a failure follows from its case alone; a candidate is asked again only where the case
//! says so, and given up on for good otherwise; no more attempts than configured; no call goes to a candidate whose
//! breaker does not admit it, and every admitted call's breaker hears of the answer; when nobody is left, the error
//! names every candidate and why.

use super::config::CallConfig;
use super::failure::{Failure, Remedy};
use crate::breaker::{Breaker, BreakerState, Permit, Tripped};
use crate::choice::Exclusion;
use bulkhead_domain::Timestamp;
use std::fmt;

/// A call to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// Place of the candidate.
    pub candidate: usize,
    /// Counted from 1.
    pub number: u32,
    /// Not to be made before this moment.
    pub not_before: Timestamp,
}

/// Why a candidate did not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// It was not to be asked.
    Excluded(Exclusion),
    /// Its breaker let nothing through.
    Breaker(BreakerState),
    /// It was asked and failed.
    Failed(Failure),
    /// It was not in the list that was asked.
    NotAsked,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = |f: &mut fmt::Formatter<'_>, reason: &Tripped, until: &Timestamp| {
            write!(f, "its breaker is open until {until} ({reason})")
        };
        match self {
            Why::Excluded(exclusion) => write!(f, "{exclusion}"),
            Why::Breaker(BreakerState::Open { reason, until, .. }) => open(f, reason, until),
            Why::Breaker(BreakerState::HalfOpen { reason, .. }) => {
                write!(
                    f,
                    "its breaker is half-open and its probes are out ({reason})"
                )
            }
            Why::Breaker(BreakerState::Closed { .. }) | Why::NotAsked => {
                f.write_str("it was not asked")
            }
            Why::Failed(failure) => write!(f, "{failure}"),
        }
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The failure is one that nobody else is asked after.
    #[error("{candidate} failed: {failure}")]
    GivenUp {
        /// Its label.
        candidate: String,
        /// How.
        failure: Failure,
    },
    /// Nobody is left, or there were as many attempts as there may be.
    #[error("no candidate answered in {attempts} attempts: {}", list(.each))]
    NobodyAnswered {
        /// Attempts that were made.
        attempts: u32,
        /// Every candidate's label, and why it did not answer.
        each: Vec<(String, Why)>,
    },
}

fn list(each: &[(String, Why)]) -> String {
    let line = |(label, why): &(String, Why)| format!("{label}: {why}");
    each.iter().map(line).collect::<Vec<_>>().join("; ")
}

/// Where the next candidate comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    /// Whom the policy chooses.
    Choose,
    /// The next of a list.
    General,
    ContextWindow,
    ContentPolicy,
}

/// One piece of work on its way.
#[derive(Debug)]
pub struct Run<'a> {
    config: &'a CallConfig,
    labels: &'a [String],
    excluded: Vec<Option<Exclusion>>,
    failures: Vec<Option<Failure>>,
    asked: Vec<u32>,
    course: Course,
    /// Who is asked again first, not before a moment.
    again: Option<(usize, Timestamp)>,
    attempts: u32,
    out: Option<(usize, Permit)>,
    over: Option<CallError>,
}

impl<'a> Run<'a> {
    /// Work for the candidates of these labels. `excluded` says by place who is not to be asked at all.
    #[must_use]
    pub fn new(
        config: &'a CallConfig,
        labels: &'a [String],
        excluded: &[Option<Exclusion>],
    ) -> Self {
        let at = |place: usize| excluded.get(place).copied().flatten();
        Run {
            config,
            excluded: (0..labels.len()).map(at).collect(),
            failures: vec![None; labels.len()],
            asked: vec![0; labels.len()],
            labels,
            course: Course::Choose,
            again: None,
            attempts: 0,
            out: None,
            over: None,
        }
    }

    /// Whom to call next. `breakers` are the candidates', by place; `choose` is the policy: given who cannot be
    /// asked, it names a place or nobody. Asked twice without an answer, it gives the first attempt up.
    ///
    /// # Errors
    /// When nobody is left to ask.
    pub fn next(
        &mut self,
        breakers: &mut [Breaker],
        now: Timestamp,
        mut choose: impl FnMut(&[Option<Exclusion>]) -> Option<usize>,
    ) -> Result<Attempt, CallError> {
        if let Some((candidate, permit)) = self.out.take() {
            breakers[candidate].abandoned(permit);
        }
        if let Some(error) = &self.over {
            return Err(error.clone());
        }
        let spent = self.attempts >= self.config.retries.attempts;
        let found = if spent {
            None
        } else {
            self.find(breakers, now, &mut choose)
        };
        let admitted = found.and_then(|(candidate, not_before)| {
            let permit = breakers.get_mut(candidate)?.admit(now)?;
            Some((candidate, not_before, permit))
        });
        let Some((candidate, not_before, permit)) = admitted else {
            let error = self.nobody(breakers, now);
            self.over = Some(error.clone());
            return Err(error);
        };
        self.attempts += 1;
        self.asked[candidate] += 1;
        self.out = Some((candidate, permit));
        Ok(Attempt {
            candidate,
            number: self.attempts,
            not_before,
        })
    }

    /// Takes in how the attempt that is out ended. True when the work is done or given up; [`Run::next`] then
    /// says why it was given up. Without an attempt out nothing happens.
    pub fn answered(
        &mut self,
        breakers: &mut [Breaker],
        now: Timestamp,
        result: Result<(), Failure>,
    ) -> bool {
        let Some((candidate, permit)) = self.out.take() else {
            return self.over.is_some();
        };
        let Err(failure) = result else {
            breakers[candidate].succeeded(permit, now);
            return true;
        };
        if failure.case.is_of_health() {
            breakers[candidate].failed(permit, now);
        } else {
            breakers[candidate].abandoned(permit);
        }
        let fallbacks = &self.config.fallbacks;
        match failure.case.remedy() {
            Remedy::GiveUp => return self.give_up(candidate, failure),
            Remedy::LargerContext if fallbacks.context_window.is_empty() => {
                return self.give_up(candidate, failure);
            }
            Remedy::OtherPolicy if fallbacks.content_policy.is_empty() => {
                return self.give_up(candidate, failure);
            }
            Remedy::LargerContext => self.course = Course::ContextWindow,
            Remedy::OtherPolicy => self.course = Course::ContentPolicy,
            Remedy::Another => self.fall_back(),
            Remedy::Again => self.ask_again(candidate, now, self.pause(candidate)),
            Remedy::AgainAfter(wait) => self.ask_again(candidate, now, wait),
        }
        self.failures[candidate] = Some(failure);
        false
    }

    /// The attempt that is out was answered without a call, which says nothing of the candidate's health.
    pub fn answered_without_a_call(&mut self, breakers: &mut [Breaker]) {
        if let Some((candidate, permit)) = self.out.take() {
            breakers[candidate].abandoned(permit);
        }
    }

    fn give_up(&mut self, candidate: usize, failure: Failure) -> bool {
        self.over = Some(CallError::GivenUp {
            candidate: self.labels[candidate].clone(),
            failure,
        });
        true
    }

    fn pause(&self, candidate: usize) -> i64 {
        let doublings = self.asked[candidate].saturating_sub(1).min(62);
        let doubled = self.config.retries.pause.saturating_mul(1 << doublings);
        doubled.min(self.config.retries.longest)
    }

    /// Asks the same candidate again where it may be; whoever follows comes from elsewhere in any case.
    fn ask_again(&mut self, candidate: usize, now: Timestamp, wait: i64) {
        let retries = &self.config.retries;
        if self.asked[candidate] < retries.at_one && wait <= retries.longest {
            self.again = Some((candidate, Timestamp(now.0.saturating_add(wait))));
        }
        self.fall_back();
    }

    /// Who fell back to a special list stays there: what made it needed has not changed.
    fn fall_back(&mut self) {
        if self.course == Course::Choose && !self.config.fallbacks.general.is_empty() {
            self.course = Course::General;
        }
    }

    fn find(
        &mut self,
        breakers: &[Breaker],
        now: Timestamp,
        choose: &mut dyn FnMut(&[Option<Exclusion>]) -> Option<usize>,
    ) -> Option<(usize, Timestamp)> {
        // Unless its breaker opened over the last failure.
        if let Some((candidate, not_before)) = self.again.take()
            && breakers.get(candidate)?.would_admit(now)
        {
            return Some((candidate, not_before));
        }
        let excluded: Vec<Option<Exclusion>> = (0..self.labels.len())
            .map(|place| self.barred(place, breakers, now))
            .collect();
        let open = |place: &usize| excluded.get(*place).is_some_and(Option::is_none);
        let listed = match self.course {
            Course::Choose => {
                return choose(&excluded).filter(open).map(|place| (place, now));
            }
            Course::General => &self.config.fallbacks.general,
            Course::ContextWindow => &self.config.fallbacks.context_window,
            Course::ContentPolicy => &self.config.fallbacks.content_policy,
        };
        listed
            .iter()
            .filter_map(|label| self.labels.iter().position(|own| own == label))
            .find(open)
            .map(|place| (place, now))
    }

    fn barred(&self, place: usize, breakers: &[Breaker], now: Timestamp) -> Option<Exclusion> {
        if self.excluded[place].is_some() {
            return self.excluded[place];
        }
        if self.asked[place] > 0 {
            return Some(Exclusion::Tried);
        }
        match breakers.get(place) {
            Some(breaker) if breaker.would_admit(now) => None,
            _ => Some(Exclusion::BreakerOpen),
        }
    }

    fn nobody(&mut self, breakers: &[Breaker], now: Timestamp) -> CallError {
        let mut why = |place: usize| {
            if let Some(failure) = self.failures[place].take() {
                return Why::Failed(failure);
            }
            match (self.excluded[place], breakers.get(place)) {
                (Some(exclusion), _) => Why::Excluded(exclusion),
                (None, Some(breaker)) if !breaker.would_admit(now) => {
                    Why::Breaker(breaker.state(now))
                }
                _ => Why::NotAsked,
            }
        };
        let each = (0..self.labels.len())
            .map(|place| (self.labels[place].clone(), why(place)))
            .collect();
        CallError::NobodyAnswered {
            attempts: self.attempts,
            each,
        }
    }
}

/// Drives a run to its end: `clock` tells the time, `wait` lets the given nanoseconds pass, `ask` makes a call.
///
/// # Errors
/// Why there is no answer.
pub fn call<T>(
    mut run: Run<'_>,
    breakers: &mut [Breaker],
    mut choose: impl FnMut(&[Option<Exclusion>]) -> Option<usize>,
    mut clock: impl FnMut() -> Timestamp,
    mut wait: impl FnMut(i64),
    mut ask: impl FnMut(Attempt) -> Result<T, Failure>,
) -> Result<T, CallError> {
    loop {
        let now = clock();
        let attempt = run.next(breakers, now, &mut choose)?;
        if attempt.not_before > now {
            wait(attempt.not_before.0.saturating_sub(now.0));
        }
        match ask(attempt) {
            Ok(answer) => {
                run.answered(breakers, clock(), Ok(()));
                return Ok(answer);
            }
            Err(failure) => {
                run.answered(breakers, clock(), Err(failure));
            }
        }
    }
}
