//! Who earns what in which context, with intervals.

use super::Rewards;
use crate::arms::context::Context;
use crate::arms::gauge::Estimate;
use crate::arms::{ArmId, Arms, Part};
use crate::skill::Interval;
use bulkhead_domain::Digest;
use serde::Serialize;

/// Standard deviations at each side of a mean in a 95 % interval of the normal distribution.
const WIDTH: f64 = 1.959_963_984_540_054;

/// What an arm earns in a context.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ArmStanding {
    /// The context; empty for the whole class.
    pub context: Context,
    /// [`crate::Candidate::identity`].
    pub candidate: Digest,
    /// Observations of its value in the context, discounted, none borrowed.
    pub weight: f64,
    /// Mean value, with what is borrowed from wider contexts.
    pub value: Interval,
    /// Mean cost; `None` when nobody's is known.
    pub cost: Option<Interval>,
    /// Mean latency, seconds; `None` when nobody's is known.
    pub latency: Option<Interval>,
}

impl Rewards {
    /// Every arm of a class in every context where it was observed, and in the class as a whole. Intervals are
    /// 95 % credible ones of the mean under the discount that is believed most. They take discounted weights for
    /// counts, which makes them wider than need be: by Kish's effective size (1965) the weights `g^n` are worth
    /// `(1 + g) / (1 - g)` observations, about twice their sum.
    #[must_use]
    pub fn standings(&self, class: &str) -> Vec<ArmStanding> {
        let Some(arms) = self.classes.get(class) else {
            return Vec::new();
        };
        let mut standings = Vec::new();
        for (context, id) in arms.contexts() {
            for (arm, candidate) in arms.identities() {
                let observed = |part: Part| arms.observed(id, arm, part).weight;
                let whole = context.0.is_empty();
                if !whole && observed(Part::Value) + observed(Part::Latency) == 0.0 {
                    continue;
                }
                standings.push(ArmStanding {
                    context: context.clone(),
                    candidate,
                    weight: observed(Part::Value),
                    value: interval(&arms.estimate(id, arm, Part::Value)),
                    cost: known(arms, id, arm, Part::Cost),
                    latency: known(arms, id, arm, Part::Latency),
                });
            }
        }
        standings
    }
}

fn known(
    arms: &Arms,
    context: crate::arms::context::ContextId,
    arm: ArmId,
    part: Part,
) -> Option<Interval> {
    let estimate = arms.estimate(context, arm, part);
    (estimate.weight > 0.0).then(|| interval(&estimate))
}

fn interval(estimate: &Estimate) -> Interval {
    let half = WIDTH * estimate.deviation();
    Interval {
        value: estimate.mean,
        lower: estimate.mean - half,
        upper: estimate.mean + half,
    }
}
