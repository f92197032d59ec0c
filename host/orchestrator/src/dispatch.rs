//! A task class at work: whom to ask, asking, whom else after a failure, and what it all earned.
//!
//! Promises: whoever is asked was chosen by the class's policy or stands in its fallback lists; every choice is
//! kept with what it was made on; an answer's latency and cost are credited at once and its value is out until the
//! caller credits it; nothing is asked beyond its budget, and where nobody is left the caller is told why of each
//! candidate, never a default. Answers given in shadow are handed back apart, and are asked for only once the caller's
//! own answer is there, so that they cannot keep it waiting for a candidate that hangs.
//!
//! What a class did is repeatable: with the same rewards, clock and answers it makes the same choices. A caller that
//! repeats a recorded past gives the recorded answers from its [`Asker`].
//!
//! Bounds: as the parts have them; at most [`crate::arms::ARMS`] candidates.

mod config;
#[cfg(test)]
mod tests;

pub use config::{BudgetConfig, ClassConfig};

use self::config::account;
use crate::arms::context::Context;
use crate::arms::{Part, TooManyArms};
use crate::breaker::{Breaker, BreakerState};
use crate::budget::{Amount, Budgets, Reservation, ReserveError};
use crate::call::{Balance, CallConfig, CallError, Failure, FailureCase, Run};
use crate::choice::{ChoiceRecord, Chooser, Exclusion, Slate, write_choice, write_slate};
use crate::rewards::{Pending, RewardError, Rewards};
use crate::task::{Candidate, Task, TaskKind};
use bulkhead_domain::{Decimal, Timestamp};
use bulkhead_store::{StoreError, Writer};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Whoever makes the calls.
pub trait Asker {
    /// What comes back.
    type Answer;

    /// The time by which breakers count and choices are dated: a session's own.
    fn now(&self) -> Timestamp;

    /// Most that asking a candidate can use, with the time of the clock on the wall, by which budgets count.
    /// `None` where nothing is used, as when a recorded past is repeated.
    fn estimate(&self, candidate: usize) -> Option<(Amount, Timestamp)>;

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

/// One attempt as it ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Attempted {
    /// Whose.
    pub label: String,
    /// Whether its answer was not for the caller.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shadow: bool,
    /// Why there was no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// What came of a piece of work.
#[derive(Debug)]
pub struct Performed<T> {
    /// The answer with the place of whoever gave it.
    pub answer: Result<(usize, T), CallError>,
    /// The choice that led to it, whose value can be credited.
    pub choice: Option<String>,
    /// Answers given in shadow, each with its place and what its value can be credited under.
    pub shadows: Vec<(usize, String, T)>,
    /// Everybody who was asked, in order.
    pub attempts: Vec<Attempted>,
}

/// A task class with its candidates.
#[derive(Debug)]
pub struct Dispatch {
    task: (TaskKind, String),
    seed: u64,
    config: ClassConfig,
    calls: CallConfig,
    candidates: Vec<Candidate>,
    labels: Vec<String>,
    /// Who is out of service, by place.
    disabled: Vec<bool>,
    breakers: Vec<Breaker>,
    balance: Balance,
    choosers: BTreeMap<Context, Choosing>,
    /// Number of the first choice on a slate.
    first: u64,
    writer: Option<Writer>,
    budgets: Option<Arc<Budgets>>,
}

#[derive(Debug)]
struct Choosing {
    chooser: Chooser,
    next: u64,
    record: ChoiceRecord,
}

/// Who a class's candidates are, and how they are called.
#[derive(Debug, Clone)]
pub struct Slated {
    /// The candidates, in the order that decides ties.
    pub candidates: Vec<Candidate>,
    /// What the configuration calls them.
    pub labels: Vec<String>,
}

impl Slated {
    /// Candidates by [`Candidate::label`].
    #[must_use]
    pub fn of(candidates: Vec<Candidate>) -> Self {
        Slated {
            labels: candidates.iter().map(Candidate::label).collect(),
            candidates,
        }
    }
}

impl Dispatch {
    /// A class at rest. Choices are numbered from `first`, which must be beyond every number that was used under the
    /// same seed. Whoever read `config` has checked it.
    #[must_use]
    pub fn new(
        kind: TaskKind,
        class: &str,
        config: ClassConfig,
        slated: Slated,
        seed: u64,
        first: u64,
        now: Timestamp,
    ) -> Self {
        let Slated { candidates, labels } = slated;
        Dispatch {
            task: (kind, class.to_owned()),
            seed,
            calls: config.calls(),
            breakers: vec![Breaker::new(config.breaker, now); candidates.len()],
            balance: Balance::new(config.groups(&labels)),
            disabled: vec![false; candidates.len()],
            config,
            candidates,
            labels,
            choosers: BTreeMap::new(),
            first,
            writer: None,
            budgets: None,
        }
    }

