//! `bulkhead explain`: why a trade was proposed, why a model was chosen, or why somebody was asked.

use crate::kept;
use crate::options::GlobalOptions;
use crate::output::{self, line, table};
use bulkhead_domain::{Problem, Timestamp};
use bulkhead_lab::report::order_kind;
use bulkhead_orchestrator::choice::{ChoiceRecord, RederivedChoice, Slate, find_choice};
use bulkhead_orchestrator::{Decision, Rederived, Standings, find_decision};
use bulkhead_session::find_proposal;
use bulkhead_session::record::{Interval, ProposalRecord};
use serde::Serialize;
use serde_json::{Value, json};

/// Say why a trade was proposed (`t-…`, `r-…` for a rule's protection), a model chosen (`p-…`) or somebody
/// asked (`c-…`).
#[derive(Debug, clap::Args)]
pub(crate) struct ExplainArgs {
    /// The decision's id, as reports and tables give it.
    decision: String,
}

enum Found {
    Trade(Box<ProposalRecord>),
    Choice(Box<(Decision, Standings)>),
    Asked(Box<(ChoiceRecord, Slate)>),
}

/// Runs the command.
pub(crate) fn run(arguments: &ExplainArgs, options: &GlobalOptions) -> Result<(), Problem> {
    let path = kept::path(&options.state);
    let store = kept::existing(&options.state)?;
    let id = &arguments.decision;
    let found = bulkhead_store::wait(async {
        if let Some(proposal) = find_proposal(&store, id).await? {
            return Ok::<_, bulkhead_store::StoreError>(Some(Found::Trade(Box::new(proposal))));
        }
        if let Some(found) = find_decision(&store, id).await? {
            return Ok(Some(Found::Choice(Box::new(found))));
        }
        // Whoever answered in shadow has the choice's name with a place behind it.
        let choice = id.split('+').next().unwrap_or(id);
        Ok(find_choice(&store, choice)
            .await?
            .map(|found| Found::Asked(Box::new(found))))
    })?;
    match found {
        Some(Found::Trade(proposal)) => trade(&proposal, options.json),
        Some(Found::Choice(found)) => choice(&found.0, &found.1, options.json),
        Some(Found::Asked(found)) => asked(&found.0, &found.1, options.json),
        None => Err(Problem::user(
            format!("no session kept here has a decision {id}"),
            "take an id from the report's trades, or name another state folder with --state",
        )
        .in_file(path)),
    }
}

fn interval(skill: Option<Interval>) -> String {
    skill.map_or_else(
        || "too few labels".to_owned(),
        |skill| {
            format!(
                "{:+.4} ({:+.4} to {:+.4})",
                skill.value, skill.lower, skill.upper
            )
        },
    )
}

/// A word of the record as it is written there.
fn word(value: &impl Serialize) -> Result<String, Problem> {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => Ok(word),
        Ok(other) => Ok(other.to_string()),
        Err(error) => Err(Problem::host(
            format!("the record cannot be written: {error}"),
            "report this",
        )),
    }
}

fn yes(value: bool) -> String {
    if value { "yes" } else { "" }.to_owned()
}

fn trade(proposal: &ProposalRecord, as_json: bool) -> Result<(), Problem> {
    if as_json {
        return output::json(&json!({ "trade": proposal }));
    }
    let mut rows = vec![
        ("decided", Timestamp(proposal.time).to_string()),
        ("wanted by", proposal.owner.clone()),
        (
            "order",
            format!(
                "{} {} of instrument {}, {}",
                word(&proposal.side)?,
                proposal.quantity,
                proposal.instrument,
                order_kind(&proposal.kind)
            ),
        ),
        ("because", proposal.reason.clone()),
        (
            "confidence",
            proposal
                .confidence
                .map_or_else(|| "none given".to_owned(), |value| format!("{value:.4}")),
        ),
        ("sent", proposal.sent.to_string()),
        (
            "outcome",
            match &proposal.outcome {
                Some(outcome) => word(outcome)?,
                None => "none".to_owned(),
            },
        ),
    ];
    rows.extend(proposal.choices.iter().map(|choice| {
        let heeded = if choice.heeded { "" } else { " (not gone by)" };
        let text = format!(
            "{}: {}{heeded}; see {}",
            choice.task, choice.reason, choice.decision
        );
        ("choice", text)
    }));
    table(
        ["trade", &proposal.decision],
        rows.into_iter()
            .map(|(label, value)| [label.to_owned(), value])
            .collect::<Vec<_>>(),
    )?;
    if !proposal.models.is_empty() {
        let rows = proposal
            .models
            .iter()
            .map(|view| {
                let probability = view
                    .probability
                    .map_or_else(|| "none".to_owned(), |p| format!("{p:.4}"));
                [
                    view.candidate.clone(),
                    probability,
                    interval(view.skill),
                    yes(view.eligible),
                    yes(view.chosen),
                ]
            })
            .collect::<Vec<_>>();
        table(
            ["model", "probability of up", "skill", "eligible", "chosen"],
            rows,
        )?;
    }
    let features = proposal
        .features
        .iter()
        .map(|(name, value)| {
            [
                name.clone(),
                value.map_or_else(|| "not defined".to_owned(), |v| format!("{v:.6}")),
            ]
        })
        .collect::<Vec<_>>();
    table(["feature", "value"], features)?;
    let verdicts = proposal
        .verdicts
        .iter()
        .map(|verdict| {
            [
                verdict.source.clone(),
                verdict.verdict.clone(),
                verdict.code.clone(),
                verdict.observed.clone(),
                verdict.limit.clone(),
                verdict.text.clone(),
            ]
        })
        .collect::<Vec<_>>();
    table(
        ["source", "verdict", "code", "observed", "limit", "text"],
        verdicts,
    )?;
    Ok(())
}

