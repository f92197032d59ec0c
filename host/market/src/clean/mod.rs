//! Cleaning: from rows as read to bars that the host may trade on, with a report of every change.
//!
//! Nothing is invented: a bar that lacks a price is dropped, a missing session stays missing, and a price
//! move is never smoothed, however large. What can be mended without guessing is: order, duplicates, a high
//! or low that misses open or close by a rounding, a missing volume (0: nothing can be filled against it).
//! Daily bars are stamped at their session's close in UTC. Cleaning clean bars changes nothing.

mod gaps;
mod report;
mod rows;

pub use report::{CleaningReport, Finding, ReportRow, Treatment};

use crate::actions::{self, DividendConvention};
use crate::bars::{BarColumns, RawBar, RawBars};
use crate::calendar::Calendar;
use bulkhead_domain::Timestamp;
use bulkhead_domain::data::Stamp;
use bulkhead_domain::number::to_f64;
use bulkhead_domain::order::{ActionKind, Bar, CorporateAction};
use rows::{Slots, Sorted};

/// What to do with rows of one stamp and different values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Conflict {
    /// The first row read counts.
    #[default]
    KeepFirst,
    /// The last row read counts: files that corrections are appended to.
    KeepLast,
    /// None of them counts.
    DropAll,
}

/// How to clean.
#[derive(Debug, Clone, PartialEq)]
pub struct CleanOptions {
    /// Length of a bar in nanoseconds; `None`: a day where stamps are dates, else the commonest distance
    /// between stamps.
    pub interval_ns: Option<i64>,
    /// Which of conflicting rows counts.
    pub conflict: Conflict,
    /// How far high or low may miss open or close, relatively, to be widened; beyond, the bar is dropped.
    pub ohlc_tolerance: f64,
    /// How the adjusted closes treat dividends.
    pub dividends: DividendConvention,
}

impl Default for CleanOptions {
    fn default() -> Self {
        CleanOptions {
            interval_ns: None,
            conflict: Conflict::default(),
            ohlc_tolerance: 0.005,
            dividends: DividendConvention::default(),
        }
    }
}

/// Cleaned bars, not yet of an instrument.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CleanBars {
    /// Nominal length of a bar in nanoseconds.
    pub interval_ns: i64,
    /// When each bar opened.
    pub open_times: Vec<i64>,
    /// The bars, strictly rising.
    pub bars: BarColumns,
    /// Corporate actions by time, stamped at the open of the ex-date's session.
    pub actions: Vec<CorporateAction>,
}

impl CleanBars {
    /// The same bars as rows to be cleaned, daily ones by date, others by open or close, whichever tells the
    /// other; actions listed.
    #[must_use]
    pub fn to_raw(&self, symbol: &str, calendar: &Calendar) -> RawBars {
        let stamp = rows::telling_stamp(self, calendar);
        let mut raw = RawBars::new(symbol, stamp);
        raw.actions.clone_from(&self.actions);
        for (bar, open_time) in self.bars.iter().zip(&self.open_times) {
            let Some(date) = calendar.date_of(Timestamp(*open_time)) else {
                continue;
            };
            raw.rows.push(RawBar {
                line: raw.rows.len() as u64 + 1,
                date,
                instant: Timestamp(if stamp == Stamp::Open {
                    *open_time
                } else {
                    bar.time
                }),
                open: bar.open,
                high: bar.high,
                low: bar.low,
                close: bar.close,
                volume: bar.volume,
                adjusted_close: f64::NAN,
            });
        }
        raw
    }
}

