//! `bulkhead trial`: a model judged out of sample, every trial remembered.

mod show;

use crate::bars::{BarFile, Cleaned};
use crate::environment::Environment;
use crate::halt::{now, person};
use crate::kept;
use crate::options::GlobalOptions;
use crate::output;
use bulkhead_domain::model::LearningTask;
use bulkhead_domain::{Decimal, Problem};
use bulkhead_lab::labels::{LabelSpec, TargetKind, label};
use bulkhead_lab::trials::artifact::DEFAULT_DAYS;
use bulkhead_lab::trials::ledger::Ledger;
use bulkhead_lab::trials::{
    Directive, FoldReport, Observer, PluginLearner, Rule, Setting, Span, TrialSpec, conduct,
};
use bulkhead_lab::validation::{Embargo, Scheme};
use bulkhead_market::{BarSeries, Catalog};
use bulkhead_registry::Operator;
use bulkhead_sandbox::{Engines, ModelPlugin, SessionClock};
use bulkhead_session::learning::parallel::cores;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

/// What to do.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct TrialArgs {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: Option<RunArgs>,
}

/// What is asked of the ledger.
#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List what was tried
    List(show::ListArgs),
    /// Show one trial: what it was, its folds, and what its Sharpe ratio is worth now
    Show(show::ShowArgs),
}

/// A trial.
#[derive(Debug, clap::Args)]
struct RunArgs {
    /// The model plugin, and which of its algorithms where there are several
    #[arg(long, value_name = "ID[:ALGORITHM]")]
    model: String,
    /// A hyper-parameter; those not named take the plugin's defaults
    #[arg(long = "param", value_name = "NAME=VALUE")]
    parameters: Vec<String>,
    /// Symbol of the catalog
    #[arg(
        long,
        value_name = "SYMBOL",
        conflicts_with = "csv",
        required_unless_present = "csv"
    )]
    data: Option<String>,
    /// A file of bars, in place of the catalog
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Symbol of the file, where it has several
    #[arg(long, value_name = "SYMBOL", requires = "csv")]
    symbol: Option<String>,
    /// Exchange calendar of the file
    #[arg(long, value_name = "NAME", default_value = "XNYS")]
    calendar: String,
    /// Features to learn from, as in return_5,rsi_14
    #[arg(long, value_name = "NAMES", value_delimiter = ',', required = true)]
    features: Vec<String>,
    /// What is asked of the future: horizon:BARS, or triple:UPPER,LOWER,BARS with barriers in volatilities
    #[arg(long, value_name = "LABEL", default_value = "horizon:5")]
    label: String,
    /// In which form: class, return or price
    #[arg(long, value_name = "KIND", default_value = "class")]
    target: String,
    /// How it is validated: walk-forward:FOLDS, with ,anchored or ,rolling,TRAIN behind it, or cpcv:GROUPS,TESTED
    #[arg(long, value_name = "SCHEME", default_value = "walk-forward:5")]
    cv: String,
    /// Bars, or percentage of the data, after a test that nothing is learnt from; before it in a walk-forward
    #[arg(long, value_name = "BARS|PERCENT", default_value = "1%")]
    embargo: String,
    /// The hypothesis that the trial belongs to: trials of one family deflate each other's Sharpe ratios
    #[arg(long, value_name = "NAME")]
    family: String,
    /// How predictions become positions: sign or scaled
    #[arg(long, value_name = "RULE", default_value = "sign")]
    rule: String,
    /// Cost of trading in basis points of what is traded
    #[arg(long, value_name = "BPS", default_value_t = 5.0)]
    cost: f64,
    /// Newest samples, in per cent, that stay sealed until --open-sealed
    #[arg(long, value_name = "PERCENT", default_value_t = 20.0)]
    sealed: f64,
    /// Test the last fit on the sealed span; once a family
    #[arg(long)]
    open_sealed: bool,
    /// Open it although it was seen before, for this reason, which is recorded
    #[arg(long, value_name = "REASON", requires = "open_sealed")]
    reopen: Option<String>,
    /// Seed of everything that is drawn
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Threads to fit on; as many as there are cores unless given
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Days that the model fitted last is good for
    #[arg(long, value_name = "DAYS", default_value_t = DEFAULT_DAYS)]
    expires_days: u32,
}

