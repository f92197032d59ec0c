//! A file's header, what its columns mean, and its rows.

use crate::dates::{DateFormat, Evidence};
use crate::lines::{Lines, split};
use crate::{Columns, Config};
use bulkhead_sdk::Timestamp;
use bulkhead_sdk::data_source::Error;

/// Rows that are looked at to find the date format.
const SAMPLE: usize = 1_000;

/// Indices of the columns of a file with bars.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BarLayout {
    pub(crate) symbol: Option<usize>,
    pub(crate) open: usize,
    pub(crate) high: usize,
    pub(crate) low: usize,
    pub(crate) close: usize,
    pub(crate) volume: Option<usize>,
    pub(crate) adjusted_close: Option<usize>,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Layout {
    Bars(BarLayout),
    /// Names and column indices.
    Series(Vec<(String, usize)>),
}

/// A file whose header has been read.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    path: String,
    header: Vec<String>,
    date: usize,
    format: DateFormat,
    pub(crate) layout: Layout,
    /// Where the first row starts.
    first_row: String,
}

/// One row, with what is needed to name a cell in an error.
pub(crate) struct Row<'a> {
    table: &'a Table,
    line: u64,
    cells: Vec<String>,
}

impl Row<'_> {
    /// The text of a cell.
    pub(crate) fn cell(&self, column: usize) -> Result<&str, Error> {
        self.cells
            .get(column)
            .map(String::as_str)
            .ok_or_else(|| self.error(column, "the row ends before this column"))
    }

    fn error(&self, column: usize, reason: &str) -> Error {
        let name = self.table.header.get(column).map_or("?", String::as_str);
        Error::InvalidInput(format!(
            "{}, line {}, column `{name}`: {reason}",
            self.table.path, self.line
        ))
    }
}

/// A cell's number; NaN where it is empty or says that there is none.
pub(crate) fn number(row: &Row<'_>, column: usize) -> Result<f64, Error> {
    let text = row.cell(column)?;
    let missing = ["-", ".", "na", "n/a", "nan", "null", "none"];
    if text.is_empty() || is_any(text, &missing) {
        return Ok(f64::NAN);
    }
    text.parse()
        .map_err(|_| row.error(column, &format!("`{text}` is not a number")))
}

fn is_any(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| text.eq_ignore_ascii_case(word))
}

