//! Where the candidates of one learner stand: what each said, what came true, what that is worth.
//!
//! A prediction waits until its label has ended and is scored then, chosen or not.

use super::{Fitted, Trainer};
use crate::config::ModelConfig;
use bulkhead_domain::Digest;
use bulkhead_orchestrator::{Board, Candidate, Outcome, Policy, Scoring, Standing};
use std::collections::VecDeque;
use std::sync::Arc;

/// Bootstrap resamples of a skill interval; more where a bound lies too far out for them.
const RESAMPLES: usize = 2000;
/// Least probability left out at one side of an interval; its inverse is the most resamples there are.
pub(crate) const LEAST_TAIL: f64 = 1e-5;

/// How far what another version of a candidate said counts as its own, for each version between them: half. Where the
/// evidence is strong it keeps the place that was earned, and loses it to whoever is nearly as good and has said
/// everything itself; where it was just enough, the new version has to show something first.
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

/// A version of a candidate as a report and a ledger of trials see it.
pub struct Judged<'a> {
    /// Plugin and algorithm, told apart from every other candidate's; with the version where there were several.
    pub label: String,
    /// What identifies it: code, algorithm and hyper-parameters.
    pub identity: Digest,
    /// What it said itself.
    pub board: &'a Board,
    /// How often it was fitted, eligible and chosen.
    pub tally: &'a Tally,
}

/// A version of a candidate, and what it said itself.
struct Version {
    identity: Digest,
    version: String,
    said: Board,
    tally: Tally,
}

impl Version {
    fn new(candidate: &Candidate, judged_by: usize) -> Version {
        Version {
            identity: candidate.identity(),
            version: candidate.version.clone(),
            said: Board::new(judged_by),
            tally: Tally::default(),
        }
    }
}

/// What was said at a bar whose label has not ended.
struct Said {
    probability: f64,
    base: f64,
    /// Which version said it.
    by: usize,
}

/// One candidate on one instrument.
pub(super) struct Pupil {
    pub(super) label: String,
    /// All that ever stood here, in the order in which they came.
    versions: Vec<Version>,
    /// Which of them stands here now.
    current: usize,
    /// What it is judged by: all that was said, others' words counting for less.
    pub(super) board: Board,
    judged_by: usize,
    pub(super) fitted: Option<Fitted>,
    /// What was said at each of the last `horizon + 1` bars.
    pending: VecDeque<Option<Said>>,
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
                    versions: vec![Version::new(trainer.candidate(), judged_by)],
                    current: 0,
                    board: Board::new(judged_by),
                    judged_by,
                    fitted: None,
                    pending: VecDeque::new(),
                    unavailable: None,
                }
            })
            .collect()
    }

    /// A new version takes its place, with what was learnt for it. It starts from what its predecessor earned,
    /// shrunk. One that stood here before is as it was, but for what was said meanwhile.
    pub(super) fn succeed(&mut self, candidate: &Candidate, fitted: Option<Fitted>) {
        let identity = candidate.identity();
        let mut known = self.versions.iter();
        let known = known.position(|version| version.identity == identity);
        self.current = known.unwrap_or_else(|| {
            self.versions.push(Version::new(candidate, self.judged_by));
            self.versions.len() - 1
        });
        let mut said: Vec<Outcome> = Vec::new();
        for (by, version) in self.versions.iter().enumerate() {
            let trust = self.trust(by);
            said.extend(version.said.outcomes().map(|it| Outcome { trust, ..*it }));
        }
        said.sort_by_key(|outcome| outcome.time);
        self.board = Board::new(self.judged_by);
        said.into_iter()
            .for_each(|outcome| self.board.record(outcome));
        // Who had learnt nothing yet, or whose fit had failed, waits for the next fit.
        if fitted.is_some() {
            self.fitted = fitted;
            self.unavailable = None;
        }
    }

    /// How far what a version said counts for the one that stands here.
    fn trust(&self, by: usize) -> f64 {
        let between = 0..self.current.abs_diff(by);
        between.fold(1.0, |trust, _| trust * INHERITED)
    }

    /// Every version with what it said itself, the one that stands here included.
    pub(super) fn judged(&self) -> impl Iterator<Item = Judged<'_>> {
        self.versions.iter().map(|one| {
            let same = |other: &&Version| other.version == one.version;
            let label = match self.versions.len() {
                1 => self.label.clone(),
                _ if self.versions.iter().filter(same).count() == 1 => {
                    format!("{} {}", self.label, one.version)
                }
                _ => format!("{} {} {}", self.label, one.version, one.identity.short()),
            };
            Judged {
                label,
                identity: one.identity,
                board: &one.said,
                tally: &one.tally,
            }
        })
    }

    fn tally(&mut self) -> &mut Tally {
        &mut self.versions[self.current].tally
    }

    /// Takes what came of a fit; gives why it failed.
    pub(super) fn learnt(&mut self, outcome: Result<Fitted, String>) -> Option<String> {
        self.tally().fits += 1;
        match outcome {
            Ok(fitted) => {
                self.fitted = Some(fitted);
                self.unavailable = None;
                None
            }
            Err(why) => {
                let tally = self.tally();
                let count = tally.failures.as_ref().map_or(0, |(count, _)| *count);
                tally.failures = Some((count + 1, why.clone()));
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
        let by = self.current;
        self.pending.push_back(probability.map(|probability| Said {
            probability,
            base,
            by,
        }));
    }

    /// The label of the bar `horizon + 1` before the newest, of this time, has ended.
    pub(super) fn mature(&mut self, horizon: usize, time: i64, up: bool) {
        if self.pending.len() > horizon
            && let Some(Some(said)) = self.pending.pop_front()
        {
            let Said {
                probability,
                base,
                by,
            } = said;
            let outcome = Outcome {
                time,
                probability,
                base,
                up,
                trust: 1.0,
            };
            self.versions[by].said.record(outcome);
            let trust = self.trust(by);
            self.board.record(Outcome { trust, ..outcome });
        }
    }

    pub(super) fn standing(&self, scoring: &Scoring) -> Standing {
        let mut standing = Standing {
            candidate: self.label.clone(),
            identity: self.versions[self.current].identity,
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
        let tally = self.tally();
        if policy.eligible(standing) {
            tally.eligible_bars += 1;
        } else {
            tally.gated_bars += 1;
        }
        tally.chosen_bars += u64::from(chosen);
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
