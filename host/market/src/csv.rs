//! Bars from CSV files.
//!
//! Columns are found by name, in any order and case: `Date` (or `Timestamp`, `Time`, or an unnamed first
//! column), `Open`, `High`, `Low`, `Close`, `Volume`, optionally `Adj Close` and `Ticker` (or `Symbol`).
//! A time of day without an offset is UTC. An empty field, `NA`, `NaN`, `null`, `-` or `.` is a missing value, kept as NaN for the cleaner to judge;
//! anything else that is no number is a mistake. The whole file is held in memory, about 100 bytes a row.

use crate::bars::{RawBar, RawBars};
use crate::dates::DateColumn;
use bulkhead_domain::Problem;
use bulkhead_domain::data::Stamp;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

/// How to read a file of bars.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvOptions {
    /// Symbol of the bars where the file has no such column.
    pub symbol: String,
    /// What a stamp with a time of day means. Dates alone are always [`Stamp::Date`].
    pub intraday_stamp: Stamp,
}

impl CsvOptions {
    /// Bars of this symbol, intraday stamps being opens, as exchanges write them.
    #[must_use]
    pub fn symbol(symbol: &str) -> Self {
        CsvOptions {
            symbol: symbol.to_owned(),
            intraday_stamp: Stamp::Open,
        }
    }
}

/// Reads a file of bars, one entry for each symbol in the order of first appearance.
///
/// # Errors
/// A file that is missing, unreadable, empty or has no more than a header; a missing or doubled column; a
/// row with too few or too many fields; text in a number; dates in two formats; a symbol with one row only.
pub fn read_bars(path: &Path, options: &CsvOptions) -> Result<Vec<RawBars>, Problem> {
    read_bars_from(open(path)?, path, options)
}

/// Like [`read_bars`] from any source of bytes; the path only names it in problems.
///
/// # Errors
/// As [`read_bars`].
pub fn read_bars_from(
    source: impl Read,
    path: &Path,
    options: &CsvOptions,
) -> Result<Vec<RawBars>, Problem> {
    read(source, options).map_err(|problem| problem.in_file(path))
}

pub(crate) fn open(path: &Path) -> Result<BufReader<File>, Problem> {
    let file = File::open(path).map_err(|error| {
        Problem::user(format!("cannot open the file: {error}"), "check the path").in_file(path)
    })?;
    Ok(BufReader::with_capacity(1 << 16, file))
}

/// Text without carriage returns and with a last line end. The CSV reader counts a line when it meets its
/// line feed, which with CRLF is one record late.
pub(crate) struct PlainLines<R> {
    source: R,
    last: Option<u8>,
    ended: bool,
}

impl<R: Read> Read for PlainLines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while !self.ended {
            let count = self.source.read(buffer)?;
            let mut kept = 0;
            for index in 0..count {
                if buffer[index] != b'\r' {
                    buffer[kept] = buffer[index];
                    kept += 1;
                }
            }
            if let Some(last) = kept.checked_sub(1) {
                self.last = Some(buffer[last]);
                return Ok(kept);
            }
            self.ended = count == 0;
        }
        match (self.last.take(), buffer.first_mut()) {
            (Some(last), Some(place)) if last != b'\n' => {
                *place = b'\n';
                Ok(1)
            }
            _ => Ok(0),
        }
    }
}

pub(crate) type Table<R> = ::csv::Reader<PlainLines<R>>;

pub(crate) fn table<R: Read>(source: R) -> Table<R> {
    ::csv::ReaderBuilder::new()
        .flexible(true)
        .has_headers(false)
        .from_reader(PlainLines {
            source,
            last: None,
            ended: false,
        })
}

