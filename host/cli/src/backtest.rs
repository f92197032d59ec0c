//! `bulkhead backtest`: a strategy over history, and what came of it.

use crate::bars::{BarFile, Cleaned};
use crate::environment::Environment;
use crate::kept;
use crate::options::GlobalOptions;
use crate::output::{self, line, table};
use bulkhead_domain::{Decimal, Problem, Timestamp};
use bulkhead_lab::backtest::{
    self, Finished, Plan, Series, Settings, fees, parameter, rule, slippage,
};
use bulkhead_lab::result::Status;
use bulkhead_lab::terminal::number;
use bulkhead_market::Catalog;
use bulkhead_venue::FillTiming;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::{Deserialize, Serialize};
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// When market orders fill.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Fill {
    /// At the next bar's open
    NextOpen,
    /// At the close they were decided on; optimistic
    Close,
}

/// What to run, on what, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct BacktestArgs {
    /// The strategy: its id, or the path of a component
    #[arg(long, value_name = "ID|FILE.wasm")]
    strategy: String,
    /// One of its parameters; may be repeated
    #[arg(long = "param", value_name = "KEY=VALUE")]
    parameters: Vec<String>,
    /// Bars from a file: Date or timestamp, Open, High, Low, Close, Volume
    #[arg(long, value_name = "FILE", required_unless_present = "symbols")]
    csv: Option<PathBuf>,
    /// Bars of the catalog, or those of the file to take; may be repeated
    #[arg(long = "symbol", value_name = "SYMBOL[,SYMBOL]", value_delimiter = ',')]
    symbols: Vec<String>,
    /// Length of the catalog's bars: 1d, 1h, 5m, 1m
    #[arg(long, value_name = "LENGTH", default_value = "1d")]
    interval: String,
    /// Exchange calendar of a file's bars
    #[arg(long, value_name = "NAME", default_value = "XNYS")]
    calendar: String,
    /// Smallest price increment of a file's instruments
    #[arg(long, value_name = "PRICE", default_value = "0.01")]
    tick: Decimal,
    /// Smallest quantity increment of a file's instruments
    #[arg(long, value_name = "QUANTITY", default_value = "1")]
    lot: Decimal,
    /// First date, YYYY-MM-DD
    #[arg(long, value_name = "DATE")]
    from: Option<String>,
    /// Last date
    #[arg(long, value_name = "DATE")]
    to: Option<String>,
    /// Cash at the start
    #[arg(long, value_name = "MONEY", default_value = "100000")]
    cash: Decimal,
    /// Currency of every amount
    #[arg(long, value_name = "CODE", default_value = "USD")]
    currency: String,
    /// What a fill costs: none, 0.001, 10bps, per-share:RATE,MINIMUM or maker-taker:MAKER,TAKER
    #[arg(
        long,
        value_name = "MODEL",
        default_value = "none",
        allow_hyphen_values = true
    )]
    fees: String,
    /// How much worse than the quoted price a taker trades: none, 5bps or volume-share:IMPACT
    #[arg(long, value_name = "MODEL", default_value = "none")]
    slippage: String,
    /// When market orders fill
    #[arg(long, value_enum, default_value = "next-open")]
    fill: Fill,
    /// Largest part of the volume that fills may be; 0 looks at no volume
    #[arg(long, value_name = "PART", default_value = "0.025")]
    volume_cap: f64,
    /// Leave fill prices between ticks
    #[arg(long)]
    no_rounding: bool,
    /// Yearly cost of short positions, as a fraction of their worth
    #[arg(long, value_name = "RATE", default_value = "0")]
    borrow_rate: Decimal,
    /// Yearly interest on cash, as a fraction
    #[arg(
        long,
        value_name = "RATE",
        default_value = "0",
        allow_hyphen_values = true
    )]
    interest_rate: Decimal,
    /// Most that positions may be worth together, as a multiple of equity
    #[arg(long, value_name = "MULTIPLE", default_value = "1")]
    leverage: Decimal,
    /// A feature to compute from each bar; may be repeated
    #[arg(long = "feature", value_name = "NAME")]
    features: Vec<String>,
    /// A risk rule with its settings as JSON; may be repeated
    #[arg(long = "risk", value_name = "ID[={...}]")]
    risk: Vec<String>,
    /// Seed of everything random
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    seed: u64,
    /// Folder that the result goes to
    #[arg(long, value_name = "DIR", default_value = "out/backtest")]
    out: PathBuf,
}

