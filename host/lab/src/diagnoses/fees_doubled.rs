//! A result that turns to a loss with fees doubled.

use super::{Diagnosis, Severity, Subject};

/// What fees are multiplied by: other venues and account tiers easily cost twice as much.
const TIMES: f64 = 2.0;

pub(super) fn diagnose(of: &Subject<'_>) -> Option<Diagnosis> {
    let net = of.performance.net_result();
    let fees = of.performance.costs.fees;
    let doubled = net - (TIMES - 1.0) * fees;
    if net <= 0.0 || doubled > 0.0 {
        return None;
    }
    Some(Diagnosis::new(
        "fees-doubled",
        Severity::Warning,
        doubled,
        0.0,
        format!(
            "With fees doubled the net result of {net:.2} becomes {doubled:.2}: the profit hangs on the fee that was \
             assumed; check it against the venue's list, or trade less often."
        ),
    ))
}
