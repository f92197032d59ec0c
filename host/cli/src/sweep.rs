//! `bulkhead sweep`: a strategy with many combinations of its parameters.

use crate::environment::Environment;
use crate::halt::now;
use crate::kept;
use crate::options::GlobalOptions;
use crate::output::{self, line, wide_table};
use crate::setting::SettingArgs;
use crate::source::{DataArgs, DetailArgs, Source};
use crate::waiting::interruptible;
use bulkhead_domain::Problem;
use bulkhead_lab::backtest::parameter;
use bulkhead_lab::sweep::{self, Axis, Plan, Row, SweepResult, Walk, Written};
use bulkhead_lab::trials::ledger::Ledger;
use bulkhead_session::learning::parallel::cores;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;
use std::io::IsTerminal as _;
use std::path::PathBuf;

/// What to sweep, on what, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct SweepArgs {
    /// The strategy: its id, or the path of a component
    #[arg(long, value_name = "ID|FILE.wasm")]
    strategy: String,
    /// A parameter to vary: NAME=5,10,20 or NAME=5..20:5 or NAME=0.1..0.9; may be repeated. NAME is the strategy's, or
    /// risk.RULE.SETTING, model.ALIAS.SETTING or model.ALIAS.ALGORITHM.PARAMETER
    #[arg(long = "vary", value_name = "NAME=VALUES", required = true)]
    vary: Vec<String>,
    /// A parameter that is not varied; may be repeated
    #[arg(long = "param", value_name = "KEY=VALUE")]
    parameters: Vec<String>,
    /// How combinations are chosen: grid, random or tpe
    #[arg(long, value_name = "SEARCH", default_value = "grid")]
    search: String,
    /// How many combinations; all of a grid, 200 of the others
    #[arg(long, value_name = "NUMBER")]
    combinations: Option<u64>,
    /// What is to be large: sharpe, sortino, calmar, total-return, cagr, profit-factor or sqn
    #[arg(long, value_name = "NAME", default_value = "sharpe")]
    objective: String,
    /// Closed trades below which a run has no objective
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    min_trades: u64,
    /// Give up runs whose equity at a quarter, half or three quarters of the span is below the median of earlier ones
    #[arg(long)]
    prune: bool,
    /// Search part after part, and try the best of each on the part behind it, so many times
    #[arg(long, value_name = "FOLDS")]
    walk_forward: Option<usize>,
    /// Parts that are searched before each that is tried
    #[arg(
        long,
        value_name = "PARTS",
        default_value_t = 3,
        requires = "walk_forward"
    )]
    in_sample: usize,
    /// Search all parts from the first on
    #[arg(long, requires = "walk_forward")]
    anchored: bool,
    /// Threads; as many as there are cores unless given
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// The hypothesis that it belongs to: all that was tried of a family deflates its Sharpe ratios; the strategy's id
    #[arg(long, value_name = "NAME")]
    family: Option<String>,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    detail: DetailArgs,
    #[command(flatten)]
    setting: SettingArgs,
    /// Folder that log and results go to; the same command goes on with what is there
    #[arg(long, value_name = "DIR", default_value = "out/sweep")]
    out: PathBuf,
}