/// Runs the command.
pub(crate) fn run(arguments: &TrialArgs, options: &GlobalOptions) -> Result<(), Problem> {
    match (&arguments.command, &arguments.run) {
        (Some(Command::List(arguments)), _) => show::list(arguments, options),
        (Some(Command::Show(arguments)), _) => show::show(arguments, options),
        (None, Some(arguments)) => trial(arguments, options),
        (None, None) => Err(Problem::user(
            "there is nothing to try",
            "give --model, --data or --csv, --features and --family, or `list` or `show`",
        )),
    }
}

fn trial(arguments: &RunArgs, options: &GlobalOptions) -> Result<(), Problem> {
    let (label_spec, target): (LabelSpec, TargetKind) =
        (arguments.label.parse()?, arguments.target.parse()?);
    let scheme: Scheme = arguments.cv.parse()?;
    let embargo: Embargo = arguments.embargo.parse()?;
    let rule: Rule = arguments.rule.parse()?;
    if arguments.threads == Some(0) {
        return Err(Problem::user("--threads is 0", "give one or more"));
    }
    if arguments.expires_days == 0 {
        return Err(Problem::user("--expires-days is 0", "give one or more"));
    }
    let series = series(arguments, options)?;
    let samples = label(&series, &arguments.features, &label_spec)?;
    let store = kept::open(&options.state)?;
    let environment = Environment::open(options)?.with_installed(&store);
    let learner = learner(arguments, &environment, target)?;
    let times = &series.bars.times;
    let spec = TrialSpec {
        family: arguments.family.clone(),
        model: learner.spec().clone(),
        data: Span {
            symbol: series.instrument.symbol.clone(),
            interval_ns: series.interval_ns,
            digest: series.digest,
            first: bulkhead_domain::Timestamp(times.first().copied().unwrap_or(0)),
            last: bulkhead_domain::Timestamp(times.last().copied().unwrap_or(0)),
        },
        features: arguments.features.clone(),
        label: label_spec,
        target,
        scheme,
        embargo,
        sealed: arguments.sealed / 100.0,
        rule,
        cost: arguments.cost / 10_000.0,
        seed: arguments.seed,
        engine: Engines::identity(),
    };
    let ledger = Ledger::new(store);
    let person = person();
    let setting = Setting {
        spec: &spec,
        samples: &samples,
        learner: &learner,
        ledger: &ledger,
        threads: arguments.threads.unwrap_or_else(cores),
        now: now(),
        person: &person,
        open: arguments.open_sealed.then_some(arguments.reopen.as_deref()),
        keep: Some((&options.state, arguments.expires_days)),
    };
    let mut meter = Meter::new(options.json, scheme.folds().unwrap_or(0));
    let conducted = conduct(&setting, &mut meter);
    drop(meter);
    show::conducted(&conducted?, &samples, &ledger, options.json)
}

fn learner(
    arguments: &RunArgs,
    environment: &Environment,
    target: TargetKind,
) -> Result<PluginLearner, Problem> {
    let task = match target {
        TargetKind::Class => LearningTask::Classification,
        TargetKind::Return | TargetKind::Price => LearningTask::Regression,
    };
    let RunArgs {
        model,
        parameters,
        seed,
        ..
    } = arguments;
    learner_of(model, parameters, environment, task, *seed)
}

