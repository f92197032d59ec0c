//! Models refitted on a sliding window, judged on what they said before the truth was known.
//!
//! The label of a bar looks from the next bar's open to the open `horizon` bars later, on prices that are
//! continuous across splits and dividends. A label is known once that later bar has opened; nothing is
//! learnt from or judged by a label before. Each window is split in time: the older part is learnt from,
//! the newer calibrates, and samples of the older part whose labels reach into the newer are purged.
//! Every candidate predicts every bar, chosen or not, so that all can be scored.

use self::parallel::parallel;
use crate::calibration::{Calibration, clip};
use crate::config::ModelConfig;
use bulkhead_domain::digest::DigestBuilder;
use bulkhead_domain::model::{FitRequest, Matrix, Targets};
use bulkhead_domain::{Timestamp, Value};
use bulkhead_orchestrator::{
    Board, Candidate, Decision, Outcome, Policy, Scoring, SkillGate, Standing, Standings, Task,
    TaskKind,
};
use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};
use std::collections::VecDeque;
use std::sync::Arc;

/// Bootstrap resamples of a skill interval: enough for the far quantiles that many candidates ask for.
const RESAMPLES: usize = 2000;
/// Fewest samples a fit learns from after purging.
const MIN_FIT: usize = 30;

/// Somebody who can learn.
pub trait Trainer: Send + Sync {
    /// Who it is.
    fn candidate(&self) -> &Candidate;
    /// Hyper-parameters of its fits.
    fn parameters(&self) -> Vec<(String, Value)>;
    /// Learns.
    ///
    /// # Errors
    /// In one line, why not.
    fn fit(&self, request: &FitRequest) -> Result<Box<dyn Predictor>, String>;
}

/// Everybody who can learn one model, in the order they were named; shared by all instruments.
pub type Trainers = Arc<Vec<Box<dyn Trainer>>>;

/// Something learnt.
pub trait Predictor: Send {
    /// Probability of the second of two classes (up), one a row.
    ///
    /// # Errors
    /// In one line, why not.
    fn predict(&mut self, rows: &Matrix) -> Result<Vec<f64>, String>;
}

/// What is known of one instrument when a bar has closed.
#[derive(Debug, Clone, Copy)]
pub struct Sample<'a> {
    /// Close of the bar.
    pub time: i64,
    /// Open of the bar.
    pub open_time: i64,
    /// Opening price, continuous across splits and dividends.
    pub open: f64,
    /// Features at the close; NaN where not defined yet.
    pub features: &'a [f64],
}

/// What all candidates say at a bar, and which was chosen.
#[derive(Debug, Clone)]
pub struct View {
    /// The choice.
    pub decision: Decision,
    /// What it was made on.
    pub standings: Arc<Standings>,
    /// Calibrated probability of up, one a candidate; `None` where it gave none.
    pub probabilities: Vec<Option<f64>>,
    /// Whether the standings are new with this bar.
    pub fresh: bool,
    /// Fits that failed at this bar: candidate and reason.
    pub failures: Vec<(String, String)>,
}

impl View {
    /// Nobody says anything.
    #[must_use]
    pub fn silent(time: i64) -> View {
        let task = Task {
            kind: TaskKind::Predict,
            class: String::new(),
            context: String::new(),
        };
        let standings = Standings::new("", Timestamp(time), task, Policy::Priority, Vec::new());
        View {
            decision: Decision::make("", Timestamp(time), &standings),
            standings: Arc::new(standings),
            probabilities: Vec::new(),
            fresh: false,
            failures: Vec::new(),
        }
    }

    /// The chosen candidate's probability of up.
    #[must_use]
    pub fn chosen(&self) -> Option<f64> {
        self.probabilities
            .get(self.decision.choice.winner?)
            .copied()
            .flatten()
    }
}

struct Fitted {
    predictor: Box<dyn Predictor>,
    calibration: Calibration,
}

/// One candidate on one instrument.
struct Pupil {
    board: Board,
    fitted: Option<Fitted>,
    /// Probability and base rate given at each of the last `horizon + 1` bars.
    pending: VecDeque<Option<(f64, f64)>>,
    unavailable: Option<String>,
    tally: Tally,
}

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

/// All candidates on one instrument.
pub struct Learner {
    session: String,
    seed: u64,
    task: Task,
    config: ModelConfig,
    names: Vec<String>,
    trainers: Trainers,
    policy: Policy,
    pupils: Vec<Pupil>,
    /// Times, opens and rows of the bars still needed, oldest first.
    bars: VecDeque<Kept>,
    /// Labels as they ended, for a control to draw from; empty in any other session.
    ended: Vec<bool>,
    /// Index of `bars[0]` since the start.
    first: usize,
    seen: usize,
    last_fit: Option<usize>,
    base: f64,
    standings: Arc<Standings>,
}

