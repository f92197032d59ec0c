//! `bulkhead data import` and `bulkhead data clean`
//!
//! Every series of the file is cleaned before the first is written, so that a mistake in the last one leaves
//! the catalog as it was.

use crate::bars::{BarFile, Cleaned};
use crate::options::GlobalOptions;
use crate::output;
use bulkhead_domain::{Decimal, Digest, Problem, Timestamp};
use bulkhead_market::catalog::{Provenance, interval_name};
use bulkhead_market::{Catalog, CleaningReport};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The file: a header and Date, Open, High, Low, Close, Volume, in any order; Adj Close and Ticker too
    /// where there are any
    #[arg(value_name = "FILE.csv")]
    file: PathBuf,
    /// Symbol of a file without a column for it; the file's name in capitals unless given
    #[arg(long, value_name = "S")]
    symbol: Option<String>,
    /// Exchange calendar of the bars
    #[arg(long, value_name = "NAME", default_value = "XNYS")]
    calendar: String,
    /// Currency of the prices
    #[arg(long, value_name = "CODE", default_value = "USD")]
    currency: String,
    /// Smallest price increment
    #[arg(long, value_name = "PRICE", default_value = "0.01")]
    tick: Decimal,
    /// Smallest quantity increment
    #[arg(long, value_name = "QUANTITY", default_value = "1")]
    lot: Decimal,
    /// Folder of the catalog; catalog in the state folder unless given
    #[arg(long, value_name = "DIR")]
    catalog: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct CleanArguments {
    #[command(flatten)]
    import: Arguments,
    /// Write nothing
    #[arg(long)]
    dry_run: bool,
}

/// What was written of one series.
#[derive(Serialize)]
struct Written {
    symbol: String,
    interval: String,
    bars: usize,
    actions: usize,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    digest: Digest,
    path: PathBuf,
    report: CleaningReport,
}

pub(crate) fn import(options: &GlobalOptions, arguments: &Arguments) -> Result<(), Problem> {
    let cleaned = arguments.file().usable(|_| true)?;
    let written = write(options, arguments, cleaned)?;
    if options.json {
        return output::json(&written);
    }
    for one in &written {
        output::line(one.report.to_string())?;
    }
    show(&written)
}

pub(crate) fn clean(options: &GlobalOptions, arguments: &CleanArguments) -> Result<(), Problem> {
    let prepared = arguments.import.file().read(|_| true)?;
    if arguments.dry_run {
        let reports: Vec<&CleaningReport> = prepared
            .iter()
            .map(|one| match one {
                Ok(cleaned) => &cleaned.report,
                Err(unusable) => &unusable.report,
            })
            .collect();
        if options.json {
            output::json(&reports)?;
        } else {
            for report in reports {
                findings(report)?;
            }
        }
        return match prepared.into_iter().find_map(Result::err) {
            Some(unusable) => Err(unusable.problem),
            None if options.json => Ok(()),
            None => output::line("nothing was written"),
        };
    }
    let mut cleaned = Vec::with_capacity(prepared.len());
    for one in prepared {
        match one {
            Ok(one) => cleaned.push(one),
            Err(unusable) => {
                if !options.json {
                    findings(&unusable.report)?;
                }
                return Err(unusable.problem);
            }
        }
    }
    let written = write(options, &arguments.import, cleaned)?;
    if options.json {
        return output::json(&written);
    }
    for one in &written {
        findings(&one.report)?;
    }
    show(&written)
}

impl Arguments {
    /// The file with what it does not say itself.
    fn file(&self) -> BarFile<'_> {
        BarFile {
            path: &self.file,
            symbol: self.symbol.as_deref(),
            calendar: &self.calendar,
            currency: &self.currency,
            tick: self.tick,
            lot: self.lot,
        }
    }
}

fn write(
    options: &GlobalOptions,
    arguments: &Arguments,
    cleaned: Vec<Cleaned>,
) -> Result<Vec<Written>, Problem> {
    let folder = arguments
        .catalog
        .clone()
        .unwrap_or_else(|| options.catalog());
    let catalog = Catalog::open(folder)?;
    let bytes = std::fs::read(&arguments.file).map_err(|error| {
        Problem::user(format!("cannot read the file: {error}"), "check the path")
            .in_file(&arguments.file)
    })?;
    let provenance = Provenance {
        source: arguments.file.display().to_string(),
        source_digest: Some(Digest::of(&bytes)),
        caveats: Vec::new(),
    };
    let mut written = Vec::with_capacity(cleaned.len());
    for Cleaned { series, report } in cleaned {
        let path = catalog.import_bars(&series, &provenance, Some(&report))?;
        written.push(Written {
            symbol: series.instrument.symbol,
            interval: interval_name(series.interval_ns),
            bars: series.bars.len(),
            actions: series.actions.len(),
            first: series.bars.times.first().copied().map(Timestamp),
            last: series.bars.times.last().copied().map(Timestamp),
            digest: series.digest,
            path,
            report,
        });
    }
    Ok(written)
}

fn findings(report: &CleaningReport) -> Result<(), Problem> {
    output::line(report.to_string())?;
    if report.rows.is_empty() {
        return output::line("nothing was found");
    }
    output::table(CleaningReport::HEADERS, report.table())
}

fn show(written: &[Written]) -> Result<(), Problem> {
    output::table(
        [
            "symbol", "bars", "of", "first", "last", "actions", "sha-256", "file",
        ],
        written.iter().map(|one| {
            let date = |time: Option<Timestamp>| time.map_or(String::new(), Timestamp::date);
            [
                one.symbol.clone(),
                one.bars.to_string(),
                one.interval.clone(),
                date(one.first),
                date(one.last),
                one.actions.to_string(),
                one.digest.short(),
                one.path.display().to_string(),
            ]
        }),
    )
}
