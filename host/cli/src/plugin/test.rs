//! `bulkhead plugin test`

use super::build;
use crate::conform::{config, show, verdict};
use crate::environment::loader;
use crate::options::GlobalOptions;
use crate::output;
use bulkhead_conform::{Check, NATIVE, Outcome, Terms};
use bulkhead_domain::Problem;
use bulkhead_toolchain::rustc;
use clap::Args;
use indicatif::ProgressBar;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The plugin's folder, which is built and tested natively first, or a component
    #[arg(value_name = "DIR|FILE.wasm", default_value = ".")]
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

pub(crate) fn run(options: &GlobalOptions, arguments: Arguments) -> Result<(), Problem> {
    let terms = Terms {
        config: config(&arguments.config)?,
        folder: arguments.folder,
        seed: arguments.seed,
    };
    if let Some(missing) = terms.folder.as_ref().filter(|folder| !folder.is_dir()) {
        return Err(Problem::user("there is no such folder", "correct --folder").in_file(missing));
    }
    let mut checks = Vec::new();
    let component = if arguments.what.is_dir() {
        let built = build::component(&arguments.what, None, false)?;
        checks.push(native(&arguments.what)?);
        built.path
    } else {
        arguments.what
    };
    let wasm = std::fs::read(&component).map_err(|error| {
        Problem::user(
            format!("the plugin cannot be read: {error}"),
            "check the path",
        )
        .in_file(&component)
    })?;
    let spinner = ProgressBar::new_spinner();
    spinner.enable_steady_tick(Duration::from_millis(100));
    let loader = loader(options)?;
    let mut report = bulkhead_conform::run(&loader, &wasm, &terms, &mut |check| {
        spinner.set_message(format!("{} {}", check.rule.number, check.of));
    });
    spinner.finish_and_clear();
    checks.append(&mut report.checks);
    report.checks = checks;
    show(options, &component, &report)?;
    verdict(&report, "test again").map_err(|problem| problem.in_file(component))
}

/// The plugin's own tests; cargo's words go to standard error.
fn native(folder: &Path) -> Result<Check, Problem> {
    output::note("its own tests, natively");
    let status = rustc::cargo_command()
        .arg("test")
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::from(std::io::stderr()))
        .status()
        .map_err(|error| {
            Problem::host(
                format!("cargo cannot be run: {error}"),
                "install Rust with rustup or with the distribution's packages",
            )
        })?;
    let (outcome, detail) = if status.success() {
        (Outcome::Passed, "cargo test".to_owned())
    } else {
        (
            Outcome::Failed,
            format!("cargo test ended with {status}; its messages are above"),
        )
    };
    Ok(Check {
        rule: NATIVE,
        of: String::new(),
        outcome,
        detail,
    })
}
