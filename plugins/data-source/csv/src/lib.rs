//! Daily bars and macro series from one comma-separated file in the granted folder.
//!
//! The header decides what the file is: with open, high, low and close columns it holds bars, otherwise a
//! date and one or more series. A file may hold many symbols in a symbol column, in any order. Dates are
//! `YYYY-MM-DD`, `month/day/year` or `day/month/year`; which of the two slashes are is found from the rows,
//! and one file uses one form. An empty cell (or `NA`, `.`, `-`, `null`) is NaN, for the host to report and
//! clean; anything else that is no number is an error that names line and column.
//!
//! Bounds: the file is read in chunks of 64 KiB; a page holds at most 5,000 rows and looks at no more than
//! 16 MiB, so a page may be short, or empty, with more to come. A page's token is the byte offset (and line)
//! where the next one starts.

mod dates;
mod lines;
mod table;

use crate::dates::DateFormat;
use crate::lines::Lines;
use crate::table::{Layout, Table, number};
use bulkhead_sdk::data_source::{
    BarsPage, BarsRequest, DataKind, DataSource, Dataset, Error, InstrumentPage, SeriesPage,
    SeriesRequest, Stamp,
};
use bulkhead_sdk::{AssetClass, BarColumns, DAY, Instrument, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Most rows in a page.
const PAGE_ROWS: usize = 5_000;

/// Most bytes that one page looks at.
const PAGE_BYTES: u64 = 16 * 1024 * 1024;

/// What can be set.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// The file, relative to the granted folder.
    pub file: String,
    /// Names of columns, where they are not the usual ones.
    #[serde(default)]
    pub columns: Columns,
    /// Symbol of a file without a symbol column; the file's name in capitals unless set.
    #[serde(default)]
    pub symbol: Option<String>,
    /// How dates are written.
    #[serde(default)]
    pub date_format: DateFormat,
    /// Currency of the prices.
    #[serde(default = "usd")]
    pub currency: String,
    /// Venue of the instruments.
    #[serde(default = "xnys")]
    pub venue: String,
    /// Exchange calendar of the instruments, such as XNYS or 24/7.
    #[serde(default = "xnys")]
    pub calendar: String,
}

fn usd() -> String {
    "USD".to_owned()
}

fn xnys() -> String {
    "XNYS".to_owned()
}

/// Names of columns; letter case does not count.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Columns {
    /// Date or timestamp, unless set.
    pub date: Option<String>,
    /// Ticker or symbol, unless set.
    pub symbol: Option<String>,
    /// Open, unless set.
    pub open: Option<String>,
    /// High, unless set.
    pub high: Option<String>,
    /// Low, unless set.
    pub low: Option<String>,
    /// Close, unless set.
    pub close: Option<String>,
    /// Volume, unless set.
    pub volume: Option<String>,
    /// Adj Close or Adjusted Close, unless set.
    pub adjusted_close: Option<String>,
}

/// The source.
pub struct Csv {
    config: Config,
    table: Option<Table>,
}

impl Csv {
    /// The file's header and date format, read once.
    fn table(&mut self) -> Result<&Table, Error> {
        if self.table.is_none() {
            self.table = Some(Table::open(&self.config)?);
        }
        self.table
            .as_ref()
            .ok_or_else(|| Error::Unavailable("the file's header was not read".to_owned()))
    }

    /// The dataset has the file's name.
    fn known(&self, dataset: &str) -> Result<(), Error> {
        if dataset == self.config.file {
            return Ok(());
        }
        Err(Error::InvalidInput(format!(
            "no dataset `{dataset}`; there is `{}`",
            self.config.file
        )))
    }

    fn only_symbol(&self) -> String {
        self.config.symbol.clone().unwrap_or_else(|| {
            let name = self.config.file.rsplit('/').next().unwrap_or_default();
            name.split('.').next().unwrap_or_default().to_uppercase()
        })
    }

    fn instrument(&self, symbol: &str) -> Instrument {
        Instrument {
            venue: self.config.venue.clone(),
            currency: self.config.currency.clone(),
            calendar: self.config.calendar.clone(),
            asset_class: AssetClass::Equity,
            ..Instrument::us_equity(0, symbol)
        }
    }
}

/// Whether a moment lies within inclusive bounds.
fn within(time: Timestamp, first: Option<Timestamp>, last: Option<Timestamp>) -> bool {
    first.is_none_or(|first| time >= first) && last.is_none_or(|last| time <= last)
}

impl DataSource for Csv {
    type Config = Config;

    fn new(config: Config, _instruments: &[Instrument]) -> Result<Self, String> {
        if config.file.trim().is_empty() {
            return Err(
                "config key `file`: is empty; name a file in the granted folder".to_owned(),
            );
        }
        Ok(Csv {
            config,
            table: None,
        })
    }

    fn datasets(&mut self) -> Result<Vec<Dataset>, Error> {
        let name = self.config.file.clone();
        let table = self.table()?;
        let (kind, intervals, extra) = match &table.layout {
            Layout::Bars(_) => (DataKind::Bars, vec![DAY], vec![]),
            Layout::Series(names) => {
                let names: Vec<_> = names.iter().map(|(name, _)| name.as_str()).collect();
                let extra = vec![("series".to_owned(), names.join(",").into())];
                (DataKind::Series, vec![], extra)
            }
        };
        Ok(vec![Dataset {
            description: format!("rows of {name}"),
            name,
            kind,
            intervals,
            page_rows: PAGE_ROWS as u32,
            first: None,
            last: None,
            extra,
        }])
    }

