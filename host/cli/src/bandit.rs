//! `bulkhead bandit`: what a selection policy would have earned on a table of rewards.

use crate::output::line;
use bulkhead_domain::Problem;
use bulkhead_orchestrator::simulate::{POLICIES, simulate};
use std::path::{Path, PathBuf};

/// Simulate a selection policy on a table of rewards, and print what it earned as JSON.
#[derive(Debug, clap::Args)]
pub(crate) struct BanditArgs {
    /// Table with a column per arm, named in the first row, and a row per step: what each arm would have paid.
    #[arg(long, value_name = "FILE.csv")]
    rewards: PathBuf,
    /// How the arm of each step is chosen.
    #[arg(long, value_name = "NAME", value_parser = clap::builder::PossibleValuesParser::new(POLICIES))]
    policy: String,
    /// Seed of every draw.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Choices made before a reward becomes known.
    #[arg(long, value_name = "STEPS", default_value_t = 0)]
    delay: usize,
}

/// Runs the command.
pub(crate) fn run(arguments: &BanditArgs) -> Result<(), Problem> {
    let rewards = read(&arguments.rewards)?;
    let simulation = simulate(&rewards, &arguments.policy, arguments.seed, arguments.delay)
        .map_err(|error| {
            Problem::user(error.to_string(), "correct the table").in_file(&arguments.rewards)
        })?;
    let text = serde_json::to_string(&simulation)
        .map_err(|error| Problem::host(error.to_string(), "please report it"))?;
    line(text)
}

/// The table's rows, all as long as its header.
fn read(path: &Path) -> Result<Vec<Vec<f64>>, Problem> {
    let unreadable = |error: &csv::Error| {
        let problem = Problem::user(
            format!("the table of rewards cannot be read: {error}"),
            "give a CSV file with a header and as many numbers in every row",
        )
        .in_file(path);
        match error.position() {
            Some(position) => problem.at_line(position.line()),
            None => problem,
        }
    };
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_path(path)
        .map_err(|error| unreadable(&error))?;
    let header = reader
        .headers()
        .map_err(|error| unreadable(&error))?
        .clone();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| unreadable(&error))?;
        let cells = record.iter().zip(&header).map(|(cell, arm)| {
            let reward: Option<f64> = cell.parse().ok();
            reward.filter(|reward| reward.is_finite()).ok_or_else(|| {
                let problem =
                    Problem::user(format!("'{cell}' is no reward"), "give a finite number")
                        .in_file(path)
                        .at_column(arm);
                match record.position() {
                    Some(position) => problem.at_line(position.line()),
                    None => problem,
                }
            })
        });
        rows.push(cells.collect::<Result<_, _>>()?);
    }
    Ok(rows)
}
