//! `bulkhead backtest`: a strategy over history, and what came of it.

use crate::environment::Environment;
use crate::halt::now;
use crate::kept;
use crate::options::GlobalOptions;
use crate::output::{self, line, table};
use crate::setting::SettingArgs;
use crate::source::{DataArgs, DetailArgs, Source};
use crate::waiting::{interruptible, meter};
use bulkhead_domain::{Problem, Timestamp};
use bulkhead_lab::backtest::{self, Finished, Plan, Series, Tried, parameter};
use bulkhead_lab::result::Status;
use bulkhead_lab::terminal::number;
use bulkhead_lab::trials::ledger::Ledger;
use bulkhead_session::backtest::Detailed;
use std::path::PathBuf;

/// What to run, on what, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct BacktestArgs {
    /// The strategy: its id, or the path of a component
    #[arg(long, value_name = "ID|FILE.wasm")]
    strategy: String,
    /// One of its parameters; may be repeated
    #[arg(long = "param", value_name = "KEY=VALUE")]
    parameters: Vec<String>,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    detail: DetailArgs,
    #[command(flatten)]
    setting: SettingArgs,
    /// The hypothesis that it belongs to: all that was tried of a family deflates its Sharpe ratios; the strategy's id
    #[arg(long, value_name = "NAME")]
    family: Option<String>,
    /// Folder that the result goes to
    #[arg(long, value_name = "DIR", default_value = "out/backtest")]
    out: PathBuf,
}

pub(crate) fn run(arguments: &BacktestArgs, options: &GlobalOptions) -> Result<(), Problem> {
    let store = kept::open(&options.state)?;
    let environment = Environment::open(options)?.with_installed(&store);
    let settings = arguments.setting.settings()?;
    let parameters = arguments.parameters.iter().map(|text| parameter(text));
    let source = Source::of(&arguments.strategy, &arguments.data, &environment);
    let source = source.detailed(&arguments.detail);
    let data = source.data(&settings.currency)?;
    let source = serde_json::to_value(&source)
        .map_err(|error| Problem::host(format!("no JSON: {error}"), "report this"))?;
    let total = data.series.iter().map(Series::bars).sum();
    let ledger = Ledger::new(store);
    let plan = Plan {
        registry: &environment.registry,
        strategy: &arguments.strategy,
        parameters: parameters.collect::<Result<_, _>>()?,
        data,
        settings,
        source,
        folder: Some(&arguments.out),
        tried: Some(Tried {
            ledger: &ledger,
            family: arguments.family.as_deref(),
            now: now(),
        }),
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

/// How far finer bars told what went on within bars.
fn within(symbol: &str, told: Detailed) -> String {
    let mut text = format!("{symbol}: finer bars resolved {} bars", told.resolved);
    if told.without > 0 {
        text += &format!("; there were none within {}", told.without);
    }
    if let Some(first) = told.first_beyond {
        let first = Timestamp(first).date();
        text += &format!(
            "; those of {} went beyond their bar, the first on {first}, and were left alone: they are of another source or otherwise adjusted",
            told.beyond
        );
    }
    text
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
        line(format!(
            "orders refused and models that failed, the first {}:",
            refusals.len()
        ))?;
        table(
            ["at", "whose", "symbol", "why"],
            refusals.iter().map(|one| {
                [
                    Timestamp(one.time).to_string(),
                    one.owner.clone(),
                    one.symbol.clone(),
                    one.why.clone(),
                ]
            }),
        )?;
    }
    for diagnosis in &result.diagnoses {
        line(format!("{}: {}", diagnosis.severity, diagnosis.text))?;
    }
    for instrument in &result.run.instruments {
        if let Some(detail) = &instrument.detail {
            line(within(&instrument.symbol, detail.told))?;
        }
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
    if let Some(deflation) = &result.deflation {
        let dsr = deflation.deflated.dsr;
        line(format!(
            "of {} trials of family {}: deflated Sharpe ratio {}",
            deflation.deflated.trials,
            deflation.family,
            dsr.map_or_else(
                || "undefined".to_owned(),
                |dsr| format!("{:.2} %", 100.0 * dsr)
            )
        ))?;
    }
    line(format!("digest {}", result.digest))?;
    if let Some(written) = written {
        line(format!("report: {}", written.html.display()))?;
    }
    Ok(())
}
