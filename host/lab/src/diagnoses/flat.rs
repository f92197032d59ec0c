//! Long times in which nothing was held.

use super::{Diagnosis, Severity, Subject};
use bulkhead_domain::Timestamp;

/// Share of all points that one time without a position may last: in half of it the strategy was not tested.
const SHARE: f64 = 0.5;

pub(super) fn diagnose(of: &Subject<'_>) -> Option<Diagnosis> {
    let exposure = of.performance.curve.exposure;
    let stretch = exposure.longest_flat?;
    let share = stretch.points as f64 / exposure.points as f64;
    if share <= SHARE {
        return None;
    }
    let text = if exposure.held == 0 {
        "Nothing was ever held: there is no result to judge; see in the counts of orders whether none was wanted or all \
         were refused."
            .to_owned()
    } else {
        format!(
            "Nothing was held from {} to {}, {:.0} % of the time: figures of the whole time are of less than they seem; \
             look for missing data, a long warm-up or refused orders, or shorten the range.",
            Timestamp(stretch.from).date(),
            Timestamp(stretch.to).date(),
            share * 100.0
        )
    };
    let severity = if exposure.held == 0 {
        Severity::Serious
    } else {
        Severity::Warning
    };
    Some(Diagnosis::new("flat", severity, share, SHARE, text))
}