/// Reads the next record, skipping lines of blanks; gives its line.
pub(crate) fn next_record<R: Read>(
    reader: &mut Table<R>,
    record: &mut ::csv::StringRecord,
) -> Result<Option<u64>, Problem> {
    loop {
        let more = reader
            .read_record(record)
            .map_err(|error| csv_problem(&error))?;
        if !more {
            return Ok(None);
        }
        if record.iter().any(|field| !field.trim().is_empty()) {
            // The record's own position is where the last one ended, blank lines before it included.
            let inside: usize = record.iter().map(|field| field.matches('\n').count()).sum();
            let after = reader.position().line();
            return Ok(Some(after.saturating_sub(inside as u64 + 1)));
        }
    }
}

fn csv_problem(error: &::csv::Error) -> Problem {
    let problem = match error.kind() {
        ::csv::ErrorKind::Utf8 { .. } => {
            Problem::user("the text is not UTF-8", "save the file as UTF-8 CSV")
        }
        ::csv::ErrorKind::Io(error) => {
            return Problem::user(
                format!("cannot read the file: {error}"),
                "check that it is a readable CSV file",
            );
        }
        _ => Problem::user(format!("not CSV: {error}"), "save the file as CSV"),
    };
    match error.position() {
        Some(position) => problem.at_line(position.line()),
        None => problem,
    }
}

