//! A task class at work: whom to ask, asking, whom else after a failure, and what it all earned.
//!
//! Promises: whoever is asked was chosen by the class's policy or stands in its fallback lists; every choice is
//! kept with what it was made on; an answer's latency and cost are credited at once and its value is out until the
//! caller credits it; nothing is asked beyond its budget, and where nobody is left the caller is told why of each
//! candidate, never a default. Answers given in shadow are handed back apart, and are asked for only once the caller's
//! own answer is there, so that they cannot keep it waiting for a candidate that hangs.
//!
//! What a class did is repeatable: with the same rewards, clock and answers it makes the same choices. A caller that
//! repeats a recorded past gives the recorded answers from its [`Asker`], and says whom a budget left out.
//!
//! Bounds: as the parts have them; at most [`crate::arms::ARMS`] candidates.

mod asker;
mod config;
mod purse;
#[cfg(test)]
mod tests;

pub use asker::{Answered, Asker};
pub use config::{BudgetConfig, ClassConfig};

use self::purse::{Purse, accounts};
use crate::arms::context::Context;
use crate::arms::{Part, TooManyArms};
use crate::breaker::{Breaker, BreakerState};
use crate::budget::Budgets;
use crate::call::{Balance, CallConfig, CallError, Failure, FailureCase, Run};
use crate::choice::{ChoiceRecord, Chooser, Exclusion, Pick, Slate, write_choice, write_slate};
use crate::rewards::{Pending, RewardError, Rewards};
use crate::task::{Candidate, Task, TaskKind};
use bulkhead_domain::{Decimal, Timestamp};
use bulkhead_store::{StoreError, Writer};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What came of a piece of work.
#[derive(Debug)]
pub struct Performed<T> {
    /// The answer with the place of whoever gave it.
    pub answer: Result<(usize, T), CallError>,
    /// The choice that led to it, whose value can be credited.
    pub choice: Option<String>,
    /// Answers given in shadow, each with its place and what its value can be credited under.
    pub shadows: Vec<(usize, String, T)>,
}

/// A task class with its candidates.
#[derive(Debug)]
pub struct Dispatch {
    task: (TaskKind, String),
    seed: u64,
    config: ClassConfig,
    calls: CallConfig,
    candidates: Vec<Candidate>,
    breakers: Vec<Breaker>,
    balance: Balance,
    choosers: BTreeMap<Context, Choosing>,
    /// Number of the next choice. No number comes twice, whatever is put in a candidate's place meanwhile: draws and
    /// names of choices depend on it.
    next: u64,
    /// Seconds that each candidate takes, where that is not learnt from what is measured.
    latencies: Option<Vec<Option<f64>>>,
    writer: Option<Writer>,
    budgets: Option<Arc<Budgets>>,
}

#[derive(Debug)]
struct Choosing {
    chooser: Chooser,
    record: ChoiceRecord,
}