fn choice(decision: &Decision, standings: &Standings, as_json: bool) -> Result<(), Problem> {
    let again = decision.rederive(standings);
    if as_json {
        output::json(
            &json!({ "decision": decision, "standings": standings, "rederived": again == Rederived::Same }),
        )?;
    } else {
        let winner = decision
            .choice
            .winner
            .and_then(|index| standings.candidates.get(index));
        let rows = [
            ("task", standings.task.to_string()),
            ("decided", decision.time.to_string()),
            ("standings of", drawn_up(standings)),
            (
                "chosen",
                winner.map_or_else(
                    || "nobody".to_owned(),
                    |standing| standing.candidate.clone(),
                ),
            ),
            ("because", decision.choice.reason.clone()),
        ];
        table(
            ["decision", &decision.id],
            rows.into_iter()
                .map(|(label, value)| [label.to_owned(), value])
                .collect::<Vec<_>>(),
        )?;
        let rows = standings
            .candidates
            .iter()
            .map(|standing| {
                [
                    standing.candidate.clone(),
                    standing.samples.to_string(),
                    interval(standing.skill),
                    standing
                        .score
                        .map_or_else(String::new, |score| format!("{score:+.4}")),
                    standing.unavailable.clone().unwrap_or_default(),
                ]
            })
            .collect::<Vec<_>>();
        table(
            ["candidate", "labels", "skill", "discounted", "unavailable"],
            rows,
        )?;
    }
    match again {
        Rederived::Same => {
            if !as_json {
                line("derived again from the record: the same choice")?;
            }
            Ok(())
        }
        Rederived::Different(other) => Err(Problem::host(
            format!(
                "the recorded standings give another choice ({}): the database was changed, or another \
                 version of the policy made this decision",
                other.reason
            ),
            "do not rely on this record; run the session again",
        )),
    }
}

fn asked(record: &ChoiceRecord, slate: &Slate, as_json: bool) -> Result<(), Problem> {
    let again = slate.rederive(record);
    let same = again == RederivedChoice::Same;
    if as_json {
        let candidates: Vec<Value> = slate
            .candidates
            .iter()
            .zip(&record.figures)
            .enumerate()
            .map(|(place, (candidate, figure))| {
                json!({
                    "candidate": candidate,
                    "excluded": figure.excluded,
                    "mean": figure.mean,
                    "deviation": figure.deviation,
                    "weight": figure.weight,
                    "latency": figure.latency,
                    "score": figure.score.is_finite().then_some(figure.score),
                    "chosen": record.pick.winner == Some(place),
                    "shadow": record.pick.shadow >> place & 1 == 1,
                })
            })
            .collect();
        output::json(&json!({
            "choice": record.id(), "time": record.time, "task": slate.task, "seed": slate.seed,
            "sequence": record.sequence, "config": slate.config, "reason": record.pick.reason,
            "candidates": candidates, "rederived": same,
        }))?;
    } else {
        table(
            ["choice", &record.id()],
            [
                ["task".to_owned(), slate.task.to_string()],
                ["decided".to_owned(), record.time.to_string()],
                ["because".to_owned(), slate.explain(record)],
            ],
        )?;
        let rows: Vec<_> = slate
            .candidates
            .iter()
            .zip(&record.figures)
            .map(|(candidate, figure)| {
                let score = if figure.score.is_finite() {
                    format!("{:.4}", figure.score)
                } else {
                    String::new()
                };
                let latency = if figure.latency_weight > 0.0 {
                    format!("{:.4} s", figure.latency)
                } else {
                    String::new()
                };
                [
                    format!("{} {}", candidate.label(), candidate.version),
                    format!("{:.4} ± {:.4}", figure.mean, figure.deviation),
                    format!("{:.1}", figure.weight),
                    latency,
                    score,
                    figure
                        .excluded
                        .map_or_else(String::new, |why| why.to_string()),
                ]
            })
            .collect();
        table(
            [
                "candidate",
                "mean reward",
                "rewards",
                "latency",
                "score",
                "not asked",
            ],
            rows,
        )?;
    }
    match again {
        RederivedChoice::Same => {
            if !as_json {
                line("derived again from the record: the same choice")?;
            }
            Ok(())
        }
        RederivedChoice::Different(other) => Err(Problem::host(
            format!(
                "the record gives another choice ({}): the database was changed, or another version of the \
                 policy made it",
                slate.explain(&other)
            ),
            "do not rely on this record; run the session again",
        )),
        RederivedChoice::OtherSlate => Err(Problem::host(
            "the record does not belong to the candidates it names: the database was changed",
            "do not rely on this record; run the session again",
        )),
    }
}

/// When standings were drawn up, in words.
fn drawn_up(standings: &Standings) -> String {
    match standings.time {
        Timestamp(0) => "the start, before anybody was fitted".to_owned(),
        time => time.to_string(),
    }
}
