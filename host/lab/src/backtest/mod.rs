//! A backtest from data, strategy and settings to a result in a folder.
//!
//! Promises: everything that changes the outcome is in the result and its digest; equal inputs give equal digests on any
//! machine. A run that fails in the middle keeps what it came to, marked as a part with the bar's time.
//!
//! Bounds: of data that is streamed one batch a series is held; trades and days are kept, bars are not.

mod difference;
pub(crate) mod inputs;
pub(crate) mod performed;
pub(crate) mod series;
mod settings;
mod tape;
pub(crate) mod vectorised;

pub use self::difference::difference;
pub use self::series::{Data, Series};
pub use self::settings::{RuleSettings, Settings, fees, parameter, rule, slippage};
pub use self::tape::Refusal;

use self::inputs::{Inputs, digest_of, inputs, setup, trial_of};
use self::performed::{costs, orders};
use self::series::{apart, number};
use self::tape::{Recorded, Recorder};
use self::vectorised::Planner;
use crate::diagnoses::{Speed, Subject, diagnose};
use crate::result::{
    Deflation, EquityWriter, FORMAT, Label, Run, RunInputs, RunResult, RunTotals, Status, Written,
    write,
};
use crate::statistics::{Performance, Statistics};
use crate::trials::ledger::{Combination, Judged, Ledger};
use bulkhead_domain::digest::DigestBuilder;
use bulkhead_domain::number::to_f64;
use bulkhead_domain::time::DAY;
use bulkhead_domain::{Digest, Instrument, Problem, Timestamp};
use bulkhead_registry::Registry;
use bulkhead_session::backtest::{Backtest, Ended, Feed, Outcome, Sandboxed, Trader};
use serde_json::{Map, Value};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// Bars a second that a run of one instrument reaches on one core of a usual machine.
const EXPECTED_SPEED: f64 = 500_000.0;
/// Runs shorter than this say nothing about speed.
const SPEED_FROM: Duration = Duration::from_secs(1);

/// What is to be run.
pub struct Plan<'a> {
    /// Where plugins come from.
    pub registry: &'a Registry,
    /// Id of the strategy, or the path of a `.wasm` file.
    pub strategy: &'a str,
    /// Its parameters; those not named take its defaults.
    pub parameters: Map<String, Value>,
    /// The bars.
    pub data: Data,
    /// Everything else.
    pub settings: Settings,
    /// Where the bars came from, for [`crate::result::RunInputs::source`]: no part of the digest.
    pub source: Value,
    /// The folder that the result goes to; nothing is written without.
    pub folder: Option<&'a Path>,
    /// Where it is put down that this was tried; nowhere without.
    pub tried: Option<Tried<'a>>,
}

/// Where a run is put down as a trial, and as what.
pub struct Tried<'a> {
    /// The ledger of trials.
    pub ledger: &'a Ledger,
    /// The hypothesis that it belongs to; the strategy's id when absent.
    pub family: Option<&'a str>,
    /// The moment.
    pub now: Timestamp,
}

/// A run that is over.
pub struct Finished {
    /// What it came to.
    pub result: RunResult,
    /// Where it was written.
    pub written: Option<Written>,
    /// The first orders that were refused.
    pub refusals: Vec<Refusal>,
    /// How long it took, preparations left out.
    pub took: Duration,
}

/// Runs a backtest. `progress` is told of bars done and the time they are at.
///
/// # Errors
/// What is wrong with the plan, in one line; what fails in the run is in the result.
pub fn run(
    mut plan: Plan<'_>,
    stop: &AtomicBool,
    progress: impl FnMut(u64, i64),
) -> Result<Finished, Problem> {
    let instruments = number(&mut plan.data)?;
    let inputs = inputs(&plan, &instruments)?;
    let id = digest_of(&inputs.run)?;
    let equity = plan.folder.map(EquityWriter::create).transpose()?;
    let settings = &plan.settings;
    let mut tape = Recorder::new(to_f64(settings.cash), &instruments, equity);
    let (trader, label) = trader(&plan, &inputs, &instruments)?;
    let (loaded, stored) = apart(plan.data.series, &instruments);
    let (finer, finer_stored) = apart(plan.data.detail, &instruments);
    let feed = Feed::mixed(&loaded, stored)?.detailed(&finer, finer_stored)?;
    let mut feed = feed.between(settings.from.as_deref(), settings.to.as_deref())?;
    let opened = Timestamp(feed.opened().unwrap_or(0));
    let trading = (inputs.run.strategy.clone(), trader);
    let parts = (inputs.rules, inputs.learning);
    let setup = setup(settings, parts, id, &instruments, opened, trading);
    let backtest = Backtest::new(setup, &mut tape)?;
    let begun = Instant::now();
    let outcome = backtest.run(&mut feed, stop, progress)?;
    let took = begun.elapsed();
    let recorded = tape.finish();
    let mut inputs_run = inputs.run;
    for instrument in &mut inputs_run.instruments {
        if let (Some(input), Some(told)) = (&mut instrument.detail, feed.detail(instrument.handle))
        {
            input.told = told;
        }
    }
    let trial = match plan.tried {
        None => None,
        Some(tried) => {
            let schema = &inputs.plugin.manifest().config_schema;
            let digest = trial_of(&inputs.common, schema, &inputs.terms.config)?;
            Some((tried, digest))
        }
    };
    let told = Told {
        label,
        outcome,
        recorded,
        took,
        trial,
    };
    finish(inputs_run, settings, told, plan.folder)
}

