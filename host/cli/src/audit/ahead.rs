//! `bulkhead audit lookahead` and `bulkhead audit recursive`: what is handed more than one bar at a time, looked at from
//! outside.

use crate::environment::Environment;
use crate::options::GlobalOptions;
use crate::output::{self, line, table};
use crate::source::{DataArgs, Source};
use crate::trial::learner_of;
use bulkhead_domain::model::LearningTask;
use bulkhead_domain::order::Bar;
use bulkhead_domain::{Problem, Timestamp, Value};
use bulkhead_lab::audit::{Features, Predictions, Subject, Targets, lookahead, recursive};
use bulkhead_lab::backtest::parameter;
use bulkhead_manifest::Kind;
use bulkhead_market::BarSeries;
use bulkhead_registry::Operator;
use bulkhead_sandbox::{SessionClock, StrategyPlugin};
use serde_json::json;

/// What is looked at, on which bars.
#[derive(Debug, clap::Args)]
struct SubjectArgs {
    /// A strategy with a whole-series form: its id, or the path of a component
    #[arg(long, value_name = "ID|FILE.wasm", conflicts_with_all = ["model", "features"])]
    strategy: Option<String>,
    /// A model, and which of its algorithms where there are several; it learns from the first half of the bars
    #[arg(long, value_name = "ID[:ALGORITHM]", requires = "features")]
    model: Option<String>,
    /// Features: those to look at, or those that the model learns from
    #[arg(
        long = "feature",
        value_name = "NAMES",
        value_delimiter = ',',
        required_unless_present = "strategy"
    )]
    features: Vec<String>,
    /// A parameter of the strategy, or a hyper-parameter of the model; may be repeated
    #[arg(long = "param", value_name = "KEY=VALUE")]
    parameters: Vec<String>,
    #[command(flatten)]
    data: DataArgs,
    /// Seed of everything that is drawn
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
}

/// Where to look.
#[derive(Debug, clap::Args)]
pub(crate) struct LookaheadArgs {
    #[command(flatten)]
    subject: SubjectArgs,
    /// Places at which the bars behind are taken away and changed
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    cuts: usize,
}

/// With how many bars.
#[derive(Debug, clap::Args)]
pub(crate) struct RecursiveArgs {
    #[command(flatten)]
    subject: SubjectArgs,
    /// Numbers of bars to begin with
    #[arg(
        long,
        value_name = "BARS",
        value_delimiter = ',',
        default_values_t = [25, 50, 100, 200, 400, 800]
    )]
    startup: Vec<usize>,
}

/// Shows each series to whatever is looked at.
fn each(
    arguments: &SubjectArgs,
    options: &GlobalOptions,
    mut look: impl FnMut(&str, &dyn Subject, &[Bar]) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let environment = Environment::open(options)?.with_anything_installed()?;
    let named = arguments.strategy.as_deref().unwrap_or_default();
    let source = Source::of(named, &arguments.data, &environment);
    for series in source.series("USD")? {
        let series = series.collect()?;
        let symbol = series.instrument.symbol.clone();
        let bars = || {
            (0..series.len())
                .filter_map(|bar| series.bars.get(bar))
                .collect()
        };
        match (&arguments.strategy, &arguments.model) {
            (Some(strategy), _) => {
                of_strategy(arguments, strategy, &environment, &series, |subject| {
                    let bars: Vec<Bar> = bars();
                    look(&symbol, subject, &bars)
                })?;
            }
            (None, Some(model)) => {
                let learner = learner_of(
                    model,
                    &arguments.parameters,
                    &environment,
                    LearningTask::Classification,
                    arguments.seed,
                )?;
                let (subject, rest) =
                    Predictions::new(&learner, &series, &arguments.features, arguments.seed)?;
                look(&symbol, &subject, &rest)?;
            }
            (None, None) => {
                let bars: Vec<Bar> = bars();
                look(&symbol, &Features::new(&arguments.features)?, &bars)?;
            }
        }
    }
    Ok(())
}

fn of_strategy(
    arguments: &SubjectArgs,
    strategy: &str,
    environment: &Environment,
    series: &BarSeries,
    look: impl FnOnce(&dyn Subject) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let plugin = environment.registry.load(strategy)?;
    plugin.expect_kind(Kind::Strategy)?;
    let parameters = arguments.parameters.iter().map(|text| parameter(text));
    let parameters = serde_json::Value::Object(parameters.collect::<Result<_, _>>()?);
    let operator = Operator {
        folder: None,
        clock: SessionClock::default(),
        seed: arguments.seed,
    };
    let instruments = std::slice::from_ref(&series.instrument);
    let terms = environment
        .registry
        .setup(&plugin, &parameters, instruments, &operator)?;
    let plugin = StrategyPlugin::new(plugin)?;
    let instance = plugin.create(&terms.config, instruments, &terms.grants, None)?;
    let extra = &instance.requirements().extra;
    let warm_up = extra.iter().find_map(|(name, value)| match value {
        Value::Integer(bars) if name == "vectorised-warm-up" => usize::try_from(*bars).ok(),
        _ => None,
    });
    look(&Targets::new(
        &plugin,
        &terms.config,
        &terms.grants,
        warm_up,
    ))
}