pub(crate) fn run(arguments: &BacktestArgs, options: &GlobalOptions) -> Result<(), Problem> {
    let environment = with_installed(Environment::open(options)?)?;
    let settings = settings(arguments)?;
    let parameters = arguments.parameters.iter().map(|text| parameter(text));
    let source = Source::of(arguments, &environment);
    let data = source.series(&settings.currency)?;
    let source = serde_json::to_value(&source)
        .map_err(|error| Problem::host(format!("no JSON: {error}"), "report this"))?;
    let total = data.iter().map(Series::bars).sum();
    let plan = Plan {
        registry: &environment.registry,
        strategy: &arguments.strategy,
        parameters: parameters.collect::<Result<_, _>>()?,
        data,
        settings,
        source,
        folder: Some(&arguments.out),
    };
    let stop = interruptible()?;
    let bar = meter(total, options.json);
    let finished = backtest::run(plan, &stop, |done, time| {
        bar.set_position(done);
        bar.set_message(Timestamp(time).date());
    });
    bar.finish_and_clear();
    let finished = finished?;
    if options.json {
        output::json(&finished.result)?;
    } else {
        show(&finished)?;
    }
    match finished.result.status {
        Status::Complete => Ok(()),
        Status::Partial { error, .. } => Err(Problem::user(
            format!("the backtest ended early: {error}"),
            format!(
                "what it came to until then is in {}",
                arguments.out.display()
            ),
        )),
    }
}

/// With what is installed, where anything was kept.
pub(crate) fn with_installed(environment: Environment) -> Result<Environment, Problem> {
    if !kept::path(&environment.state).is_file() {
        return Ok(environment);
    }
    let store = kept::open(&environment.state)?;
    Ok(environment.with_installed(&store))
}

fn settings(arguments: &BacktestArgs) -> Result<Settings, Problem> {
    if !(0.0..=1.0).contains(&arguments.volume_cap) {
        return Err(Problem::user(
            format!("--volume-cap is {}", arguments.volume_cap),
            "give a part between 0 and 1",
        ));
    }
    for (option, value) in [
        ("--cash", arguments.cash),
        ("--leverage", arguments.leverage),
    ] {
        if value <= Decimal::ZERO {
            return Err(Problem::user(
                format!("{option} is {value}"),
                "give a number above zero",
            ));
        }
    }
    let mut settings = Settings {
        cash: arguments.cash,
        currency: arguments.currency.clone(),
        fees: fees(&arguments.fees)?,
        slippage: slippage(&arguments.slippage)?,
        fill: match arguments.fill {
            Fill::NextOpen => FillTiming::NextOpen,
            Fill::Close => FillTiming::Close,
        },
        max_volume_share: (arguments.volume_cap > 0.0).then_some(arguments.volume_cap),
        round_to_tick: !arguments.no_rounding,
        leverage: arguments.leverage,
        features: arguments.features.clone(),
        risk: arguments
            .risk
            .iter()
            .map(|text| rule(text))
            .collect::<Result<_, _>>()?,
        from: arguments.from.clone(),
        to: arguments.to.clone(),
        seed: arguments.seed,
        ..Settings::default()
    };
    settings.carry.borrow = arguments.borrow_rate;
    settings.carry.interest = arguments.interest_rate;
    Ok(settings)
}

/// What a run's strategy and bars were taken from: enough to take them from there again.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Source {
    /// How the strategy was named.
    pub(crate) strategy: String,
    csv: Option<PathBuf>,
    symbols: Vec<String>,
    calendar: String,
    tick: Decimal,
    lot: Decimal,
    catalog: PathBuf,
    interval: String,
}

