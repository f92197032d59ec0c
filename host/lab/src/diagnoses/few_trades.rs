//! Too few closed trades to tell anything from.

use super::{Diagnosis, Severity, Subject};

/// Closed trades below which a win rate or an average says little: with 30 the standard error of a win rate is still
/// nine points.
const ENOUGH: u64 = 30;
/// Closed trades below which nothing can be said: a win rate's error is over fifteen points.
const SOME: u64 = 10;

pub(super) fn diagnose(of: &Subject<'_>) -> Option<Diagnosis> {
    let closed = of.statistics.trades.closed;
    if closed >= ENOUGH {
        return None;
    }
    let severity = if closed < SOME {
        Severity::Serious
    } else {
        Severity::Warning
    };
    let trades = if closed == 1 { "trade" } else { "trades" };
    Some(Diagnosis::new(
        "few-trades",
        severity,
        closed as f64,
        ENOUGH as f64,
        format!(
            "{closed} closed {trades}: figures of trades rest on too few to be told from luck; run over more time or \
             more instruments until there are at least {ENOUGH}."
        ),
    ))
}
