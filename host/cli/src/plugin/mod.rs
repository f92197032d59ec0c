//! `bulkhead plugin …`

mod build;
mod inspect;
mod list;
mod new;
mod settings;
mod test;

use crate::options::GlobalOptions;
use bulkhead_domain::Problem;
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start a new plugin from the SDK's template for its kind
    New(new::Arguments),
    /// Build a plugin's component
    Build(build::Arguments),
    /// Put a plugin through the host's load, limits and determinism checks
    Test(test::Arguments),
    /// Show what a component is, asks for and gets
    Inspect(inspect::Arguments),
    /// List the components in the folder of plugins
    List,
}

pub(crate) fn run(options: &GlobalOptions, command: Command) -> Result<(), Problem> {
    match command {
        Command::New(arguments) => new::run(options, arguments),
        Command::Build(arguments) => build::run(options, arguments),
        Command::Test(arguments) => test::run(options, arguments),
        Command::Inspect(arguments) => inspect::run(options, &arguments),
        Command::List => list::run(options),
    }
}
