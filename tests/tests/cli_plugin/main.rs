//! `bulkhead plugin`: from nothing to a component that passes the host's checks, what the checks find, and
//! every mistake as one line.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../cli/mod.rs"]
mod cli;

mod author;
mod checked;
mod conform;
mod refused;

use serde_json::Value;
use std::path::Path;

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Number and outcome of every check in a report.
pub(crate) fn outcomes(report: &Value) -> Vec<(String, String)> {
    let of = |check: &Value, key: &str| check[key].as_str().unwrap().to_owned();
    (report["checks"].as_array().unwrap().iter())
        .map(|check| (of(check, "number"), of(check, "outcome")))
        .collect()
}

/// The detail of the checks that failed.
pub(crate) fn failures(report: &Value) -> Vec<(String, String)> {
    let of = |check: &Value, key: &str| check[key].as_str().unwrap().to_owned();
    (report["checks"].as_array().unwrap().iter())
        .filter(|check| check["outcome"] == "failed")
        .map(|check| (of(check, "number"), of(check, "detail")))
        .collect()
}
