//! One trade makes the profit.

use super::{Diagnosis, Severity, Subject};
use bulkhead_domain::number::to_f64;

/// Share of all closed trades' net profit that one trade may bring: with more than half, the rest is the lesser part of
/// the story.
const HALF: f64 = 0.5;

pub(super) fn diagnose(of: &Subject<'_>) -> Option<Diagnosis> {
    let results = of
        .performance
        .trades
        .iter()
        .filter(|trade| trade.closed.is_some())
        .map(|trade| to_f64(trade.profit));
    let (count, total, best) = results.fold((0u64, 0.0, 0.0f64), |(count, total, best), result| {
        (count + 1, total + result, best.max(result))
    });
    // A single trade is all of it by definition; the rule on few trades tells of that.
    if count < 2 || total <= 0.0 || best <= HALF * total {
        return None;
    }
    let severity = if best >= total {
        Severity::Serious
    } else {
        Severity::Warning
    };
    let share = best / total;
    Some(Diagnosis::new(
        "one-trade",
        severity,
        share,
        HALF,
        format!(
            "One trade of {count} made {:.0} % of the closed trades' net profit: without it there is little or nothing; \
             look at what happened in it and whether it can happen again.",
            share * 100.0
        ),
    ))
}
