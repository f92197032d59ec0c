//! Where the candidates of one learner stand: what each said, what came true, what that is worth.
//!
//! A prediction waits until its label has ended and is scored then, chosen or not.

use super::{Fitted, Trainer};
use crate::config::ModelConfig;
use bulkhead_domain::Digest;
use bulkhead_orchestrator::{Board, Outcome, Policy, Scoring, Standing};
use std::collections::VecDeque;
use std::sync::Arc;

/// Bootstrap resamples of a skill interval; more where a bound lies too far out for them.
const RESAMPLES: usize = 2000;
/// Least probability left out at one side of an interval; its inverse is the most resamples there are.
pub(crate) const LEAST_TAIL: f64 = 1e-5;

/// How far a new version's predecessor counts as itself: half. It keeps the place it earned, and loses it to whoever
/// is nearly as good and has said everything itself.
const INHERITED: f64 = 0.5;

/// What a report says of a candidate, besides its standing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    /// Fits made.
    pub fits: u64,
    /// Fits that failed, with the last reason.
    pub failures: Option<(u64, String)>,
    /// Bars on which it was eligible.
    pub eligible_bars: u64,
    /// Bars on which it predicted and was not eligible.
    pub gated_bars: u64,
    /// Bars on which it was chosen.
    pub chosen_bars: u64,
}

/// A candidate as a report and a ledger of trials see it.
pub struct Judged<'a> {
    /// Plugin and algorithm, told apart from every other candidate's.
    pub label: &'a str,
    /// What identifies it: code, algorithm and hyper-parameters.
    pub identity: Digest,
    /// What it earned.
    pub board: &'a Board,
    /// How often it was fitted, eligible and chosen.
    pub tally: &'a Tally,
}

/// One candidate on one instrument.
pub(super) struct Pupil {
    pub(super) label: String,
    pub(super) identity: Digest,
    pub(super) board: Board,
    pub(super) fitted: Option<Fitted>,
    pub(super) tally: Tally,
    /// Probability and base rate given at each of the last `horizon + 1` bars, and how far they are its own.
    pending: VecDeque<Option<(f64, f64, f64)>>,
    unavailable: Option<String>,
}

impl Pupil {
    /// One for each trainer, in their order.
    pub(super) fn all(trainers: &[Arc<dyn Trainer>], judged_by: usize) -> Vec<Pupil> {
        let labels: Vec<String> = trainers
            .iter()
            .map(|trainer| trainer.candidate().label())
            .collect();
        trainers
            .iter()
            .zip(&labels)
            .map(|(trainer, label)| {
                let identity = trainer.candidate().identity();
                let alone = labels.iter().filter(|other| *other == label).count() == 1;
                Pupil {
                    label: if alone {
                        label.clone()
                    } else {
                        format!("{label} {}", &identity.to_string()[..6])
                    },
                    identity,
                    board: Board::new(judged_by),
                    fitted: None,
                    tally: Tally::default(),
                    pending: VecDeque::new(),
                    unavailable: None,
                }
            })
            .collect()
    }

    /// A new version takes its place, with what was learnt for it. It starts from what its predecessor earned,
    /// shrunk.
    pub(super) fn succeed(&mut self, identity: Digest, fitted: Option<Fitted>) {
        self.identity = identity;
        self.board = self.board.inherited(INHERITED);
        for (_, _, trust) in self.pending.iter_mut().flatten() {
            *trust *= INHERITED;
        }
        // Who had learnt nothing yet, or whose fit had failed, waits for the next fit.
        if fitted.is_some() {
            self.fitted = fitted;
            self.unavailable = None;
        }
    }

