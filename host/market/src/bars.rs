//! Bars as read, bars by column, and a series of cleaned bars with its digest.
//!
//! Prices are raw everywhere. [`BarSeries`] is what the rest of the host trades on: strictly rising stamps,
//! corporate actions beside it, and a digest over its content that is the same whatever file it came from.

use crate::clean::CleanBars;
use bulkhead_domain::data::{BarsPage, Stamp};
use bulkhead_domain::digest::DigestBuilder;
use bulkhead_domain::order::{Bar, CorporateAction};
use bulkhead_domain::time::DAY;
use bulkhead_domain::{Digest, Instrument, Problem, Timestamp};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// One row of bars as read, unjudged. A missing value is NaN.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "columns named as everywhere")]
pub struct RawBar {
    /// Line of the file or row of the pages, counted from 1.
    pub line: u64,
    /// The date as written.
    pub date: Date,
    /// The moment as written; midnight UTC where only a date is.
    pub instant: Timestamp,
    pub open: f64,
    pub high: f64,
    pub low: f64,
    pub close: f64,
    pub volume: f64,
    /// The source's adjusted close; NaN where there is none.
    pub adjusted_close: f64,
}

/// Bars of one symbol as read, unsorted and unjudged.
#[derive(Debug, Clone, PartialEq)]
pub struct RawBars {
    /// The symbol.
    pub symbol: String,
    /// What the stamps mean.
    pub stamp: Stamp,
    /// The rows in the source's order.
    pub rows: Vec<RawBar>,
    /// Corporate actions the source lists itself; where there are any, none are derived.
    pub actions: Vec<CorporateAction>,
}

impl RawBars {
    /// No rows yet.
    #[must_use]
    pub fn new(symbol: &str, stamp: Stamp) -> Self {
        RawBars {
            symbol: symbol.to_owned(),
            stamp,
            rows: Vec::new(),
            actions: Vec::new(),
        }
    }

    /// Appends a page of a data source.
    ///
    /// # Errors
    /// Columns of unequal length, a stamp outside what a calendar can say, or a page whose stamps mean
    /// something else than those of the pages before it.
    pub fn push_page(&mut self, page: &BarsPage) -> Result<(), Problem> {
        let rows = page.times.len();
        let blame = |what: String| {
            Problem::user(
                format!("the data source's page of {} is wrong: {what}", self.symbol),
                "report it to the data source's author",
            )
        };
        let columns = [
            ("open", &page.open),
            ("high", &page.high),
            ("low", &page.low),
            ("close", &page.close),
            ("volume", &page.volume),
        ];
        for (name, column) in columns {
            if column.len() != rows {
                return Err(blame(format!(
                    "{rows} times but {} of {name}",
                    column.len()
                )));
            }
        }
        let adjusted = &page.adjusted_close;
        if !adjusted.is_empty() && adjusted.len() != rows {
            return Err(blame(format!(
                "{rows} times but {} adjusted closes",
                adjusted.len()
            )));
        }
        if page.stamp != self.stamp && !self.rows.is_empty() {
            return Err(blame(
                "its stamps mean something else than those before".to_owned(),
            ));
        }
        let dates = page
            .times
            .iter()
            .map(|time| utc_date(*time).ok_or_else(|| blame(format!("time {time}"))))
            .collect::<Result<Vec<_>, _>>()?;
        self.stamp = page.stamp;
        self.actions.extend(page.actions.iter().cloned());
        for (row, date) in dates.into_iter().enumerate() {
            self.rows.push(RawBar {
                line: self.rows.len() as u64 + 1,
                date,
                instant: Timestamp(page.times[row]),
                open: page.open[row],
                high: page.high[row],
                low: page.low[row],
                close: page.close[row],
                volume: page.volume[row],
                adjusted_close: adjusted.get(row).copied().unwrap_or(f64::NAN),
            });
        }
        Ok(())
    }
}

fn utc_date(time: i64) -> Option<Date> {
    let instant = jiff::Timestamp::from_nanosecond(i128::from(time)).ok()?;
    Some(jiff::tz::TimeZone::UTC.to_datetime(instant).date())
}

/// Bars by column, oldest first, all columns equally long. Fields as in
/// [`Bar`]; times are closes in nanoseconds UTC.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "columns named as the bar's fields")]
pub struct BarColumns {
    pub times: Vec<i64>,
    pub open: Vec<f64>,
    pub high: Vec<f64>,
    pub low: Vec<f64>,
    pub close: Vec<f64>,
    pub volume: Vec<f64>,
    pub factor: Vec<f64>,
}

