//! `bulkhead data …`

mod import;
mod list;

use crate::options::GlobalOptions;
use bulkhead_domain::Problem;
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Clean a CSV file of bars and put it into the catalog
    Import(import::Arguments),
    /// Like import, with every finding in a table; --dry-run writes nothing
    Clean(import::CleanArguments),
    /// List what is in the catalog
    List(list::Arguments),
}

pub(crate) fn run(options: &GlobalOptions, command: Command) -> Result<(), Problem> {
    match command {
        Command::Import(arguments) => import::import(options, &arguments),
        Command::Clean(arguments) => import::clean(options, &arguments),
        Command::List(arguments) => list::run(options, &arguments),
    }
}
