//! What candidates have earned, kept: rewards that are still out, and every observation that was made.
//!
//! Promises: a choice whose reward is out is on disk with the next flush and is found again after a restart; each of
//! its parts is credited once, whoever repeats it; reading the table again gives the arms as they were, to the last
//! bit, because it holds every observation and every inheritance in the order they were made. Under another
//! configuration the same observations are read under that one.
//!
//! A scope is what earns by itself: one run of a session, which is derived again when it is resumed
//! ([`Rewards::forget`]), or the empty one, which lives as long as the database. Scopes know nothing of each other.
//!
//! Bounds: at most [`PENDING`] rewards out. A scope's table of observations only grows; a restart reads it whole, some
//! microseconds an observation, and their choices' ids stay in memory. One process keeps a scope's rewards.

mod log;
mod standings;

pub use log::{measured_latencies, names, scopes};
pub use standings::ArmStanding;

use crate::arms::context::Context;
use crate::arms::learning::Learning;
use crate::arms::{Arms, Part, TooManyArms};
use crate::choice::ConfigError;
use crate::task::Candidate;
use bulkhead_domain::{Digest, Timestamp};
use bulkhead_store::{Statement, Store, StoreError, Writer};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Most rewards that may be out at a time.
pub const PENDING: usize = 100_000;

/// A reward that is out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// The choice it is for.
    pub choice: String,
    /// The task class.
    pub class: String,
    /// The context.
    pub context: Context,
    /// [`crate::Candidate::identity`] of the winner.
    pub candidate: Digest,
    /// When the choice was made.
    pub time: Timestamp,
}

/// What came of a credit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credited {
    /// It counts from now on.
    Counted,
    /// Nothing changed: that part was credited already, or no reward is out for that choice.
    Known,
}

