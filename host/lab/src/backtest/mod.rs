//! A backtest from data, strategy and settings to a result in a folder.
//!
//! Promises: everything that changes the outcome is in the result and its digest; equal inputs give equal digests on any
//! machine. A run that fails in the middle keeps what it came to, marked as a part with the bar's time.
//!
//! Bounds: of data that is streamed one batch a series is held; trades and days are kept, bars are not.

mod settings;
mod tape;

pub use self::settings::{RuleSettings, Settings, fees, parameter, rule, slippage};
pub use self::tape::Refusal;

use self::tape::{Recorded, Recorder};
use crate::diagnoses::{Speed, Subject, diagnose};
use crate::result::{
    EquityWriter, FORMAT, InstrumentInput, Label, Run, RunInputs, RunResult, RunTotals, Status,
    Written, write,
};
use crate::statistics::{Costs, OrderCounts, Performance, Statistics};
use bulkhead_desk::{CheckLimits, RiskRule};
use bulkhead_domain::digest::DigestBuilder;
use bulkhead_domain::number::to_f64;
use bulkhead_domain::order::InstrumentHandle;
use bulkhead_domain::{Digest, Instrument, Problem, Timestamp};
use bulkhead_manifest::Kind;
use bulkhead_market::BarSeries;
use bulkhead_market::catalog::BarReader;
use bulkhead_registry::supervise::{SupervisionLimits, Supervisor};
use bulkhead_registry::{Operator, Registry};
use bulkhead_sandbox::{Engines, RiskRulePlugin, SessionClock, StrategyPlugin};
use bulkhead_session::backtest::{Backtest, Ended, Feed, Outcome, Sandboxed, Setup, Trading};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// Bars a second that a run of one instrument reaches on one core of a usual machine.
const EXPECTED_SPEED: f64 = 500_000.0;
/// Runs shorter than this say nothing about speed.
const SPEED_FROM: Duration = Duration::from_secs(1);

/// Bars of one instrument.
pub enum Series {
    /// In memory.
    Loaded(Box<BarSeries>),
    /// In the catalog, read as it is needed.
    Stored(Box<BarReader>),
}

impl Series {
    fn instrument(&self) -> &Instrument {
        match self {
            Series::Loaded(series) => &series.instrument,
            Series::Stored(reader) => reader.instrument(),
        }
    }

    fn digest(&self) -> Digest {
        match self {
            Series::Loaded(series) => series.digest,
            Series::Stored(reader) => reader.digest(),
        }
    }

    /// What it is of.
    #[must_use]
    pub fn symbol(&self) -> &str {
        &self.instrument().symbol
    }

    /// Number of bars.
    #[must_use]
    pub fn bars(&self) -> u64 {
        match self {
            Series::Loaded(series) => series.len() as u64,
            Series::Stored(reader) => reader.rows(),
        }
    }
}

/// What is to be run.
pub struct Plan<'a> {
    /// Where plugins come from.
    pub registry: &'a Registry,
    /// Id of the strategy, or the path of a `.wasm` file.
    pub strategy: &'a str,
    /// Its parameters; those not named take its defaults.
    pub parameters: Map<String, Value>,
    /// The bars, one entry a symbol.
    pub data: Vec<Series>,
    /// Everything else.
    pub settings: Settings,
    /// Where the bars came from, for [`crate::result::RunInputs::source`]: no part of the digest.
    pub source: Value,
    /// The folder that the result goes to; nothing is written without.
    pub folder: Option<&'a Path>,
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
    let mut inputs = inputs(&plan, &instruments)?;
    let id = digest_of(&inputs.run)?;
    let equity = plan.folder.map(EquityWriter::create).transpose()?;
    let settings = &plan.settings;
    let mut tape = Recorder::new(to_f64(settings.cash), &instruments, equity);
    let (loaded, stored) = apart(plan.data);
    let feed = Feed::mixed(&loaded, stored)?;
    let mut feed = feed.between(settings.from.as_deref(), settings.to.as_deref())?;
    let opened = Timestamp(feed.opened().unwrap_or(0));
    let setup = setup(settings, &mut inputs, id, &instruments, opened)?;
    let backtest = Backtest::new(setup, &mut tape)?;
    let begun = Instant::now();
    let outcome = backtest.run(&mut feed, stop, progress)?;
    let took = begun.elapsed();
    let recorded = tape.finish();
    finish(inputs.run, settings, outcome, recorded, took, plan.folder)
}