/// A column's name in lower case without the blanks, underscores and marks that exporters vary in.
pub(crate) fn plain_name(name: &str) -> String {
    name.chars()
        .filter(|letter| letter.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

pub(crate) fn is_date_column(index: usize, plain: &str) -> bool {
    matches!(
        plain,
        "date" | "datetime" | "timestamp" | "time" | "opentime"
    ) || (index == 0 && plain.is_empty())
}

/// A number, NaN where the field says that there is none.
pub(crate) fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let missing = ["", "-", ".", "na", "n/a", "nan", "null", "none"];
    if missing.iter().any(|word| text.eq_ignore_ascii_case(word)) {
        return Some(f64::NAN);
    }
    text.parse().ok()
}

/// A file's own text as a problem quotes it: the beginning, since a file may be anything.
pub(crate) fn shown(text: &str) -> String {
    const LONGEST: usize = 120;
    let text = text.trim();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Where each column of bars is.
struct Columns {
    date: usize,
    numbers: [usize; 5],
    adjusted_close: Option<usize>,
    symbol: Option<usize>,
    names: Vec<String>,
}

const NUMBER_NAMES: [&str; 5] = ["Open", "High", "Low", "Close", "Volume"];

impl Columns {
    fn find(header: &::csv::StringRecord, line: u64) -> Result<Self, Problem> {
        let names: Vec<String> = header
            .iter()
            .map(|name| name.trim().trim_start_matches('\u{feff}').to_owned())
            .collect();
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        for (index, name) in names.iter().enumerate() {
            let plain = plain_name(name);
            let known = match plain.as_str() {
                plain if is_date_column(index, plain) => "Date",
                "open" => "Open",
                "high" => "High",
                "low" => "Low",
                "close" => "Close",
                "volume" | "vol" => "Volume",
                "adjclose" | "adjustedclose" | "closeadj" => "Adj Close",
                "ticker" | "symbol" => "Ticker",
                _ => continue,
            };
            if let Some(first) = places.insert(known, index) {
                return Err(Problem::user(
                    format!(
                        "two columns for {known}: '{}' and '{name}'",
                        names.get(first).map_or("", String::as_str)
                    ),
                    "keep one of them",
                )
                .at_line(line)
                .at_column((index + 1).to_string()));
            }
        }
        let require = |name: &str| {
            places.get(name).copied().ok_or_else(|| {
                Problem::user(
                    format!(
                        "no column {name}; the header is '{}'",
                        shown(&names.join(","))
                    ),
                    "name the columns Date,Open,High,Low,Close,Volume, separated by commas",
                )
                .at_line(line)
            })
        };
        let date = require("Date")?;
        let mut numbers = [0; 5];
        for (place, name) in numbers.iter_mut().zip(NUMBER_NAMES) {
            *place = require(name)?;
        }
        let (adjusted_close, symbol) = (
            places.get("Adj Close").copied(),
            places.get("Ticker").copied(),
        );
        Ok(Columns {
            date,
            numbers,
            adjusted_close,
            symbol,
            names,
        })
    }

    fn name(&self, index: usize) -> String {
        match self.names.get(index) {
            Some(name) if !name.is_empty() => name.clone(),
            _ => (index + 1).to_string(),
        }
    }

    fn number(
        &self,
        record: &::csv::StringRecord,
        index: usize,
        line: u64,
    ) -> Result<f64, Problem> {
        let text = record.get(index).unwrap_or_default();
        number(text).ok_or_else(|| {
            Problem::user(
                format!("'{}' is not a number", shown(text)),
                "write a plain decimal number, or nothing where the value is missing",
            )
            .at_line(line)
            .at_column(self.name(index))
        })
    }
}

fn read(source: impl Read, options: &CsvOptions) -> Result<Vec<RawBars>, Problem> {
    let mut reader = table(source);
    let mut record = ::csv::StringRecord::new();
    let Some(line) = next_record(&mut reader, &mut record)? else {
        return Err(Problem::user(
            "the file is empty",
            "give it a header and rows of bars",
        ));
    };
    let columns = Columns::find(&record, line)?;
    let mut dates = DateColumn::default();
    let mut symbols: BTreeMap<String, usize> = BTreeMap::new();
    let mut bars: Vec<RawBars> = Vec::new();
    let mut intraday = false;
    while let Some(line) = next_record(&mut reader, &mut record)? {
        check_width(&record, columns.names.len(), line)?;
        let date_text = record.get(columns.date).unwrap_or_default();
        let stamped = dates.read(date_text, line, &columns.name(columns.date))?;
        intraday |= stamped.has_time;
        let [open, high, low, close, volume] = columns.numbers;
        let row = RawBar {
            line,
            date: stamped.date,
            instant: stamped.instant,
            open: columns.number(&record, open, line)?,
            high: columns.number(&record, high, line)?,
            low: columns.number(&record, low, line)?,
            close: columns.number(&record, close, line)?,
            volume: columns.number(&record, volume, line)?,
            adjusted_close: match columns.adjusted_close {
                Some(index) => columns.number(&record, index, line)?,
                None => f64::NAN,
            },
        };
        let symbol = match columns.symbol {
            Some(index) => record.get(index).unwrap_or_default().trim(),
            None => &options.symbol,
        };
        let place = match symbols.get(symbol) {
            Some(place) => *place,
            None => {
                if let (true, Some(index)) = (symbol.is_empty(), columns.symbol) {
                    return Err(Problem::user("no symbol", "write the row's symbol")
                        .at_line(line)
                        .at_column(columns.name(index)));
                }
                bars.push(RawBars::new(symbol, Stamp::Date));
                symbols.insert(symbol.to_owned(), bars.len() - 1);
                bars.len() - 1
            }
        };
        if let Some(target) = bars.get_mut(place) {
            target.rows.push(row);
        }
    }
    if bars.is_empty() {
        return Err(
            Problem::user("there is a header but no row", "give the file rows of bars")
                .at_line(line),
        );
    }
    for series in &mut bars {
        if intraday {
            series.stamp = options.intraday_stamp;
        }
        if let [only] = series.rows.as_slice() {
            return Err(Problem::user(
                format!("{} has one row only, which is no series", series.symbol),
                "give it at least two bars",
            )
            .at_line(only.line));
        }
    }
    Ok(bars)
}

pub(crate) fn check_width(
    record: &::csv::StringRecord,
    expected: usize,
    line: u64,
) -> Result<(), Problem> {
    if record.len() == expected {
        return Ok(());
    }
    Err(Problem::user(
        format!("{} fields where the header has {expected}", record.len()),
        "check the row's commas and quotes",
    )
    .at_line(line)
    .at_column((record.len().min(expected) + 1).to_string()))
}

#[cfg(test)]
mod tests;
