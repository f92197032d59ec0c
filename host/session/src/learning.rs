//! Models refitted on a sliding window, judged on what they said before the truth was known.
//!
//! The label of a bar looks from the next bar's open to the open `horizon` bars later, on prices that are
//! continuous across splits and dividends. A label is known once that later bar has opened; nothing is
//! learnt from or judged by a label before. Each window is split in time: the older part is learnt from,
//! the newer calibrates, and samples of the older part whose labels reach into the newer are purged.
//! Every candidate predicts every bar, chosen or not, so that all can be scored.

mod fitting;
mod judging;
pub mod parallel;
mod succession;
#[cfg(test)]
mod tests;

pub(crate) use self::fitting::{MIN_FIT, tail_length};
pub use self::judging::{Judged, Tally};
pub(crate) use self::judging::{LEAST_TAIL, block, tail};
pub(crate) use self::succession::Successor;

use self::fitting::{Window, fit_one};
use self::judging::{Pupil, scoring};
use self::parallel::{cores, parallel};
use crate::calibration::Calibration;
use crate::config::{ModelConfig, ModelSelection};
use bulkhead_domain::digest::DigestBuilder;
use bulkhead_domain::model::{FitRequest, Matrix};
use bulkhead_domain::{Timestamp, Value};
use bulkhead_market::horizon;
use bulkhead_orchestrator::{
    Candidate, Decision, Policy, Scoring, SkillGate, Standing, Standings, Task, TaskKind,
};
use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};
use std::collections::VecDeque;
use std::sync::Arc;

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
    /// Takes over what another version learnt and saved.
    ///
    /// # Errors
    /// In one line, why it cannot.
    fn load(&self, saved: &[u8]) -> Result<Box<dyn Predictor>, String>;
}

/// Everybody who can learn one model, in the order they were named; shared by all instruments.
pub type Trainers = Arc<Vec<Arc<dyn Trainer>>>;

/// Something learnt.
pub trait Predictor: Send {
    /// Probability of the second of two classes (up), one a row.
    ///
    /// # Errors
    /// In one line, why not.
    fn predict(&mut self, rows: &Matrix) -> Result<Vec<f64>, String>;
    /// What was learnt, for another version to take over.
    ///
    /// # Errors
    /// In one line, why not.
    fn save(&mut self) -> Result<Vec<u8>, String>;
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
    /// When the candidates were fitted last.
    pub fitted: Option<Timestamp>,
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
            fitted: None,
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

/// All candidates on one instrument.
pub struct Learner {
    session: String,
    seed: u64,
    task: Task,
    config: ModelConfig,
    names: Vec<String>,
    trainers: Vec<Arc<dyn Trainer>>,
    /// Whether a candidate has been replaced since standings were drawn up.
    replaced: bool,
    policy: Policy,
    pupils: Vec<Pupil>,
    /// Times, opens and rows of the bars still needed, oldest first.
    bars: VecDeque<Kept>,
    /// Labels as they ended, for a control to draw from; empty in any other session.
    ended: Vec<bool>,
    seen: usize,
    last_fit: Option<usize>,
    /// The time of that bar.
    fitted: Option<Timestamp>,
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
        let gate = SkillGate { above: 0.0 };
        let policy = match &config.selection {
            ModelSelection::DiscountedSkill => Policy::DiscountedSkill(gate),
            ModelSelection::Priority => Policy::SkilledPriority(gate),
            ModelSelection::Pinned { candidate } => Policy::Pinned {
                candidate: candidate.clone(),
                gate,
            },
        };
        let pupils = Pupil::all(&trainers, config.judged_by);
        let mut learner = Learner {
            session: session.to_owned(),
            seed,
            policy: policy.clone(),
            config: config.clone(),
            names: names.to_vec(),
            pupils,
            bars: VecDeque::new(),
            ended: Vec::new(),
            seen: 0,
            last_fit: None,
            fitted: None,
            base: 0.5,
            standings: Arc::new(Standings::new(
                session,
                Timestamp(0),
                task.clone(),
                policy,
                Vec::new(),
            )),
            task,
            trainers: trainers.to_vec(),
            replaced: false,
        };
        learner.draw_up(Timestamp(0));
        learner
    }