pub(crate) fn run(arguments: &SweepArgs, options: &GlobalOptions) -> Result<(), Problem> {
    for (option, value) in [
        ("--threads", arguments.threads.unwrap_or(1)),
        ("--walk-forward", arguments.walk_forward.unwrap_or(1)),
        ("--in-sample", arguments.in_sample),
    ] {
        if value == 0 {
            return Err(Problem::user(format!("{option} is 0"), "give one or more"));
        }
    }
    let axes = arguments.vary.iter().map(|text| Axis::parse(text));
    let axes: Vec<Axis> = axes.collect::<Result<_, _>>()?;
    let (search, objective) = (arguments.search.parse()?, arguments.objective.parse()?);
    let settings = arguments.setting.settings()?;
    let parameters = arguments.parameters.iter().map(|text| parameter(text));
    let parameters: serde_json::Map<_, _> = parameters.collect::<Result<_, _>>()?;
    if let Some(both) = axes.iter().find(|axis| parameters.contains_key(&axis.name)) {
        return Err(Problem::user(
            format!("{} is given and varied", both.name),
            "give it with --param or with --vary",
        ));
    }
    let store = kept::open(&options.state)?;
    let environment = Environment::open(options)?.with_installed(&store);
    let source = Source::of(&arguments.strategy, &arguments.data, &environment);
    let source = source.detailed(&arguments.detail);
    let data = source.data(&settings.currency)?;
    let source = serde_json::to_value(&source)
        .map_err(|error| Problem::host(format!("no JSON: {error}"), "report this"))?;
    let ledger = Ledger::new(store);
    let family = match &arguments.family {
        Some(family) => family.clone(),
        None => environment
            .registry
            .load(&arguments.strategy)?
            .manifest()
            .id
            .clone(),
    };
    let plan = Plan {
        registry: &environment.registry,
        strategy: &arguments.strategy,
        parameters,
        axes,
        settings: &settings,
        search,
        combinations: arguments.combinations,
        objective,
        min_trades: arguments.min_trades,
        prune: arguments.prune,
        walk: arguments.walk_forward.map(|folds| Walk {
            folds,
            searched: arguments.in_sample,
            anchored: arguments.anchored,
        }),
        threads: arguments.threads.unwrap_or_else(cores),
        family: &family,
        ledger: &ledger,
        now: now(),
        source,
        folder: &arguments.out,
    };
    let bar = meter(sweep::planned(&plan)?, options.json);
    let stop = interruptible()?;
    let swept = sweep::run(&plan, data, &stop, &|progress| {
        bar.set_position(progress.done);
        if let Some(best) = progress.best {
            bar.set_message(format!("best {} {best:.4}", arguments.objective));
        }
    });
    bar.finish_and_clear();
    let (result, written) = swept?;
    if options.json {
        return output::json(&result);
    }
    show(&result, &written)
}

fn meter(total: u64, json: bool) -> ProgressBar {
    if json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(10));
    let template = "[{bar:30}] {pos} of {len}, {per_sec}, {eta} to go; {msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn ratio(value: Option<f64>) -> String {
    value.map_or_else(|| "undefined".to_owned(), |value| format!("{value:.3}"))
}

fn percent(value: Option<f64>) -> String {
    value.map_or_else(
        || "undefined".to_owned(),
        |value| format!("{:.2} %", value * 100.0),
    )
}

fn cells(row: &Row) -> Vec<String> {
    let figures = row.figures.as_ref();
    let mut cells: Vec<String> = row.values.iter().map(text).collect();
    cells.extend([
        ratio(row.objective),
        percent(figures.and_then(|it| it.total_return)),
        percent(figures.and_then(|it| it.max_drawdown)),
        figures.map_or_else(String::new, |it| it.trades.to_string()),
    ]);
    cells
}

fn show(result: &SweepResult, written: &Written) -> Result<(), Problem> {
    let names = result.axes.iter().filter_map(|axis| axis.get("parameter"));
    let mut head: Vec<String> = names.map(text).collect();
    head.push(result.objective.to_string());
    head.extend(["total return", "deepest fall", "trades"].map(str::to_owned));
    if let Some(walk) = &result.walk_forward {
        line("The best of each fold where it was searched, and behind that:")?;
        let mut wide = vec!["fold".to_owned()];
        wide.extend(head.clone());
        let rows = walk.folds.iter().flat_map(|fold| {
            let both = [("searched", &fold.best), ("tried", &fold.tried)];
            both.into_iter().filter_map(move |(which, row)| {
                let mut cells = cells(row.as_ref()?);
                cells.insert(0, format!("{}, {which}", fold.fold));
                Some(cells)
            })
        });
        wide_table(wide, rows)?;
        let curve = &walk.out_of_sample;
        line(format!(
            "where it was not searched: total return {}, Sharpe {}, deepest fall {}; efficiency {}",
            percent(curve.total_return.value),
            ratio(curve.sharpe.value),
            percent(curve.max_drawdown.figure.value),
            ratio(walk.efficiency)
        ))?;
    } else {
        wide_table(head, result.best.iter().take(10).map(cells))?;
    }
    let counts = result.counts;
    line(format!(
        "{} combinations: {} finished, {} given up, {} failed",
        counts.run, counts.finished, counts.pruned, counts.failed
    ))?;
    if let Some(beside) = result.neighbours.as_ref().filter(|it| it.count > 0) {
        line(format!(
            "the {} combinations beside the best have a mean {} of {}",
            beside.count,
            result.objective,
            ratio(beside.mean)
        ))?;
    }
    if let Some(deflation) = &result.deflation {
        line(format!(
            "of {} trials of family {}: deflated Sharpe ratio {}",
            deflation.trials,
            result.family,
            percent(deflation.dsr)
        ))?;
    }
    line(format!("digest {}", result.digest))?;
    line(format!("report: {}", written.html.display()))
}
