//! What a run leaves behind in its folder: `result.json` with everything that is said of it, `report.html` to read,
//! `trades.csv` for spreadsheets, `equity.parquet` with every bar.
//!
//! All files are written beside their places and renamed only when all of them are whole, so a full disk leaves what was
//! there before. Nothing here reads a clock or a random number: equal runs give equal bytes. `result.schema.json`
//! describes `result.json`; a number in it that is not defined is `null`, with the reason beside it. What follows for
//! callers: a file's readers may rely on [`FORMAT`]; whatever changes the meaning of a field raises it.

mod equity;
mod trades;

pub use equity::{EquityFile, EquityWriter};

use crate::diagnoses::Diagnosis;
use crate::report::{PriceSeries, Sheet, publish};
use crate::statistics::{Performance, Statistics};
use crate::trials::ledger::Deflated;
use bulkhead_domain::{Decimal, Digest, Problem};
use bulkhead_session::backtest::Detailed;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Version of `result.json`.
pub const FORMAT: u32 = 1;

/// JSON Schema (draft 2020-12) of `result.json`.
pub const SCHEMA: &str = include_str!("result.schema.json");

/// A run's result. Times are nanoseconds since 1970 (UTC), amounts in `currency`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunResult {
    /// [`FORMAT`].
    pub format: u32,
    /// What was run.
    pub run: RunInputs,
    /// How look-ahead was kept out.
    pub label: Label,
    /// Whether it came to its end.
    pub status: Status,
    /// Currency of every amount.
    pub currency: String,
    /// Digest over inputs and outcome; equal for equal runs on any machine.
    pub digest: Digest,
    /// Totals.
    pub totals: RunTotals,
    /// Statistics.
    pub statistics: Statistics,
    /// What its Sharpe ratio of a day is worth among all trials of its family. It moves as trials are added, so it is no part
    /// of the digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deflation: Option<Deflation>,
    /// What the result is to be doubted for, the most severe first.
    pub diagnoses: Vec<Diagnosis>,
}

/// What a run is worth among others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Deflation {
    /// The hypothesis.
    pub family: String,
    /// Among its trials.
    #[serde(flatten)]
    pub deflated: Deflated,
}

/// What went into a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunInputs {
    /// The strategy's id.
    pub strategy: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of its component.
    pub component: Digest,
    /// Its parameters as it got them.
    pub parameters: BTreeMap<String, serde_json::Value>,
    /// The instruments and their data.
    pub instruments: Vec<InstrumentInput>,
    /// Everything else that was configured: fills, fees, slippage, limits.
    pub config: serde_json::Value,
    /// Seed of everything random, as text: readers of JSON lose digits of so large a number.
    pub seed: String,
    /// The engine's identity: wasmtime's version with the named settings.
    pub engine: String,
    /// Where the bars were taken from, to run it again; no part of the digest.
    #[serde(default)]
    pub source: serde_json::Value,
}

/// One instrument's data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstrumentInput {
    /// The number that trades name it by.
    pub handle: u32,
    /// Its symbol.
    pub symbol: String,
    /// Digest of its bars and actions.
    pub digest: Digest,
    /// Bars that the run saw.
    pub bars: u64,
    /// Its finer bars, where it had any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<DetailInput>,
}

/// Finer bars of an instrument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DetailInput {
    /// Digest of them.
    pub digest: Digest,
    /// How far they said what went on within its bars.
    #[serde(flatten)]
    pub told: Detailed,
}

/// How look-ahead was kept out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Label {
    /// The strategy was given one bar at a time and had no later one to reach for.
    ByConstruction,
    /// It saw whole series, and what it said of their pasts stayed the same when their futures were taken away or
    /// changed. Not a proof.
    Audited {
        /// At so many places.
        cuts: u64,
    },
}

/// Whether a run came to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum Status {
    /// To the end of its data.
    Complete,
    /// It failed in the middle; everything up to then is kept.
    Partial {
        /// The error's one line.
        error: String,
        /// Time of the bar it failed at.
        time: i64,
    },
}

/// Totals of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunTotals {
    /// Bars over all instruments.
    pub bars: u64,
    /// Close of the first bar; `None` without one.
    pub from: Option<i64>,
    /// Close of the last.
    pub to: Option<i64>,
    /// Equity before the first bar.
    pub starting_equity: Decimal,
    /// Equity after the last.
    pub final_equity: Decimal,
    /// Fees of fills.
    pub fees: Decimal,
    /// Paid for slippage; `None` when it was not recorded.
    pub slippage: Option<Decimal>,
    /// Paid for borrowing what was sold short.
    pub borrow_fees: Decimal,
    /// Interest received less paid.
    pub interest: Decimal,
    /// Dividends received less paid.
    pub dividends: Decimal,
    /// Fills.
    pub fills: u64,
}

/// What is drawn and listed beside the result.
#[derive(Debug)]
pub struct Run<'a> {
    /// The result.
    pub result: &'a RunResult,
    /// What it was computed from.
    pub performance: &'a Performance,
    /// Prices of the instruments to draw, in the order of drawing.
    pub prices: &'a [PriceSeries],
}

/// Where a run's files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The page.
    pub html: PathBuf,
    /// The trades.
    pub trades: PathBuf,
    /// Every bar's equity, where it was written.
    pub equity: Option<PathBuf>,
    /// The result; it is put in its place last, so a folder that has it has the others.
    pub json: PathBuf,
}

/// Writes a run's files into a folder, which is made if it is not there. Earlier files of these names are replaced, and
/// only once all new ones are safely on the disk.
///
/// # Errors
/// A [`Problem`] of the host when the folder or a file cannot be written, a full disk included; then whatever was there
/// before is still there, and nothing else.
pub fn write(folder: &Path, run: &Run<'_>, equity: Option<EquityFile>) -> Result<Written, Problem> {
    publish::prepare(folder)?;
    let sheet = Sheet {
        result: run.result,
        performance: run.performance,
        prices: run.prices,
    };
    let html = publish::stage(folder, "report.html", |out| sheet.render(out))?;
    let trades = publish::stage(folder, "trades.csv", |out| trades::write(run, out))?;
    let json = publish::stage(folder, "result.json", |out| {
        serde_json::to_writer_pretty(&mut *out, run.result)?;
        out.write_all(b"\n")
    })?;
    let html = html.publish()?;
    let trades = trades.publish()?;
    let equity = match equity {
        Some(file) => Some(file.publish()?),
        None => remove_older(&folder.join("equity.parquet")).map(|()| None)?,
    };
    Ok(Written {
        html,
        trades,
        equity,
        json: json.publish()?,
    })
}

/// An earlier run's curve beside this run's result would be taken for its own.
fn remove_older(place: &Path) -> Result<(), Problem> {
    match std::fs::remove_file(place) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(publish::problem("remove", place, &error))
        }
        _ => Ok(()),
    }
}
