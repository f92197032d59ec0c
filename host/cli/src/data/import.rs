//! `bulkhead data import` and `bulkhead data clean`
//!
//! Every series of the file is cleaned before the first is written, so that a mistake in the last one leaves
//! the catalog as it was.

use crate::options::GlobalOptions;
use crate::output;
use bulkhead_domain::{AssetClass, Decimal, Digest, Instrument, Problem, Timestamp};
use bulkhead_market::catalog::{Provenance, interval_name};
use bulkhead_market::csv::{CsvOptions, read_bars};
use bulkhead_market::{BarSeries, Calendar, Catalog, CleanOptions, CleaningReport};
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};

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

/// One series, cleaned.
struct Cleaned {
    series: BarSeries,
    report: CleaningReport,
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
    let cleaned = prepare(arguments)?
        .into_iter()
        .collect::<Result<Vec<_>, _>>()
        .map_err(|unusable| unusable.problem)?;
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
    let prepared = prepare(&arguments.import)?;
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

/// A series of which no bar is usable, with what cleaning found.
struct Unusable {
    report: CleaningReport,
    problem: Problem,
}

/// Reads and cleans every series of the file.
fn prepare(arguments: &Arguments) -> Result<Vec<Result<Cleaned, Box<Unusable>>>, Problem> {
    let file = &arguments.file;
    let calendar = Calendar::named(&arguments.calendar)?;
    for (name, value) in [("--tick", arguments.tick), ("--lot", arguments.lot)] {
        if value <= Decimal::ZERO {
            return Err(Problem::user(
                format!("{name} is {value}"),
                "give a number above zero",
            ));
        }
    }
    let symbol = arguments.symbol.clone().unwrap_or_else(|| named_by(file));
    let all = read_bars(file, &CsvOptions::symbol(&symbol))?;
    let clean = |raw| {
        let (bars, report) = bulkhead_market::clean(raw, &calendar, &CleanOptions::default());
        let instrument = Instrument {
            calendar: calendar.name().to_owned(),
            venue: calendar.name().to_owned(),
            currency: arguments.currency.clone(),
            asset_class: if calendar.name() == "XNYS" {
                AssetClass::Equity
            } else {
                AssetClass::Other
            },
            tick: arguments.tick,
            lot: arguments.lot,
            ..Instrument::us_equity(0, &report.symbol)
        };
        match BarSeries::new(instrument, bars) {
            Ok(series) => Ok(Cleaned { series, report }),
            Err(problem) => Err(Box::new(Unusable {
                report,
                problem: problem.in_file(file),
            })),
        }
    };
    Ok(all.into_iter().map(clean).collect())
}

/// `data/aapl.csv` is of AAPL.
fn named_by(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default();
    stem.to_string_lossy().to_uppercase()
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