/// Numbers the instruments by their symbols.
fn number(data: &mut [Series]) -> Result<Vec<Instrument>, Problem> {
    data.sort_by(|a, b| a.instrument().symbol.cmp(&b.instrument().symbol));
    let mut instruments: Vec<Instrument> = Vec::with_capacity(data.len());
    for (series, handle) in data.iter_mut().zip(1..) {
        if let Series::Loaded(series) = series {
            series.instrument.handle = handle;
        }
        let instrument = Instrument {
            handle,
            ..series.instrument().clone()
        };
        if let Some(last) = instruments.last()
            && last.symbol == instrument.symbol
        {
            return Err(Problem::user(
                format!("{} is given twice", last.symbol),
                "give each symbol once",
            ));
        }
        instruments.push(instrument);
    }
    if instruments.is_empty() {
        return Err(Problem::user(
            "there is no data",
            "name symbols with --symbol, or a file with --csv",
        ));
    }
    Ok(instruments)
}

/// The strategy made ready, and everything that goes into the digest.
struct Inputs {
    plugin: StrategyPlugin,
    terms: bulkhead_sandbox::Setup,
    rules: Vec<Box<dyn RiskRule>>,
    run: RunInputs,
}

fn inputs(plan: &Plan<'_>, instruments: &[Instrument]) -> Result<Inputs, Problem> {
    let Plan {
        registry, settings, ..
    } = plan;
    let operator = Operator {
        folder: None,
        clock: SessionClock::default(),
        seed: settings.seed,
    };
    let plugin = registry.load(plan.strategy)?;
    plugin.expect_kind(Kind::Strategy)?;
    let parameters = Value::Object(plan.parameters.clone());
    let terms = registry.setup(&plugin, &parameters, instruments, &operator)?;
    let mut components = Vec::new();
    let mut rules = Vec::new();
    for rule in &settings.risk {
        let plugin = registry.load(&rule.plugin)?;
        plugin.expect_kind(Kind::RiskRule)?;
        let config = Value::Object(rule.config.clone());
        let terms = registry.setup(&plugin, &config, instruments, &operator)?;
        components.push(json!({
            "id": plugin.manifest().id,
            "component": plugin.digest(),
            "config": terms.config,
        }));
        rules.push(RiskRulePlugin::new(plugin, terms)?);
    }
    let supervisor = Supervisor::new(SupervisionLimits::default(), Timestamp(0))
        .map_err(|error| Problem::host(error.to_string(), "report this"))?;
    let rules = bulkhead_session::rules(rules, &supervisor).into_iter();
    let unwritable =
        |error: serde_json::Error| Problem::host(format!("no JSON: {error}"), "report this");
    let mut config = Map::new();
    config.insert(
        "settings".to_owned(),
        serde_json::to_value(settings).map_err(unwritable)?,
    );
    config.insert("risk".to_owned(), Value::Array(components));
    config.insert(
        "checks".to_owned(),
        serde_json::to_value(limits(settings)).map_err(unwritable)?,
    );
    config.insert("version".to_owned(), env!("CARGO_PKG_VERSION").into());
    let given: Value = serde_json::from_str(&terms.config).map_err(unwritable)?;
    let manifest = plugin.manifest();
    let run = RunInputs {
        strategy: manifest.id.clone(),
        version: manifest.version.clone(),
        component: plugin.digest(),
        parameters: match given {
            Value::Object(given) => given.into_iter().collect(),
            _ => Default::default(),
        },
        instruments: plan
            .data
            .iter()
            .zip(instruments)
            .map(|(series, instrument)| InstrumentInput {
                handle: instrument.handle,
                symbol: instrument.symbol.clone(),
                digest: series.digest(),
                bars: series.bars(),
            })
            .collect(),
        config: Value::Object(config),
        seed: settings.seed.to_string(),
        engine: Engines::identity(),
        source: plan.source.clone(),
    };
    Ok(Inputs {
        plugin: StrategyPlugin::new(plugin)?,
        terms,
        rules: rules
            .map(|rule| Box::new(rule) as Box<dyn RiskRule>)
            .collect(),
        run,
    })
}

/// Over everything that changes the outcome.
fn digest_of(run: &RunInputs) -> Result<Digest, Problem> {
    let unwritable =
        |error: serde_json::Error| Problem::host(format!("no JSON: {error}"), "report this");
    let mut builder = DigestBuilder::new();
    builder.part("bulkhead backtest", &FORMAT.to_le_bytes());
    builder.part("engine", run.engine.as_bytes());
    builder.part("component", run.component.bytes());
    let parameters = serde_json::to_vec(&run.parameters).map_err(unwritable)?;
    builder.part("parameters", &parameters);
    let mut config = run.config.clone();
    // Where a rule's component lay changes nothing; what it is and what it was told stand beside.
    if let Some(settings) = config
        .pointer_mut("/settings")
        .and_then(Value::as_object_mut)
    {
        settings.remove("risk");
    }
    builder.part("config", &serde_json::to_vec(&config).map_err(unwritable)?);
    builder.part("seed", run.seed.as_bytes());
    for instrument in &run.instruments {
        builder.part(&instrument.symbol, instrument.digest.bytes());
    }
    Ok(builder.finish())
}

