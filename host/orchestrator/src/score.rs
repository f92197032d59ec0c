//! What candidates said, and what came true.
//!
//! Bounds: a board keeps its newest `window` outcomes. What is recorded here has come true or not: who
//! records waits for the label's end.

use crate::skill::{Interval, log_loss, skill, skill_interval};
use crate::task::Standing;
use std::collections::VecDeque;

/// One matured prediction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// When the prediction was made, nanoseconds.
    pub time: i64,
    /// Probability that was given to the first of two outcomes (up).
    pub probability: f64,
    /// Base rate of it that was known then.
    pub base: f64,
    /// Whether it came true.
    pub up: bool,
    /// How far it counts as the candidate's own: 1 for what it said itself, less for what its predecessor said.
    pub trust: f64,
}

impl Outcome {
    fn losses(&self) -> (f64, f64) {
        let given = |p: f64| log_loss(if self.up { p } else { 1.0 - p });
        let (model, base) = (given(self.probability), given(self.base));
        // Towards the base rate, so that skill, and its whole interval, shrinks towards none and keeps its sign.
        (base + self.trust * (model - base), base)
    }
}

/// Everything a candidate earned on one task, summed up.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Matured predictions.
    pub samples: u64,
    /// Skill with its interval.
    pub skill: Option<Interval>,
    /// Mean log-loss, nats.
    pub log_loss: Option<f64>,
    /// Mean log-loss of the base rate, nats.
    pub base_log_loss: Option<f64>,
}

/// How outcomes become a standing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scoring {
    /// Fewest outcomes that give an interval.
    pub min_samples: usize,
    /// Successive outcomes in one bootstrap block.
    pub block: usize,
    /// Bootstrap resamples.
    pub resamples: usize,
    /// Probability left out at each side of the interval.
    pub tail: f64,
    /// Outcomes after which an outcome's weight in the score has halved.
    pub half_life: f64,
    /// Seed of the bootstrap.
    pub seed: u64,
}

/// One candidate's outcomes on one task.
#[derive(Debug, Clone)]
pub struct Board {
    outcomes: VecDeque<Outcome>,
    window: usize,
}

impl Board {
    /// A board that keeps the last `window` outcomes.
    #[must_use]
    pub fn new(window: usize) -> Self {
        Board {
            outcomes: VecDeque::new(),
            window: window.max(1),
        }
    }

    /// Adds a matured outcome; the oldest goes when the window is full.
    pub fn record(&mut self, outcome: Outcome) {
        if self.outcomes.len() == self.window {
            self.outcomes.pop_front();
        }
        self.outcomes.push_back(outcome);
    }

    /// Outcomes, oldest first.
    pub fn outcomes(&self) -> impl Iterator<Item = &Outcome> {
        self.outcomes.iter()
    }

    fn losses(&self) -> (Vec<f64>, Vec<f64>) {
        self.outcomes.iter().map(Outcome::losses).unzip()
    }

    /// Outcomes that there are of the candidate's own, others' counting as far as they are trusted.
    fn evidence(&self) -> f64 {
        self.outcomes.iter().map(|outcome| outcome.trust).sum()
    }

    /// Sums the outcomes up. What a candidate did not say itself is weaker evidence: there must be as much more of it,
    /// and the interval about the skill is wider by the square root of all outcomes over those that they count for.
    #[must_use]
    pub fn summary(&self, scoring: &Scoring) -> Summary {
        let (model, base) = self.losses();
        #[expect(clippy::cast_precision_loss, reason = "a count")]
        let (count, fewest) = (model.len() as f64, scoring.min_samples.max(1) as f64);
        let evidence = self.evidence();
        let enough = evidence >= fewest;
        let widened = |interval: Interval| match evidence < count {
            true => interval.widened((count / evidence).sqrt()),
            false => interval,
        };
        #[expect(clippy::cast_precision_loss, reason = "a count")]
        let mean = |losses: &[f64]| {
            (!losses.is_empty()).then(|| losses.iter().sum::<f64>() / losses.len() as f64)
        };
        Summary {
            samples: model.len() as u64,
            skill: if enough {
                skill_interval(
                    &model,
                    &base,
                    scoring.block,
                    scoring.resamples,
                    scoring.tail,
                    scoring.seed,
                )
                .map(widened)
            } else {
                None
            },
            log_loss: mean(&model),
            base_log_loss: mean(&base),
        }
    }

    /// Skill with older outcomes weighing less: weight `0.5^(age / half-life)`, age in outcomes.
    #[must_use]
    pub fn discounted_skill(&self, half_life: f64) -> Option<f64> {
        let (mut model, mut base) = self.losses();
        let decay = libm::exp2(-1.0 / half_life.max(1e-9));
        let mut weight = 1.0;
        for (model, base) in model.iter_mut().zip(&mut base).rev() {
            *model *= weight;
            *base *= weight;
            weight *= decay;
        }
        skill(&model, &base)
    }

