//! Running a trial: fold by fold, on several threads, to one result.
//!
//! Folds are fitted as many at a time as there are threads, and told of in their order. Whoever looks on may end the
//! trial after any of them; folds that were fitted ahead are then forgotten, so that the result is the same on every
//! machine.

use super::learner::{Fitted, Learner};
use super::metrics::{Baseline, Quality, Scored, judge, score_class, score_value};
use super::rule::{RuleFigures, earned, figures};
use super::spec::TrialSpec;
use crate::labels::{Sample, Samples, TargetKind};
use crate::validation::{Fold, Span, paths, split};
use bulkhead_domain::digest::DigestBuilder;
use bulkhead_domain::model::{FitRequest, Matrix, Targets};
use bulkhead_domain::{Digest, Problem};
use bulkhead_session::learning::parallel::parallel;
use serde::{Deserialize, Serialize};

/// What to do after a fold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Directive {
    /// Go on.
    Continue,
    /// End here with what is there.
    Stop,
    /// End here: it is hopeless.
    Prune,
}

/// Somebody who looks on. What is shown is of validation folds; the sealed span is never among them.
pub trait Observer {
    /// A fold of so many was tested.
    fn fold(&mut self, report: &FoldReport, folds: usize) -> Directive;
}

/// How a trial came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// All folds were tested.
    Finished,
    /// It was stopped early.
    Stopped,
    /// It was given up as hopeless.
    Pruned,
}

/// One fold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FoldReport {
    /// Counted from 1.
    pub fold: usize,
    /// Samples learnt from.
    pub trained: usize,
    /// Samples tested.
    pub tested: usize,
    /// Samples purged or under embargo.
    pub dropped: usize,
    /// How good the predictions were.
    pub quality: Option<Quality>,
    /// What the rule earned.
    pub rule: RuleFigures,
}

/// What came of a trial; a function of its specification and of what the observer directed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TrialResult {
    /// How it ended.
    pub ending: Ending,
    /// Samples that were not sealed.
    pub samples: usize,
    /// The folds that were tested, in order.
    pub folds: Vec<FoldReport>,
    /// How good all predictions were.
    pub quality: Option<Quality>,
    /// What the rule earned along the path of the (lower) median Sharpe ratio; a walk-forward has one path.
    pub rule: RuleFigures,
    /// Sharpe ratio per period of every path, in order.
    pub paths: Vec<Option<f64>>,
    /// Digest of every bit of the predictions.
    pub predictions: Digest,
}

impl TrialResult {
    /// Digest of the result.
    ///
    /// # Errors
    /// The host's, where it cannot be written.
    pub fn digest(&self) -> Result<Digest, Problem> {
        let text = serde_json::to_vec(self).map_err(|error| super::spec::unwritten(&error))?;
        Ok(DigestBuilder::new().part("result", &text).finish())
    }
}

/// Why a trial has no result.
#[derive(Debug)]
pub(super) enum Failed {
    /// The model failed.
    Crash(String),
    /// Something else is wrong.
    Problem(Problem),
}

impl From<Problem> for Failed {
    fn from(problem: Problem) -> Self {
        Failed::Problem(problem)
    }
}

/// What was learnt, with what would be said without it.
pub(super) struct Learnt {
    pub(super) fitted: Box<dyn Fitted>,
    baseline: Baseline,
}

/// Predictions of some samples held against what happened.
pub(super) struct Tested {
    scored: Vec<Scored>,
    positions: Vec<f64>,
    raw: Vec<f64>,
}

/// The samples that are not sealed, and those that are. What is not sealed ends before the first decision that is.
pub(super) fn part(samples: &Samples, sealed: f64) -> (Vec<&Sample>, Vec<&Sample>) {
    let all = &samples.samples;
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a count"
    )]
    let from = all.len() - ((all.len() as f64 * sealed).ceil() as usize).min(all.len());
    let (open, shut) = all.split_at(from);
    let first = shut.first().map_or(usize::MAX, |it| it.span.decision);
    (
        open.iter().filter(|it| it.span.end <= first).collect(),
        shut.iter().collect(),
    )
}

/// The folds of a trial, checked before anything is learnt.
pub(super) fn plan(spec: &TrialSpec, samples: &[&Sample]) -> Result<Vec<Fold>, Problem> {
    let spans: Vec<Span> = samples.iter().map(|it| it.span).collect();
    let folds = split(&spans, &spec.scheme, spec.embargo)?;
    if spec.target == TargetKind::Class {
        for (number, fold) in folds.iter().enumerate() {
            let mut seen = fold.train.iter().filter_map(|it| samples.get(*it));
            let first = seen.next().map(|it| it.class);
            if seen.all(|it| Some(it.class) == first) {
                return Err(Problem::user(
                    format!(
                        "all labels that fold {} of {} would learn from are of one class",
                        number + 1,
                        folds.len()
                    ),
                    "choose another label, or fewer folds",
                ));
            }
        }
    }
    Ok(folds)
}