impl Dispatch {
    /// A class at rest. `candidates` stand in the order that decides ties; the configuration names them by
    /// [`Candidate::label`]. Choices are numbered from `first`, which must be beyond every number that was used under
    /// the same seed. Whoever read `config` has checked it.
    #[must_use]
    pub fn new(
        kind: TaskKind,
        class: &str,
        config: ClassConfig,
        candidates: Vec<Candidate>,
        seed: u64,
        first: u64,
        now: Timestamp,
    ) -> Self {
        Dispatch {
            task: (kind, class.to_owned()),
            seed,
            calls: config.calls(),
            breakers: vec![Breaker::new(config.breaker, now); candidates.len()],
            balance: Balance::new(config.groups(&labels(&candidates))),
            config,
            candidates,
            choosers: BTreeMap::new(),
            next: first,
            latencies: None,
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

    /// Goes by these latencies, in seconds by place, from now on: what is measured is kept and not learnt from.
    #[must_use]
    pub fn taking(mut self, latencies: Option<Vec<Option<f64>>>) -> Self {
        self.latencies = latencies;
        self
    }

    /// The candidates, by place.
    #[must_use]
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    /// Every candidate with its breaker at a moment.
    pub fn health(&self, now: Timestamp) -> impl Iterator<Item = (&Candidate, BreakerState)> {
        let states = self.breakers.iter().map(move |breaker| breaker.state(now));
        self.candidates.iter().zip(states)
    }

    /// Puts a new version in a candidate's place, of the same label. It starts from what its predecessor earned,
    /// shrunk, and with a closed breaker; what the predecessor still has out is credited to the predecessor.
    ///
    /// # Errors
    /// When it cannot be kept.
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
    /// When a choice or a reward cannot be kept, or there are too many candidates. That nobody answered is no error
    /// of this sort: it is in [`Performed::answer`].
    pub async fn perform<A: Asker>(
        &mut self,
        rewards: &mut Rewards,
        context: &Context,
        asker: &mut A,
    ) -> Result<Performed<A::Answer>, RewardError> {
        self.enter(rewards, context)?;
        let labels = labels(&self.candidates);
        let excluded = self.excluded(asker, &labels);
        let class = self.task.1.clone();
        let Dispatch {
            calls,
            candidates,
            breakers,
            balance,
            choosers,
            next: number,
            latencies,
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
        let mut run = Run::new(calls, &labels, &excluded);
        let mut performed = Performed {
            answer: Err(CallError::NobodyAnswered {
                attempts: 0,
                each: Vec::new(),
            }),
            choice: None,
            shadows: Vec::new(),
        };
        let known = |place: usize| {
            latencies
                .as_ref()
                .map(|all| all.get(place).copied().flatten())
        };
        // The last choice: who it named, and who is to answer in shadow.
        let mut picked = None;
        let shadow = loop {
            let now = asker.now();
            let mut failed = None;
            let next = run.next(breakers, now, |excluded| {
                let Choosing { chooser, record } = choosing;
                let pick = chooser.choose(rewards.arms(&class), excluded, *number, now, record);
                *number += 1;
                failed = keep(writer.as_ref(), record).err();
                picked = Some(among_equals(pick, balance, excluded)?);
                picked.map(|(winner, _)| winner)
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
                        expect(rewards, pending, &answered, known(place), now)?;
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
                    expect(rewards, pending, &answered, known(place), now)?;
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
        for candidate in &self.candidates {
            rewards.name(candidate, &candidate.label())?;
        }
        let choosing = Choosing {
            chooser,
            record: ChoiceRecord::default(),
        };
        self.choosers.insert(context.clone(), choosing);
        Ok(())
    }

    /// Who is not to be asked at all, by place.
    fn excluded<A: Asker>(&self, asker: &mut A, labels: &[String]) -> Vec<Option<Exclusion>> {
        let over = |(place, label): (usize, &String)| {
            let budgets = self.budgets.as_ref()?;
            let (amount, wall) = asker.estimate(place)?;
            let denied = budgets.allows(&accounts(&self.task.1, label), amount, wall);
            let text = denied.err()?.to_string();
            Some((place, Failure::new(FailureCase::OverBudget, text)))
        };
        let found = labels.iter().enumerate().filter_map(over).collect();
        let over = asker.over_budget(found);
        (0..labels.len())
            .map(|place| over.contains(&place).then_some(Exclusion::OverBudget))
            .collect()
    }
}

fn labels(candidates: &[Candidate]) -> Vec<String> {
    candidates.iter().map(Candidate::label).collect()
}

/// Who is asked in the winner's place, and who answers in shadow. An equal of the winner's that was to answer in shadow
/// changes places with it.
fn among_equals(
    pick: Pick,
    balance: &Balance,
    excluded: &[Option<Exclusion>],
) -> Option<(usize, u64)> {
    let winner = pick.winner?;
    let asked = balance.among_equals(winner, excluded);
    let shadow = if pick.shadow >> asked & 1 == 1 {
        pick.shadow & !(1 << asked) | 1 << winner
    } else {
        pick.shadow
    };
    Some((asked, shadow))
}

fn keep(writer: Option<&Writer>, record: &ChoiceRecord) -> Result<(), StoreError> {
    writer.map_or(Ok(()), |writer| write_choice(writer, record))
}

/// Announces an answer's value, and credits what is known of it already. `known` is the latency that is gone by instead
/// of the one that was measured, where one is.
fn expect<T>(
    rewards: &mut Rewards,
    pending: Pending,
    answered: &Answered<T>,
    known: Option<Option<f64>>,
    now: Timestamp,
) -> Result<(), RewardError> {
    let choice = pending.choice.clone();
    rewards.expect(pending)?;
    if answered.cached {
        return Ok(());
    }
    match (known, answered.latency) {
        (None, Some(latency)) => drop(rewards.credit(&choice, Part::Latency, latency, now)?),
        (Some(_), Some(latency)) => rewards.time(&choice, latency, now)?,
        (_, None) => {}
    }
    if let Some(latency) = known.flatten() {
        rewards.credit_known_latency(&choice, latency, now)?;
    }
    // What is free is known to be: it would be taken to cost what the others do.
    let cost = bulkhead_domain::number::to_f64(answered.used.money.max(Decimal::ZERO));
    rewards.credit(&choice, Part::Cost, cost, now)?;
    Ok(())
}