    /// The candidates, every version apart, with their outcomes and tallies, in the order they were named and came.
    pub fn candidates(&self) -> impl Iterator<Item = Judged<'_>> {
        self.pupils.iter().flat_map(Pupil::judged)
    }

    /// How outcomes become skill here.
    #[must_use]
    pub fn scoring(&self, samples: usize) -> Scoring {
        scoring(&self.config, self.pupils.len(), samples, self.seed)
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
        let due = self.fit_due();
        let mut failures = if due { self.refit() } else { Vec::new() };
        let mut fresh = due | std::mem::take(&mut self.replaced);
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
            fitted: self.fitted,
            failures,
        }
    }

    /// The bar that has just opened ends the label of the bar `horizon + 1` before it.
    fn mature(&mut self) {
        let newest = self.bars.len() - 1;
        let Some(index) = horizon::decision(newest, self.config.horizon) else {
            return;
        };
        let mut up = self.bars[newest].open > self.bars[horizon::entry(index)].open;
        if self.config.shuffle_labels {
            up = self.shuffled(up);
        }
        let time = self.bars[index].time;
        self.bars[index].up = Some(up);
        for pupil in &mut self.pupils {
            pupil.mature(self.config.horizon, time, up);
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
        self.fitted = self.bars.back().map(|newest| Timestamp(newest.time));
        let samples: Vec<usize> = self.complete().collect();
        let window = Window::new(&self.bars, &self.names, &samples, &self.config);
        let outcomes: Vec<Result<Fitted, String>> = match window.unfit() {
            Some(why) => self.trainers.iter().map(|_| Err(why.clone())).collect(),
            None => {
                let tail = window.calibration();
                let fits: Vec<(&dyn Trainer, FitRequest)> = self
                    .trainers
                    .iter()
                    .map(|trainer| {
                        let seed = self.draw_seed(&trainer.candidate().identity().to_string());
                        (trainer.as_ref(), window.request(trainer.as_ref(), seed))
                    })
                    .collect();
                parallel(&fits, cores(), |(trainer, request)| {
                    fit_one(*trainer, request, &tail)
                })
            }
        };
        self.base = window.base;
        self.pupils
            .iter_mut()
            .zip(outcomes)
            .filter_map(|(pupil, outcome)| {
                let why = pupil.learnt(outcome)?;
                Some((pupil.label.clone(), why))
            })
            .collect()
    }

    /// Depends on the session's seed, the instrument, the moment and what it is for; never on the order in
    /// which instruments or candidates were named.
    fn draw_seed(&self, what: &str) -> u64 {
        let time = self.bars.back().map_or(0, |kept| kept.time);
        DigestBuilder::new()
            .part("seed", &self.seed.to_le_bytes())
            .part("task", self.task.to_string().as_bytes())
            .part("time", &time.to_le_bytes())
            .part("for", what.as_bytes())
            .finish()
            .seed()
    }

    fn draw_up(&mut self, time: Timestamp) {
        let candidates: Vec<Standing> = self
            .pupils
            .iter()
            .map(|pupil| pupil.standing(&self.scoring(pupil.board.outcomes().count())))
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
        for pupil in &mut self.pupils {
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
                    pupil.fail(&why);
                    failures.push((pupil.label.clone(), why));
                    None
                }
                None => None,
            };
            pupil.said(probability, base);
            given.push(probability);
        }
        given
    }

    fn tally(&mut self, decision: &Decision, probabilities: &[Option<f64>]) {
        let standings = self.standings.candidates.iter();
        for (index, (pupil, standing)) in self.pupils.iter_mut().zip(standings).enumerate() {
            if probabilities.get(index).copied().flatten().is_some() {
                let chosen = decision.choice.winner == Some(index);
                pupil.count(standing, &self.policy, chosen);
            }
        }
    }

    /// Lets go of bars that no window can reach any more. Incomplete rows (features not defined yet) come
    /// first, so a window never needs more than its own length and the horizon.
    fn forget(&mut self) {
        let needed = self.config.window + self.config.horizon + 2;
        while self.bars.len() > needed * 2 {
            self.bars.pop_front();
        }
    }
}
