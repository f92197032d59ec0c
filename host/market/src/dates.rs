//! Dates as they are written in CSV files.
//!
//! A column holds one format: the first row's decides, and a row in another is a mistake, because a file
//! that mixes formats was stitched together and `1/2/2000` no longer says which part is the month.

use crate::csv::shown;
use bulkhead_domain::{Problem, Timestamp};
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use std::fmt;

/// How a date is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DateFormat {
    IsoDate,
    CompactDate,
    MonthDayYear,
    IsoDateTime,
    IsoDateTimeOffset,
    EpochSeconds,
    EpochMillis,
    EpochMicros,
    EpochNanos,
}

impl fmt::Display for DateFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DateFormat::IsoDate => "YYYY-MM-DD",
            DateFormat::CompactDate => "YYYYMMDD",
            DateFormat::MonthDayYear => "month/day/YYYY",
            DateFormat::IsoDateTime => "ISO date-time",
            DateFormat::IsoDateTimeOffset => "ISO date-time with offset",
            DateFormat::EpochSeconds => "epoch seconds",
            DateFormat::EpochMillis => "epoch milliseconds",
            DateFormat::EpochMicros => "epoch microseconds",
            DateFormat::EpochNanos => "epoch nanoseconds",
        })
    }
}

/// A date or moment as read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamped {
    pub(crate) format: DateFormat,
    /// The date as written; in UTC for epoch numbers.
    pub(crate) date: Date,
    /// The moment; a date or a time without an offset is taken as UTC.
    pub(crate) instant: Timestamp,
    /// Whether a time of day other than midnight is written.
    pub(crate) has_time: bool,
}

/// Reads one column of dates.
#[derive(Debug, Default)]
pub(crate) struct DateColumn {
    first: Option<(DateFormat, u64)>,
}

impl DateColumn {
    /// Reads one field; the problem still lacks the file.
    pub(crate) fn read(&mut self, text: &str, line: u64, column: &str) -> Result<Stamped, Problem> {
        let text = text.trim();
        let stamped = parse(text).ok_or_else(|| {
            let mend = match self.first {
                Some((format, _)) => format!("write it as {format}, like the rows above"),
                None => "write it as YYYY-MM-DD".to_owned(),
            };
            Problem::user(format!("'{}' is not a date", shown(text)), mend)
                .at_line(line)
                .at_column(column)
        })?;
        match self.first {
            None => self.first = Some((stamped.format, line)),
            Some((format, first_line)) if format != stamped.format => {
                return Err(Problem::user(
                    format!(
                        "dates in two formats: '{text}' is {}, but line {first_line} is {format}",
                        stamped.format
                    ),
                    "write all dates in one format",
                )
                .at_line(line)
                .at_column(column));
            }
            Some(_) => {}
        }
        Ok(stamped)
    }
}

fn parse(text: &str) -> Option<Stamped> {
    if text.is_empty() {
        return None;
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return parse_digits(text);
    }
    if text.contains('/') {
        return parse_month_day_year(text);
    }
    if text.len() == 10 {
        return whole_day(DateFormat::IsoDate, text.parse().ok()?);
    }
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        // The exchange's own date is the one written, whatever the offset makes of it in UTC.
        let written: DateTime = jiff::fmt::temporal::DateTimeParser::new()
            .parse_datetime(text.trim_end_matches(['Z', 'z']))
            .ok()?;
        return Some(Stamped {
            format: DateFormat::IsoDateTimeOffset,
            date: written.date(),
            instant: nanoseconds(instant)?,
            has_time: written.time() != Time::midnight(),
        });
    }
    let written: DateTime = text.parse().ok()?;
    Some(Stamped {
        format: DateFormat::IsoDateTime,
        date: written.date(),
        instant: nanoseconds(TimeZone::UTC.to_timestamp(written).ok()?)?,
        has_time: written.time() != Time::midnight(),
    })
}