impl BarColumns {
    /// Empty columns with room for `rows`.
    #[must_use]
    pub fn with_capacity(rows: usize) -> Self {
        BarColumns {
            times: Vec::with_capacity(rows),
            open: Vec::with_capacity(rows),
            high: Vec::with_capacity(rows),
            low: Vec::with_capacity(rows),
            close: Vec::with_capacity(rows),
            volume: Vec::with_capacity(rows),
            factor: Vec::with_capacity(rows),
        }
    }

    /// Number of bars.
    #[must_use]
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether there is no bar.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Appends a bar.
    pub fn push(&mut self, bar: Bar) {
        self.times.push(bar.time);
        self.open.push(bar.open);
        self.high.push(bar.high);
        self.low.push(bar.low);
        self.close.push(bar.close);
        self.volume.push(bar.volume);
        self.factor.push(bar.factor);
    }

    /// The bar at a row.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<Bar> {
        Some(Bar {
            time: *self.times.get(row)?,
            open: *self.open.get(row)?,
            high: *self.high.get(row)?,
            low: *self.low.get(row)?,
            close: *self.close.get(row)?,
            volume: *self.volume.get(row)?,
            factor: *self.factor.get(row)?,
        })
    }

    /// Every bar, oldest first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Bar> + '_ {
        (0..self.len()).map(|row| Bar {
            time: self.times[row],
            open: self.open[row],
            high: self.high[row],
            low: self.low[row],
            close: self.close[row],
            volume: self.volume[row],
            factor: self.factor[row],
        })
    }

    /// A copy of some rows; the part of the range beyond the end is left out.
    #[must_use]
    pub fn slice(&self, rows: Range<usize>) -> Self {
        let end = rows.end.min(self.len());
        let rows = rows.start.min(end)..end;
        BarColumns {
            times: self.times[rows.clone()].to_vec(),
            open: self.open[rows.clone()].to_vec(),
            high: self.high[rows.clone()].to_vec(),
            low: self.low[rows.clone()].to_vec(),
            close: self.close[rows.clone()].to_vec(),
            volume: self.volume[rows.clone()].to_vec(),
            factor: self.factor[rows].to_vec(),
        }
    }
}

/// Cleaned bars of one instrument with its corporate actions.
#[derive(Debug, Clone, PartialEq)]
pub struct BarSeries {
    /// What it is a series of; the handle is the session's and no part of the digest.
    pub instrument: Instrument,
    /// Nominal length of a bar in nanoseconds; a day for daily bars, whatever the session's length.
    pub interval_ns: i64,
    /// When each bar opened: its session's open for daily bars.
    pub open_times: Vec<i64>,
    /// The bars, strictly rising in time.
    pub bars: BarColumns,
    /// Corporate actions by time; a split comes before a dividend of the same moment.
    pub actions: Vec<CorporateAction>,
    /// Digest of all of the above but the handle and the factor, which follows from the rest.
    pub digest: Digest,
}

impl BarSeries {
    /// A series of cleaned bars; computes factor and digest.
    ///
    /// # Errors
    /// No bars, columns of unequal length, stamps that do not rise, or bars of more than a day: stamped at one
    /// session's close they would show the sessions after it.
    pub fn new(instrument: Instrument, clean: CleanBars) -> Result<Self, Problem> {
        let CleanBars {
            interval_ns,
            open_times,
            mut bars,
            mut actions,
        } = clean;
        let wrong = |what: &str| {
            Problem::user(
                format!("the bars of {} {what}", instrument.symbol),
                "clean them first and read the cleaning report",
            )
        };
        let rows = bars.len();
        let lengths = [&bars.open, &bars.high, &bars.low, &bars.close, &bars.volume];
        if rows == 0 {
            return Err(wrong("are all gone: none is usable"));
        }
        if open_times.len() != rows || lengths.iter().any(|column| column.len() != rows) {
            return Err(wrong("have columns of unequal length"));
        }
        if bars.times.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(wrong("have stamps that do not rise"));
        }
        if let Some(days) = longer_than_a_day(interval_ns, &bars.times) {
            return Err(Problem::user(
                format!(
                    "the bars of {} are not daily: most lie {days} days apart",
                    instrument.symbol
                ),
                "give daily or shorter bars",
            ));
        }
        crate::actions::sort(&mut actions);
        bars.factor = crate::factor::factors(&open_times, &bars.close, &actions);
        let mut canonical = CanonicalDigest::new();
        for (bar, open_time) in bars.iter().zip(&open_times) {
            canonical.bar(*open_time, &bar);
        }
        let digest = canonical.finish(&instrument, interval_ns, &actions)?;
        Ok(BarSeries {
            instrument,
            interval_ns,
            open_times,
            bars,
            actions,
            digest,
        })
    }

    /// Number of bars.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bars.len()
    }

    /// Whether there is no bar.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bars.is_empty()
    }

    /// The actions effective before a bar's open and after the bar before it. Actions at or before the
    /// first bar's open are no news to anybody and never returned.
    #[must_use]
    pub fn actions_before(&self, row: usize) -> &[CorporateAction] {
        let Some(open) = self.open_times.get(row) else {
            return &[];
        };
        let Some(before) = row.checked_sub(1).and_then(|row| self.open_times.get(row)) else {
            return &[];
        };
        let from = self
            .actions
            .partition_point(|action| action.time <= *before);
        let to = self.actions.partition_point(|action| action.time <= *open);
        &self.actions[from..to]
    }
}