fn truth(spec: &TrialSpec, sample: &Sample) -> f64 {
    match spec.target {
        TargetKind::Class => f64::from(sample.class),
        TargetKind::Return => sample.value,
        TargetKind::Price => sample.price / sample.close - 1.0,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "no more samples than bars in memory, and a handful of features"
)]
fn matrix(spec: &TrialSpec, samples: &[&Sample]) -> Matrix {
    Matrix {
        rows: samples.len() as u32,
        columns: spec.features.len() as u32,
        values: samples
            .iter()
            .flat_map(|it| it.row.iter().copied())
            .collect(),
    }
}

/// Learns from samples, with the seed of that number.
#[expect(clippy::cast_precision_loss, reason = "counts")]
pub(super) fn learn(
    spec: &TrialSpec,
    samples: &[&Sample],
    learner: &dyn Learner,
    number: u64,
) -> Result<Learnt, String> {
    let values: Vec<f64> = samples.iter().map(|it| truth(spec, it)).collect();
    let count = values.len() as f64;
    let (targets, baseline) = match spec.target {
        TargetKind::Class => {
            let classes = spec.label.classes();
            let labels: Vec<u32> = samples.iter().map(|it| it.class).collect();
            let rate = |class: u32| {
                let seen = labels.iter().filter(|label| **label == class).count();
                (seen as f64 + 1.0) / (count + f64::from(classes))
            };
            let rates = (0..classes).map(rate).collect();
            (Targets::Classes { classes, labels }, Baseline::Rates(rates))
        }
        TargetKind::Return | TargetKind::Price => {
            let mean = values.iter().sum::<f64>() / count;
            let squares: f64 = values.iter().map(|it| (it - mean) * (it - mean)).sum();
            let deviation = (squares / (count - 1.0).max(1.0)).sqrt();
            (Targets::Values(values), Baseline::Mean { mean, deviation })
        }
    };
    let seed = DigestBuilder::new()
        .part("seed", &spec.seed.to_le_bytes())
        .part("fit", &number.to_le_bytes())
        .finish()
        .seed();
    let request = FitRequest {
        algorithm: spec.model.algorithm.clone(),
        parameters: spec.model.parameters.clone().into_iter().collect(),
        feature_names: spec.features.clone(),
        features: matrix(spec, samples),
        targets,
        weights: Vec::new(),
        times: samples.iter().map(|it| it.time).collect(),
        label_ends: samples.iter().map(|it| it.label_end).collect(),
        seed,
    };
    Ok(Learnt {
        fitted: learner.fit(&request)?,
        baseline,
    })
}

/// Tests what was learnt; `numbers` are the samples' places among all of them.
pub(super) fn test(
    spec: &TrialSpec,
    samples: &[&Sample],
    numbers: &[usize],
    learnt: &mut Learnt,
) -> Result<Tested, String> {
    let answer = learnt.fitted.predict(&matrix(spec, samples))?;
    let columns = answer.columns as usize;
    let due = match &learnt.baseline {
        Baseline::Rates(rates) => rates.len(),
        Baseline::Mean { .. } => 1,
    };
    if columns != due || answer.values.len() != samples.len() * due {
        return Err(format!(
            "it gave {} values in {columns} columns where {} in {due} were due",
            answer.values.len(),
            samples.len() * due
        ));
    }
    let mut scored = Vec::with_capacity(samples.len());
    let mut positions = Vec::with_capacity(samples.len());
    for ((sample, number), row) in (samples.iter().zip(numbers)).zip(answer.values.chunks(due)) {
        let (first, last) = match row {
            [only] => (*only, *only),
            [first, .., last] => (*first, *last),
            [] => continue,
        };
        let (score, lean) = match &learnt.baseline {
            Baseline::Rates(rates) => {
                (score_class(*number, row, rates, sample.class), last - first)
            }
            Baseline::Mean { mean, deviation } => {
                let scale = match spec.target {
                    TargetKind::Price => sample.close,
                    TargetKind::Class | TargetKind::Return => 1.0,
                };
                let lean = if *deviation > 0.0 {
                    last / deviation
                } else {
                    0.0
                };
                (
                    score_value(*number, last, *mean, truth(spec, sample), scale),
                    lean,
                )
            }
        };
        scored.push(score);
        positions.push(spec.rule.position(lean));
    }
    Ok(Tested {
        scored,
        positions,
        raw: answer.values,
    })
}

