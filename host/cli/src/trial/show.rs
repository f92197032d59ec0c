//! What is printed of trials.

use crate::kept;
use crate::options::GlobalOptions;
use crate::output::{self, line, pairs, table};
use bulkhead_domain::Problem;
use bulkhead_lab::labels::Samples;
use bulkhead_lab::trials::ledger::{Deflated, Ledger, TrialRecord};
use bulkhead_lab::trials::{Conducted, Figures, Quality, RuleFigures};
use serde_json::json;

/// Which trials.
#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    /// Of this family only
    #[arg(long, value_name = "NAME")]
    family: Option<String>,
}

/// Which trial.
#[derive(Debug, clap::Args)]
pub(super) struct ShowArgs {
    /// Its id
    #[arg(value_name = "ID")]
    id: String,
}

/// A number, or nothing.
pub(super) fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(
        || "not defined".to_owned(),
        |value| format!("{value:.digits$}"),
    )
}

pub(super) fn list(arguments: &ListArgs, options: &GlobalOptions) -> Result<(), Problem> {
    let ledger = Ledger::new(kept::existing(&options.state)?);
    let records = ledger.list(arguments.family.as_deref())?;
    let mut all = Vec::with_capacity(records.len());
    for record in records {
        let now = ledger.deflate(&record)?;
        all.push((record, now));
    }
    if options.json {
        let one = |(record, now): &(TrialRecord, Deflated)| json!({ "trial": record, "counts": record.counts(), "deflation-now": now });
        return output::json(&all.iter().map(one).collect::<Vec<_>>());
    }
    if all.is_empty() {
        return line("nothing was tried here");
    }
    table(
        [
            "trial", "family", "model", "data", "state", "counts", "skill", "Sharpe", "PSR", "DSR",
        ],
        all.iter().map(|(record, now)| {
            let result = record.result.as_ref();
            let skill = result
                .and_then(|it| it.quality.as_ref())
                .and_then(|it| it.skill);
            [
                record.id.clone(),
                record.family.clone(),
                format!(
                    "{}:{}",
                    record.spec.model.plugin, record.spec.model.algorithm
                ),
                record.spec.data.symbol.clone(),
                record.state.clone(),
                if record.counts() { "yes" } else { "" }.to_owned(),
                number(skill, 4),
                number(result.and_then(|it| it.rule.sharpe), 4),
                number(result.and_then(|it| it.rule.psr), 3),
                number(now.dsr, 3),
            ]
        }),
    )?;
    line("Sharpe ratios are per period; DSR is as of now")
}

pub(super) fn show(arguments: &ShowArgs, options: &GlobalOptions) -> Result<(), Problem> {
    let ledger = Ledger::new(kept::existing(&options.state)?);
    let record = ledger.find(&arguments.id)?;
    let now = ledger.deflate(&record)?;
    let openings = ledger.openings(&record.family)?;
    if options.json {
        return output::json(&json!({
            "trial": record,
            "counts": record.counts(),
            "deflation-now": now,
            "openings": openings,
        }));
    }
    trial(&record, &now)?;
    if let Some(why) = &record.failure {
        line(format!("it crashed: {why}"))?;
    }
    for opening in openings {
        let why = opening
            .reason
            .map_or_else(String::new, |why| format!(", because {why}"));
        line(format!(
            "the family's sealed span was opened by {} for trial {} on {}{why}",
            opening.person,
            opening.trial,
            opening.time.date()
        ))?;
    }
    Ok(())
}

pub(super) fn conducted(
    conducted: &Conducted,
    samples: &Samples,
    ledger: &Ledger,
    json: bool,
) -> Result<(), Problem> {
    let now = ledger.deflate(&conducted.record)?;
    if json {
        return output::json(&json!({
            "trial": conducted.record,
            "rerun": conducted.rerun,
            "counts": conducted.record.counts(),
            "deflation-now": now,
            "final": conducted.last,
            "sealed": conducted.sealed,
            "undefined": samples.undefined,
            "unresolved": samples.unresolved,
        }));
    }
    trial(&conducted.record, &now)?;
    line(format!(
        "{} samples; {} bars dropped without all features, {} whose label had not ended",
        samples.samples.len(),
        samples.undefined,
        samples.unresolved
    ))?;
    if let Some(sealed) = &conducted.sealed {
        line(format!(
            "sealed span, opening {}: {} samples; {}",
            sealed.opening,
            sealed.tested,
            summary(sealed.quality.as_ref(), &sealed.rule)
        ))?;
    }
    match conducted
        .last
        .as_ref()
        .map(|it| (it.artifact, it.expires, &it.failure))
    {
        Some((Some(artifact), Some(expires), _)) => line(format!(
            "the model fitted last is {artifact}, good until {}",
            expires.date()
        ))?,
        Some((_, _, Some(why))) => output::warning(&format!("the last fit is not kept: {why}")),
        _ => {}
    }
    if conducted.rerun {
        line("the same trial was seen before: it does not count again")?;
    }
    Ok(())
}