    /// Keeps choices from now on.
    #[must_use]
    pub fn kept_by(mut self, writer: Option<Writer>) -> Self {
        self.writer = writer;
        self
    }

    /// Holds calls to budgets from now on.
    #[must_use]
    pub fn within(mut self, budgets: Option<Arc<Budgets>>) -> Self {
        self.budgets = budgets;
        self
    }

    /// The class's name.
    #[must_use]
    pub fn class(&self) -> &str {
        &self.task.1
    }

    /// The candidates, by place.
    #[must_use]
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    /// What a candidate is called.
    #[must_use]
    pub fn label(&self, place: usize) -> &str {
        self.labels.get(place).map_or("", String::as_str)
    }

    /// Every candidate's label with its breaker at a moment.
    pub fn health(&self, now: Timestamp) -> impl Iterator<Item = (&str, BreakerState)> {
        let states = self.breakers.iter().map(move |breaker| breaker.state(now));
        self.labels.iter().map(String::as_str).zip(states)
    }

    /// Takes a candidate out of service, or back.
    pub fn set_disabled(&mut self, place: usize, disabled: bool) {
        if let Some(known) = self.disabled.get_mut(place) {
            *known = disabled;
        }
    }

    /// Opens a candidate's breaker from outside: its supervisor gave it up.
    pub fn trip(&mut self, place: usize, now: Timestamp) {
        if let Some(breaker) = self.breakers.get_mut(place) {
            breaker.force_open(now);
        }
    }

    /// Puts a new version in a candidate's place. It keeps the label, starts from what its predecessor earned,
    /// shrunk, and with a closed breaker; what the predecessor still has out is credited to the predecessor.
    ///
    /// # Errors
    /// When there is no room for its arm, or it cannot be kept.
    pub fn succeed(
        &mut self,
        rewards: &mut Rewards,
        place: usize,
        candidate: Candidate,
        now: Timestamp,
    ) -> Result<(), RewardError> {
        let Some(known) = self.candidates.get_mut(place) else {
            return Ok(());
        };
        let old = known.identity();
        rewards.succeed(&self.task.1, old, candidate.identity(), now)?;
        *known = candidate;
        self.breakers[place] = Breaker::new(self.config.breaker, now);
        // Slates name their candidates, so every context gets a new one.
        self.choosers.clear();
        Ok(())
    }

