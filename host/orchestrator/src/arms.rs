//! What candidates have earned, where only the chosen one's reward is seen.
//!
//! Every candidate is an arm with three figures that are never mixed: the value of what it gave, what it
//! cost and how long it took. A reward is made of the three at the moment of a choice, so that weighing
//! them anew loses nothing. Failures are no rewards: they belong to the breaker.
//!
//! Figures are kept under each of the configured discounts. Which of them to believe is itself learned from
//! how well each foretells the values that come in: the world may change slowly, suddenly, or not at all.
//!
//! Bounds: at most [`ARMS`] arms, [`context::CONTEXTS`] contexts and [`learning::DISCOUNTS`] discounts a class. Where
//! another arm is observed, the one with the least weight of observations makes room: whoever was asked least, or
//! longest ago. An arm that is gone is believed as one that nothing was observed of.
//! Observing costs `O(discounts * levels * arms)`; estimating allocates nothing.

pub mod context;
pub mod gauge;
mod learner;
pub mod learning;

use bulkhead_domain::Digest;
use context::{Context, ContextId, Contexts};
use gauge::{Estimate, Gauge};
use learner::Learner;
use learning::Learning;
use serde::{Deserialize, Serialize};

/// Most arms of one task class, and most candidates of one choice.
pub const ARMS: usize = 64;

/// Share of belief that is spread evenly over the discounts at every value, so that one that fared badly can
/// come back: the expected frequency of the world changing its pace (fixed share: Herbster & Warmuth 1998,
/// "Tracking the best expert").
const BELIEF_SHARED: f64 = 1e-3;

/// One of the figures that a reward is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// What the answer was worth.
    Value,
    /// What it cost, in the class's unit of cost.
    Cost,
    /// How long it took, seconds.
    Latency,
}

impl Part {
    /// How many there are.
    const COUNT: usize = 3;

    fn index(self) -> usize {
        self as usize
    }
}

/// An arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ArmId(u16);

impl ArmId {
    /// The arm that was entered first.
    pub const FIRST: ArmId = ArmId(0);

    fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// More than [`ARMS`] candidates stand for one task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than {ARMS} candidates stand for one task; name fewer")]
pub struct TooManyArms;

/// What is believed of an arm's reward.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Belief {
    /// Mean reward: value less weighted cost and latency.
    pub mean: f64,
    /// Standard deviation of the mean. The parts' errors are taken as uncorrelated.
    pub deviation: f64,
    /// Standard deviation of a single value.
    pub spread: f64,
    /// Observations of its value that this is worth, those borrowed included.
    pub weight: f64,
    /// Mean latency, seconds, observed in the whole class: speed is the candidate's, not the context's.
    pub latency: f64,
    /// Observations of its latency, none borrowed.
    pub latency_weight: f64,
}

/// The arms of one task class.
#[derive(Debug, Clone)]
pub struct Arms {
    learning: Learning,
    contexts: Contexts,
    identities: Vec<Digest>,
    learners: Vec<Learner>,
    /// Probability of each learner.
    believed: Vec<f64>,
    /// How often an arm came or went.
    changes: u64,
}

impl Arms {
    /// No arms yet. Whoever read `learning` has checked it.
    #[must_use]
    pub fn new(learning: Learning) -> Self {
        let learners: Vec<Learner> = learning
            .discounts
            .iter()
            .map(|discount| Learner::new(*discount))
            .collect();
        #[expect(clippy::cast_precision_loss, reason = "a handful")]
        let even = 1.0 / learners.len() as f64;
        let mut arms = Arms {
            believed: vec![even; learners.len()],
            learning,
            contexts: Contexts::new(),
            identities: Vec::new(),
            learners,
            changes: 0,
        };
        arms.make_room();
        arms
    }

    /// How the class learns.
    #[must_use]
    pub fn learning(&self) -> &Learning {
        &self.learning
    }

    /// Finds or adds a candidate's arm by [`crate::Candidate::identity`]. Where there is no room, the one with the
    /// least weight goes.
    pub fn enter(&mut self, identity: Digest) -> ArmId {
        self.enter_beside(identity, None)
    }

