//! Judging rows one by one: their place in time, their values, their duplicates.

use super::report::{Finding, ReportRow, Treatment};
use super::{CleanBars, CleanOptions, Conflict};
use crate::actions;
use crate::bars::{RawBar, RawBars};
use crate::calendar::{Calendar, Session};
use bulkhead_domain::Timestamp;
use bulkhead_domain::data::Stamp;
use bulkhead_domain::time::DAY;
use jiff::civil::Date;
use std::collections::{BTreeMap, BTreeSet};

/// A row with its place in time.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    pub(super) raw: RawBar,
    pub(super) open_time: i64,
    pub(super) close_time: i64,
}

impl Placed {
    pub(super) fn found(
        &self,
        finding: Finding,
        treatment: Treatment,
        detail: String,
    ) -> ReportRow {
        ReportRow {
            line: Some(self.raw.line),
            time: Some(Timestamp(self.close_time)),
            finding,
            treatment,
            detail,
        }
    }
}

/// Length of a bar: a day for dates, else the commonest distance between successive stamps, the shorter
/// of two equally common.
pub(super) fn interval(raw: &RawBars) -> i64 {
    if raw.stamp == Stamp::Date {
        return DAY;
    }
    let mut stamps: Vec<i64> = raw.rows.iter().map(|row| row.instant.0).collect();
    stamps.sort_unstable();
    let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
    for pair in stamps.windows(2) {
        let distance = pair[1].saturating_sub(pair[0]);
        if distance > 0 {
            *counts.entry(distance).or_insert(0) += 1;
        }
    }
    let commonest = counts
        .iter()
        .max_by_key(|(distance, count)| (**count, -**distance));
    commonest.map_or(DAY, |(distance, _)| *distance)
}

/// The stamp by which clean bars find their places again. Bars cut at a session's close keep their opens,
/// bars cut at its open keep their closes.
pub(super) fn telling_stamp(clean: &CleanBars, calendar: &Calendar) -> Stamp {
    if clean.interval_ns >= DAY {
        return Stamp::Date;
    }
    let mut slots = Slots::new(calendar, Stamp::Open, clean.interval_ns);
    let mut bars = clean.bars.times.iter().zip(&clean.open_times);
    let by_open = bars.all(|(close_time, open_time)| {
        slots.place_at(Timestamp(*open_time)) == Some((*open_time, *close_time))
    });
    if by_open { Stamp::Open } else { Stamp::Close }
}

/// Gives a row its place in the calendar.
pub(super) struct Slots<'a> {
    calendar: &'a Calendar,
    stamp: Stamp,
    interval_ns: i64,
    /// The last date asked for: rows of one session mostly follow each other.
    last: Option<(Date, Option<Session>)>,
}

impl<'a> Slots<'a> {
    pub(super) fn new(calendar: &'a Calendar, stamp: Stamp, interval_ns: i64) -> Self {
        Slots {
            calendar,
            stamp,
            interval_ns,
            last: None,
        }
    }

    /// When the row's bar opened and closed; `None` where the exchange was closed.
    fn place(&mut self, row: &RawBar) -> Option<(i64, i64)> {
        if self.stamp == Stamp::Date {
            let session = self.session(row.date)?;
            return Some((session.open.0, session.close.0));
        }
        self.place_at(row.instant)
    }

    fn place_at(&mut self, instant: Timestamp) -> Option<(i64, i64)> {
        // A close on the very end of a session belongs to the session that it ends.
        let inside = if self.stamp == Stamp::Open {
            instant.0
        } else {
            instant.0.checked_sub(1)?
        };
        if self.stamp == Stamp::Open && self.interval_ns >= DAY {
            // Sources write midnight, in UTC or at the exchange, for a day's open. It may lie after the close
            // of the session before, which the bar is not of.
            let session = self.calendar.session_at_or_after(instant)?;
            let waited = session.open.0.saturating_sub(inside);
            return (waited < DAY).then_some((session.open.0, session.close.0));
        }
        let session = self.session(self.calendar.date_of(Timestamp(inside))?)?;
        let (first, last) = (session.open.0, session.close.0);
        if self.interval_ns >= DAY {
            return Some((first, last));
        }
        if inside < first || inside >= last {
            return None;
        }
        // The first or last bar of a session is shorter where the interval does not divide it.
        Some(if self.stamp == Stamp::Open {
            (inside, inside.saturating_add(self.interval_ns).min(last))
        } else {
            let open = instant.0.saturating_sub(self.interval_ns).max(first);
            (open, instant.0)
        })
    }

