//! A whole trial: on record, run, deflated, its last fit kept, and the sealed span opened where that is asked for.

use super::artifact::{ArtifactProvenance, expiry, keep_artifact};
use super::learner::Learner;
use super::ledger::{Ledger, Reach, TrialRecord};
use super::metrics::Quality;
use super::rule::RuleFigures;
use super::run::{
    Ending, Failed, FoldReport, Learnt, Observer, learn, part, plan, run, tell, test,
};
use super::spec::TrialSpec;
use crate::labels::{Sample, Samples};
use bulkhead_domain::{Digest, Problem, Timestamp};
use serde::Serialize;
use std::path::Path;

/// The number of the fit of everything that is not sealed; folds are numbered from 0.
const LAST_FIT: u64 = u64::MAX;

/// What a trial is run with.
pub struct Setting<'a> {
    /// What it is.
    pub spec: &'a TrialSpec,
    /// The labelled samples of its data.
    pub samples: &'a Samples,
    /// Who learns.
    pub learner: &'a dyn Learner,
    /// Where it is put down.
    pub ledger: &'a Ledger,
    /// Threads to fit on.
    pub threads: usize,
    /// The moment.
    pub now: Timestamp,
    /// Who runs it.
    pub person: &'a str,
    /// Whether the sealed span is opened at the end, and why again.
    pub open: Option<Option<&'a str>>,
    /// The state folder to keep the last fit in, and for how many days.
    pub keep: Option<(&'a Path, u32)>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Conducted {
    /// Whether the same trial had been seen before, so that this one does not count again.
    pub rerun: bool,
    /// The trial as it is on record.
    pub record: TrialRecord,
    /// The fit of everything that is not sealed.
    #[serde(rename = "final")]
    pub last: Option<Final>,
    /// What was seen in the sealed span.
    pub sealed: Option<Sealed>,
}

/// The fit of everything that is not sealed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Final {
    /// What it is kept as.
    pub artifact: Option<Digest>,
    /// When that expires.
    pub expires: Option<Timestamp>,
    /// Why it is not kept.
    pub failure: Option<String>,
}

/// The one look at the sealed span.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Sealed {
    /// The opening's number in its family, counted from 1.
    pub opening: u64,
    /// Samples tested.
    pub tested: usize,
    /// How good the predictions were.
    pub quality: Option<Quality>,
    /// What the rule earned.
    pub rule: RuleFigures,
}

/// Runs a trial. What is wrong with its settings or data is said before anything is put down.
///
/// # Errors
/// Settings that make no sense, too few samples, a model that fails (then the trial is on record as crashed), a
/// sealed span that was opened before, or the store's.
pub fn conduct(setting: &Setting<'_>, observer: &mut dyn Observer) -> Result<Conducted, Problem> {
    let spec = setting.spec;
    spec.check()?;
    let (open, shut) = part(setting.samples, spec.sealed);
    let folds = plan(spec, &open)?;
    if setting.open.is_some() && shut.is_empty() {
        return Err(Problem::user(
            "the sealed span is to be opened, and nothing is sealed",
            "seal some with --sealed",
        ));
    }
    let ledger = setting.ledger;
    let reach = Reach {
        open_to: Timestamp(open.iter().map(|it| it.label_end).max().unwrap_or(0)),
        sealed_from: shut.first().map(|it| Timestamp(it.time)),
    };
    if let (Some(reason), Some(from)) = (setting.open, reach.sealed_from) {
        ledger.may_open(&spec.family, from, reason)?;
    }
    let before = ledger.begin(spec, reach, setting.now)?;
    let mut see = |report: &FoldReport| {
        ledger.see(&before.id, report.fold)?;
        Ok(observer.fold(report, folds.len()))
    };
    let outcome = run(
        spec,
        &open,
        &folds,
        setting.learner,
        setting.threads,
        &mut see,
    );
    let result = outcome.map_err(|failed| crashed(ledger, &before, failed))?;
    ledger.end(&before, &result)?;
    let (mut last, mut sealed) = (None, None);
    if result.ending == Ending::Finished {
        let learnt = learn(spec, &open, setting.learner, LAST_FIT);
        (last, sealed) = match learnt {
            Ok(mut learnt) => {
                let last = setting
                    .keep
                    .map(|keep| kept(setting, &before, &open, keep, &mut learnt));
                let sealed = (setting.open)
                    .map(|reason| unseal(setting, &before, &shut, reason, &mut learnt));
                (last.transpose()?, sealed.transpose()?)
            }
            Err(why) if setting.open.is_some() => {
                return Err(Problem::user(
                    format!("the fit for the sealed span failed, and it stays sealed: {why}"),
                    "choose other hyper-parameters or another model",
                ));
            }
            Err(why) => (Some(unkept(why)), None),
        };
    }
    Ok(Conducted {
        rerun: before.runs > 1 && before.counts(),
        record: ledger.find(&before.id)?,
        last,
        sealed,
    })
}

fn crashed(ledger: &Ledger, record: &TrialRecord, failed: Failed) -> Problem {
    match failed {
        Failed::Problem(problem) => problem,
        Failed::Crash(why) => match ledger.crash(&record.id, &why) {
            Ok(()) => Problem::user(
                format!("trial {} crashed: {why}", record.id),
                "choose other hyper-parameters or another model; it does not count unless a fold was seen",
            ),
            Err(problem) => problem,
        },
    }
}

fn unkept(why: String) -> Final {
    Final {
        artifact: None,
        expires: None,
        failure: Some(why),
    }
}

fn kept(
    setting: &Setting<'_>,
    record: &TrialRecord,
    samples: &[&Sample],
    (state, days): (&Path, u32),
    learnt: &mut Learnt,
) -> Result<Final, Problem> {
    let model = match learnt.fitted.save() {
        Ok(model) => model,
        Err(why) => return Ok(unkept(why)),
    };
    let provenance = ArtifactProvenance {
        trial: record.id.clone(),
        config: record.digest,
        spec: setting.spec.clone(),
        trained_to: Timestamp(samples.last().map_or(0, |it| it.time)),
        labels_to: Timestamp(samples.iter().map(|it| it.label_end).max().unwrap_or(0)),
        made: setting.now,
        expires: expiry(setting.now, days),
    };
    let digest = keep_artifact(state, &provenance, &model)?;
    setting.ledger.keep(&record.id, digest)?;
    Ok(Final {
        artifact: Some(digest),
        expires: Some(provenance.expires),
        failure: None,
    })
}

fn unseal(
    setting: &Setting<'_>,
    record: &TrialRecord,
    shut: &[&Sample],
    reason: Option<&str>,
    learnt: &mut Learnt,
) -> Result<Sealed, Problem> {
    let opening = (setting.ledger).open(record, reason, setting.now, setting.person)?;
    let numbers: Vec<usize> = (0..shut.len()).collect();
    let tested = test(setting.spec, shut, &numbers, learnt).map_err(|why| {
        Problem::user(
            format!("the model failed on the sealed span: {why}"),
            "choose another model; the opening is recorded",
        )
    })?;
    let (quality, rule) = tell(setting.spec, shut, &tested);
    let sealed = Sealed {
        opening,
        tested: shut.len(),
        quality,
        rule,
    };
    setting.ledger.opened(&record.family, opening, &sealed)?;
    Ok(sealed)
}