    /// Finds a candidate's arm, or adds it where there is room: nobody goes for one that nothing was observed of.
    pub fn admit(&mut self, identity: Digest) -> Option<ArmId> {
        if let Some(arm) = self.find(identity) {
            return Some(arm);
        }
        if self.identities.len() >= ARMS {
            return None;
        }
        self.identities.push(identity);
        self.changes += 1;
        self.make_room();
        self.find(identity)
    }

    /// Adds the arm of a new version. It starts from what `predecessor` earned, shrunk to at most
    /// [`Learning::inheritance`] observations. One that is there already is left as it is.
    pub fn succeed(&mut self, predecessor: ArmId, identity: Digest) -> ArmId {
        if let Some(arm) = self.find(identity) {
            return arm;
        }
        let arm = self.enter_beside(identity, Some(predecessor));
        for learner in &mut self.learners {
            learner.inherit(predecessor, arm, self.learning.inheritance);
        }
        arm
    }

    fn enter_beside(&mut self, identity: Digest, kept: Option<ArmId>) -> ArmId {
        if let Some(arm) = self.admit(identity) {
            return arm;
        }
        let arm = self.least(kept);
        self.identities[arm.index()] = identity;
        self.changes += 1;
        for learner in &mut self.learners {
            learner.clear(arm);
        }
        arm
    }