    /// Fills in a standing's figures.
    pub fn stand(&self, standing: &mut Standing, scoring: &Scoring) {
        let summary = self.summary(scoring);
        standing.samples = summary.samples;
        standing.skill = summary.skill;
        standing.score = summary
            .skill
            .and_then(|_| self.discounted_skill(scoring.half_life));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(probability: f64, up: bool) -> Outcome {
        Outcome {
            time: 0,
            probability,
            base: 0.5,
            up,
            trust: 1.0,
        }
    }

    #[test]
    fn recent_outcomes_weigh_more() {
        let mut faded = Board::new(1000);
        let mut risen = Board::new(1000);
        for index in 0..200 {
            faded.record(outcome(0.8, index < 100));
            risen.record(outcome(0.8, index >= 100));
        }
        assert!(risen.discounted_skill(20.0) > faded.discounted_skill(20.0));
        let flat = |board: &Board| skill(&board.losses().0, &board.losses().1).unwrap();
        assert!(
            (flat(&faded) - flat(&risen)).abs() < 1e-12,
            "undiscounted they are equal"
        );
    }

    /// The board of a version whose predecessor said all this.
    fn inherited(board: &Board) -> Board {
        let mut new = Board::new(board.window);
        for outcome in board.outcomes() {
            new.record(Outcome {
                trust: 0.5,
                ..*outcome
            });
        }
        new
    }

    const SCORING: Scoring = Scoring {
        min_samples: 50,
        block: 5,
        resamples: 500,
        tail: 0.025,
        half_life: 100.0,
        seed: 3,
    };

    /// Right in so many of 100 cases, spread evenly.
    fn board(right: u32, outcomes: u32) -> Board {
        let mut board = Board::new(1000);
        for index in 0..outcomes {
            board.record(outcome(0.6, index * 37 % 100 < right));
        }
        board
    }

    #[test]
    fn what_a_predecessor_barely_showed_makes_no_version_eligible_until_it_has_shown_something_itself()
     {
        let lower = |board: &Board| board.summary(&SCORING).skill.unwrap().lower;
        let mut barely = 0;
        for right in 50..80 {
            let old = board(right, 200);
            let skill = old.summary(&SCORING).skill.unwrap();
            let mut new = inherited(&old);
            assert!(lower(&new) < skill.lower.max(0.0), "{right}");
            if skill.lower <= 0.0 || skill.lower > 0.2 * skill.value {
                continue;
            }
            barely += 1;
            assert!(lower(&new) <= 0.0, "{right}: {skill:?}");
            // As good itself, it earns its place; the opposite of its predecessor, it never does.
            let mut inverted = new.clone();
            for index in 0..400 {
                new.record(outcome(0.6, index * 37 % 100 < right));
                inverted.record(outcome(0.4, index * 37 % 100 < right));
                assert!(index % 50 > 0 || lower(&inverted) <= 0.0, "{right}");
            }
            assert!(lower(&new) > 0.0, "{right}");
        }
        assert!(barely > 0, "no board was just above nothing");
    }

    #[test]
    fn outcomes_of_a_predecessor_count_for_fewer_labels() {
        let scoring = Scoring {
            min_samples: 150,
            ..SCORING
        };
        let old = board(70, 200);
        assert!(old.summary(&scoring).skill.is_some());
        let mut new = inherited(&old);
        assert_eq!(new.summary(&scoring).skill, None);
        (0..50).for_each(|_| new.record(outcome(0.6, true)));
        assert!(new.summary(&scoring).skill.is_some());
    }

    #[test]
    fn a_new_version_inherits_skill_shrunk_and_never_its_opposite() {
        for right in [0.8, 0.4] {
            let mut old = Board::new(1000);
            for index in 0..200 {
                old.record(outcome(0.8, f64::from(index) < 200.0 * right));
            }
            let new = inherited(&old);
            let skill_of = |board: &Board| skill(&board.losses().0, &board.losses().1).unwrap();
            assert!((skill_of(&new) - 0.5 * skill_of(&old)).abs() < 1e-12);
        }
    }

    #[test]
    fn the_window_forgets_the_oldest() {
        let mut board = Board::new(2);
        (0..5).for_each(|time| {
            board.record(Outcome {
                time,
                ..outcome(0.5, true)
            })
        });
        assert_eq!(board.outcomes().map(|o| o.time).collect::<Vec<_>>(), [3, 4]);
    }
}
