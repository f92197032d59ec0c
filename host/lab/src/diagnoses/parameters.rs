//! Too many parameters for the sample.

use super::{Diagnosis, Severity, Subject};

/// Closed trades that each free parameter needs: the ten events per variable of regression practice (Peduzzi et al.,
/// Journal of Clinical Epidemiology 49, 1996).
const TRADES_EACH: f64 = 10.0;

pub(super) fn diagnose(of: &Subject<'_>) -> Option<Diagnosis> {
    let closed = of.statistics.trades.closed;
    if of.parameters == 0 {
        return None;
    }
    let each = closed as f64 / of.parameters as f64;
    if each >= TRADES_EACH {
        return None;
    }
    Some(Diagnosis::new(
        "parameters",
        Severity::Warning,
        each,
        TRADES_EACH,
        format!(
            "{} free parameters and {closed} closed trades are {each:.1} trades a parameter: so many can be fitted to \
             noise; fix some of them, or have at least {TRADES_EACH} trades for each.",
            of.parameters
        ),
    ))
}
