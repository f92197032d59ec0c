//! A run that was much slower than its kind.

use super::{Diagnosis, Severity, Subject};

/// Share of the expected speed below which it is told: a busy machine halves it, and more than that has a cause.
const SHARE: f64 = 0.25;

pub(super) fn diagnose(of: &Subject<'_>) -> Option<Diagnosis> {
    let speed = of.speed?;
    let least = speed.expected * SHARE;
    if speed.bars_per_s >= least {
        return None;
    }
    Some(Diagnosis::new(
        "speed",
        Severity::Note,
        speed.bars_per_s,
        least,
        format!(
            "{:.0} bars a second where a run of this kind reaches {:.0}: the results are the same, but a sweep will take \
             long; look for work that the strategy repeats on every bar, or for a busy machine.",
            speed.bars_per_s, speed.expected
        ),
    ))
}