/// Cleans the bars of one symbol. The result is empty when no row is usable; the report says why.
#[must_use]
pub fn clean(
    raw: RawBars,
    calendar: &Calendar,
    options: &CleanOptions,
) -> (CleanBars, CleaningReport) {
    let mut report = CleaningReport {
        symbol: raw.symbol.clone(),
        rows_read: raw.rows.len(),
        ..CleaningReport::default()
    };
    let interval_ns = options.interval_ns.unwrap_or_else(|| rows::interval(&raw));
    let slots = Slots::new(calendar, raw.stamp, interval_ns);
    let Sorted { mut rows, found } = rows::sort_and_judge(raw.rows, slots, options);
    report.rows = found;
    rows::drop_duplicates(&mut rows, options.conflict, &mut report.rows);
    rows::note_zero_volume(&rows, &mut report.rows);
    gaps::note_missing_sessions(&rows, calendar, interval_ns, &mut report.rows);

    let mut clean = CleanBars {
        interval_ns,
        open_times: Vec::with_capacity(rows.len()),
        bars: BarColumns::with_capacity(rows.len()),
        actions: Vec::new(),
    };
    for row in &rows {
        clean.open_times.push(row.open_time);
        clean.bars.push(Bar {
            time: row.close_time,
            open: row.raw.open,
            high: row.raw.high,
            low: row.raw.low,
            close: row.raw.close,
            volume: row.raw.volume,
            factor: 1.0,
        });
    }
    let is_listed = !raw.actions.is_empty();
    if is_listed {
        clean.actions = listed(raw.actions, calendar, &clean, &mut report.rows);
    } else {
        rows::note_missing_adjusted(&rows, &mut report.rows);
        let adjusted: Vec<f64> = rows.iter().map(|row| row.raw.adjusted_close).collect();
        let derived = actions::derive(
            &clean.open_times,
            &clean.bars.close,
            &adjusted,
            options.dividends,
        );
        gaps::note_doubts(&derived.doubts, &rows, &mut report.rows);
        clean.actions = derived.actions;
    }
    gaps::note_split_like(&rows, &clean.actions, is_listed, &mut report.rows);
    clean.bars.factor =
        crate::factor::factors(&clean.open_times, &clean.bars.close, &clean.actions);
    report
        .rows
        .sort_by_key(|row| (row.time, row.line, row.finding));
    report.rows_kept = clean.bars.len();
    (clean, report)
}

/// Listed actions, each moved to the open of the session that it falls on or that opens next; those that
/// cannot apply are left out.
fn listed(
    mut actions: Vec<CorporateAction>,
    calendar: &Calendar,
    clean: &CleanBars,
    report: &mut Vec<ReportRow>,
) -> Vec<CorporateAction> {
    for action in &mut actions {
        if let Some(session) = calendar.session_at_or_after(Timestamp(action.time)) {
            action.time = session.open.0;
        }
    }
    actions::sort(&mut actions);
    let note = |action: &CorporateAction, finding, treatment, what: &str| ReportRow {
        line: None,
        time: Some(Timestamp(action.time)),
        finding,
        treatment,
        detail: format!("{}: {what}", named(&action.kind)),
    };
    actions.dedup_by(|later, first| {
        let same = later == first;
        if same {
            let finding = Finding::DuplicateIdentical;
            report.push(note(later, finding, Treatment::Dropped, "listed twice"));
        }
        same
    });
    // New units for an old one by the splits of the moment: a dividend of the same day is per new unit.
    let (mut moment, mut units) = (i64::MIN, 1.0);
    actions.retain(|action| {
        if action.time != moment {
            (moment, units) = (action.time, 1.0);
        }
        let after = clean.open_times.partition_point(|open| *open < action.time);
        let before = after
            .checked_sub(1)
            .and_then(|row| clean.bars.close.get(row));
        let unusable = match (&action.kind, before) {
            (_, None) => "it is not after the first bar",
            (_, Some(_)) if after == clean.open_times.len() => "it is after the last bar",
            (ActionKind::Dividend(amount), Some(close)) if to_f64(*amount) >= *close / units => {
                "the dividend is as large as the price"
            }
            (
                ActionKind::Split {
                    numerator,
                    denominator,
                },
                _,
            ) => {
                if *numerator > 0 && *denominator > 0 {
                    units *= f64::from(*numerator) / f64::from(*denominator);
                    return true;
                }
                "a split of or into nothing"
            }
            (ActionKind::Other { .. }, _) => {
                let what = "neither split nor dividend: kept beside the bars, not applied";
                let finding = Finding::UnusableAction;
                report.push(note(action, finding, Treatment::Noted, what));
                return true;
            }
            (ActionKind::Dividend(_), _) => return true,
        };
        let finding = Finding::UnusableAction;
        report.push(note(action, finding, Treatment::Dropped, unusable));
        false
    });
    actions
}

fn named(kind: &ActionKind) -> String {
    match kind {
        ActionKind::Split {
            numerator,
            denominator,
        } => format!("split {numerator}:{denominator}"),
        ActionKind::Dividend(amount) => format!("dividend of {amount}"),
        ActionKind::Other { code, text } => format!("{code} ({text})"),
    }
}

#[cfg(test)]
mod tests;