    /// Brings a piece of work to an answer, or to the reason why there is none. `rewards` are the same at every call.
    ///
    /// # Errors
    /// When a choice or a reward cannot be kept, or there are too many arms. That nobody answered is no error of
    /// this sort: it is in [`Performed::answer`].
    pub async fn perform<A: Asker>(
        &mut self,
        rewards: &mut Rewards,
        context: &Context,
        asker: &mut A,
    ) -> Result<Performed<A::Answer>, RewardError> {
        self.enter(rewards, context)?;
        let excluded = self.excluded(asker);
        let class = self.task.1.clone();
        let Dispatch {
            calls,
            candidates,
            labels,
            breakers,
            balance,
            choosers,
            writer,
            budgets,
            ..
        } = self;
        let Some(choosing) = choosers.get_mut(context) else {
            return Err(TooManyArms.into());
        };
        let purse = Purse {
            budgets: budgets.as_deref(),
            class: &class,
        };
        let mut run = Run::new(calls, labels, &excluded);
        let mut performed = Performed {
            answer: Err(CallError::NobodyAnswered {
                attempts: 0,
                each: Vec::new(),
            }),
            choice: None,
            shadows: Vec::new(),
            attempts: Vec::new(),
        };
        // The last choice: who it named, and who is to answer in shadow.
        let mut picked = None;
        let shadow = loop {
            let now = asker.now();
            let mut failed = None;
            let next = run.next(breakers, now, |excluded| {
                let pick = choosing.choose(rewards.arms(&class), excluded, now);
                match keep(writer.as_ref(), &choosing.record) {
                    Ok(()) => {}
                    Err(error) => failed = Some(error),
                }
                let winner = balance.among_equals(pick.winner?, excluded);
                picked = Some((winner, pick.shadow));
                Some(winner)
            });
            if let Some(error) = failed {
                return Err(error.into());
            }
            let attempt = match next {
                Ok(attempt) => attempt,
                Err(error) => {
                    performed.answer = Err(error);
                    break 0;
                }
            };
            let place = attempt.candidate;
            let chosen = picked.filter(|(winner, _)| *winner == place);
            let wait = attempt.not_before.0.saturating_sub(now.0);
            if wait > 0 {
                asker.pause(wait).await;
            }
            balance.begin(place);
            let told = purse.spend(asker, place, &labels[place]).await;
            balance.end(place);
            performed.attempts.push(Attempted {
                label: labels[place].clone(),
                shadow: false,
                failure: told.as_ref().err().cloned(),
            });
            match told {
                Err(failure) => {
                    // Whether it is over says the next turn.
                    run.answered(breakers, asker.now(), Err(failure));
                }
                Ok(answered) => {
                    if answered.cached {
                        run.answered_without_a_call(breakers);
                    } else {
                        run.answered(breakers, asker.now(), Ok(()));
                    }
                    if chosen.is_some() {
                        let pending = Pending {
                            choice: choosing.record.id(),
                            class: class.clone(),
                            context: context.clone(),
                            candidate: candidates[place].identity(),
                            time: now,
                        };
                        performed.choice = Some(pending.choice.clone());
                        expect(rewards, pending, &answered, now)?;
                    }
                    performed.answer = Ok((place, answered.value));
                    break chosen.map_or(0, |(_, shadow)| shadow);
                }
            }
        };
        for place in (0..candidates.len()).filter(|place| shadow >> place & 1 == 1) {
            let now = asker.now();
            let Some(permit) = breakers[place].admit(now) else {
                continue;
            };
            let told = purse.spend(asker, place, &labels[place]).await;
            performed.attempts.push(Attempted {
                label: labels[place].clone(),
                shadow: true,
                failure: told.as_ref().err().cloned(),
            });
            match told {
                Err(failure) if failure.case.is_of_health() => {
                    breakers[place].failed(permit, asker.now());
                }
                Err(_) => breakers[place].abandoned(permit),
                Ok(answered) => {
                    if answered.cached {
                        breakers[place].abandoned(permit);
                    } else {
                        breakers[place].succeeded(permit, asker.now());
                    }
                    let pending = Pending {
                        choice: format!("{}+{place}", choosing.record.id()),
                        class: class.clone(),
                        context: context.clone(),
                        candidate: candidates[place].identity(),
                        time: now,
                    };
                    let id = pending.choice.clone();
                    expect(rewards, pending, &answered, now)?;
                    performed.shadows.push((place, id, answered.value));
                }
            }
        }
        Ok(performed)
    }

    /// Makes the slate of a context ready, if it is new.
    fn enter(&mut self, rewards: &mut Rewards, context: &Context) -> Result<(), RewardError> {
        if self.choosers.contains_key(context) {
            return Ok(());
        }
        let (kind, class) = &self.task;
        let slate = Slate {
            task: Task {
                kind: *kind,
                class: class.clone(),
                context: context.to_string(),
            },
            context: context.clone(),
            seed: self.seed,
            config: self.config.choice(),
            candidates: self.candidates.clone(),
        };
        let chooser = Chooser::new(slate, rewards.arms(class))?;
        if let Some(writer) = &self.writer {
            write_slate(writer, chooser.slate())?;
        }
        for (candidate, label) in self.candidates.iter().zip(&self.labels) {
            rewards.name(candidate, label)?;
        }
        let choosing = Choosing {
            chooser,
            next: self.first,
            record: ChoiceRecord::default(),
        };
        self.choosers.insert(context.clone(), choosing);
        Ok(())
    }