pub(crate) fn lookahead(arguments: &LookaheadArgs, options: &GlobalOptions) -> Result<(), Problem> {
    if arguments.cuts == 0 {
        return Err(Problem::user("--cuts is 0", "give one or more"));
    }
    let mut reports = Vec::new();
    each(&arguments.subject, options, |symbol, subject, bars| {
        let report = lookahead::audit(subject, bars, arguments.cuts, arguments.subject.seed)?;
        reports.push((symbol.to_owned(), report));
        Ok(())
    })?;
    if options.json {
        let reports = reports
            .iter()
            .map(|(symbol, report)| json!({"symbol": symbol, "report": report}));
        output::json(&reports.collect::<Vec<_>>())?;
    } else {
        table(
            ["", "bars", "cuts", "changed", "first bar that changed"],
            reports.iter().map(|(symbol, report)| {
                let first = report.findings.iter().map(|finding| finding.time).min();
                [
                    symbol.clone(),
                    report.bars.to_string(),
                    report.cuts.len().to_string(),
                    report.findings.len().to_string(),
                    first.map_or_else(String::new, |time| Timestamp(time).to_string()),
                ]
            }),
        )?;
        for (symbol, report) in &reports {
            for finding in &report.findings {
                line(format!("{symbol}: {finding}"))?;
            }
        }
    }
    let mut found = reports
        .iter()
        .flat_map(|(symbol, report)| report.findings.iter().map(move |found| (symbol, found)));
    match found.next() {
        None if options.json => Ok(()),
        None => line("nothing before a cut changed with what lies behind it; that is no proof"),
        Some((symbol, finding)) => Err(Problem::user(
            format!("there is look-ahead: on {symbol}, {finding}"),
            "a value may depend on no bar after its own",
        )),
    }
}

pub(crate) fn recursive(arguments: &RecursiveArgs, options: &GlobalOptions) -> Result<(), Problem> {
    let mut reports = Vec::new();
    each(&arguments.subject, options, |symbol, subject, bars| {
        let report = recursive::audit(subject, bars, &arguments.startup)?;
        reports.push((symbol.to_owned(), report));
        Ok(())
    })?;
    if options.json {
        let reports = reports
            .iter()
            .map(|(symbol, report)| json!({"symbol": symbol, "report": report}));
        output::json(&reports.collect::<Vec<_>>())?;
    } else {
        for (symbol, report) in &reports {
            show(symbol, report)?;
        }
    }
    let short = reports
        .iter()
        .find_map(|(symbol, report)| Some((symbol, report, report.short()?)));
    match short {
        None => Ok(()),
        Some((symbol, report, column)) => Err(Problem::user(
            format!(
                "{} bars are declared to be enough, and on {symbol}, {} {}",
                report.declared.unwrap_or_default(),
                column.name,
                match column.enough {
                    Some(enough) => format!("needs about {enough}"),
                    None => "needs more than was tried".to_owned(),
                }
            ),
            "give it more bars before the first that counts",
        )),
    }
}

fn show(symbol: &str, report: &recursive::Report) -> Result<(), Problem> {
    let tried: Vec<usize> = report
        .columns
        .first()
        .map(|column| column.off.iter().map(|(bars, _)| *bars).collect())
        .unwrap_or_default();
    let declared = match report.declared {
        Some(declared) => format!("{declared} bars before are declared to be enough"),
        None => "it does not say how many bars before are enough".to_owned(),
    };
    line(format!(
        "{symbol}: {} bars; {declared}. How far the last value is off with so many bars before it:",
        report.bars
    ))?;
    let head = std::iter::once(String::new())
        .chain(tried.iter().map(ToString::to_string))
        .chain(["enough".to_owned()]);
    let rows = report.columns.iter().map(|column| {
        let off = column.off.iter().map(|(_, off)| match off {
            Some(off) if *off == 0.0 => "0".to_owned(),
            Some(off) => format!("{off:.1e}"),
            None => "undefined".to_owned(),
        });
        let enough = column
            .enough
            .map_or("none".to_owned(), |bars| bars.to_string());
        std::iter::once(column.name.clone())
            .chain(off)
            .chain([enough])
            .collect::<Vec<_>>()
    });
    output::wide_table(head.collect(), rows)
}
