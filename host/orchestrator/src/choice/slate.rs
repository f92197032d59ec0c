//! Who stands for a task, under which configuration and seed, and choosing among them.

use super::config::Configuration;
use super::decide::{Exclusion, Figure, Pick, decide};
use super::draw::DrawKey;
use super::record::ChoiceRecord;
use crate::arms::context::{Context, ContextId};
use crate::arms::{ArmId, Arms, TooManyArms};
use crate::task::{Candidate, Task};
use bulkhead_domain::digest::DigestBuilder;
use bulkhead_domain::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

/// What choices on one task have in common. Kept once; every record of a choice names it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slate {
    /// The task.
    pub task: Task,
    /// Its context, broad before narrow.
    pub context: Context,
    /// Seed of the draws.
    pub seed: u64,
    /// How the winner is found.
    pub config: Configuration,
    /// Who stands, in the order that decides ties.
    pub candidates: Vec<Candidate>,
}

impl Slate {
    /// Names it: digest of everything in it.
    #[must_use]
    pub fn id(&self) -> Digest {
        let mut builder = DigestBuilder::new();
        builder.part("task", self.task.to_string().as_bytes());
        for level in &self.context.0 {
            builder.part("level", level.name.as_bytes());
            builder.part("value", level.value.as_bytes());
        }
        builder.part("seed", &self.seed.to_le_bytes());
        // Every field of the configuration prints; floats print so that they read back the same.
        builder.part("config", format!("{:?}", self.config).as_bytes());
        for candidate in &self.candidates {
            builder.part("label", candidate.label().as_bytes());
            builder.part("candidate", candidate.identity().bytes());
        }
        builder.finish()
    }

    fn key(&self) -> DrawKey {
        DrawKey::new(self.seed, &self.id().to_string())
    }

    fn shares(&self) -> Vec<f64> {
        let share = |candidate: &Candidate| self.config.share(&candidate.label());
        self.candidates.iter().map(share).collect()
    }

    /// Makes a recorded choice again.
    #[must_use]
    pub fn rederive(&self, record: &ChoiceRecord) -> RederivedChoice {
        if record.slate != self.id() || record.figures.len() != self.candidates.len() {
            return RederivedChoice::OtherSlate;
        }
        let mut draws = self.key().draws(record.sequence);
        let mut again = record.clone();
        for (figure, share) in again.figures.iter_mut().zip(self.shares()) {
            figure.share = share;
            figure.excluded = figure.excluded.filter(|why| !why.is_of_latency());
        }
        again.pick = decide(&self.config, &mut again.figures, &mut draws);
        if again.same(record) {
            RederivedChoice::Same
        } else {
            RederivedChoice::Different(Box::new(again))
        }
    }
}

/// What came of making a choice again.
#[derive(Debug, Clone, PartialEq)]
pub enum RederivedChoice {
    /// The same, to the last bit of every score.
    Same,
    /// Another: the record was changed, or the policy was.
    Different(Box<ChoiceRecord>),
    /// The record belongs to another slate, or the slate was changed.
    OtherSlate,
}

/// A slate made ready for choosing.
#[derive(Debug, Clone)]
pub struct Chooser {
    slate: Slate,
    id: Digest,
    key: DrawKey,
    shares: Vec<f64>,
    context: ContextId,
    arms: Vec<Option<ArmId>>,
    /// [`Arms::changes`] when `arms` were looked up.
    changes: u64,
}

impl Chooser {
    /// Makes a slate ready, entering its candidates and context among the class's arms.
    ///
    /// # Errors
    /// When more candidates stand than can.
    pub fn new(slate: Slate, arms: &mut Arms) -> Result<Self, TooManyArms> {
        if slate.candidates.len() > crate::arms::ARMS {
            return Err(TooManyArms);
        }
        let context = arms.context(&slate.context);
        let candidates = slate.candidates.iter();
        let ids = candidates
            .map(|candidate| arms.admit(candidate.identity()))
            .collect();
        Ok(Chooser {
            id: slate.id(),
            key: slate.key(),
            shares: slate.shares(),
            context,
            arms: ids,
            changes: arms.changes(),
            slate,
        })
    }

    /// The slate.
    #[must_use]
    pub fn slate(&self) -> &Slate {
        &self.slate
    }

    /// The context among the arms' own.
    #[must_use]
    pub fn context(&self) -> ContextId {
        self.context
    }

    /// The arm of a candidate, by its place in the slate; `None` where it had none at the last choice.
    #[must_use]
    pub fn arm(&self, candidate: usize) -> Option<ArmId> {
        self.arms.get(candidate).copied().flatten()
    }

    /// Chooses. `excluded` says by place in the slate who cannot be asked now; who is left out of it can.
    /// `sequence` must not come twice for one slate, or the draws do too
    /// ([`super::next_sequence`]). The record is overwritten;
    /// once it has held as many candidates, nothing is allocated.
    pub fn choose(
        &mut self,
        arms: &Arms,
        excluded: &[Option<Exclusion>],
        sequence: u64,
        time: Timestamp,
        record: &mut ChoiceRecord,
    ) -> Pick {
        if self.changes != arms.changes() {
            self.changes = arms.changes();
            for (arm, candidate) in self.arms.iter_mut().zip(&self.slate.candidates) {
                *arm = arms.find(candidate.identity());
            }
        }
        let mut draws = self.key.draws(sequence);
        record.slate = self.id;
        record.sequence = sequence;
        record.time = time;
        record.discount = arms.learning().discounts[arms.likeliest()];
        record.figures.clear();
        let figures = &mut record.figures;
        arms.believe(self.context, self.arms.iter().copied(), |belief| {
            let place = figures.len();
            figures.push(Figure {
                excluded: excluded.get(place).copied().flatten(),
                share: self.shares[place],
                mean: belief.mean,
                deviation: belief.deviation,
                spread: belief.spread,
                weight: belief.weight,
                latency: belief.latency,
                latency_weight: belief.latency_weight,
                score: f64::NAN,
            });
        });
        record.pick = decide(&self.slate.config, figures, &mut draws);
        record.pick
    }
}