    /// Whoever has the least weight. Nothing but observations decides, so that whoever reads them again comes to the
    /// same arms.
    fn least(&self, kept: Option<ArmId>) -> ArmId {
        let weight = |arm: ArmId| -> f64 {
            let parts = [Part::Value, Part::Cost, Part::Latency].into_iter();
            let gauge = |part| self.learners[0].gauge(ContextId::CLASS, arm, part);
            parts.map(|part| gauge(part).weight).sum()
        };
        self.identities()
            .filter(|(arm, _)| Some(*arm) != kept)
            .map(|(arm, identity)| (weight(arm), identity, arm))
            .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)))
            .map_or(ArmId::FIRST, |(_, _, arm)| arm)
    }

    /// How often an arm came or went: an [`ArmId`] is good for as long as this stays.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// The arm of a candidate.
    #[must_use]
    pub fn find(&self, identity: Digest) -> Option<ArmId> {
        let index = self.identities.iter().position(|own| *own == identity)?;
        u16::try_from(index).ok().map(ArmId)
    }

    /// Every arm with its candidate's identity, in the order they were entered.
    pub fn identities(&self) -> impl Iterator<Item = (ArmId, Digest)> {
        (0u16..).map(ArmId).zip(self.identities.iter().copied())
    }

    /// Finds or adds a context.
    pub fn context(&mut self, context: &Context) -> ContextId {
        let before = self.contexts.len();
        let id = self.contexts.enter(context);
        if self.contexts.len() > before {
            self.make_room();
        }
        id
    }

    /// The contexts met so far, in order of their levels.
    pub fn contexts(&self) -> impl Iterator<Item = (&Context, ContextId)> {
        self.contexts.iter()
    }

    /// Takes in an observation. What is not finite is refused and changes nothing.
    pub fn observe(&mut self, context: ContextId, arm: ArmId, part: Part, value: f64) -> bool {
        if !value.is_finite() {
            return false;
        }
        if part == Part::Value && self.learners.len() > 1 {
            self.weigh(context, arm, value);
        }
        let path = self.contexts.path(context);
        for learner in &mut self.learners {
            learner.observe(path, arm, part, value);
        }
        true
    }

    /// Probability of each configured discount, given the values so far.
    #[must_use]
    pub fn believed(&self) -> &[f64] {
        &self.believed
    }

    /// What is believed of every arm given, under the discount that is believed most; `None` stands for one that
    /// nothing was observed of.
    pub fn believe(
        &self,
        context: ContextId,
        arms: impl Iterator<Item = Option<ArmId>>,
        mut each: impl FnMut(Belief),
    ) {
        let learner = &self.learners[self.likeliest()];
        let path = self.contexts.path(context);
        let pooling = self.learning.pooling;
        let shared = [Part::Value, Part::Cost, Part::Latency]
            .map(|part| learner.shared(part, self.prior(part)));
        for arm in arms {
            let of = |part: Part| learner.estimate(path, arm, part, shared[part.index()], pooling);
            let value = of(Part::Value);
            let mut mean = value.mean;
            let mut variance = square(value.deviation());
            if self.learning.cost_weight > 0.0 {
                charge(
                    &mut mean,
                    &mut variance,
                    self.learning.cost_weight,
                    &of(Part::Cost),
                );
            }
            if self.learning.latency_weight > 0.0 {
                charge(
                    &mut mean,
                    &mut variance,
                    self.learning.latency_weight,
                    &of(Part::Latency),
                );
            }
            let timed = arm.map(|arm| *learner.gauge(ContextId::CLASS, arm, Part::Latency));
            let timed = timed.unwrap_or_default();
            each(Belief {
                mean,
                deviation: variance.sqrt(),
                spread: value.variance.sqrt(),
                weight: value.weight,
                latency: timed.mean,
                latency_weight: timed.weight,
            });
        }
    }

    /// One figure of an arm, under the discount that is believed most.
    #[must_use]
    pub fn estimate(&self, context: ContextId, arm: ArmId, part: Part) -> Estimate {
        let learner = &self.learners[self.likeliest()];
        let shared = learner.shared(part, self.prior(part));
        let path = self.contexts.path(context);
        learner.estimate(path, Some(arm), part, shared, self.learning.pooling)
    }

    /// An arm's own observations in a context, nothing borrowed, under the discount that is believed most.
    #[must_use]
    pub fn observed(&self, context: ContextId, arm: ArmId, part: Part) -> Gauge {
        *self.learners[self.likeliest()].gauge(context, arm, part)
    }

    /// Index of the discount that is believed most; the first named of equals.
    #[must_use]
    pub fn likeliest(&self) -> usize {
        let better = |best: usize, next: usize| {
            if self.believed[next] > self.believed[best] {
                next
            } else {
                best
            }
        };
        (1..self.believed.len()).fold(0, better)
    }

    /// Costs and latencies have no prior: what is unknown is taken from the other arms, or is nothing.
    fn prior(&self, part: Part) -> Estimate {
        match part {
            Part::Value => Estimate {
                mean: self.learning.prior_mean,
                variance: square(self.learning.prior_deviation),
                weight: self.learning.prior_weight,
            },
            Part::Cost | Part::Latency => Estimate::UNKNOWN,
        }
    }

    fn make_room(&mut self) {
        for learner in &mut self.learners {
            learner.resize(self.contexts.len(), self.identities.len());
        }
    }

    /// Weighs the discounts by how likely each made the value that came in: Bayes' rule with
    /// a normal density with the estimate's predictive variance `v (1 + 1 / k)`.
    fn weigh(&mut self, context: ContextId, arm: ArmId, value: f64) {
        let (path, prior) = (self.contexts.path(context), self.prior(Part::Value));
        let mut logs = [f64::NEG_INFINITY; learning::DISCOUNTS];
        for ((log, learner), believed) in logs.iter_mut().zip(&self.learners).zip(&self.believed) {
            let shared = learner.shared(Part::Value, prior);
            let estimate =
                learner.estimate(path, Some(arm), Part::Value, shared, self.learning.pooling);
            let variance = estimate.variance * (1.0 + 1.0 / estimate.weight);
            if variance > 0.0 {
                let error = value - estimate.mean;
                *log =
                    libm::log(*believed) - 0.5 * (libm::log(variance) + error * error / variance);
            } else {
                // A figure that never varied foretells nothing that could be weighed.
                return;
            }
        }
        let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let likelihoods = logs.map(|log| libm::exp(log - most));
        let total: f64 = likelihoods.iter().sum();
        #[expect(clippy::cast_precision_loss, reason = "a handful")]
        let even = BELIEF_SHARED / self.learners.len() as f64;
        for (believed, likelihood) in self.believed.iter_mut().zip(likelihoods) {
            *believed = (1.0 - BELIEF_SHARED) * likelihood / total + even;
        }
    }
}

fn square(x: f64) -> f64 {
    x * x
}

/// Takes a weighted figure off a reward. One that nobody observed costs nothing.
fn charge(mean: &mut f64, variance: &mut f64, weight: f64, figure: &Estimate) {
    *mean -= weight * figure.mean;
    if figure.weight > 0.0 {
        *variance += square(weight * figure.deviation());
    }
}

#[cfg(test)]
mod tests;