fn parse_digits(text: &str) -> Option<Stamped> {
    let number: i64 = text.parse().ok()?;
    let (format, unit) = match text.len() {
        8 => {
            let year = i16::try_from(number / 10_000).ok()?;
            let month = i8::try_from(number / 100 % 100).ok()?;
            let day = i8::try_from(number % 100).ok()?;
            return whole_day(DateFormat::CompactDate, Date::new(year, month, day).ok()?);
        }
        9..=10 => (DateFormat::EpochSeconds, 1_000_000_000),
        12..=13 => (DateFormat::EpochMillis, 1_000_000),
        15..=16 => (DateFormat::EpochMicros, 1_000),
        18..=19 => (DateFormat::EpochNanos, 1),
        _ => return None,
    };
    let instant = Timestamp(number.checked_mul(unit)?);
    let utc = jiff::Timestamp::from_nanosecond(i128::from(instant.0)).ok()?;
    let written = TimeZone::UTC.to_datetime(utc);
    Some(Stamped {
        format,
        date: written.date(),
        instant,
        has_time: written.time() != Time::midnight(),
    })
}

fn parse_month_day_year(text: &str) -> Option<Stamped> {
    let mut parts = text.split('/');
    let (month, day, year) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || year.len() != 4 {
        return None;
    }
    let date = Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
    whole_day(DateFormat::MonthDayYear, date.ok()?)
}

fn whole_day(format: DateFormat, date: Date) -> Option<Stamped> {
    Some(Stamped {
        format,
        date,
        instant: midnight_utc(date)?,
        has_time: false,
    })
}

/// Midnight UTC at which the date begins; `None` outside what nanoseconds can say (1677 to 2262).
pub(crate) fn midnight_utc(date: Date) -> Option<Timestamp> {
    nanoseconds(
        TimeZone::UTC
            .to_timestamp(date.to_datetime(Time::midnight()))
            .ok()?,
    )
}

fn nanoseconds(instant: jiff::Timestamp) -> Option<Timestamp> {
    i64::try_from(instant.as_nanosecond()).ok().map(Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn every_way_of_writing_a_date_gives_the_same_day() {
        let ways = [
            ("2000-03-01", DateFormat::IsoDate),
            ("20000301", DateFormat::CompactDate),
            ("3/1/2000", DateFormat::MonthDayYear),
            ("03/01/2000", DateFormat::MonthDayYear),
            ("2000-03-01 09:30:00", DateFormat::IsoDateTime),
            ("2000-03-01T09:30", DateFormat::IsoDateTime),
            ("2000-03-01T09:30:00Z", DateFormat::IsoDateTimeOffset),
            ("2000-03-01 00:00:00-05:00", DateFormat::IsoDateTimeOffset),
            ("951868800", DateFormat::EpochSeconds),
            ("951868800000", DateFormat::EpochMillis),
            ("951868800000000", DateFormat::EpochMicros),
            ("951868800000000000", DateFormat::EpochNanos),
        ];
        for (text, format) in ways {
            let stamped = parse(text).unwrap();
            assert_eq!(stamped.format, format, "{text}");
            assert_eq!(stamped.date, date(2000, 3, 1), "{text}");
            assert_eq!(stamped.has_time, text.contains("09:30"), "{text}");
        }
        let offset = parse("2000-03-01 00:00:00-05:00").unwrap();
        assert_eq!(offset.instant.to_string(), "2000-03-01T05:00:00Z");
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "abc",
            "13/1/2000",
            "2000-02-30",
            "1/2/00",
            "2000-3-1",
            "12345",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_second_format_names_both_and_the_lines() {
        let mut column = DateColumn::default();
        column.read("2000-03-01", 2, "Date").unwrap();
        let problem = column.read("3/2/2000", 3, "Date").unwrap_err();
        assert_eq!(
            problem.to_string(),
            "dates in two formats: '3/2/2000' is month/day/YYYY, but line 2 is YYYY-MM-DD \
             (line 3, column Date); write all dates in one format"
        );
    }
}
