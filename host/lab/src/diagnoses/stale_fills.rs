//! Fills at bars at which hardly anyone could have traded.

use super::{Diagnosis, Severity, Subject};

/// Share of fills that may be at such bars: of one in fifty the cause is a holiday, of more it is the data.
const SHARE: f64 = 0.02;

pub(super) fn diagnose(of: &Subject<'_>) -> Option<Diagnosis> {
    let fills = of.fills.filter(|fills| fills.fills > 0)?;
    let all = fills.fills as f64;
    let share = fills.stale.max(fills.without_volume) as f64 / all;
    if share <= SHARE {
        return None;
    }
    Some(Diagnosis::new(
        "stale-fills",
        Severity::Warning,
        share,
        SHARE,
        format!(
            "Of {} fills {} are at bars after a gap and {} at bars without volume: such prices could hardly be had; \
             clean the data, or leave these instruments and hours out.",
            fills.fills, fills.stale, fills.without_volume
        ),
    ))
}
