//! `bulkhead verify`: a backtest's result, run again and compared bit for bit.

use crate::environment::Environment;
use crate::options::GlobalOptions;
use crate::output::{self, line};
use crate::source::Source;
use bulkhead_domain::Problem;
use bulkhead_lab::backtest::{Plan, Settings, difference, run};
use bulkhead_lab::result::{FORMAT, RunResult};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// Which result.
#[derive(Debug, clap::Args)]
pub(crate) struct VerifyArgs {
    /// The result: `result.json`, or the folder it is in
    #[arg(value_name = "RESULT")]
    result: PathBuf,
}

/// What came of it, for machines.
#[derive(Serialize)]
struct Verified {
    equal: bool,
    recorded: String,
    again: String,
    difference: Option<String>,
}

pub(crate) fn run_again(arguments: &VerifyArgs, options: &GlobalOptions) -> Result<(), Problem> {
    let path = if arguments.result.is_dir() {
        arguments.result.join("result.json")
    } else {
        arguments.result.clone()
    };
    let recorded = read(&path)?;
    let unreadable = |what: &str, error: serde_json::Error| {
        let mend = "verify a result that `bulkhead backtest` of this version wrote";
        Problem::user(format!("its {what} cannot be read: {error}"), mend).in_file(&path)
    };
    let settings = recorded
        .run
        .config
        .get("settings")
        .cloned()
        .unwrap_or_default();
    let settings: Settings =
        serde_json::from_value(settings).map_err(|error| unreadable("settings", error))?;
    let source: Source = serde_json::from_value(recorded.run.source.clone())
        .map_err(|error| unreadable("source", error))?;
    let environment = Environment::open(options)?.with_anything_installed()?;
    let plan = Plan {
        registry: &environment.registry,
        strategy: &source.strategy,
        parameters: recorded.run.parameters.clone().into_iter().collect(),
        data: source.data(&settings.currency)?,
        settings,
        source: recorded.run.source.clone(),
        folder: None,
        // It was tried before.
        tried: None,
    };
    let again = run(plan, &AtomicBool::new(false), |_, _| {})?.result;
    let difference = difference(&recorded, &again);
    if options.json {
        output::json(&Verified {
            equal: difference.is_none(),
            recorded: recorded.digest.to_string(),
            again: again.digest.to_string(),
            difference: difference.clone(),
        })?;
    }
    match difference {
        None if options.json => Ok(()),
        None => line(format!("equal: digest {}", recorded.digest)),
        Some(what) => Err(Problem::user(
            format!("the result is not what comes out: {what}"),
            "run it again, or restore what it was made from",
        )
        .in_file(&path)),
    }
}

fn read(path: &Path) -> Result<RunResult, Problem> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Problem::user(
            format!("the result cannot be read: {error}"),
            "check the path",
        )
        .in_file(path)
    })?;
    let result: RunResult = serde_json::from_str(&text).map_err(|error| {
        Problem::user(
            format!("it is no result of a backtest: {error}"),
            "give the result.json of a run's folder",
        )
        .in_file(path)
    })?;
    if result.format != FORMAT {
        return Err(Problem::user(
            format!(
                "it has format {}, and this version writes {FORMAT}",
                result.format
            ),
            "verify it with the version that wrote it",
        )
        .in_file(path));
    }
    Ok(result)
}