    fn session(&mut self, date: Date) -> Option<Session> {
        match self.last {
            Some((known, session)) if known == date => session,
            _ => {
                let session = self.calendar.session_of(date);
                self.last = Some((date, session));
                session
            }
        }
    }
}

/// Rows in the order of time, and what was found on the way.
pub(super) struct Sorted {
    pub(super) rows: Vec<Placed>,
    pub(super) found: Vec<ReportRow>,
}

pub(super) fn sort_and_judge(
    raw: Vec<RawBar>,
    mut slots: Slots<'_>,
    options: &CleanOptions,
) -> Sorted {
    let mut found = Vec::new();
    let mut rows = Vec::with_capacity(raw.len());
    let newest_first = raw.len() > 2 && raw.windows(2).all(|pair| key(&pair[0]) > key(&pair[1]));
    if let (true, Some(first)) = (newest_first, raw.first()) {
        found.push(ReportRow {
            line: Some(first.line),
            time: None,
            finding: Finding::Unsorted,
            treatment: Treatment::Sorted,
            detail: format!("all {} rows are newest first", raw.len()),
        });
    }
    let mut latest: Option<(Date, Timestamp)> = None;
    for row in raw {
        let late = latest.is_some_and(|latest| key(&row) < latest);
        latest = latest.max(Some(key(&row)));
        let Some((open_time, close_time)) = slots.place(&row) else {
            found.push(ReportRow {
                line: Some(row.line),
                time: Some(row.instant),
                finding: Finding::OutsideSession,
                treatment: Treatment::Dropped,
                detail: format!("{} has no session then", slots.calendar.name()),
            });
            continue;
        };
        let mut placed = Placed {
            raw: row,
            open_time,
            close_time,
        };
        if late && !newest_first {
            let detail = format!("stamped {} after a later row", placed.raw.date);
            found.push(placed.found(Finding::Unsorted, Treatment::Sorted, detail));
        }
        if judge(&mut placed, options, &mut found) {
            rows.push(placed);
        }
    }
    rows.sort_by_key(|row| row.close_time);
    Sorted { rows, found }
}

fn key(row: &RawBar) -> (Date, Timestamp) {
    (row.date, row.instant)
}