impl Table {
    /// Reads the header, and as many rows as decide the date format.
    pub(crate) fn open(config: &Config) -> Result<Table, Error> {
        let path = config.file.as_str();
        let wrong =
            |line: u64, reason: &str| Error::InvalidInput(format!("{path}, line {line}: {reason}"));
        let mut lines = Lines::new(path, 0, 1);
        let (line, header) = match lines.next()? {
            Some((line, text)) => {
                let text = text.strip_prefix('\u{feff}').unwrap_or(text);
                (line, split(text).map_err(|reason| wrong(line, reason))?)
            }
            None => {
                return Err(Error::InvalidInput(format!(
                    "{path}: is empty; it should start with a header such as Date,Open,High,Low,Close,Volume"
                )));
            }
        };
        let find = |set: &Option<String>, usual: &[&str]| -> Result<Option<usize>, Error> {
            let at = |name: &str| {
                header
                    .iter()
                    .position(|cell| cell.eq_ignore_ascii_case(name))
            };
            match set {
                Some(name) => at(name).map(Some).ok_or_else(|| {
                    wrong(
                        line,
                        &format!("no column `{name}`; there are {}", header.join(", ")),
                    )
                }),
                None => Ok(usual.iter().find_map(|name| at(name))),
            }
        };
        let Columns {
            date,
            symbol,
            open,
            high,
            low,
            close,
            volume,
            adjusted_close,
        } = &config.columns;
        let date = find(date, &["date", "timestamp", "day"])?.ok_or_else(|| {
            wrong(
                line,
                &format!(
                    "no date column among {}; name it in config key `columns.date`",
                    header.join(", ")
                ),
            )
        })?;
        let symbol = find(symbol, &["ticker", "symbol"])?;
        let prices = [
            ("open", find(open, &["open"])?),
            ("high", find(high, &["high"])?),
            ("low", find(low, &["low"])?),
            ("close", find(close, &["close"])?),
        ];
        let layout = match prices.map(|(_, column)| column) {
            [Some(open), Some(high), Some(low), Some(close)] => Layout::Bars(BarLayout {
                symbol,
                open,
                high,
                low,
                close,
                volume: find(volume, &["volume"])?,
                adjusted_close: find(
                    adjusted_close,
                    &[
                        "adj close",
                        "adj_close",
                        "adjclose",
                        "adjusted close",
                        "adjusted_close",
                    ],
                )?,
            }),
            // One of them alone may be the name of a series; two or three are a broken table of bars.
            some if some.iter().flatten().count() > 1 => {
                let missing: Vec<_> = prices
                    .iter()
                    .filter(|(_, column)| column.is_none())
                    .map(|(name, _)| *name)
                    .collect();
                return Err(wrong(
                    line,
                    &format!(
                        "bars lack {}; name it in config key `columns`",
                        missing.join(" and ")
                    ),
                ));
            }
            _ => {
                let names: Vec<_> = header
                    .iter()
                    .enumerate()
                    .filter(|(column, _)| *column != date)
                    .map(|(column, name)| (name.clone(), column))
                    .collect();
                if names.is_empty() {
                    return Err(wrong(line, "only a date column; there is nothing to read"));
                }
                Layout::Series(names)
            }
        };
        let mut table = Table {
            path: path.to_owned(),
            header,
            date,
            format: config.date_format,
            layout,
            first_row: String::new(),
        };
        if lines.at_end()? {
            return Err(Error::InvalidInput(format!(
                "{path}: has a header but no rows"
            )));
        }
        table.first_row = lines.token();
        if table.format == DateFormat::Auto {
            table.format = table.find_format(lines)?;
        }
        Ok(table)
    }

    fn find_format(&self, mut lines: Lines) -> Result<DateFormat, Error> {
        let mut evidence = Evidence::default();
        let mut last = 0;
        for _ in 0..SAMPLE {
            let Some(row) = self.next(&mut lines)? else {
                break;
            };
            evidence.see(row.cell(self.date)?);
            last = row.line;
            if let Err(reason) = evidence.format() {
                return Err(row.error(self.date, &reason));
            }
        }
        match evidence.format() {
            Ok((format, guessed)) => {
                if guessed {
                    bulkhead_sdk::warn!(
                        "{}: dates up to line {last} could be month first or day first; taken as month first, set config key `date-format` to be sure",
                        self.path
                    );
                }
                Ok(format)
            }
            Err(reason) => Err(Error::InvalidInput(format!("{}: {reason}", self.path))),
        }
    }

    /// The rows from a page's token on, or from the first.
    pub(crate) fn rows(&self, page: Option<&str>) -> Result<Lines, Error> {
        Lines::from_token(&self.path, page.unwrap_or(&self.first_row))
    }

    /// The next row.
    pub(crate) fn next(&self, lines: &mut Lines) -> Result<Option<Row<'_>>, Error> {
        let Some((line, text)) = lines.next()? else {
            return Ok(None);
        };
        let cells = split(text).map_err(|reason| {
            Error::InvalidInput(format!("{}, line {line}: {reason}", self.path))
        })?;
        if cells.len() > self.header.len() {
            return Err(Error::InvalidInput(format!(
                "{}, line {line}: {} cells under a header of {}",
                self.path,
                cells.len(),
                self.header.len()
            )));
        }
        Ok(Some(Row {
            table: self,
            line,
            cells,
        }))
    }

    /// The row's date, at midnight UTC.
    pub(crate) fn date(&self, row: &Row<'_>) -> Result<Timestamp, Error> {
        let text = row.cell(self.date)?;
        self.format.parse(text).ok_or_else(|| {
            row.error(
                self.date,
                &format!("`{text}` is not a date such as {}", self.format.example()),
            )
        })
    }
}
