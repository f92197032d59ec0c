//! Macro series from CSV: a column of dates (or `year` with `quarter` or `month`), optionally one of
//! release dates, every other column a series.

use super::{MacroOptions, MacroRow, MacroSeries};
use crate::csv::{
    check_width, is_date_column, next_record, number, open, plain_name, shown, table,
};
use crate::dates::{DateColumn, midnight_utc};
use bulkhead_domain::{Problem, Timestamp};
use csv::StringRecord;
use jiff::civil::Date;
use std::path::Path;

/// Reads every series of a file, in the order of its columns. A release written as a date alone counts
/// from the end of that day in UTC.
///
/// # Errors
/// A file that is missing, unreadable or empty, no column of dates or of values, text in a number, dates in
/// two formats, and what [`MacroSeries::new`] refuses.
pub fn read_macro(path: &Path, options: &MacroOptions) -> Result<Vec<MacroSeries>, Problem> {
    read(open(path)?, options).map_err(|problem| problem.in_file(path))
}

/// How a row says which period it is about.
enum Period {
    Date(usize),
    Year {
        year: usize,
        part: usize,
        months: i8,
    },
}

struct Columns {
    period: Period,
    released: Option<usize>,
    /// Place and name of each series.
    series: Vec<(usize, String)>,
    width: usize,
}

impl Columns {
    fn find(header: &StringRecord, line: u64) -> Result<Self, Problem> {
        let plain: Vec<String> = header.iter().map(plain_name).collect();
        let place = |name: &str| plain.iter().position(|plain| plain == name);
        let date = plain
            .iter()
            .enumerate()
            .position(|(index, plain)| is_date_column(index, plain) || plain == "observationdate");
        let period = match (date, place("year"), place("quarter"), place("month")) {
            (Some(date), ..) => Period::Date(date),
            (None, Some(year), Some(part), _) => Period::Year {
                year,
                part,
                months: 3,
            },
            (None, Some(year), None, Some(part)) => Period::Year {
                year,
                part,
                months: 1,
            },
            _ => {
                return Err(Problem::user(
                    "no column of dates",
                    "name one 'Date', or two 'year' and 'quarter' or 'month'",
                )
                .at_line(line));
            }
        };
        let released = ["released", "release", "realtimestart"]
            .into_iter()
            .find_map(place);
        let about_time = |index: &usize| {
            Some(*index) == released
                || match period {
                    Period::Date(date) => *index == date,
                    Period::Year { year, part, .. } => *index == year || *index == part,
                }
        };
        let series: Vec<_> = (0..plain.len())
            .filter(|index| !about_time(index))
            .map(|index| {
                (
                    index,
                    header.get(index).unwrap_or_default().trim().to_owned(),
                )
            })
            .collect();
        if series.is_empty() {
            return Err(Problem::user("no column of values", "give it one").at_line(line));
        }
        Ok(Columns {
            period,
            released,
            series,
            width: plain.len(),
        })
    }
}

fn read(source: impl std::io::Read, options: &MacroOptions) -> Result<Vec<MacroSeries>, Problem> {
    let mut reader = table(source);
    let mut record = StringRecord::new();
    let Some(line) = next_record(&mut reader, &mut record)? else {
        return Err(Problem::user(
            "the file is empty",
            "give it a header and rows",
        ));
    };
    let columns = Columns::find(&record, line)?;
    let names = record.clone();
    let name = |index: usize| names.get(index).unwrap_or_default().trim().to_owned();
    let (mut dates, mut releases) = (DateColumn::default(), DateColumn::default());
    let mut rows: Vec<Vec<MacroRow>> = vec![Vec::new(); columns.series.len()];
    while let Some(line) = next_record(&mut reader, &mut record)? {
        check_width(&record, columns.width, line)?;
        let field = |index: usize| record.get(index).unwrap_or_default().trim();
        let date = match columns.period {
            Period::Date(index) => dates.read(field(index), line, &name(index))?.date,
            Period::Year { year, part, months } => period_date(field(year), field(part), months)
                .ok_or_else(|| {
                    Problem::user(
                        format!("'{}' and '{}' are no period", field(year), field(part)),
                        "write the year and the number of its quarter or month",
                    )
                    .at_line(line)
                    .at_column(name(part))
                })?,
        };
        let released = match columns.released {
            Some(index) if !field(index).is_empty() => {
                let stamped = releases.read(field(index), line, &name(index))?;
                Some(end_of_release(
                    stamped.date,
                    stamped.instant,
                    stamped.has_time,
                ))
            }
            _ => None,
        };
        for ((index, series), rows) in columns.series.iter().zip(&mut rows) {
            let value = number(field(*index)).ok_or_else(|| {
                Problem::user(
                    format!("'{}' is not a number", shown(field(*index))),
                    "write a plain decimal number, or nothing where the value is missing",
                )
                .at_line(line)
                .at_column(series.clone())
            })?;
            rows.push(MacroRow {
                date,
                value,
                released,
            });
        }
    }
    columns
        .series
        .iter()
        .zip(&rows)
        .map(|((_, name), rows)| MacroSeries::new(name, rows, options))
        .collect()
}

/// The first day of a quarter or month, by numbers that may be written as decimals.
fn period_date(year: &str, part: &str, months: i8) -> Option<Date> {
    let whole = |text: &str| {
        text.parse::<f64>()
            .ok()
            .filter(|number| number.fract() == 0.0)
    };
    let (year, part) = (whole(year)?, whole(part)?);
    let in_range =
        (1.0..=9999.0).contains(&year) && (1.0..=12.0 / f64::from(months)).contains(&part);
    let first_month = (part as i8 - 1) * months + 1;
    in_range.then(|| Date::new(year as i16, first_month, 1).ok())?
}

fn end_of_release(date: Date, instant: Timestamp, has_time: bool) -> Timestamp {
    if has_time {
        return instant;
    }
    let tomorrow = date.tomorrow().ok().and_then(midnight_utc);
    tomorrow.unwrap_or(instant)
}

#[cfg(test)]
pub(super) fn parse(text: &str, options: &MacroOptions) -> Result<Vec<MacroSeries>, Problem> {
    read(text.as_bytes(), options)
}