/// Whether the row's values make a bar; mends what can be mended.
fn judge(row: &mut Placed, options: &CleanOptions, found: &mut Vec<ReportRow>) -> bool {
    let RawBar {
        open,
        high,
        low,
        close,
        volume,
        ..
    } = row.raw;
    let prices = [
        ("open", open),
        ("high", high),
        ("low", low),
        ("close", close),
    ];
    let named = |wanted: fn(f64) -> bool| {
        let names = prices.iter().filter(|(_, price)| wanted(*price));
        names
            .map(|(name, price)| format!("{name} {price}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let dropped = [
        (Finding::MissingValue, named(f64::is_nan)),
        (Finding::NonFinite, named(f64::is_infinite)),
        (Finding::NonPositivePrice, named(|price| price <= 0.0)),
    ];
    // Minus infinity is both infinite and below zero: one finding is enough.
    if let Some((finding, detail)) = dropped.into_iter().find(|(_, detail)| !detail.is_empty()) {
        found.push(row.found(finding, Treatment::Dropped, detail));
        return false;
    }
    let (top, bottom) = (open.max(close).max(low), open.min(close).min(high));
    if high < top || low > bottom {
        let miss = (top / high - 1.0).max(low / bottom - 1.0);
        let detail = format!("open {open}, high {high}, low {low}, close {close}");
        // A high below the low is no rounding, whatever its size.
        if high < low || miss > options.ohlc_tolerance {
            found.push(row.found(Finding::OhlcViolation, Treatment::Dropped, detail));
            return false;
        }
        row.raw.high = high.max(top);
        row.raw.low = low.min(bottom);
        let detail = format!("{detail}: high {}, low {} now", row.raw.high, row.raw.low);
        found.push(row.found(Finding::OhlcViolation, Treatment::Repaired, detail));
    }
    let (finding, what) = if volume.is_nan() {
        (Finding::MissingValue, "no volume".to_owned())
    } else if volume.is_infinite() {
        (Finding::NonFinite, format!("volume {volume}"))
    } else if volume < 0.0 {
        (Finding::NegativeVolume, format!("volume {volume}"))
    } else {
        return true;
    };
    row.raw.volume = 0.0;
    found.push(row.found(finding, Treatment::Repaired, format!("{what}: 0 now")));
    true
}

/// Notes bars without volume: one by one, or all at once where no bar has any, as of an index.
pub(super) fn note_zero_volume(rows: &[Placed], found: &mut Vec<ReportRow>) {
    // What was repaired but no high or low is a volume that was set to 0: it is in the report already.
    let repaired: BTreeSet<Option<u64>> = found
        .iter()
        .filter(|row| row.treatment == Treatment::Repaired && row.finding != Finding::OhlcViolation)
        .map(|row| row.line)
        .collect();
    let zero: Vec<&Placed> = rows
        .iter()
        .filter(|row| row.raw.volume == 0.0 && !repaired.contains(&Some(row.raw.line)))
        .collect();
    match zero.as_slice() {
        [first, _, ..] if zero.len() == rows.len() => found.push(first.found(
            Finding::ZeroVolume,
            Treatment::Kept,
            format!("all {} bars are without volume", rows.len()),
        )),
        some => found.extend(some.iter().map(|row| {
            row.found(
                Finding::ZeroVolume,
                Treatment::Kept,
                "nothing traded".to_owned(),
            )
        })),
    }
}

/// Notes bars without an adjusted close among others that have one.
pub(super) fn note_missing_adjusted(rows: &[Placed], found: &mut Vec<ReportRow>) {
    let has = |row: &&Placed| actions::usable(row.raw.adjusted_close);
    if !rows.iter().any(|row| has(&row)) {
        return;
    }
    found.extend(rows.iter().filter(|row| !has(row)).map(|row| {
        let detail = format!(
            "adjusted close {}: a dividend of this bar is dated to the next one that has it",
            row.raw.adjusted_close
        );
        row.found(Finding::MissingValue, Treatment::Noted, detail)
    }));
}

/// Leaves one row of each stamp, or none where rows conflict and the options say so.
pub(super) fn drop_duplicates(
    rows: &mut Vec<Placed>,
    conflict: Conflict,
    found: &mut Vec<ReportRow>,
) {
    let mut kept: Vec<Placed> = Vec::with_capacity(rows.len());
    let mut group: Vec<Placed> = Vec::new();
    for row in rows.drain(..) {
        if group
            .first()
            .is_some_and(|first| first.close_time != row.close_time)
        {
            kept.extend(settle(std::mem::take(&mut group), conflict, found));
        }
        group.push(row);
    }
    kept.extend(settle(group, conflict, found));
    *rows = kept;
}

fn settle(group: Vec<Placed>, conflict: Conflict, found: &mut Vec<ReportRow>) -> Option<Placed> {
    let first = group.first()?;
    if group.len() == 1 {
        return group.into_iter().next();
    }
    let conflicting = group.iter().any(|row| values(row) != values(first));
    let winner = match conflict {
        _ if !conflicting => Some(0),
        Conflict::KeepFirst => Some(0),
        Conflict::KeepLast => Some(group.len() - 1),
        Conflict::DropAll => None,
    };
    let counted = winner.and_then(|index| group.get(index)).cloned();
    for (index, row) in group.iter().enumerate() {
        if Some(index) == winner {
            continue;
        }
        let (finding, detail) = match &counted {
            Some(counted) if values(row) == values(counted) => (
                Finding::DuplicateIdentical,
                format!("line {} says the same", counted.raw.line),
            ),
            Some(counted) => (
                Finding::DuplicateConflicting,
                format!(
                    "close {} here, {} in line {}, which counts",
                    row.raw.close, counted.raw.close, counted.raw.line
                ),
            ),
            None => (
                Finding::DuplicateConflicting,
                format!(
                    "close {} here, others elsewhere: none counts",
                    row.raw.close
                ),
            ),
        };
        found.push(row.found(finding, Treatment::Dropped, detail));
    }
    counted
}

/// A row's values as bits, so that a missing adjusted close equals itself.
fn values(row: &Placed) -> [u64; 6] {
    let raw = &row.raw;
    [
        raw.open,
        raw.high,
        raw.low,
        raw.close,
        raw.volume,
        raw.adjusted_close,
    ]
    .map(f64::to_bits)
}
