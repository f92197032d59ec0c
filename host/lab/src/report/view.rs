//! What the page is given: the record without what it does not show, times in seconds, series rounded,
//! repeated texts once.

mod proposals;
mod session;

pub use proposals::order_kind;

use super::Report;
use serde::Serialize;
use session::{Depth, SessionView};

/// The page's data.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page<'a> {
    title: &'a str,
    generated_from: &'a str,
    main: SessionView<'a>,
    without_validation: Option<SessionView<'a>>,
    controls: Vec<ControlView<'a>>,
}

#[derive(Serialize)]
struct ControlView<'a> {
    name: &'a str,
    expectation: &'static str,
    passed: bool,
    session: SessionView<'a>,
}

/// The data of a report's page.
pub(super) fn page(report: &Report) -> Page<'_> {
    let statistics = &report.statistics;
    Page {
        title: &report.title,
        generated_from: &report.generated_from,
        main: SessionView::new(&report.main, &statistics.main, Depth::Everything),
        without_validation: report
            .without_validation
            .as_ref()
            .zip(statistics.without_validation.as_ref())
            .map(|(session, statistics)| SessionView::new(session, statistics, Depth::Outcome)),
        controls: report
            .controls
            .iter()
            .zip(&statistics.controls)
            .map(|(control, statistics)| ControlView {
                name: &control.name,
                expectation: control.expectation.text(),
                passed: control.passed,
                session: SessionView::new(&control.session, statistics, Depth::Outcome),
            })
            .collect(),
    }
}
