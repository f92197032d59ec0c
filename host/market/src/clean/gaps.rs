//! What lies between bars: missing sessions, and gaps that look like splits.

use super::report::{Finding, ReportRow, Treatment};
use super::rows::Placed;
use crate::actions::{Doubt, usable};
use crate::calendar::Calendar;
use bulkhead_domain::Timestamp;
use bulkhead_domain::order::{ActionKind, CorporateAction};

/// Ratios of units that companies split by.
const SPLIT_RATIOS: [f64; 13] = [
    1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 15.0, 20.0, 50.0,
];
/// How near a gap must be to such a ratio, relatively: a day's move comes on top of the split.
const SPLIT_TOLERANCE: f64 = 0.06;

/// Notes sessions between the first and the last bar that have no bar, one row for each run of them.
pub(super) fn note_missing_sessions(
    rows: &[Placed],
    calendar: &Calendar,
    interval_ns: i64,
    found: &mut Vec<ReportRow>,
) {
    if interval_ns > bulkhead_domain::time::DAY {
        return;
    }
    for pair in rows.windows(2) {
        let [before, after] = pair else { continue };
        let (Some(from), Some(to)) = (
            calendar.date_of(Timestamp(before.open_time)),
            calendar.date_of(Timestamp(after.open_time)),
        ) else {
            continue;
        };
        if from == to {
            continue;
        }
        let (Ok(from), Ok(to)) = (from.tomorrow(), to.yesterday()) else {
            continue;
        };
        let mut missing = calendar.sessions(from, to);
        let Some(first) = missing.next() else {
            continue;
        };
        let (mut count, mut last) = (1, first);
        for session in missing {
            (count, last) = (count + 1, session);
        }
        found.push(ReportRow {
            line: None,
            time: Some(first.close),
            finding: Finding::MissingSessions,
            treatment: Treatment::Noted,
            detail: if count == 1 {
                format!("no bar for {}", first.date)
            } else {
                format!(
                    "no bars for {count} sessions, {} to {}",
                    first.date, last.date
                )
            },
        });
    }
}

/// Notes movements of the adjusted close that no action explains.
pub(super) fn note_doubts(doubts: &[Doubt], rows: &[Placed], found: &mut Vec<ReportRow>) {
    for doubt in doubts {
        let Some(row) = rows.get(doubt.row) else {
            continue;
        };
        let detail = format!(
            "adjusted to raw close changed by {:.6}, the close by {:.6}: neither split nor dividend",
            doubt.ratio, doubt.gap
        );
        found.push(row.found(Finding::UnexplainedAdjustment, Treatment::Noted, detail));
    }
}

/// Notes gaps near the ratio of a split that no split explains. Where the actions are known, listed or by
/// the adjusted closes of both bars, the gap must be a real move.
pub(super) fn note_split_like(
    rows: &[Placed],
    actions: &[CorporateAction],
    listed: bool,
    found: &mut Vec<ReportRow>,
) {
    for pair in rows.windows(2) {
        let [before, after] = pair else { continue };
        let previous = before.raw.close;
        let gaps = [after.raw.open / previous, after.raw.close / previous];
        let Some(ratio) = gaps.into_iter().find_map(split_ratio) else {
            continue;
        };
        let first = actions.partition_point(|action| action.time <= before.open_time);
        let explained = actions
            .iter()
            .skip(first)
            .take_while(|action| action.time <= after.open_time)
            .any(|action| matches!(action.kind, ActionKind::Split { .. }));
        if explained {
            continue;
        }
        let adjusted = [before, after].map(|row| usable(row.raw.adjusted_close));
        let (finding, verdict) = if listed || adjusted == [true, true] {
            (
                Finding::LargeMove,
                "the corporate actions show no split: a real move",
            )
        } else {
            (
                Finding::SuspectedSplit,
                "nothing says whether it is one: give adjusted closes or list the action",
            )
        };
        let detail = format!(
            "close {previous} to open {}, close {}, near a split's {ratio}; {verdict}",
            after.raw.open, after.raw.close
        );
        found.push(after.found(finding, Treatment::Kept, detail));
    }
}

/// The split, as `2:1` or `1:10`, whose ratio the gap is near.
fn split_ratio(gap: f64) -> Option<String> {
    let units = 1.0 / gap;
    let near = |ratio: f64| (units / ratio - 1.0).abs() <= SPLIT_TOLERANCE;
    let text = |ratio: f64| {
        if ratio.fract() == 0.0 {
            (ratio, 1.0)
        } else {
            (ratio * 2.0, 2.0)
        }
    };
    SPLIT_RATIOS.into_iter().find_map(|ratio| {
        let (new, old) = text(ratio);
        if near(ratio) {
            Some(format!("{new}:{old}"))
        } else {
            near(1.0 / ratio).then(|| format!("{old}:{new}"))
        }
    })
}
