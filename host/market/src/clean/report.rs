//! What cleaning found and what it did about it.

use bulkhead_domain::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// What was found in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// Earlier than a row before it.
    Unsorted,
    /// The same stamp and values as another row.
    DuplicateIdentical,
    /// The same stamp as another row, other values.
    DuplicateConflicting,
    /// A price or the volume is missing.
    MissingValue,
    /// A value is infinite.
    NonFinite,
    /// A price is zero or below.
    NonPositivePrice,
    /// Open or close outside high and low, or high below low.
    OhlcViolation,
    /// Nothing was traded.
    ZeroVolume,
    /// The volume is below zero.
    NegativeVolume,
    /// The exchange was closed.
    OutsideSession,
    /// Sessions between two bars have none.
    MissingSessions,
    /// The price gapped by nearly the ratio of a split; nothing says whether it was one.
    SuspectedSplit,
    /// The price gapped by nearly the ratio of a split, but adjusted closes or listed actions say it was none.
    LargeMove,
    /// The adjusted close moved against the close in a way that is neither split nor dividend.
    UnexplainedAdjustment,
    /// A listed action outside the bars, one that is neither split nor dividend, or a dividend as large as the
    /// price.
    UnusableAction,
}

/// What was done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Treatment {
    /// The bar is in the result as it was read.
    Kept,
    /// It is not in the result.
    Dropped,
    /// It was moved to its place in time.
    Sorted,
    /// A value was changed; the detail says how.
    Repaired,
    /// Nothing to change: the detail is for the reader.
    Noted,
}

macro_rules! display_as_serialised {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            /// The name that it is serialised by.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let debug = format!("{self:?}");
                for (index, letter) in debug.chars().enumerate() {
                    if letter.is_uppercase() && index > 0 {
                        f.write_str("-")?;
                    }
                    write!(f, "{}", letter.to_ascii_lowercase())?;
                }
                Ok(())
            }
        }
    )*};
}
display_as_serialised!(Finding, Treatment);

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportRow {
    /// Line of the file or row of the pages, counted from 1; none where it is about what is absent.
    pub line: Option<u64>,
    /// The bar's stamp: its close, or the moment as written where it has no session.
    pub time: Option<Timestamp>,
    /// What was found.
    pub finding: Finding,
    /// What was done.
    pub treatment: Treatment,
    /// The values it is about.
    pub detail: String,
}

/// Everything that cleaning found, in the order of time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CleaningReport {
    /// Whose bars they are.
    pub symbol: String,
    /// Rows read.
    pub rows_read: usize,
    /// Bars in the result.
    pub rows_kept: usize,
    /// The findings.
    pub rows: Vec<ReportRow>,
    /// Findings that are not in `rows`, because a catalog stores so many only.
    pub rows_left_off: usize,
}

impl CleaningReport {
    /// Headers of [`CleaningReport::table`].
    pub const HEADERS: [&'static str; 5] = ["line", "time", "found", "done", "detail"];

    /// How often each thing was found.
    #[must_use]
    pub fn summary(&self) -> BTreeMap<Finding, usize> {
        let mut counts = BTreeMap::new();
        for row in &self.rows {
            *counts.entry(row.finding).or_insert(0) += 1;
        }
        counts
    }

    /// The findings as cells of text.
    #[must_use]
    pub fn table(&self) -> Vec<[String; 5]> {
        let cell = |row: &ReportRow| {
            [
                row.line.map_or(String::new(), |line| line.to_string()),
                row.time.map_or(String::new(), |time| time.to_string()),
                row.finding.to_string(),
                row.treatment.to_string(),
                row.detail.clone(),
            ]
        };
        self.rows.iter().map(cell).collect()
    }

    /// Whether the bars differ from what was read.
    #[must_use]
    pub fn changed_anything(&self) -> bool {
        self.rows
            .iter()
            .any(|row| !matches!(row.treatment, Treatment::Kept | Treatment::Noted))
    }
}

impl fmt::Display for CleaningReport {
    /// One line: how many rows, how many findings of each sort.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} of {} rows kept",
            self.symbol, self.rows_kept, self.rows_read
        )?;
        for (finding, count) in self.summary() {
            write!(f, ", {finding} {count}")?;
        }
        Ok(())
    }
}
