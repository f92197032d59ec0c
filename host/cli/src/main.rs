//! The `bulkhead` command: arguments in, tables and progress out, no logic of its own.
//!
//! A command is a module with its arguments and a `run`, listed in [`Command`].
//!
//! What it promises: results go to standard output, everything else to standard error; whatever goes wrong
//! is one line `error: what (where); mend`, exit code 2 for a mistake in what was given and 1 for a failure
//! of the host or the machine. A reader that stops reading ends nothing.

mod audit;
mod backtest;
mod bandit;
mod bars;
mod compared;
mod conform;
mod data;
mod dev;
mod environment;
mod explain;
mod halt;
mod kept;
mod operations;
mod options;
mod output;
mod owner;
mod paper;
mod plugin;
mod problems;
mod replay;
mod running;
mod setting;
mod shadows;
mod source;
mod standings;
mod statement;
mod sweep;
mod trial;
mod usage;
mod verify;
mod waiting;

use bulkhead_domain::Problem;
use clap::{Parser, Subcommand};
use environment::Environment;
use options::GlobalOptions;
use std::process::ExitCode;

/// Orders and their records are many small pieces of memory: a quarter of a backtest's time with the system's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Run, test and trade with sandboxed trading plugins.
#[derive(Debug, Parser)]
#[command(name = "bulkhead", version, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    options: GlobalOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a paper-trading session over history and write its report
    Paper(paper::PaperArgs),
    /// Run a strategy over history and say what came of it
    Backtest(Box<backtest::BacktestArgs>),
    /// Run a strategy with many combinations of its parameters, and say what the best is worth
    Sweep(Box<sweep::SweepArgs>),
    /// Run a backtest's result again and compare it bit for bit
    Verify(verify::VerifyArgs),
    /// Run a recorded paper session again through the backtest's engine and compare
    Replay(replay::ReplayArgs),
    /// Say why a trade was proposed (t-...), a model chosen (p-...) or a provider asked (c-...)
    Explain(explain::ExplainArgs),
    /// Show who earns what in which context, with intervals
    Standings(standings::StandingsArgs),
    /// State what a run did to its account, and check that its books agree
    Statement(statement::StatementArgs),
    /// Stop trading, or some of it, until `bulkhead resume`
    Halt(halt::HaltArgs),
    /// Lift a restriction on trading
    Resume(halt::ResumeArgs),
    /// Say what is restricted, and whether anything runs
    Status,
    /// Verify and export the audit log
    #[command(subcommand)]
    Audit(audit::Command),
    /// Put a plugin through the whole conformance suite of its kind
    Conform(conform::ConformArgs),
    /// Simulate a selection policy on a table of rewards
    Bandit(bandit::BanditArgs),
    /// Build, test, install, swap and look into plugins
    #[command(subcommand)]
    Plugin(plugin::Command),
    /// Build a plugin and put it in service each time its sources are saved
    Dev(dev::Arguments),
    /// Judge a model out of sample, and remember that it was tried
    Trial(Box<trial::TrialArgs>),
    /// Import, clean and list bars
    #[command(subcommand)]
    Data(data::Command),
}

fn main() -> ExitCode {
    let outcome = match Cli::try_parse() {
        Ok(cli) => {
            cli.options.start_log();
            run(cli)
        }
        Err(error) => usage::answer(&error),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            output::error(&problem);
            ExitCode::from(problem.exit_code())
        }
    }
}

fn run(cli: Cli) -> Result<(), Problem> {
    let options = &cli.options;
    match cli.command {
        Command::Paper(arguments) => {
            paper::run(&arguments, Environment::open(options)?, options.json)
        }
        Command::Backtest(arguments) => backtest::run(&arguments, options),
        Command::Sweep(arguments) => sweep::run(&arguments, options),
        Command::Verify(arguments) => verify::run_again(&arguments, options),
        Command::Replay(arguments) => replay::run(&arguments, options),
        Command::Explain(arguments) => explain::run(&arguments, options),
        Command::Standings(arguments) => standings::run(&arguments, options),
        Command::Statement(arguments) => statement::run(&arguments, options),
        Command::Halt(arguments) => halt::halt(arguments, options),
        Command::Resume(arguments) => halt::resume(arguments, options),
        Command::Status => halt::status(options),
        Command::Audit(command) => audit::run(command, options),
        Command::Conform(arguments) => conform::run(&arguments, options),
        Command::Bandit(arguments) => bandit::run(&arguments),
        Command::Plugin(command) => plugin::run(options, command),
        Command::Dev(arguments) => dev::run(options, &arguments),
        Command::Trial(arguments) => trial::run(&arguments, options),
        Command::Data(command) => data::run(options, command),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    /// A command's own option of a global one's name would take its place, and be read as what it is not.
    #[test]
    fn no_command_has_an_option_of_a_global_ones_name() {
        fn walk(command: &clap::Command, global: &[String]) {
            for own in command.get_arguments() {
                let id = own.get_id().to_string();
                assert!(!global.contains(&id), "{}: {id}", command.get_name());
            }
            command.get_subcommands().for_each(|sub| walk(sub, global));
        }
        let cli = Cli::command();
        let global: Vec<String> = cli
            .get_arguments()
            .map(|own| own.get_id().to_string())
            .collect();
        assert!(global.contains(&"state".to_owned()));
        cli.get_subcommands().for_each(|sub| walk(sub, &global));
    }
}