fn summary(quality: Option<&Quality>, rule: &RuleFigures) -> String {
    format!(
        "skill {}, Sharpe {} a period, PSR {}",
        skill(quality),
        number(rule.sharpe, 4),
        number(rule.psr, 3)
    )
}

fn skill(quality: Option<&Quality>) -> String {
    let interval = quality.and_then(|it| it.interval);
    let skill = number(quality.and_then(|it| it.skill), 4);
    interval.map_or(skill.clone(), |it| {
        format!("{skill} ({:.4} to {:.4})", it.lower, it.upper)
    })
}

fn figures(quality: &Quality) -> [String; 3] {
    match &quality.figures {
        Figures::Classes {
            log_loss,
            base_log_loss,
            brier,
            accuracy,
        } => [
            format!("log-loss {log_loss:.4} (base rate {base_log_loss:.4})"),
            format!("Brier {brier:.4}"),
            format!("accuracy {accuracy:.3}"),
        ],
        Figures::Values {
            rmse,
            mae,
            direction,
        } => [
            format!("RMSE {rmse:.6}"),
            format!("MAE {mae:.6}"),
            format!("direction {direction:.3}"),
        ],
    }
}

fn trial(record: &TrialRecord, now: &Deflated) -> Result<(), Problem> {
    let spec = &record.spec;
    if let Some(result) = &record.result {
        table(
            [
                "fold",
                "learnt from",
                "tested",
                "dropped",
                "skill",
                "",
                "",
                "",
                "Sharpe",
            ],
            result.folds.iter().map(|fold| {
                let [one, two, three] = fold.quality.as_ref().map(figures).unwrap_or_default();
                [
                    fold.fold.to_string(),
                    fold.trained.to_string(),
                    fold.tested.to_string(),
                    fold.dropped.to_string(),
                    skill(fold.quality.as_ref()),
                    one,
                    two,
                    three,
                    number(fold.rule.sharpe, 4),
                ]
            }),
        )?;
    }
    let result = record.result.as_ref();
    let quality = result.and_then(|it| it.quality.as_ref());
    let rule = result.map(|it| it.rule);
    let deflation = |it: &Deflated| {
        format!(
            "{} of {} trials, variance of their Sharpe ratios {:.6}, expected maximum {}",
            number(it.dsr, 4),
            it.trials,
            it.variance,
            number(it.expected_maximum, 4)
        )
    };
    let mut rows = vec![
        ("trial", format!("{}, {}", record.id, record.state)),
        ("family", record.family.clone()),
        (
            "model",
            format!(
                "{}:{} {}",
                spec.model.plugin, spec.model.algorithm, spec.model.version
            ),
        ),
        (
            "data",
            format!(
                "{}, {} to {}, {}",
                spec.data.symbol,
                spec.data.first.date(),
                spec.data.last.date(),
                spec.data.digest.short()
            ),
        ),
        ("label", format!("{}, embargo {}", spec.label, spec.embargo)),
        ("validation", spec.scheme.to_string()),
        ("skill", skill(quality)),
        (
            "figures",
            quality.map(|it| figures(it).join(", ")).unwrap_or_default(),
        ),
        (
            "rule",
            rule.map(|it| {
                format!(
                    "{} at {} bps: {} a period after costs, turnover {}",
                    spec.rule,
                    spec.cost * 10_000.0,
                    number(it.mean, 6),
                    number(it.turnover, 3)
                )
            })
            .unwrap_or_default(),
        ),
        (
            "Sharpe",
            format!("{} per period", number(rule.and_then(|it| it.sharpe), 4)),
        ),
        ("PSR", number(rule.and_then(|it| it.psr), 4)),
        ("DSR", deflation(now)),
    ];
    if let Some(then) = &record.deflation {
        rows.push(("at its end", deflation(then)));
    }
    if let Some(result) = result.filter(|it| it.paths.len() > 1) {
        let paths: Vec<String> = result.paths.iter().map(|it| number(*it, 4)).collect();
        rows.push(("paths", paths.join(", ")));
    }
    if let Some(digest) = record.result_digest {
        rows.push(("result", digest.to_string()));
    }
    if let Some(artifact) = record.artifact {
        rows.push(("artifact", artifact.to_string()));
    }
    pairs(rows)
}
