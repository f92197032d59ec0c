//! What a comparison of two versions came to, for people and for machines.

use bulkhead_domain::Problem;
use bulkhead_registry::promotion::{Finding, Rule, Verdict, evidence, judge, missing};
use bulkhead_registry::shadow::{Comparison, Latency, Side};
use bulkhead_registry::{Installed, InstalledPlugin, Kept};
use serde_json::{Value, json};
use std::time::Duration;

/// What is kept of the comparison that a plugin is in, or of the version that was promoted by one and is watched.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn of(installed: &Installed, plugin: &InstalledPlugin) -> Result<Option<Kept>, Problem> {
    let kept = installed.kept(&plugin.id)?;
    let begun = installed.begun(&plugin.id)?;
    Ok(kept.filter(|kept| match plugin.shadow {
        Some(_) => kept.begun == begun,
        None => kept.watched.is_some() && kept.candidate == plugin.active,
    }))
}

/// Why a candidate is promoted, in figures.
pub(crate) fn reason(rule: &Rule, comparison: &Comparison) -> String {
    let mut said = vec![
        format!("{} mirrored calls", comparison.mirrored),
        format!("{} of them failed", comparison.new.failures()),
    ];
    said.extend(agreed(comparison));
    said.push(format!(
        "one call in a hundred took longer than {} ({} in service)",
        time(comparison.new.latency.p99()),
        time(comparison.old.latency.p99())
    ));
    said.extend(skill(rule, comparison));
    format!("its rule holds: {}", said.join(", "))
}

fn agreed(comparison: &Comparison) -> Option<String> {
    let share = comparison.agreement()?;
    Some(format!("{:.1} % of the answers agree", 100.0 * share))
}

fn skill(rule: &Rule, comparison: &Comparison) -> Option<String> {
    let found = evidence(rule.skill.as_ref()?, &comparison.scores).ok()?;
    let pairs = comparison.scores.len();
    let shown = match found.finding {
        Some(Finding::NoWorse { after }) => format!("shown to be no worse after {after}"),
        Some(Finding::Worse { after }) => format!("shown to be worse after {after}"),
        None => "not decided".to_owned(),
    };
    let mean = found.mean;
    Some(format!(
        "{pairs} paired scores, {mean:+.4} on average, {shown}"
    ))
}

fn time(time: Option<Duration>) -> String {
    time.map_or_else(|| "-".to_owned(), |time| format!("{time:.1?}"))
}

fn quantiles(latency: &Latency) -> String {
    format!("{} / {}", time(latency.p50()), time(latency.p99()))
}

fn errors(side: &Side) -> String {
    let all = side.errors.iter();
    let all: Vec<String> = all
        .filter(|(_, errors)| errors.count > 0)
        .map(|(case, errors)| format!("{} {case} ({})", errors.count, errors.last))
        .collect();
    match all.is_empty() {
        true => "none".to_owned(),
        false => all.join("; "),
    }
}

/// Rows of a comparison.
///
/// # Errors
/// When its rule is none.
pub(crate) fn rows(kept: &Kept) -> Result<Vec<(&'static str, String)>, Problem> {
    let comparison = &kept.comparison;
    let rule = kept.rule()?;
    let mut rows = vec![
        (
            "calls",
            format!(
                "{}, of which {} mirrored, {} dropped",
                comparison.calls, comparison.mirrored, comparison.dropped
            ),
        ),
        (
            "agreement",
            agreed(comparison).unwrap_or_else(|| "no answers to compare".to_owned()),
        ),
        (
            "p50 / p99",
            format!(
                "{}; in service {}",
                quantiles(&comparison.new.latency),
                quantiles(&comparison.old.latency)
            ),
        ),
        (
            "errors",
            format!(
                "{}; in service {}",
                errors(&comparison.new),
                errors(&comparison.old)
            ),
        ),
    ];
    let judged = rule.clone().unwrap_or_default();
    let scores = skill(&judged, comparison);
    rows.push((
        "skill",
        scores.unwrap_or_else(|| format!("{} paired scores", comparison.scores.len())),
    ));
    if let Some(watched) = &kept.watched {
        rows.push((
            "watched",
            format!(
                "since {}: {} of {} calls failed",
                watched.since, watched.failures, watched.calls
            ),
        ));
    } else {
        rows.push(("finding", finding(rule.as_ref(), &judged, comparison)));
    }
    Ok(rows)
}

fn finding(rule: Option<&Rule>, judged: &Rule, comparison: &Comparison) -> String {
    let by = match rule {
        Some(rule) if rule.automatic => "promoted by itself",
        Some(_) => "to be promoted by a person",
        None => "by the default rule, to be promoted by a person",
    };
    match (judge(judged, comparison), missing(judged, comparison)) {
        (Verdict::Promote, _) => format!("it has shown everything ({by})"),
        (Verdict::Reject(why), _) => format!("refused: {why}"),
        (Verdict::Wait(_), Ok(missing)) => format!("missing ({by}): {}", missing.join("; ")),
        (Verdict::Wait(why), Err(_)) => why,
    }
}

/// The same as JSON; latencies in nanoseconds.
///
/// # Errors
/// When its rule is none.
pub(crate) fn value(kept: &Kept) -> Result<Value, Problem> {
    let comparison = &kept.comparison;
    let rule = kept.rule()?.unwrap_or_default();
    let nanoseconds = |time: Option<Duration>| time.map(|time| time.as_nanos());
    let side = |side: &Side| {
        json!({
            "p50-ns": nanoseconds(side.latency.p50()),
            "p99-ns": nanoseconds(side.latency.p99()),
            "errors": side.errors,
        })
    };
    let skill = rule.skill.as_ref();
    let evidence = skill.and_then(|skill| evidence(skill, &comparison.scores).ok());
    Ok(json!({
        "candidate": kept.candidate,
        "calls": comparison.calls,
        "mirrored": comparison.mirrored,
        "dropped": comparison.dropped,
        "agreed": comparison.agreed,
        "disagreed": comparison.disagreed,
        "agreement": comparison.agreement(),
        "old": side(&comparison.old),
        "new": side(&comparison.new),
        "pairs": comparison.scores.len(),
        "evidence": evidence,
        "verdict": judge(&rule, comparison),
        "missing": missing(&rule, comparison).unwrap_or_default(),
        "watched": kept.watched,
    }))
}