/// Puts a run down as a trial before anything of it is shown, and says what its Sharpe ratio is worth among the others of
/// its family. A run that failed is none.
fn put_down(
    (tried, digest): (Tried<'_>, Digest),
    strategy: &str,
    outcome: &Outcome,
    (statistics, span): (&Statistics, Option<(i64, i64)>),
) -> Result<Option<Deflation>, Problem> {
    let (Some((first, last)), false) = (span, matches!(outcome.ended, Ended::Failed { .. })) else {
        return Ok(None);
    };
    let family = tried.family.unwrap_or(strategy);
    let returns = &statistics.returns;
    let sharpe = returns.sharpe_per_period.value;
    let seen = Combination {
        digest,
        first,
        last,
        sharpe: sharpe.filter(|_| outcome.ended == Ended::Completed),
    };
    tried.ledger.see_combinations(family, tried.now, &[seen])?;
    let deflated = tried.ledger.worth(&Judged {
        family,
        first,
        last,
        interval_ns: DAY,
        sharpe,
        observations: returns.observations,
        skewness: returns.skewness.value,
        kurtosis: returns.kurtosis.value,
    })?;
    Ok(Some(Deflation {
        family: family.to_owned(),
        deflated,
    }))
}

/// Who trades: the strategy bar by bar, or its whole-series form once that is audited.
fn trader(
    plan: &Plan<'_>,
    inputs: &Inputs,
    instruments: &[Instrument],
) -> Result<(Box<dyn Trader>, Label), Problem> {
    let Inputs { plugin, terms, .. } = inputs;
    if !plan.settings.vectorised {
        let trader = Sandboxed::new(plugin, &terms.config, instruments, &terms.grants)?;
        return Ok((Box::new(trader), Label::ByConstruction));
    }
    let instance = plugin.create(&terms.config, instruments, &terms.grants, None)?;
    let settings = &plan.settings;
    let mut planner = Planner::new(plugin, terms, instance.requirements(), settings.seed)?;
    for (series, instrument) in plan.data.series.iter().zip(instruments) {
        let feed = series.feed(instrument.handle)?;
        let feed = feed.between(settings.from.as_deref(), settings.to.as_deref())?;
        planner.add(instrument.handle, &instrument.symbol, feed)?;
    }
    let (planned, cuts) = planner.finish();
    Ok((Box::new(planned), Label::Audited { cuts }))
}

/// What a run came to.
struct Told<'a> {
    label: Label,
    outcome: Outcome,
    recorded: Recorded,
    took: Duration,
    trial: Option<(Tried<'a>, Digest)>,
}

fn finish(
    mut run: RunInputs,
    settings: &Settings,
    told: Told<'_>,
    folder: Option<&Path>,
) -> Result<Finished, Problem> {
    let Told {
        label,
        outcome,
        mut recorded,
        took,
        trial,
    } = told;
    recorded.trades.extend(outcome.open.iter().cloned());
    for (instrument, bars) in run.instruments.iter_mut().zip(&recorded.bars) {
        instrument.bars = *bars;
    }
    let performance = Performance {
        starting_equity: to_f64(settings.cash),
        curve: recorded.curve,
        points: "bars",
        trades: recorded.trades,
        costs: costs(&outcome),
        orders: orders(&outcome),
        benchmarks: vec![recorded.benchmark],
    };
    let statistics = Statistics::of_performance(&performance);
    let deflation = match trial {
        None => None,
        Some(trial) => {
            let judged = (&statistics, recorded.span);
            put_down(trial, &run.strategy, &outcome, judged)?
        }
    };
    let seconds = took.as_secs_f64();
    let diagnoses = diagnose(&Subject {
        performance: &performance,
        statistics: &statistics,
        parameters: run.parameters.len() as u64,
        fills: Some(recorded.quality),
        seed: settings.seed,
        speed: (took >= SPEED_FROM).then(|| Speed {
            bars_per_s: outcome.bars as f64 / seconds,
            expected: EXPECTED_SPEED,
        }),
    });
    let mut builder = DigestBuilder::new();
    builder.part("inputs", digest_of(&run)?.bytes());
    builder.part("outcome", recorded.digest.bytes());
    builder.part("equity", outcome.equity.normalize().to_string().as_bytes());
    let status = match outcome.ended {
        Ended::Completed => Status::Complete,
        Ended::Interrupted => Status::Partial {
            error: "it was interrupted".to_owned(),
            time: recorded.span.map_or(0, |(_, last)| last),
        },
        Ended::Failed { time, problem } => Status::Partial {
            error: problem.to_string(),
            time,
        },
    };
    let result = RunResult {
        format: FORMAT,
        run,
        label,
        status,
        currency: settings.currency.clone(),
        digest: builder.finish(),
        totals: RunTotals {
            bars: outcome.bars,
            from: recorded.span.map(|(first, _)| first),
            to: recorded.span.map(|(_, last)| last),
            starting_equity: settings.cash,
            final_equity: outcome.equity,
            fees: outcome.fees,
            slippage: Some(outcome.slippage),
            borrow_fees: outcome.borrow_fees,
            interest: outcome.interest,
            dividends: outcome.dividends,
            fills: outcome.fills,
        },
        statistics,
        deflation,
        diagnoses,
    };
    let written = match folder {
        None => None,
        Some(folder) => {
            let equity = recorded.equity.map(EquityWriter::finish).transpose()?;
            let run = Run {
                result: &result,
                performance: &performance,
                prices: &recorded.prices,
            };
            Some(write(folder, &run, equity)?)
        }
    };
    Ok(Finished {
        result,
        written,
        refusals: recorded.refusals,
        took,
    })
}
