//! `cargo xtask`: everything that is done to this repository, one command each.
//!
//! Every command first brings about what it needs, and a second run finds it done. `CARGO_TARGET_DIR`
//! is respected; plugins are compiled within it in a folder of their own.

mod steps;
mod tree;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::tree::Tree;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Builds, runs and checks Bulkhead")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Get the wasm target, build the plugins and the host
    Setup,
    /// Build the plugins, the hostile ones of the tests included
    Plugins,
    /// Set up, then run the paper-trading demo
    Demo {
        /// Run this component in the demo too; may be given several times
        #[arg(long, value_name = "FILE.wasm")]
        with: Vec<PathBuf>,
        /// Folder for the report; out/demo in the checkout unless given
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Run every test
    Test {
        /// Run the long soak tests too
        #[arg(long)]
        soak: bool,
        /// Run all parts and all tests even when some fail
        #[arg(long)]
        all: bool,
    },
    /// Run the benchmarks and write bench.json to the target folder
    Bench {
        /// Only figures whose names start with this
        prefix: Option<String>,
    },
    /// Record the contract in wit/ as released, for the check in the tests
    WitRelease {
        /// Write over another text of the same version, which nobody has received yet
        #[arg(long)]
        replace: bool,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            // Without the backtrace that `Debug` adds: this is for whoever typed the command.
            eprintln!("xtask: error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<ExitCode> {
    let tree = Tree::find()?;
    match arguments.task {
        Task::Setup => steps::setup(&tree)?,
        Task::Plugins => steps::plugins(&tree)?,
        Task::Demo { with, out } => return steps::demo(&tree, &with, out.as_deref()),
        Task::Test { soak, all } => steps::test(&tree, soak, all)?,
        Task::Bench { prefix } => steps::bench(&tree, prefix.as_deref())?,
        Task::WitRelease { replace } => steps::wit_release(&tree, replace)?,
    }
    Ok(ExitCode::SUCCESS)
}