struct Kept {
    time: i64,
    open_time: i64,
    open: f64,
    row: Vec<f64>,
    up: Option<bool>,
}

impl Learner {
    /// A learner of one instrument that has seen nothing yet.
    #[must_use]
    pub fn new(
        session: &str,
        seed: u64,
        alias: &str,
        symbol: &str,
        config: &ModelConfig,
        names: &[String],
        trainers: Trainers,
    ) -> Learner {
        let task = Task {
            kind: TaskKind::Predict,
            class: alias.to_owned(),
            context: symbol.to_owned(),
        };
        let policy = Policy::DiscountedSkill(SkillGate { above: 0.0 });
        let pupils: Vec<Pupil> = trainers
            .iter()
            .map(|_| Pupil {
                board: Board::new(config.judged_by),
                fitted: None,
                pending: VecDeque::new(),
                unavailable: None,
                tally: Tally::default(),
            })
            .collect();
        let mut learner = Learner {
            session: session.to_owned(),
            seed,
            policy: policy.clone(),
            config: config.clone(),
            names: names.to_vec(),
            pupils,
            bars: VecDeque::new(),
            ended: Vec::new(),
            first: 0,
            seen: 0,
            last_fit: None,
            base: 0.5,
            standings: Arc::new(Standings::new(
                session,
                Timestamp(0),
                task.clone(),
                policy,
                Vec::new(),
            )),
            task,
            trainers,
        };
        learner.draw_up(Timestamp(0));
        learner
    }

    /// The task this learner's candidates compete for.
    #[must_use]
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// The candidates with their outcomes and tallies.
    pub fn candidates(&self) -> impl Iterator<Item = (&Candidate, &Board, &Tally)> {
        self.trainers
            .iter()
            .zip(&self.pupils)
            .map(|(trainer, pupil)| (trainer.candidate(), &pupil.board, &pupil.tally))
    }