/// The host's checks under these settings; the rest is usual.
fn limits(settings: &Settings) -> CheckLimits {
    CheckLimits {
        max_leverage: settings.leverage,
        buying_power_multiple: settings.leverage,
        ..CheckLimits::default()
    }
}

fn setup(
    settings: &Settings,
    inputs: &mut Inputs,
    id: Digest,
    instruments: &[Instrument],
    opened: Timestamp,
) -> Result<Setup, Problem> {
    let name = inputs.run.strategy.clone();
    let trader = Sandboxed::new(
        &inputs.plugin,
        &inputs.terms.config,
        instruments,
        &inputs.terms.grants,
    )?;
    Ok(Setup {
        id,
        currency: settings.currency.clone(),
        cash: settings.cash,
        cost_basis: settings.cost_basis,
        limits: limits(settings),
        venue: settings.venue(),
        carry: settings.carry,
        opened,
        instruments: instruments.to_vec(),
        features: settings.features.clone(),
        rules: std::mem::take(&mut inputs.rules),
        traders: vec![Trading {
            name,
            handles: instruments.iter().map(|one| one.handle).collect(),
            sizing: None,
            trader: Box::new(trader),
        }],
    })
}

/// What is in memory, and what is read as it is needed under its handle.
fn apart(data: Vec<Series>) -> (Vec<BarSeries>, Vec<(InstrumentHandle, BarReader)>) {
    let mut loaded = Vec::new();
    let mut stored = Vec::new();
    for (series, handle) in data.into_iter().zip(1..) {
        match series {
            Series::Loaded(series) => loaded.push(*series),
            Series::Stored(reader) => stored.push((handle, *reader)),
        }
    }
    (loaded, stored)
}

fn finish(
    mut run: RunInputs,
    settings: &Settings,
    outcome: Outcome,
    mut recorded: Recorded,
    took: Duration,
    folder: Option<&Path>,
) -> Result<Finished, Problem> {
    recorded.trades.extend(outcome.open.iter().cloned());
    for (instrument, bars) in run.instruments.iter_mut().zip(&recorded.bars) {
        instrument.bars = *bars;
    }
    let orders = outcome.orders;
    let performance = Performance {
        starting_equity: to_f64(settings.cash),
        curve: recorded.curve,
        points: "bars",
        trades: recorded.trades,
        costs: Costs {
            fees: to_f64(outcome.fees),
            borrow_fees: to_f64(outcome.borrow_fees),
            slippage: Some(to_f64(outcome.slippage)),
            traded: Some(to_f64(outcome.traded)),
        },
        orders: OrderCounts {
            sent: orders.sent,
            filled: orders.filled,
            rejected: orders.rejected,
            cancelled: orders.cancelled,
            expired: orders.expired,
            denied: orders.denied,
        },
        benchmarks: vec![recorded.benchmark],
    };
    let statistics = Statistics::of_performance(&performance);
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
        label: Label::ByConstruction,
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

/// The first thing in which a result run again differs from the one recorded; `None` where they are equal bit for bit.
#[must_use]
pub fn difference(recorded: &RunResult, again: &RunResult) -> Option<String> {
    let (then, now) = (&recorded.run, &again.run);
    if then.engine != now.engine {
        return Some(format!(
            "the engine was {}, and is {}",
            then.engine, now.engine
        ));
    }
    if then.component != now.component {
        let (was, is) = (then.component.short(), now.component.short());
        return Some(format!(
            "the component of {} was {was}, and is {is}",
            then.strategy
        ));
    }
    let data = then.instruments.iter().zip(&now.instruments);
    for (then, now) in data {
        if (&then.symbol, then.digest) != (&now.symbol, now.digest) {
            let (was, is) = (then.digest.short(), now.digest.short());
            return Some(format!(
                "the bars of {} were {was}, and are {is}",
                then.symbol
            ));
        }
    }
    if then.instruments.len() != now.instruments.len() {
        return Some("other instruments were traded".to_owned());
    }
    if then.config != now.config {
        return Some("the settings or the risk rules' components are others".to_owned());
    }
    if recorded.totals != again.totals {
        let (was, is) = (
            recorded.totals.final_equity.normalize(),
            again.totals.final_equity.normalize(),
        );
        return Some(format!(
            "the totals are others: equity was {was}, and is {is}"
        ));
    }
    let (was, is) = (recorded.digest, again.digest);
    (was != is).then(|| format!("its digest was {}, and is {}", was.short(), is.short()))
}