    pub(super) fn judged(&self) -> Judged<'_> {
        Judged {
            label: &self.label,
            identity: self.identity,
            board: &self.board,
            tally: &self.tally,
        }
    }

    /// Takes what came of a fit; gives why it failed.
    pub(super) fn learnt(&mut self, outcome: Result<Fitted, String>) -> Option<String> {
        self.tally.fits += 1;
        match outcome {
            Ok(fitted) => {
                self.fitted = Some(fitted);
                self.unavailable = None;
                None
            }
            Err(why) => {
                let count = self.tally.failures.as_ref().map_or(0, |(count, _)| *count);
                self.tally.failures = Some((count + 1, why.clone()));
                self.fail(&why);
                Some(why)
            }
        }
    }

    /// It says nothing until its next fit.
    pub(super) fn fail(&mut self, why: &str) {
        self.fitted = None;
        self.unavailable = Some(why.to_owned());
    }

    /// Keeps what it said at a bar until the bar's label has ended. Called once a bar, said or not.
    pub(super) fn said(&mut self, probability: Option<f64>, base: f64) {
        self.pending
            .push_back(probability.map(|probability| (probability, base, 1.0)));
    }

    /// The label of the bar `horizon + 1` before the newest, of this time, has ended.
    pub(super) fn mature(&mut self, horizon: usize, time: i64, up: bool) {
        if self.pending.len() > horizon
            && let Some(Some((probability, base, trust))) = self.pending.pop_front()
        {
            self.board.record(Outcome {
                time,
                probability,
                base,
                up,
                trust,
            });
        }
    }

    pub(super) fn standing(&self, scoring: &Scoring) -> Standing {
        let mut standing = Standing {
            candidate: self.label.clone(),
            identity: self.identity,
            unavailable: self.unavailable.clone(),
            samples: 0,
            skill: None,
            score: None,
        };
        if self.fitted.is_none() && standing.unavailable.is_none() {
            standing.unavailable = Some("not fitted yet".to_owned());
        }
        self.board.stand(&mut standing, scoring);
        standing
    }

    /// Counts a bar on which it predicted.
    pub(super) fn count(&mut self, standing: &Standing, policy: &Policy, chosen: bool) {
        if policy.eligible(standing) {
            self.tally.eligible_bars += 1;
        } else {
            self.tally.gated_bars += 1;
        }
        self.tally.chosen_bars += u64::from(chosen);
    }
}

/// Successive labels of a bootstrap block: those that overlap, and at least the cube root of all.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a block length"
)]
pub(crate) fn block(samples: usize, horizon: usize) -> usize {
    (libm::cbrt(samples as f64).ceil() as usize).max(horizon + 1)
}

/// Probability left out at each side of each of several candidates' intervals (Bonferroni).
#[expect(clippy::cast_precision_loss, reason = "a count")]
pub(crate) fn tail(confidence: f64, candidates: usize) -> f64 {
    (1.0 - confidence) / 2.0 / candidates.max(1) as f64
}

/// So many that at least one lies outside each bound.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count, at most the inverse of the least tail"
)]
fn resamples(tail: f64) -> usize {
    RESAMPLES.max((1.0 / tail.max(LEAST_TAIL)).ceil() as usize)
}

/// How `samples` outcomes become skill.
pub(super) fn scoring(
    config: &ModelConfig,
    candidates: usize,
    samples: usize,
    seed: u64,
) -> Scoring {
    let tail = tail(config.confidence, candidates);
    #[expect(clippy::cast_precision_loss, reason = "a count")]
    let half_life = config.judged_by as f64 / 4.0;
    Scoring {
        min_samples: config.min_samples,
        block: block(samples, config.horizon),
        resamples: resamples(tail),
        tail,
        half_life,
        seed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_far_out_is_resampled_often_enough_to_be_seen() {
        assert_eq!(resamples(tail(0.99, 7)), RESAMPLES);
        assert_eq!(resamples(tail(0.999, 10)), 20_000);
        assert_eq!(resamples(0.0), 100_000);
    }

    #[test]
    fn a_block_is_no_shorter_than_labels_overlap() {
        assert_eq!(block(1000, 5), 10);
        assert_eq!(block(1000, 20), 21);
        assert_eq!(block(0, 5), 6);
    }
}