    /// How outcomes become skill here.
    #[must_use]
    pub fn scoring(&self, samples: usize) -> Scoring {
        let horizon = self.config.horizon;
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a block length"
        )]
        let block = (libm::cbrt(samples as f64).ceil() as usize).max(horizon + 1);
        #[expect(clippy::cast_precision_loss, reason = "counts")]
        Scoring {
            window: self.config.judged_by,
            min_samples: self.config.min_samples,
            block,
            resamples: RESAMPLES,
            tail: (1.0 - self.config.confidence) / 2.0 / self.trainers.len().max(1) as f64,
            half_life: self.config.judged_by as f64 / 4.0,
            seed: self.seed,
        }
    }

    /// Takes one closed bar and says what every candidate makes of it.
    pub fn observe(&mut self, sample: &Sample<'_>) -> View {
        self.bars.push_back(Kept {
            time: sample.time,
            open_time: sample.open_time,
            open: sample.open,
            row: sample.features.to_vec(),
            up: None,
        });
        self.seen += 1;
        self.mature();
        let mut fresh = self.fit_due();
        let mut failures = if fresh { self.refit() } else { Vec::new() };
        let refused = failures.len();
        let probabilities = self.predict(sample, &mut failures);
        // Who failed just now is no candidate any more.
        fresh |= failures.len() > refused;
        if fresh {
            self.draw_up(Timestamp(sample.time));
        }
        let decision = Decision::make(&self.session, Timestamp(sample.time), &self.standings);
        self.tally(&decision, &probabilities);
        self.forget();
        View {
            decision,
            standings: Arc::clone(&self.standings),
            probabilities,
            fresh,
            failures,
        }
    }

    /// The bar that has just opened ends the label of the bar `horizon + 1` before it.
    fn mature(&mut self) {
        let newest = self.bars.len() - 1;
        let Some(index) = newest.checked_sub(self.config.horizon + 1) else {
            return;
        };
        let mut up = self.bars[newest].open > self.bars[index + 1].open;
        if self.config.shuffle_labels {
            up = self.shuffled(up);
        }
        let time = self.bars[index].time;
        self.bars[index].up = Some(up);
        for pupil in &mut self.pupils {
            if pupil.pending.len() > self.config.horizon
                && let Some(Some((probability, base))) = pupil.pending.pop_front()
            {
                pupil.board.record(Outcome {
                    time,
                    probability,
                    base,
                    up,
                });
            }
        }
    }

    /// A label drawn from all that have ended, in place of the one that has just ended. Models learn from and
    /// are judged by these, so that there is nothing to know. Were they judged by the real ones, a model
    /// that had learnt a wrong relation could be right by luck, bar after bar; were the draw from the newest
    /// labels only, it would have a drift to be found.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the high half of a 128-bit product is below the bound"
    )]
    fn shuffled(&mut self, up: bool) -> bool {
        self.ended.push(up);
        let mut generator = ChaCha12Rng::seed_from_u64(self.draw_seed("shuffle"));
        let count = self.ended.len() as u128;
        let other = ((u128::from(generator.next_u64()) * count) >> 64) as usize;
        self.ended[other]
    }

    fn complete(&self) -> impl Iterator<Item = usize> {
        self.bars
            .iter()
            .enumerate()
            .filter(|(_, kept)| kept.up.is_some() && kept.row.iter().all(|value| value.is_finite()))
            .map(|(index, _)| index)
    }

    fn fit_due(&self) -> bool {
        match self.last_fit {
            Some(last) => self.seen - last >= self.config.refit_every,
            None => self.complete().count() >= self.config.window,
        }
    }

    /// Fits every candidate on the newest window. Returns who failed, and why.
    fn refit(&mut self) -> Vec<(String, String)> {
        self.last_fit = Some(self.seen);
        let samples: Vec<usize> = self.complete().collect();
        let window = &samples[samples.len().saturating_sub(self.config.window)..];
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a count"
        )]
        let tail_length =
            ((window.len() as f64 * self.config.calibration_tail).ceil() as usize).max(1);
        let (head, tail) = window.split_at(window.len().saturating_sub(tail_length));
        let calibrated_from = tail
            .first()
            .map_or(i64::MAX, |index| self.bars[*index].time);
        // A label that ends inside the calibration tail would tell the model of it.
        let head: Vec<usize> = head
            .iter()
            .copied()
            .filter(|index| self.bars[index + 1 + self.config.horizon].open_time <= calibrated_from)
            .collect();
        let ups = |indices: &[usize]| {
            indices
                .iter()
                .filter(|index| self.bars[**index].up == Some(true))
                .count()
        };
        #[expect(clippy::cast_precision_loss, reason = "counts")]
        let base = clip((ups(window) as f64 + 1.0) / (window.len() as f64 + 2.0));

        let head_labels = self.labels(&head);
        let tail_labels = self.labels(tail);
        let both = ups(&head) > 0 && ups(&head) < head.len();
        let outcomes: Vec<Result<Fitted, String>> = if head.len() < MIN_FIT || !both {
            let why = format!(
                "{} samples left to learn from, {} of them up",
                head.len(),
                ups(&head)
            );
            self.trainers.iter().map(|_| Err(why.clone())).collect()
        } else {
            let tail_rows = self.matrix(tail);
            let tail_up: Vec<bool> = tail_labels.iter().map(|label| *label == 1).collect();
            let requests: Vec<FitRequest> = self
                .trainers
                .iter()
                .map(|trainer| self.request(trainer.as_ref(), &head, head_labels.clone()))
                .collect();
            parallel(&self.trainers, &requests, |trainer, request| {
                fit_one(
                    trainer,
                    request,
                    &Tail {
                        rows: &tail_rows,
                        up: &tail_up,
                        base,
                        overlap: self.config.horizon,
                    },
                )
            })
        };
        self.base = base;
        let mut failures = Vec::new();
        for ((pupil, trainer), outcome) in self
            .pupils
            .iter_mut()
            .zip(self.trainers.iter())
            .zip(outcomes)
        {
            pupil.tally.fits += 1;
            match outcome {
                Ok(fitted) => {
                    pupil.fitted = Some(fitted);
                    pupil.unavailable = None;
                }
                Err(why) => {
                    pupil.fitted = None;
                    pupil.unavailable = Some(why.clone());
                    let count = pupil.tally.failures.as_ref().map_or(0, |(count, _)| *count);
                    pupil.tally.failures = Some((count + 1, why.clone()));
                    failures.push((trainer.candidate().label(), why));
                }
            }
        }
        failures
    }

    fn labels(&self, indices: &[usize]) -> Vec<u32> {
        indices
            .iter()
            .map(|index| u32::from(self.bars[*index].up == Some(true)))
            .collect()
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "a window's rows and columns"
    )]
    fn matrix(&self, indices: &[usize]) -> Matrix {
        Matrix {
            rows: indices.len() as u32,
            columns: self.names.len() as u32,
            values: indices
                .iter()
                .flat_map(|index| self.bars[*index].row.iter().copied())
                .collect(),
        }
    }

    fn request(&self, trainer: &dyn Trainer, head: &[usize], labels: Vec<u32>) -> FitRequest {
        FitRequest {
            algorithm: trainer.candidate().offering.clone(),
            parameters: trainer.parameters(),
            feature_names: self.names.clone(),
            features: self.matrix(head),
            targets: Targets::Classes { classes: 2, labels },
            weights: Vec::new(),
            times: head.iter().map(|index| self.bars[*index].time).collect(),
            label_ends: head
                .iter()
                .map(|index| self.bars[index + 1 + self.config.horizon].open_time)
                .collect(),
            seed: self.draw_seed(&trainer.candidate().identity().to_string()),
        }
    }

    /// Depends on the session's seed, the instrument, the moment and what it is for; never on the order in
    /// which instruments or candidates were named.
    fn draw_seed(&self, what: &str) -> u64 {
        let time = self.bars.back().map_or(0, |kept| kept.time);
        let digest = DigestBuilder::new()
            .part("seed", &self.seed.to_le_bytes())
            .part("task", self.task.to_string().as_bytes())
            .part("time", &time.to_le_bytes())
            .part("for", what.as_bytes())
            .finish();
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&digest.bytes()[..8]);
        u64::from_le_bytes(bytes)
    }

    fn draw_up(&mut self, time: Timestamp) {
        let candidates: Vec<Standing> = self
            .trainers
            .iter()
            .zip(&self.pupils)
            .map(|(trainer, pupil)| {
                let mut standing = Standing {
                    candidate: trainer.candidate().label(),
                    identity: trainer.candidate().identity(),
                    unavailable: pupil.unavailable.clone(),
                    samples: 0,
                    skill: None,
                    score: None,
                };
                if pupil.fitted.is_none() && standing.unavailable.is_none() {
                    standing.unavailable = Some("not fitted yet".to_owned());
                }
                pupil
                    .board
                    .stand(&mut standing, &self.scoring(pupil.board.outcomes().count()));
                standing
            })
            .collect();
        self.standings = Arc::new(Standings::new(
            &self.session,
            time,
            self.task.clone(),
            self.policy.clone(),
            candidates,
        ));
    }

    fn predict(
        &mut self,
        sample: &Sample<'_>,
        failures: &mut Vec<(String, String)>,
    ) -> Vec<Option<f64>> {
        let whole = sample.features.iter().all(|value| value.is_finite());
        #[expect(clippy::cast_possible_truncation, reason = "a handful of features")]
        let row = Matrix {
            rows: 1,
            columns: sample.features.len() as u32,
            values: sample.features.to_vec(),
        };
        let base = self.base;
        let mut given = Vec::with_capacity(self.pupils.len());
        for (pupil, trainer) in self.pupils.iter_mut().zip(self.trainers.iter()) {
            let answer = match &mut pupil.fitted {
                Some(fitted) if whole => Some(fitted.predictor.predict(&row).and_then(|p| {
                    let raw = p.first().copied().ok_or("it returned no row")?;
                    Ok(fitted.calibration.apply(raw))
                })),
                _ => None,
            };
            let probability = match answer {
                Some(Ok(probability)) => Some(probability),
                Some(Err(why)) => {
                    pupil.fitted = None;
                    pupil.unavailable = Some(why.clone());
                    failures.push((trainer.candidate().label(), why));
                    None
                }
                None => None,
            };
            pupil
                .pending
                .push_back(probability.map(|probability| (probability, base)));
            given.push(probability);
        }
        given
    }

    fn tally(&mut self, decision: &Decision, probabilities: &[Option<f64>]) {
        for (index, pupil) in self.pupils.iter_mut().enumerate() {
            if probabilities.get(index).copied().flatten().is_none() {
                continue;
            }
            let eligible = self
                .standings
                .candidates
                .get(index)
                .is_some_and(|standing| self.policy.eligible(standing));
            if eligible {
                pupil.tally.eligible_bars += 1;
            } else {
                pupil.tally.gated_bars += 1;
            }
            if decision.choice.winner == Some(index) {
                pupil.tally.chosen_bars += 1;
            }
        }
    }

    /// Lets go of bars that no window can reach any more. Incomplete rows (features not defined yet) come
    /// first, so a window never needs more than its own length and the horizon.
    fn forget(&mut self) {
        let needed = self.config.window + self.config.horizon + 2;
        while self.bars.len() > needed * 2 {
            self.bars.pop_front();
            self.first += 1;
        }
    }
}

/// What a fit is calibrated on.
struct Tail<'a> {
    rows: &'a Matrix,
    up: &'a [bool],
    base: f64,
    overlap: usize,
}

fn fit_one(trainer: &dyn Trainer, request: &FitRequest, tail: &Tail<'_>) -> Result<Fitted, String> {
    let mut predictor = trainer.fit(request)?;
    let raw = predictor.predict(tail.rows)?;
    let calibration = Calibration::fit(&raw, tail.up, tail.base, tail.overlap)
        .ok_or_else(|| format!("{} samples are too few to calibrate on", tail.up.len()))?;
    Ok(Fitted {
        predictor,
        calibration,
    })
}

mod parallel;
#[cfg(test)]
mod tests;
