//! `bulkhead conform`

use crate::environment::loader;
use crate::options::GlobalOptions;
use crate::output;
use bulkhead_conform::{Check, Conformance, Outcome, Terms};
use bulkhead_domain::Problem;
use bulkhead_registry::Registry;
use clap::Args;
use indicatif::ProgressBar;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Debug, Args)]
pub(crate) struct ConformArgs {
    /// A component, or the id of one in the folder of plugins
    #[arg(value_name = "FILE.wasm|PLUGIN")]
    what: PathBuf,
    /// The plugin's configuration: a JSON object, or a file of one or of TOML
    #[arg(long, value_name = "JSON|FILE", default_value = "{}")]
    config: String,
    /// The folder that a data source may read
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Seed of the inputs
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Puts a plugin through the whole numbered suite of its kind.
///
/// # Errors
/// When it cannot be read, or fails a check.
pub(crate) fn run(arguments: &ConformArgs, options: &GlobalOptions) -> Result<(), Problem> {
    let terms = Terms {
        config: config(&arguments.config)?,
        folder: arguments.folder.clone(),
        seed: arguments.seed,
    };
    if let Some(missing) = terms.folder.as_ref().filter(|folder| !folder.is_dir()) {
        return Err(Problem::user("there is no such folder", "correct --folder").in_file(missing));
    }
    let component = component(&arguments.what, options)?;
    let wasm = std::fs::read(&component).map_err(|error| {
        Problem::user(
            format!("the plugin cannot be read: {error}"),
            "check the path",
        )
        .in_file(&component)
    })?;
    let spinner = ProgressBar::new_spinner();
    spinner.enable_steady_tick(Duration::from_millis(100));
    let report = bulkhead_conform::conform(&loader(options)?, &wasm, &terms, &mut |check| {
        spinner.set_message(format!("{} {}", check.rule.number, check.rule.what));
    });
    spinner.finish_and_clear();
    show(options, &component, &report)?;
    verdict(&report, "run the suite again").map_err(|problem| problem.in_file(component))
}

/// A path as it is; a name without a folder or an ending is a plugin's id.
fn component(what: &Path, options: &GlobalOptions) -> Result<PathBuf, Problem> {
    let id = what.to_str().filter(|id| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !id.is_empty() && id.bytes().all(plain)
    });
    match id {
        Some(id) if !what.exists() => {
            let registry = Registry::open(&options.plugins, loader(options)?)?;
            let mut entries = registry.entries();
            match entries.find(|entry| entry.manifest.id == id) {
                Some(entry) => Ok(entry.path.clone()),
                None => Err(Problem::user(
                    format!("there is no file and no plugin `{id}`"),
                    "`bulkhead plugin list` names the plugins; --plugins names their folder",
                )),
            }
        }
        _ => Ok(what.to_owned()),
    }
}

/// A configuration in place or in a file.
pub(crate) fn config(text: &str) -> Result<Value, Problem> {
    let mend = r#"write it as '{"name": value}', or name a .json or .toml file"#;
    let ending = Path::new(text)
        .extension()
        .and_then(|ending| ending.to_str());
    let is_object = |value: Value| match value {
        Value::Object(_) => Ok(value),
        _ => Err(Problem::user("the configuration is no JSON object", mend)),
    };
    let from_json = |json: &str| {
        serde_json::from_str(json)
            .map_err(|error| Problem::user(format!("the configuration is not JSON: {error}"), mend))
    };
    let Some(ending @ ("json" | "toml")) = ending else {
        return is_object(from_json(text)?);
    };
    let read = std::fs::read_to_string(text).map_err(|error| {
        Problem::user(
            format!("the configuration cannot be read: {error}"),
            "check the path",
        )
        .in_file(text)
    })?;
    let value = if ending == "json" {
        from_json(&read)
    } else {
        toml::from_str(&read)
            .map_err(|error| Problem::user(format!("the configuration is not TOML: {error}"), mend))
    };
    value
        .and_then(is_object)
        .map_err(|problem| problem.in_file(text))
}

/// Prints what was checked and how it went.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn show(
    options: &GlobalOptions,
    component: &Path,
    report: &Conformance,
) -> Result<(), Problem> {
    let count = |outcome| {
        let of = report
            .checks
            .iter()
            .filter(|check| check.outcome == outcome);
        of.count()
    };
    let (passed, failed, skipped) = (
        count(Outcome::Passed),
        count(Outcome::Failed),
        count(Outcome::Skipped),
    );
    let subject = report.subject.as_ref();
    if options.json {
        return output::json(&json!({
            "component": component,
            "id": subject.map(|subject| &subject.manifest.id),
            "version": subject.map(|subject| &subject.manifest.version),
            "kind": subject.map(|subject| subject.manifest.kind),
            "digest": subject.map(|subject| subject.digest),
            "passed": report.passed(),
            "counts": {"passed": passed, "failed": failed, "skipped": skipped},
            "checks": report.checks,
        }));
    }
    if let Some(subject) = subject {
        output::line(format!(
            "{} {} ({}), sha-256 {}",
            subject.manifest.id, subject.manifest.version, subject.manifest.kind, subject.digest
        ))?;
    }
    let rows = report.checks.iter().map(|check| {
        let what = if check.of.is_empty() {
            check.rule.what.to_owned()
        } else {
            format!("{}: {}", check.of, check.rule.what)
        };
        [
            check.rule.number.to_owned(),
            what,
            word(check.outcome).to_owned(),
            check.detail.clone(),
        ]
    });
    output::table(["check", "what has to hold", "outcome", "seen"], rows)?;
    output::line(format!(
        "{passed} passed, {failed} failed, {skipped} skipped"
    ))
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Failed => "FAILED",
        Outcome::Skipped => "skipped",
    }
}

/// The first check that failed, and how many others did.
///
/// # Errors
/// Where one did; `again` says how to repeat them.
pub(crate) fn verdict(report: &Conformance, again: &str) -> Result<(), Problem> {
    let failed: Vec<&Check> = report.failures().collect();
    let Some(first) = failed.first() else {
        return Ok(());
    };
    let what = if first.of.is_empty() {
        first.detail.clone()
    } else {
        format!("{}: {}", first.of, first.detail)
    };
    let others = match failed.len() - 1 {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    Err(Problem::user(
        format!("{} fails{others}: {what}", first.rule.number),
        format!("mend it and {again}; --config gives other settings"),
    ))
}
