//! The figures of all arms under one discount, context by context.

use super::context::ContextId;
use super::gauge::{Estimate, Gauge};
use super::{ArmId, Part};

/// The arms' gauges of one part, in one context.
type Row = Vec<Gauge>;

/// What was observed, weighed by one discount.
///
/// Time is counted in observations: each makes all earlier ones of its part and context weigh less, those
/// of other arms too (Garivier & Moulines 2008), so that an arm that is not tried is slowly forgotten.
#[derive(Debug, Clone)]
pub(super) struct Learner {
    discount: f64,
    /// What all arms observed in the class, by part.
    population: [Gauge; Part::COUNT],
    /// By context, part and arm.
    rows: Vec<[Row; Part::COUNT]>,
}

impl Learner {
    pub(super) fn new(discount: f64) -> Self {
        Learner {
            discount,
            population: [Gauge::default(); Part::COUNT],
            rows: Vec::new(),
        }
    }

    /// Makes room for `contexts` and `arms`.
    pub(super) fn resize(&mut self, contexts: usize, arms: usize) {
        self.rows.resize_with(contexts, Default::default);
        for row in self.rows.iter_mut().flatten() {
            row.resize(arms, Gauge::default());
        }
    }

    /// Copies an arm's figures to another, shrunk to a weight of at most `most`.
    pub(super) fn inherit(&mut self, from: ArmId, to: ArmId, most: f64) {
        for row in self.rows.iter_mut().flatten() {
            row[to.index()] = row[from.index()].shrunk(most);
        }
    }

    /// Forgets everything of an arm.
    pub(super) fn clear(&mut self, arm: ArmId) {
        for row in self.rows.iter_mut().flatten() {
            row[arm.index()] = Gauge::default();
        }
    }

    /// Adds an observation in a context and all it is part of.
    pub(super) fn observe(&mut self, path: &[ContextId], arm: ArmId, part: Part, value: f64) {
        let population = &mut self.population[part.index()];
        population.fade(self.discount);
        population.add(value);
        for context in path {
            let row = &mut self.rows[context.index()][part.index()];
            row.iter_mut().for_each(|gauge| gauge.fade(self.discount));
            row[arm.index()].add(value);
        }
    }

    /// What is believed of an arm that nothing was observed of.
    pub(super) fn shared(&self, part: Part, prior: Estimate) -> Estimate {
        prior.after(&self.population[part.index()], prior.weight)
    }

    /// What is believed of an arm: `shared`, then its figures in each context from the class down to the
    /// narrowest, each of them counting for at most `pooling` observations in the next.
    ///
    /// A wider context's figures contain the narrower one's, so the two agree a little more than they
    /// should; the weight `pooling` bounds how much that can be.
    pub(super) fn estimate(
        &self,
        path: &[ContextId],
        arm: Option<ArmId>,
        part: Part,
        shared: Estimate,
        pooling: f64,
    ) -> Estimate {
        path.iter().fold(shared, |prior, context| {
            let gauge = arm.map(|arm| self.rows[context.index()][part.index()][arm.index()]);
            prior.after(&gauge.unwrap_or_default(), pooling)
        })
    }

    /// An arm's own figures in a context, nothing borrowed.
    pub(super) fn gauge(&self, context: ContextId, arm: ArmId, part: Part) -> &Gauge {
        &self.rows[context.index()][part.index()][arm.index()]
    }
}
