//! The report of a session: `report.json` with everything, `report.html` to read.
//!
//! The page is one self-contained file. It loads nothing, works from `file://`, and its content security
//! policy lets no script run but its own, so that no text a plugin wrote can act. Both files appear whole
//! or not at all. What follows for callers: a report is written once, at the end.

mod fate;
pub(crate) mod markup;
mod page;
pub(crate) mod publish;
mod rounding;
pub(crate) mod sheet;
mod view;

pub use fate::{Fate, Speaker};
pub use sheet::{PriceSeries, Sheet};
pub use view::order_kind;

use crate::statistics::Statistics;
use bulkhead_domain::Problem;
use bulkhead_session::record::SessionRecord;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Everything a report says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// Its title.
    pub title: String,
    /// What it was made from: a configuration's name or a command.
    pub generated_from: String,
    /// The session it is about.
    pub main: SessionRecord,
    /// The same session without the AI provider's veto.
    pub without_validation: Option<SessionRecord>,
    /// Sessions whose outcome is known beforehand.
    pub controls: Vec<Control>,
    /// Statistics of every session.
    pub statistics: ReportStatistics,
}

/// A session on data whose right outcome is known, which shows that the machinery can tell.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Control {
    /// What it is: `planted signal`.
    pub name: String,
    /// What has to come out.
    pub expectation: Expectation,
    /// Whether it did.
    pub passed: bool,
    /// What came out.
    pub session: SessionRecord,
}

/// What has to come out of a control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expectation {
    /// A model has to be chosen and the instrument traded.
    FoundAndTraded,
    /// No order may fill.
    NotTraded,
}

impl Expectation {
    /// In words.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Expectation::FoundAndTraded => "must be found and traded",
            Expectation::NotTraded => "must not be traded",
        }
    }

    /// Whether the session meets it.
    #[must_use]
    pub fn holds(self, session: &SessionRecord) -> bool {
        let filled = session.totals.fills > 0;
        match self {
            Expectation::FoundAndTraded => {
                filled && session.models.iter().any(|model| model.chosen_bars > 0)
            }
            Expectation::NotTraded => !filled,
        }
    }
}

impl Control {
    /// A control judged by [`Expectation::holds`].
    #[must_use]
    pub fn judged(
        name: impl Into<String>,
        expectation: Expectation,
        session: SessionRecord,
    ) -> Self {
        Control {
            name: name.into(),
            expectation,
            passed: expectation.holds(&session),
            session,
        }
    }
}

/// Statistics of every session of a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReportStatistics {
    /// Of the session it is about.
    pub main: Statistics,
    /// Of the same without the AI provider's veto.
    pub without_validation: Option<Statistics>,
    /// Of the controls, in their order.
    pub controls: Vec<Statistics>,
}

impl Report {
    /// Puts a report together and computes its statistics.
    #[must_use]
    pub fn new(
        title: impl Into<String>,
        generated_from: impl Into<String>,
        main: SessionRecord,
        without_validation: Option<SessionRecord>,
        controls: Vec<Control>,
    ) -> Self {
        let statistics = ReportStatistics {
            main: Statistics::of(&main),
            without_validation: without_validation.as_ref().map(Statistics::of),
            controls: controls
                .iter()
                .map(|control| Statistics::of(&control.session))
                .collect(),
        };
        Report {
            title: title.into(),
            generated_from: generated_from.into(),
            main,
            without_validation,
            controls,
            statistics,
        }
    }
}

/// Where a report was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The page.
    pub html: PathBuf,
    /// The data.
    pub json: PathBuf,
}

/// Writes `report.html` and `report.json` into a folder, which is made if it is not there. Earlier files of
/// these names are replaced, and only once both new ones are safely on the disk.
///
/// # Errors
/// A [`Problem`] of the host when the folder or the files cannot be written, a full disk included; then
/// whatever was there before is still there, and nothing else.
pub fn write(report: &Report, folder: &Path) -> Result<Written, Problem> {
    publish::prepare(folder)?;
    let html = publish::stage(folder, "report.html", |out| page::render(report, out))?;
    let json = publish::stage(folder, "report.json", |out| {
        serde_json::to_writer(&mut *out, report)?;
        out.write_all(b"\n")
    })?;
    Ok(Written {
        html: html.publish()?,
        json: json.publish()?,
    })
}