    /// Who is not to be asked at all, by place.
    fn excluded<A: Asker>(&self, asker: &A) -> Vec<Option<Exclusion>> {
        let over = |place: usize| {
            let budgets = self.budgets.as_ref()?;
            let (amount, wall) = asker.estimate(place)?;
            let accounts = accounts(&self.task.1, &self.labels[place]);
            budgets.allows(&accounts, amount, wall).err()
        };
        (0..self.candidates.len())
            .map(|place| match self.disabled[place] {
                true => Some(Exclusion::Disabled),
                false => over(place).map(|_| Exclusion::OverBudget),
            })
            .collect()
    }
}

impl Choosing {
    fn choose(
        &mut self,
        arms: &crate::arms::Arms,
        excluded: &[Option<Exclusion>],
        now: Timestamp,
    ) -> crate::choice::Pick {
        let sequence = self.next;
        self.next += 1;
        self.chooser
            .choose(arms, excluded, sequence, now, &mut self.record)
    }
}

fn keep(writer: Option<&Writer>, record: &ChoiceRecord) -> Result<(), StoreError> {
    writer.map_or(Ok(()), |writer| write_choice(writer, record))
}

/// Announces an answer's value, and credits what is known of it already.
fn expect<T>(
    rewards: &mut Rewards,
    pending: Pending,
    answered: &Answered<T>,
    now: Timestamp,
) -> Result<(), RewardError> {
    let choice = pending.choice.clone();
    rewards.expect(pending)?;
    if answered.cached {
        return Ok(());
    }
    if let Some(latency) = answered.latency {
        rewards.credit(&choice, Part::Latency, latency, now)?;
    }
    let cost = bulkhead_domain::number::to_f64(answered.used.money);
    if answered.used.money > Decimal::ZERO {
        rewards.credit(&choice, Part::Cost, cost, now)?;
    }
    Ok(())
}

fn accounts(class: &str, label: &str) -> [String; 2] {
    [class.to_owned(), account(class, label)]
}

/// What calls of a class are paid from.
struct Purse<'a> {
    budgets: Option<&'a Budgets>,
    class: &'a str,
}

impl Purse<'_> {
    /// Asks a candidate within its budget. What a failed call used is not known, so it counts as the most it
    /// could.
    async fn spend<A: Asker>(
        &self,
        asker: &mut A,
        place: usize,
        label: &str,
    ) -> Result<Answered<A::Answer>, Failure> {
        let (Some(budgets), Some((amount, wall))) = (self.budgets, asker.estimate(place)) else {
            return asker.ask(place).await;
        };
        let reserved: Reservation = budgets
            .reserve(&accounts(self.class, label), amount, wall)
            .map_err(|error| match error {
                ReserveError::Denied(denied) => {
                    Failure::new(FailureCase::OverBudget, denied.to_string())
                }
                // What cannot be reserved is not spent.
                ReserveError::Store(error) => Failure::new(
                    FailureCase::OverBudget,
                    format!("nothing is reserved: {error}"),
                ),
            })?;
        let told = asker.ask(place).await;
        let used = match &told {
            Ok(answered) if answered.cached => Amount::default(),
            Ok(answered) => answered.used,
            Err(_) => amount,
        };
        match budgets.settle(reserved, used) {
            Ok(Some(overrun)) => tracing::warn!(
                "{label} used {} {} where {} were reserved",
                overrun.used,
                overrun.resource,
                overrun.reserved
            ),
            Ok(None) => {}
            // It counts in full then, and the next reservation meets the store's failure.
            Err(error) => tracing::warn!("what {label} used is not booked: {error}"),
        }
        told
    }
}