/// An algorithm of a model plugin, as `ID[:ALGORITHM]` and `NAME=VALUE` name it and its hyper-parameters.
///
/// # Errors
/// A plugin or algorithm that is not there, or hyper-parameters that it does not take.
pub(crate) fn learner_of(
    model: &str,
    given: &[String],
    environment: &Environment,
    task: LearningTask,
    seed: u64,
) -> Result<PluginLearner, Problem> {
    let (reference, algorithm) = match model.rsplit_once(':') {
        Some((reference, algorithm)) => (reference, Some(algorithm)),
        None => (model, None),
    };
    let mut parameters = Vec::with_capacity(given.len());
    for text in given {
        let Some((name, value)) = text.split_once('=') else {
            return Err(Problem::user(
                format!("--param {text} has no value"),
                "write NAME=VALUE",
            ));
        };
        parameters.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    let registry = &environment.registry;
    let plugin = registry.load(reference)?;
    plugin.expect_kind(bulkhead_manifest::Kind::Model)?;
    let operator = Operator {
        folder: None,
        clock: SessionClock::default(),
        seed,
    };
    let settings = serde_json::Value::Object(Default::default());
    let setup = registry.setup(&plugin, &settings, &[], &operator)?;
    PluginLearner::new(
        ModelPlugin::new(plugin, setup)?,
        algorithm,
        task,
        &parameters,
    )
}

fn series(arguments: &RunArgs, options: &GlobalOptions) -> Result<BarSeries, Problem> {
    match (&arguments.csv, &arguments.data) {
        (Some(file), _) => from_file(file, arguments),
        (None, symbol) => {
            let symbol = symbol.as_deref().unwrap_or_default();
            let catalog = Catalog::open(options.catalog())?;
            let mut found = catalog.list()?;
            found.retain(|entry| entry.symbol == symbol);
            match found.as_slice() {
                [only] => catalog.load(symbol, only.interval_ns),
                [] => Err(Problem::user(
                    format!("the catalog has no bars of {symbol}"),
                    "see `bulkhead data list`, or import some with `bulkhead data import`",
                )
                .in_file(options.catalog())),
                _ => Err(Problem::user(
                    format!("the catalog has bars of {symbol} of several lengths"),
                    "give the file of one with --csv",
                )),
            }
        }
    }
}

fn from_file(path: &Path, arguments: &RunArgs) -> Result<BarSeries, Problem> {
    let named = arguments.symbol.as_deref();
    let file = BarFile {
        path,
        symbol: named,
        calendar: &arguments.calendar,
        currency: "USD",
        tick: Decimal::new(1, 2),
        lot: Decimal::ONE,
    };
    let mut seen = Vec::new();
    let mut all = file.usable(|symbol| {
        seen.push(symbol.to_owned());
        named.is_none_or(|named| named == symbol)
    })?;
    let (Some(Cleaned { series, report }), true) = (all.pop(), all.is_empty()) else {
        return Err(Problem::user(
            "which symbol is meant is not clear",
            format!("give --symbol, one of: {}", seen.join(", ")),
        )
        .in_file(path));
    };
    if !report.rows.is_empty() {
        output::warning(&report.to_string());
    }
    Ok(series)
}

/// How far a trial is: a bar on a terminal, a line a fold otherwise, nothing where a machine reads.
struct Meter {
    bar: Option<ProgressBar>,
    plain: bool,
}

impl Meter {
    fn new(json: bool, folds: usize) -> Meter {
        let terminal = std::io::stderr().is_terminal() && !json;
        let bar = terminal.then(|| {
            let target = ProgressDrawTarget::stderr_with_hz(10);
            let bar = ProgressBar::with_draw_target(Some(folds as u64), target);
            let template = "folds [{bar:30}] {pos} of {len}, {msg} {elapsed_precise}, {eta} to go";
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style.progress_chars("=> "));
            }
            bar
        });
        Meter {
            bar,
            plain: !terminal && !json,
        }
    }
}

impl Observer for Meter {
    fn fold(&mut self, report: &FoldReport, folds: usize) -> Directive {
        let skill = report.quality.as_ref().and_then(|it| it.skill);
        let said = format!(
            "skill {}, Sharpe {} a period",
            show::number(skill, 4),
            show::number(report.rule.sharpe, 4)
        );
        if let Some(bar) = &self.bar {
            bar.set_position(report.fold as u64);
            bar.set_message(said);
        } else if self.plain {
            output::note(&format!("fold {} of {folds}: {said}", report.fold));
        }
        Directive::Continue
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
