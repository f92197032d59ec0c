//! `bulkhead standings`: who earns what in which context, with intervals.
//!
//! A run's standings are of what was earned in it; those of the state folder itself are of what has no run, such as
//! fetching bars before one begins.

use crate::kept;
use crate::options::GlobalOptions;
use crate::output::{self, line, table};
use bulkhead_domain::{Digest, Problem};
use bulkhead_orchestrator::rewards::{ArmStanding, Rewards, names, scopes};
use bulkhead_orchestrator::{Interval, Standings, latest_standings};
use bulkhead_session::runs;
use bulkhead_store::{Store, StoreError, wait};
use serde_json::json;
use std::collections::BTreeMap;

/// Show who earns what: models by their skill, everybody else by their rewards.
#[derive(Debug, clap::Args)]
pub(crate) struct StandingsArgs {
    /// Of this run; the newest unless given.
    #[arg(long)]
    run: Option<String>,
    /// Of this task class only: validation, trading, data, or a model's alias.
    #[arg(long)]
    class: Option<String>,
}

/// One class of one scope.
struct Class {
    name: String,
    /// Rewards that are not known yet.
    out: usize,
    arms: Vec<ArmStanding>,
}

/// Runs the command.
pub(crate) fn run(arguments: &StandingsArgs, options: &GlobalOptions) -> Result<(), Problem> {
    let path = kept::path(&options.state);
    let store = kept::existing(&options.state)?;
    let known = wait(runs(&store))?;
    let run = match &arguments.run {
        Some(run) if !known.iter().any(|one| one.run == *run) => {
            return Err(Problem::user(
                format!("there is no run {run}"),
                "see `bulkhead statement --list`",
            )
            .in_file(path));
        }
        Some(run) => Some(run.clone()),
        None => known.into_iter().next_back().map(|one| one.run),
    };
    let names = wait(names(&store))?;
    let mut classes = rewards_of(&store, "")?;
    let mut models = Vec::new();
    if let Some(run) = &run {
        classes.extend(rewards_of(&store, run)?);
        models = wait(latest_standings(&store, run))?;
    }
    if let Some(wanted) = &arguments.class {
        classes.retain(|class| class.name == *wanted);
        models.retain(|standings| standings.task.class == *wanted);
    }
    if options.json {
        return output::json(&as_json(run.as_deref(), &models, &classes, &names));
    }
    if let Some(run) = &run {
        line(format!("run {run}"))?;
    }
    if models.is_empty() && classes.is_empty() {
        return line("nobody has earned anything here");
    }
    for standings in &models {
        show_models(standings)?;
    }
    for class in &classes {
        show_arms(class, &names)?;
    }
    Ok(())
}

fn rewards_of(store: &Store, scope: &str) -> Result<Vec<Class>, Problem> {
    let all = wait(scopes(store))?;
    let Some(classes) = all.get(scope) else {
        return Ok(Vec::new());
    };
    let loaded = wait(async {
        Ok::<_, StoreError>(Rewards::load(store, None, scope, BTreeMap::new()).await)
    })?;
    let rewards = loaded.map_err(|error| {
        Problem::host(
            format!("what was earned cannot be read: {error}"),
            "restore the database from a backup",
        )
    })?;
    Ok(classes
        .iter()
        .map(|name| Class {
            name: name.clone(),
            out: rewards.pending().filter(|out| out.class == *name).count(),
            arms: rewards.standings(name),
        })
        .collect())
}

fn interval(interval: Option<Interval>, unit: &str) -> String {
    interval.map_or_else(String::new, |it| {
        format!("{:.4}{unit} ({:.4} to {:.4})", it.value, it.lower, it.upper)
    })
}

fn show_models(standings: &Standings) -> Result<(), Problem> {
    let rows: Vec<_> = standings
        .candidates
        .iter()
        .map(|standing| {
            [
                standing.candidate.clone(),
                standing.samples.to_string(),
                standing.skill.map_or_else(
                    || "too few labels".to_owned(),
                    |skill| interval(Some(skill), ""),
                ),
                standing
                    .score
                    .map_or_else(String::new, |score| format!("{score:+.4}")),
                if standings.policy.eligible(standing) {
                    "yes"
                } else {
                    ""
                }
                .to_owned(),
            ]
        })
        .collect();
    let title = format!("{}, {}", standings.task, standings.time.date());
    table(
        [title.as_str(), "labels", "skill", "discounted", "eligible"],
        rows,
    )
}

fn called(names: &BTreeMap<Digest, (String, String)>, candidate: &Digest) -> String {
    names.get(candidate).map_or_else(
        || candidate.short(),
        |(label, version)| format!("{label} {version}"),
    )
}

fn show_arms(class: &Class, names: &BTreeMap<Digest, (String, String)>) -> Result<(), Problem> {
    let rows: Vec<_> = class
        .arms
        .iter()
        .map(|arm| {
            [
                arm.context.to_string(),
                called(names, &arm.candidate),
                format!("{:.1}", arm.weight),
                if arm.weight > 0.0 {
                    interval(Some(arm.value), "")
                } else {
                    "nothing known".to_owned()
                },
                interval(arm.cost, ""),
                interval(arm.latency, " s"),
            ]
        })
        .collect();
    table(
        [
            format!("{} in", class.name).as_str(),
            "candidate",
            "rewards",
            "mean reward",
            "cost",
            "latency",
        ],
        rows,
    )?;
    match class.out {
        0 => Ok(()),
        out => line(format!("{out} rewards of {} are not known yet", class.name)),
    }
}

fn as_json(
    run: Option<&str>,
    models: &[Standings],
    classes: &[Class],
    names: &BTreeMap<Digest, (String, String)>,
) -> serde_json::Value {
    let arm =
        |arm: &ArmStanding| json!({ "candidate": called(names, &arm.candidate), "standing": arm });
    let class = |class: &Class| {
        json!({
            "class": class.name,
            "pending": class.out,
            "arms": class.arms.iter().map(arm).collect::<Vec<_>>(),
        })
    };
    json!({
        "run": run,
        "models": models,
        "classes": classes.iter().map(class).collect::<Vec<_>>(),
    })
}
