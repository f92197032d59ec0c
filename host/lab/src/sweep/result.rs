//! What a sweep leaves in its folder: `sweep.json` with everything that is said of it, `sweep.html` to read,
//! `combinations.csv` with every combination, and the logs it was gone on with.

use super::Sweep;
use super::csv;
use super::page::Page;
use super::row::{Objective, Row};
use super::search::Search;
use super::space::{Axis, Values};
use super::tally::{Counts, Tally};
use super::walk::{Closes, WalkForward};
use crate::report::publish;
use crate::result::{InstrumentInput, Label};
use crate::trials::ledger::{Deflated, Judged};
use bulkhead_domain::digest::DigestBuilder;
use bulkhead_domain::time::DAY;
use bulkhead_domain::{Digest, Problem};
use bulkhead_sandbox::Engines;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// Version of `sweep.json`.
pub const FORMAT: u32 = 1;

/// JSON Schema (draft 2020-12) of `sweep.json`.
pub const SCHEMA: &str = include_str!("sweep.schema.json");

/// A sweep's result. Times are nanoseconds since 1970 (UTC).
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SweepResult {
    /// [`FORMAT`].
    pub format: u32,
    /// Digest over plan and every combination's outcome; equal for equal sweeps.
    pub digest: Digest,
    /// The strategy's id.
    pub strategy: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of its component.
    pub component: Digest,
    /// The instruments and their data.
    pub instruments: Vec<InstrumentInput>,
    /// Parameters that were not varied.
    pub parameters: Map<String, Value>,
    /// What was varied, by name.
    pub axes: Vec<Value>,
    /// How combinations were chosen.
    pub search: Search,
    /// What was to be large.
    pub objective: Objective,
    /// Closed trades below which a run has no objective.
    pub min_trades: u64,
    /// Whether runs were given up.
    pub prune: bool,
    /// What every run was run under.
    pub settings: Value,
    /// The engine's identity.
    pub engine: String,
    /// How look-ahead was kept out of the best one.
    pub label: Label,
    /// The span of all bars.
    pub span: Closes,
    /// The hypothesis that it belongs to.
    pub family: String,
    /// Combinations, of a walk those of its last fold.
    pub counts: Counts,
    /// The best, the best first; of a walk those of its last fold.
    pub best: Vec<Row>,
    /// How much the mean objective varies with each parameter alone, as a part of the largest.
    pub influence: Vec<Influence>,
    /// How those beside the best do.
    pub neighbours: Option<Neighbours>,
    /// What the best one's Sharpe ratio of a day is worth among all that were tried; moves as trials are added, so no part
    /// of the digest.
    pub deflation: Option<Deflated>,
    /// What the best were worth where they were not searched.
    pub walk_forward: Option<WalkForward>,
    /// Where the bars were taken from; no part of the digest.
    pub source: Value,
}

/// A parameter's influence.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Influence {
    /// Which.
    pub parameter: String,
    /// Between 0 and 1.
    pub share: f64,
}

/// Combinations one listed value away from the best, in one parameter.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Neighbours {
    /// Those with an objective.
    pub count: u64,
    /// Their mean objective.
    pub mean: Option<f64>,
}

/// Where a sweep's files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The page.
    pub html: PathBuf,
    /// Every combination.
    pub csv: PathBuf,
    /// The result; put in its place last.
    pub json: PathBuf,
}

/// An axis as JSON.
pub(super) fn axis(axis: &Axis) -> Value {
    match &axis.values {
        Values::Listed(values) => json!({"parameter": axis.name, "values": values}),
        Values::Between { low, high } => {
            json!({"parameter": axis.name, "from": low, "to": high})
        }
    }
}

pub(super) fn finish(
    sweep: &Sweep<'_>,
    tally: &Tally,
    walk: Option<WalkForward>,
) -> Result<(SweepResult, Written), Problem> {
    let Sweep {
        ground,
        space,
        plan,
        whole,
        ..
    } = sweep;
    let folds = walk.as_ref().map_or(0, |walk| walk.folds.len());
    let logs = csv::logs(plan.folder, folds);
    let best = tally.top.first();
    let deflation = match best.and_then(|best| best.figures) {
        None => None,
        Some(figures) => Some(plan.ledger.worth(&Judged {
            family: plan.family,
            first: whole.from,
            last: whole.until - 1,
            interval_ns: DAY,
            sharpe: figures.sharpe_per_day,
            observations: figures.days,
            skewness: figures.skewness,
            kurtosis: figures.kurtosis,
        })?),
    };
    let neighbours = match (best, logs.last()) {
        (Some(best), Some(log)) => Some(csv::neighbours(space, best, log)?),
        _ => None,
    };
    let unwritable =
        |error: serde_json::Error| Problem::host(format!("no JSON: {error}"), "report this");
    let told = serde_json::to_vec(&walk).map_err(unwritable)?;
    let digest = DigestBuilder::new()
        .part("sweep", sweep.digest.bytes())
        .part("combinations", tally.digest().bytes())
        .part("walk", &told)
        .finish();
    let manifest = ground.plugin().manifest();
    let mut detail = ground.detail()?;
    let result = SweepResult {
        format: FORMAT,
        digest,
        strategy: manifest.id.clone(),
        version: manifest.version.clone(),
        component: ground.plugin().digest(),
        instruments: ground
            .series()
            .iter()
            .map(|series| InstrumentInput {
                handle: series.instrument.handle,
                symbol: series.instrument.symbol.clone(),
                digest: series.digest,
                bars: series.len() as u64,
                detail: detail.remove(&series.instrument.handle),
            })
            .collect(),
        parameters: plan.parameters.clone(),
        axes: space.axes().iter().map(axis).collect(),
        search: plan.search,
        objective: plan.objective,
        min_trades: plan.min_trades,
        prune: plan.prune,
        settings: serde_json::to_value(plan.settings).map_err(unwritable)?,
        engine: Engines::identity(),
        label: match plan.settings.vectorised {
            false => Label::ByConstruction,
            true => Label::Audited {
                cuts: sweep.cuts.load(std::sync::atomic::Ordering::Relaxed),
            },
        },
        span: Closes {
            from: whole.from,
            to: whole.until - 1,
        },
        family: plan.family.to_owned(),
        counts: tally.counts,
        best: tally.top.clone(),
        influence: space
            .axes()
            .iter()
            .zip(tally.influence())
            .map(|(axis, share)| Influence {
                parameter: axis.name.clone(),
                share,
            })
            .collect(),
        neighbours,
        deflation,
        walk_forward: walk,
        source: plan.source.clone(),
    };
    let page = Page {
        result: &result,
        space,
        tally,
    };
    let html = publish::stage(plan.folder, "sweep.html", |out| page.render(out))?;
    let csv = publish::stage(plan.folder, "combinations.csv", |out| {
        csv::write(space, &logs, out)
    })?;
    let json = publish::stage(plan.folder, "sweep.json", |out| {
        serde_json::to_writer_pretty(&mut *out, &result)?;
        out.write_all(b"\n")
    })?;
    let written = Written {
        html: html.publish()?,
        csv: csv.publish()?,
        json: json.publish()?,
    };
    Ok((result, written))
}