/// Why something was not kept.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RewardError {
    /// What is no finite number is no reward.
    #[error("the {part:?} of {choice} is {value}, not a finite number")]
    NotFinite {
        /// The choice.
        choice: String,
        /// Which part.
        part: Part,
        /// What was given.
        value: f64,
    },
    /// There are [`PENDING`] already.
    #[error("{PENDING} rewards are out already; credit or drop some")]
    TooManyPending,
    /// The configuration is out of bounds.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// More candidates stand for a task than can.
    #[error(transparent)]
    TooManyArms(#[from] TooManyArms),
    /// The disk does not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An observation or an inheritance, as it is kept.
#[derive(Debug, Clone, PartialEq)]
enum Event {
    Observed {
        class: String,
        context: Context,
        candidate: Digest,
        part: Part,
        value: f64,
    },
    Succeeded {
        class: String,
        candidate: Digest,
        predecessor: Digest,
    },
}

impl Event {
    fn observed(pending: &Pending, part: Part, value: f64) -> Event {
        Event::Observed {
            class: pending.class.clone(),
            context: pending.context.clone(),
            candidate: pending.candidate,
            part,
            value,
        }
    }
}

fn finite(choice: &str, part: Part, value: f64) -> Result<(), RewardError> {
    if value.is_finite() {
        return Ok(());
    }
    Err(RewardError::NotFinite {
        choice: choice.to_owned(),
        part,
        value,
    })
}

/// The arms of every task class, and the rewards that are out.
#[derive(Debug)]
pub struct Rewards {
    scope: String,
    learning: BTreeMap<String, Learning>,
    classes: BTreeMap<String, Arms>,
    /// By choice: what is out, and which parts were credited.
    pending: HashMap<String, (Pending, Vec<Part>)>,
    /// Choices that were out and are no more, so that nothing brings them back.
    closed: HashSet<Box<str>>,
    next: i64,
    /// Where they are kept; nowhere for what is only compared with something else.
    writer: Option<Writer>,
}

impl Rewards {
    /// A scope in which nothing was earned yet, kept where there is a writer. A class that `learning` does not
    /// name learns by default.
    ///
    /// # Errors
    /// When the configuration is out of bounds.
    pub fn new(
        scope: &str,
        writer: Option<Writer>,
        learning: BTreeMap<String, Learning>,
    ) -> Result<Self, RewardError> {
        learning.values().try_for_each(Learning::check)?;
        Ok(Rewards {
            scope: scope.to_owned(),
            learning,
            classes: BTreeMap::new(),
            pending: HashMap::new(),
            closed: HashSet::new(),
            next: 0,
            writer,
        })
    }

    /// Reads everything of a scope back. A class that `learning` does not name learns by default.
    ///
    /// # Errors
    /// When the configuration is out of bounds or the tables cannot be read.
    pub async fn load(
        store: &Store,
        writer: Option<Writer>,
        scope: &str,
        learning: BTreeMap<String, Learning>,
    ) -> Result<Self, RewardError> {
        let mut rewards = Rewards::new(scope, writer, learning)?;
        for pending in log::pending(store, scope).await? {
            rewards
                .pending
                .insert(pending.choice.clone(), (pending, Vec::new()));
        }
        for (number, choice, event) in log::events(store, scope).await? {
            rewards.next = number + 1;
            let Some(event) = event else { continue };
            rewards.apply(&event);
            if let Event::Observed { part, .. } = event {
                match rewards.pending.get_mut(&choice) {
                    Some((_, credited)) => credited.push(part),
                    None => drop(rewards.closed.insert(choice.into())),
                }
            }
        }
        Ok(rewards)
    }

    /// Lets go of everything that is kept of a scope, for it to be derived again.
    ///
    /// # Errors
    /// When an earlier write failed.
    pub fn forget(writer: &Writer, scope: &str) -> Result<(), StoreError> {
        writer.write_group(log::delete_scope(scope))
    }

    /// Keeps what a candidate is called, for people who read its standing.
    ///
    /// # Errors
    /// When an earlier write failed.
    pub fn name(&self, candidate: &Candidate, label: &str) -> Result<(), RewardError> {
        self.write(vec![log::insert_name(candidate, label)])
    }

    fn write(&self, statements: Vec<Statement>) -> Result<(), RewardError> {
        match &self.writer {
            Some(writer) => Ok(writer.write_group(statements)?),
            None => Ok(()),
        }
    }

    /// The arms of a class, for choosing and for entering candidates.
    pub fn arms(&mut self, class: &str) -> &mut Arms {
        let learning = &self.learning;
        self.classes
            .entry(class.to_owned())
            .or_insert_with(|| Arms::new(learning.get(class).cloned().unwrap_or_default()))
    }

    /// A choice was made whose reward will come. The same choice twice is one, also after its reward
    /// was credited or given up.
    ///
    /// # Errors
    /// When too many are out, or an earlier write failed.
    pub fn expect(&mut self, pending: Pending) -> Result<(), RewardError> {
        if self.pending.contains_key(&pending.choice)
            || self.closed.contains(pending.choice.as_str())
        {
            return Ok(());
        }
        if self.pending.len() >= PENDING {
            return Err(RewardError::TooManyPending);
        }
        self.write(vec![log::insert_pending(&self.scope, &pending)?])?;
        self.pending
            .insert(pending.choice.clone(), (pending, Vec::new()));
        Ok(())
    }

    /// Credits one part of a choice's reward, once. Cost and latency are told before the value: with the value
    /// the reward is out no more.
    ///
    /// # Errors
    /// When the figure is no number, or an earlier write failed; nothing is then counted.
    pub fn credit(
        &mut self,
        choice: &str,
        part: Part,
        value: f64,
        now: Timestamp,
    ) -> Result<Credited, RewardError> {
        self.credit_as(log::kind(part), choice, part, value, now)
    }

    /// Credits a latency, in seconds, that was not measured here, so that [`measured_latencies`] leaves it out.
    ///
    /// # Errors
    /// As [`Rewards::credit`].
    pub fn credit_known_latency(
        &mut self,
        choice: &str,
        latency: f64,
        now: Timestamp,
    ) -> Result<Credited, RewardError> {
        self.credit_as(log::FROM_ELSEWHERE, choice, Part::Latency, latency, now)
    }

    /// Keeps how many seconds the answer to a choice that is out took, for [`measured_latencies`]. No arm learns of it
    /// here. Once for each choice.
    ///
    /// # Errors
    /// As [`Rewards::credit`].
    pub fn time(&mut self, choice: &str, latency: f64, now: Timestamp) -> Result<(), RewardError> {
        let Some(event) = self.observed(choice, Part::Latency, latency)? else {
            return Ok(());
        };
        let place = (self.scope.as_str(), self.next);
        self.write(vec![log::insert_event(
            place,
            choice,
            log::ASIDE,
            &event,
            now,
        )?])?;
        self.next += 1;
        Ok(())
    }

    /// What an observation of a choice that is out is; `None` where it is out no more.
    fn observed(&self, choice: &str, part: Part, value: f64) -> Result<Option<Event>, RewardError> {
        finite(choice, part, value)?;
        let out = self.pending.get(choice);
        Ok(out.map(|(pending, _)| Event::observed(pending, part, value)))
    }

    fn credit_as(
        &mut self,
        kind: &'static str,
        choice: &str,
        part: Part,
        value: f64,
        now: Timestamp,
    ) -> Result<Credited, RewardError> {
        let Some(event) = self.observed(choice, part, value)? else {
            return Ok(Credited::Known);
        };
        let credited = self.pending.get(choice).map(|(_, credited)| credited);
        if credited.is_some_and(|credited| credited.contains(&part)) {
            return Ok(Credited::Known);
        }
        let place = (self.scope.as_str(), self.next);
        let mut statements = vec![log::insert_event(place, choice, kind, &event, now)?];
        if part == Part::Value {
            statements.push(log::delete_pending(&self.scope, choice));
        }
        self.write(statements)?;
        self.next += 1;
        self.apply(&event);
        if part == Part::Value {
            self.close(choice);
        } else if let Some((_, credited)) = self.pending.get_mut(choice) {
            credited.push(part);
        }
        Ok(Credited::Counted)
    }

    /// Credits a value that no choice led to: everybody who stood was seen. Once for each `id`.
    ///
    /// # Errors
    /// As [`Rewards::credit`].
    pub fn observe(&mut self, earned: &Pending, value: f64) -> Result<Credited, RewardError> {
        let id = earned.choice.as_str();
        finite(id, Part::Value, value)?;
        if self.closed.contains(id) {
            return Ok(Credited::Known);
        }
        let event = Event::observed(earned, Part::Value, value);
        let place = (self.scope.as_str(), self.next);
        let kind = log::kind(Part::Value);
        self.write(vec![log::insert_event(
            place,
            id,
            kind,
            &event,
            earned.time,
        )?])?;
        self.next += 1;
        self.apply(&event);
        self.close(id);
        Ok(Credited::Counted)
    }

    /// A reward will never come.
    ///
    /// # Errors
    /// When an earlier write failed.
    pub fn give_up(&mut self, choice: &str) -> Result<(), RewardError> {
        if self.pending.contains_key(choice) {
            self.write(vec![log::delete_pending(&self.scope, choice)])?;
            self.close(choice);
        }
        Ok(())
    }

    fn close(&mut self, choice: &str) {
        self.pending.remove(choice);
        self.closed.insert(choice.into());
    }

    /// A new version of a candidate starts from its predecessor's figures, shrunk. Where the new version has an
    /// arm, or the predecessor none, nothing is inherited.
    ///
    /// # Errors
    /// When an earlier write failed.
    pub fn succeed(
        &mut self,
        class: &str,
        predecessor: Digest,
        candidate: Digest,
        now: Timestamp,
    ) -> Result<(), RewardError> {
        let arms = self.arms(class);
        if arms.find(candidate).is_some() || arms.find(predecessor).is_none() {
            return Ok(());
        }
        let event = Event::Succeeded {
            class: class.to_owned(),
            candidate,
            predecessor,
        };
        let place = (self.scope.as_str(), self.next);
        self.write(vec![log::insert_event(
            place,
            "",
            log::SUCCEEDED,
            &event,
            now,
        )?])?;
        self.next += 1;
        self.apply(&event);
        Ok(())
    }

    /// The rewards that are out, in no particular order.
    pub fn pending(&self) -> impl Iterator<Item = &Pending> {
        self.pending.values().map(|(pending, _)| pending)
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::Observed {
                class,
                context,
                candidate,
                part,
                value,
            } => {
                let arms = self.arms(class);
                let arm = arms.enter(*candidate);
                let context = arms.context(context);
                arms.observe(context, arm, *part, *value);
            }
            Event::Succeeded {
                class,
                candidate,
                predecessor,
            } => {
                let arms = self.arms(class);
                let predecessor = arms.enter(*predecessor);
                arms.succeed(predecessor, *candidate);
            }
        }
    }
}

#[cfg(test)]
mod tests;
