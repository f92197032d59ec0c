//! A mean return that cannot be told from zero.

use super::{Diagnosis, Severity, Subject, bootstrap_p_value, student_p_value};
use crate::statistics::sharpe_per_period;

/// How improbable a mean this far from zero has to be by chance: the usual one in twenty, of a single run. After a
/// search over many runs it is far too lenient; the deflated Sharpe ratio is for that.
const LEVEL: f64 = 0.05;

pub(super) fn diagnose(of: &Subject<'_>) -> Option<Diagnosis> {
    let returns = of.performance.curve.days.returns()?;
    let count = returns.len() as u64;
    // The t statistic of the mean is the Sharpe ratio of a day times the root of the count.
    let t = sharpe_per_period(&returns)? * (count as f64).sqrt();
    let by_t = student_p_value(t, count.saturating_sub(1))?;
    let by_bootstrap = bootstrap_p_value(&returns, of.seed)?;
    let worst = by_t.max(by_bootstrap);
    if worst < LEVEL {
        return None;
    }
    let severity = if of.performance.net_result() > 0.0 {
        Severity::Serious
    } else {
        Severity::Note
    };
    Some(Diagnosis::new(
        "nothing-but-chance",
        severity,
        worst,
        LEVEL,
        format!(
            "The mean daily return cannot be told from zero (p = {by_t:.3} by the t-test, {by_bootstrap:.3} by the block \
             bootstrap, {count} days): chance alone does as well; do not act on it without more data."
        ),
    ))
}
