//! What a data source takes and gives.

use crate::{Instrument, Timestamp, Value};
use bulkhead_venue::order::CorporateAction;
use serde::{Deserialize, Serialize};

/// What sort of data a data set holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataKind {
    /// Bars of prices.
    Bars,
    /// A macro series.
    Series,
    /// News items.
    News,
    /// Option quotes.
    OptionChain,
}

/// A data set on offer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dataset {
    /// Its name.
    pub name: String,
    /// What it is.
    pub description: String,
    /// What it holds.
    pub kind: DataKind,
    /// Bar lengths on offer, nanoseconds.
    pub intervals: Vec<i64>,
    /// Most rows a page will hold.
    pub page_rows: u32,
    /// First moment covered, where known.
    pub first: Option<Timestamp>,
    /// Last moment covered, where known.
    pub last: Option<Timestamp>,
    /// Whatever else it declares.
    pub extra: Vec<(String, Value)>,
}

/// One page of instruments.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct InstrumentPage {
    /// The instruments.
    pub instruments: Vec<Instrument>,
    /// Token of the next page; `None` on the last.
    pub next: Option<String>,
}

/// A request for bars or a series.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PageRequest {
    /// Which data set.
    pub dataset: String,
    /// Which symbol or series.
    pub symbol: String,
    /// Bar length in nanoseconds; unused for series.
    pub interval: i64,
    /// First moment wanted.
    pub first: Option<Timestamp>,
    /// Last moment wanted.
    pub last: Option<Timestamp>,
    /// Token of the page; `None` for the first.
    pub page: Option<String>,
}

/// When a bar's stamp is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stamp {
    /// A calendar date at midnight UTC.
    #[default]
    Date,
    /// The moment the bar closed.
    Close,
    /// The moment the bar opened.
    Open,
}

/// One page of bars by column, uncleaned.
#[derive(Debug, Clone, PartialEq, Default)]
#[expect(missing_docs, reason = "columns named as everywhere")]
pub struct BarsPage {
    pub stamp: Stamp,
    pub times: Vec<i64>,
    pub open: Vec<f64>,
    pub high: Vec<f64>,
    pub low: Vec<f64>,
    pub close: Vec<f64>,
    pub volume: Vec<f64>,
    /// The source's own adjusted close, or empty.
    pub adjusted_close: Vec<f64>,
    pub actions: Vec<CorporateAction>,
    /// Token of the next page; `None` on the last.
    pub next: Option<String>,
}

/// One page of a macro series by column.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SeriesPage {
    /// Start of the period each value describes, nanoseconds.
    pub periods: Vec<i64>,
    /// The values.
    pub values: Vec<f64>,
    /// When each was first published, or empty where unknown.
    pub released: Vec<i64>,
    /// Whether values are those first published.
    pub vintages: bool,
    /// Token of the next page; `None` on the last.
    pub next: Option<String>,
}