impl Source {
    fn of(arguments: &BacktestArgs, environment: &Environment) -> Source {
        Source {
            strategy: arguments.strategy.clone(),
            csv: arguments.csv.clone(),
            symbols: arguments.symbols.clone(),
            calendar: arguments.calendar.clone(),
            tick: arguments.tick,
            lot: arguments.lot,
            catalog: environment.catalog.clone(),
            interval: arguments.interval.clone(),
        }
    }

    /// The bars, priced in this currency where the file does not say.
    pub(crate) fn series(&self, currency: &str) -> Result<Vec<Series>, Problem> {
        if let Some(file) = &self.csv {
            return self.of_file(file, currency);
        }
        let interval = bulkhead_market::catalog::interval(&self.interval)?;
        let catalog = Catalog::open(&self.catalog)?;
        let data = self.symbols.iter().map(|symbol| {
            let reader = catalog.read(symbol, interval)?;
            Ok(Series::Stored(Box::new(reader)))
        });
        data.collect()
    }

    fn of_file(&self, path: &Path, currency: &str) -> Result<Vec<Series>, Problem> {
        let file = BarFile {
            path,
            symbol: None,
            calendar: &self.calendar,
            currency,
            tick: self.tick,
            lot: self.lot,
        };
        let named = |symbol: &str| self.symbols.iter().any(|one| one == symbol);
        let mut data = Vec::new();
        for Cleaned { series, report } in
            file.usable(|symbol| self.symbols.is_empty() || named(symbol))?
        {
            if !report.rows.is_empty() {
                output::note(&report.to_string());
            }
            data.push(Series::Loaded(Box::new(series)));
        }
        for symbol in &self.symbols {
            if !data.iter().any(|series| series.symbol() == symbol) {
                return Err(Problem::user(
                    format!("the file has no bars of {symbol}"),
                    "name a symbol that it has, or none for all of them",
                )
                .in_file(path));
            }
        }
        Ok(data)
    }
}

/// Ends the run at the next look when the process is asked to stop.
fn interruptible() -> Result<Arc<AtomicBool>, Problem> {
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Problem::host(format!("no I/O thread: {error}"), "free some threads"))?;
    std::thread::spawn(move || {
        if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            asked.store(true, Ordering::Relaxed);
        }
    });
    Ok(stop)
}

fn meter(total: u64, json: bool) -> ProgressBar {
    if json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(10));
    let template = "[{bar:40}] {percent:>3}% {msg} {per_sec}, {eta} to go";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}

fn show(finished: &Finished) -> Result<(), Problem> {
    let Finished {
        result,
        written,
        refusals,
        took,
    } = finished;
    let rows = result.statistics.rows();
    table(
        ["", result.run.strategy.as_str()],
        rows.into_iter()
            .map(|(label, figure)| [label.to_owned(), number(&result.currency, figure)]),
    )?;
    if !refusals.is_empty() {
        line(format!("orders refused, the first {}:", refusals.len()))?;
        table(
            ["at", "symbol", "why"],
            refusals.iter().map(|one| {
                [
                    Timestamp(one.time).to_string(),
                    one.symbol.clone(),
                    one.why.clone(),
                ]
            }),
        )?;
    }
    for diagnosis in &result.diagnoses {
        line(format!("{}: {}", diagnosis.severity, diagnosis.text))?;
    }
    let totals = &result.totals;
    let seconds = took.as_secs_f64();
    line(format!(
        "{} bars in {seconds:.2} s ({:.0} a second), {} fills; equity {} {}",
        totals.bars,
        totals.bars as f64 / seconds.max(1e-9),
        totals.fills,
        totals.final_equity.round_dp(2),
        result.currency
    ))?;
    line(format!("digest {}", result.digest))?;
    if let Some(written) = written {
        line(format!("report: {}", written.html.display()))?;
    }
    Ok(())
}