/// What is said of samples tested in one go.
pub(super) fn tell(
    spec: &TrialSpec,
    samples: &[&Sample],
    tested: &Tested,
) -> (Option<Quality>, RuleFigures) {
    let path: Vec<(&Sample, f64)> = (samples.iter().copied())
        .zip(tested.positions.iter().copied())
        .collect();
    let (returns, traded) = earned(&path, spec.cost);
    (
        judged(spec, tested.scored.clone()),
        figures(&returns, traded),
    )
}

fn judged(spec: &TrialSpec, scored: Vec<Scored>) -> Option<Quality> {
    let classes = spec.target == TargetKind::Class;
    judge(scored, classes, spec.label.longest(), spec.seed)
}

fn pick<'a>(samples: &[&'a Sample], places: &[usize]) -> Vec<&'a Sample> {
    let of = |place: &usize| samples.get(*place).copied();
    places.iter().filter_map(of).collect()
}

/// Runs the folds. `see` is told of each in order, and says how to go on.
pub(super) fn run(
    spec: &TrialSpec,
    samples: &[&Sample],
    folds: &[Fold],
    learner: &dyn Learner,
    threads: usize,
    see: &mut dyn FnMut(&FoldReport) -> Result<Directive, Problem>,
) -> Result<TrialResult, Failed> {
    let numbered: Vec<(usize, &Fold)> = folds.iter().enumerate().collect();
    let mut reports = Vec::with_capacity(folds.len());
    let mut done: Vec<Tested> = Vec::with_capacity(folds.len());
    let mut ending = Ending::Finished;
    'all: for batch in numbered.chunks(threads.max(1)) {
        let outcomes = parallel(batch, threads, |(number, fold)| {
            let mut learnt = learn(spec, &pick(samples, &fold.train), learner, *number as u64)?;
            test(spec, &pick(samples, &fold.test), &fold.test, &mut learnt)
        });
        for ((number, fold), outcome) in batch.iter().zip(outcomes) {
            let tested =
                outcome.map_err(|why| Failed::Crash(format!("fold {}: {why}", number + 1)))?;
            let (quality, rule) = tell(spec, &pick(samples, &fold.test), &tested);
            let report = FoldReport {
                fold: number + 1,
                trained: fold.train.len(),
                tested: fold.test.len(),
                dropped: fold.dropped,
                quality,
                rule,
            };
            let directive = see(&report)?;
            reports.push(report);
            done.push(tested);
            ending = match directive {
                Directive::Continue => continue,
                // There was nothing left to stop.
                _ if reports.len() == folds.len() => break 'all,
                Directive::Stop => Ending::Stopped,
                Directive::Prune => Ending::Pruned,
            };
            break 'all;
        }
    }
    Ok(result(spec, samples, folds, ending, reports, &done))
}

fn result(
    spec: &TrialSpec,
    samples: &[&Sample],
    folds: &[Fold],
    ending: Ending,
    reports: Vec<FoldReport>,
    done: &[Tested],
) -> TrialResult {
    let seen = folds.get(..done.len()).unwrap_or(folds);
    let position = |fold: usize, sample: usize| {
        let place = seen.get(fold)?.test.binary_search(&sample).ok()?;
        done.get(fold)?.positions.get(place).copied()
    };
    let mut along: Vec<RuleFigures> = (paths(seen).iter())
        .map(|path| {
            let path: Vec<(&Sample, f64)> = (path.iter())
                .flat_map(|stretch| stretch.group.samples.clone().map(|it| (stretch.fold, it)))
                .filter_map(|(fold, it)| Some((*samples.get(it)?, position(fold, it)?)))
                .collect();
            let (returns, traded) = earned(&path, spec.cost);
            figures(&returns, traded)
        })
        .collect();
    let sharpes = along.iter().map(|it| it.sharpe).collect();
    let key = |it: &RuleFigures| it.sharpe.unwrap_or(f64::NEG_INFINITY);
    along.sort_by(|a, b| key(a).total_cmp(&key(b)));
    let median = along.get(along.len().saturating_sub(1) / 2).copied();
    let mut predictions = DigestBuilder::new();
    for tested in done {
        predictions.part("fold", &(tested.raw.len() as u64).to_le_bytes());
        for value in &tested.raw {
            predictions.raw(&value.to_bits().to_le_bytes());
        }
    }
    let scored = done
        .iter()
        .flat_map(|it| it.scored.iter().copied())
        .collect();
    TrialResult {
        ending,
        samples: samples.len(),
        folds: reports,
        quality: judged(spec, scored),
        rule: median.unwrap_or_else(|| figures(&[], 0.0)),
        paths: sharpes,
        predictions: predictions.finish(),
    }
}