    /// One page: the whole file is read for its symbols.
    fn instruments(&mut self, dataset: &str, _page: Option<&str>) -> Result<InstrumentPage, Error> {
        self.known(dataset)?;
        let table = self.table()?.clone();
        let Layout::Bars(columns) = &table.layout else {
            return Ok(InstrumentPage::default());
        };
        let mut symbols = BTreeSet::new();
        match columns.symbol {
            None => {
                symbols.insert(self.only_symbol());
            }
            Some(column) => {
                let mut lines = table.rows(None)?;
                while let Some(row) = table.next(&mut lines)? {
                    let symbol = row.cell(column)?;
                    if !symbols.contains(symbol) {
                        symbols.insert(symbol.to_owned());
                    }
                }
            }
        }
        Ok(InstrumentPage {
            instruments: symbols
                .iter()
                .map(|symbol| self.instrument(symbol))
                .collect(),
            next: None,
        })
    }

    fn bars(&mut self, request: &BarsRequest) -> Result<BarsPage, Error> {
        self.known(&request.dataset)?;
        if request.interval != DAY {
            return Err(Error::Unsupported(format!(
                "bars of {} ns; the file has daily ones",
                request.interval
            )));
        }
        let only = self.only_symbol();
        let table = self.table()?.clone();
        let Layout::Bars(columns) = &table.layout else {
            return Err(Error::Unsupported(format!(
                "{} has no open, high, low and close columns, so no bars; ask for its series",
                request.dataset
            )));
        };
        if columns.symbol.is_none() && request.symbol != only {
            return Err(Error::InvalidInput(format!(
                "no symbol `{}` in {}; it has {only}",
                request.symbol, request.dataset
            )));
        }
        let mut lines = table.rows(request.page.as_deref())?;
        let start = lines.offset();
        let mut page = BarsPage {
            stamp: Stamp::Date,
            bars: BarColumns {
                times: vec![],
                open: vec![],
                high: vec![],
                low: vec![],
                close: vec![],
                volume: vec![],
                factor: vec![],
            },
            adjusted_close: vec![],
            actions: vec![],
            next: None,
        };
        let mut others = BTreeSet::new();
        let mut found = request.page.is_some();
        while let Some(row) = table.next(&mut lines)? {
            if let Some(column) = columns.symbol {
                let symbol = row.cell(column)?;
                if symbol != request.symbol {
                    if others.len() < 10 && !others.contains(symbol) {
                        others.insert(symbol.to_owned());
                    }
                    if lines.offset() - start >= PAGE_BYTES {
                        break;
                    }
                    continue;
                }
            }
            found = true;
            let time = table.date(&row)?;
            if within(time, request.first, request.last) {
                page.bars.times.push(time);
                page.bars.open.push(number(&row, columns.open)?);
                page.bars.high.push(number(&row, columns.high)?);
                page.bars.low.push(number(&row, columns.low)?);
                page.bars.close.push(number(&row, columns.close)?);
                page.bars.volume.push(match columns.volume {
                    Some(column) => number(&row, column)?,
                    None => f64::NAN,
                });
                if let Some(column) = columns.adjusted_close {
                    page.adjusted_close.push(number(&row, column)?);
                }
            }
            if page.bars.times.len() >= PAGE_ROWS || lines.offset() - start >= PAGE_BYTES {
                break;
            }
        }
        page.next = next_page(&mut lines)?;
        if !found && page.next.is_none() {
            let others: Vec<_> = others.into_iter().collect();
            return Err(Error::InvalidInput(format!(
                "no symbol `{}` in {}; it has {}",
                request.symbol,
                request.dataset,
                others.join(", ")
            )));
        }
        Ok(page)
    }

    fn series(&mut self, request: &SeriesRequest) -> Result<SeriesPage, Error> {
        self.known(&request.dataset)?;
        let table = self.table()?.clone();
        let Layout::Series(names) = &table.layout else {
            return Err(Error::Unsupported(format!(
                "{} holds bars, not series",
                request.dataset
            )));
        };
        let Some((_, column)) = names
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(&request.name))
        else {
            let names: Vec<_> = names.iter().map(|(name, _)| name.as_str()).collect();
            return Err(Error::InvalidInput(format!(
                "no series `{}` in {}; it has {}",
                request.name,
                request.dataset,
                names.join(", ")
            )));
        };
        let mut lines = table.rows(request.page.as_deref())?;
        let start = lines.offset();
        let mut page = SeriesPage {
            periods: vec![],
            values: vec![],
            released: vec![],
            vintages: false,
            next: None,
        };
        while let Some(row) = table.next(&mut lines)? {
            let time = table.date(&row)?;
            if within(time, request.first, request.last) {
                page.periods.push(time);
                page.values.push(number(&row, *column)?);
            }
            if page.periods.len() >= PAGE_ROWS || lines.offset() - start >= PAGE_BYTES {
                break;
            }
        }
        page.next = next_page(&mut lines)?;
        Ok(page)
    }
}

/// The token of the next page, none at the end of the file.
fn next_page(lines: &mut Lines) -> Result<Option<String>, Error> {
    Ok(if lines.at_end()? {
        None
    } else {
        Some(lines.token())
    })
}

bulkhead_sdk::export!(data_source: Csv);

#[cfg(test)]
mod tests;