/// The usual distance of the bars in days, where it is that of no daily bars: their stamps lie up to four days
/// apart, holidays beside a weekend included.
fn longer_than_a_day(interval_ns: i64, times: &[i64]) -> Option<i64> {
    if interval_ns < DAY {
        return None;
    }
    let mut distances: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    distances.sort_unstable();
    let median = distances.get(distances.len() / 2).copied();
    let days = (median.unwrap_or(interval_ns).max(interval_ns) + DAY / 2) / DAY;
    (interval_ns > DAY || days > 4).then_some(days)
}

/// Digest over a series' content, fed bar by bar, so that it can be taken of a stream.
pub(crate) struct CanonicalDigest {
    builder: DigestBuilder,
    rows: u64,
}

impl CanonicalDigest {
    pub(crate) fn new() -> Self {
        let mut builder = DigestBuilder::new();
        builder.part("bulkhead bar series", b"1");
        CanonicalDigest { builder, rows: 0 }
    }

    pub(crate) fn bar(&mut self, open_time: i64, bar: &Bar) {
        let mut record = [0; 56];
        let fields = [
            open_time.to_le_bytes(),
            bar.time.to_le_bytes(),
            bar.open.to_bits().to_le_bytes(),
            bar.high.to_bits().to_le_bytes(),
            bar.low.to_bits().to_le_bytes(),
            bar.close.to_bits().to_le_bytes(),
            bar.volume.to_bits().to_le_bytes(),
        ];
        for (place, field) in record.chunks_exact_mut(8).zip(fields) {
            place.copy_from_slice(&field);
        }
        self.builder.raw(&record);
        self.rows += 1;
    }

    pub(crate) fn finish(
        mut self,
        instrument: &Instrument,
        interval_ns: i64,
        actions: &[CorporateAction],
    ) -> Result<Digest, Problem> {
        let instrument = Instrument {
            handle: 0,
            ..instrument.clone()
        };
        self.builder.part("rows", &self.rows.to_le_bytes());
        self.builder.part("interval", &interval_ns.to_le_bytes());
        self.builder.part("instrument", &json(&instrument)?);
        self.builder.part("actions", &json(&actions)?);
        Ok(self.builder.finish())
    }
}

pub(crate) fn json<T: Serialize>(value: &T) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(value)
        .map_err(|error| Problem::host(format!("cannot write JSON: {error}"), "report this"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Calendar, CleanOptions, clean};
    use jiff::ToSpan as _;
    use jiff::civil::date;

    fn every(days: i64) -> Result<BarSeries, Problem> {
        let mut raw = RawBars::new("X", Stamp::Date);
        for row in 0..9 {
            let day = date(2000, 3, 6).checked_add((row * days).days()).unwrap();
            raw.rows.push(RawBar {
                line: raw.rows.len() as u64 + 2,
                date: day,
                instant: crate::dates::midnight_utc(day).unwrap(),
                open: 1.0,
                high: 1.0,
                low: 1.0,
                close: 1.0,
                volume: 1.0,
                adjusted_close: f64::NAN,
            });
        }
        let calendar = Calendar::named("24/7").unwrap();
        let (bars, _) = clean(raw, &calendar, &CleanOptions::default());
        BarSeries::new(Instrument::us_equity(0, "X"), bars)
    }

    #[test]
    fn weekly_and_monthly_bars_are_refused_for_what_they_would_show() {
        for daily in [1, 2, 4] {
            assert_eq!(every(daily).unwrap().len(), 9, "{daily}");
        }
        for longer in [7, 30] {
            assert_eq!(
                every(longer).unwrap_err().to_string(),
                format!(
                    "the bars of X are not daily: most lie {longer} days apart; \
                     give daily or shorter bars"
                )
            );
        }
    }
}
