//! From a data source's pages to cleaned series in the catalog.

use crate::config::DataConfig;
use bulkhead_domain::data::{InstrumentPage, PageRequest};
use bulkhead_domain::order::InstrumentHandle;
use bulkhead_domain::time::DAY;
use bulkhead_domain::{Blame, Instrument, Problem};
use bulkhead_market::catalog::Provenance;
use bulkhead_market::{BarSeries, Calendar, Catalog, CleanOptions, CleaningReport, RawBars, clean};
use bulkhead_sandbox::{CallError, DataSourcePlugin};
use std::collections::BTreeSet;

/// Most pages of one answer: a source that never ends is stopped here.
const MAX_PAGES: usize = 100_000;

/// A series with what cleaning found in it.
pub(crate) struct Loaded {
    /// The cleaned bars.
    pub series: BarSeries,
    /// What was found and done.
    pub report: CleaningReport,
}

/// Fetches, cleans and stores the series of one `[[data]]` table.
///
/// # Errors
/// When the source refuses or fails, does not know a symbol, or nothing usable is left after cleaning.
pub(crate) async fn fetch(
    source: &DataSourcePlugin,
    config: &DataConfig,
    first_handle: InstrumentHandle,
    catalog: &Catalog,
) -> Result<Vec<Loaded>, Problem> {
    let known = instruments(source, config).await?;
    if known.is_empty() {
        return Err(without_instruments(source, config).await);
    }
    let mut loaded = Vec::with_capacity(config.symbols.len());
    for (handle, symbol) in (first_handle..).zip(&config.symbols) {
        let Some(found) = known.iter().find(|instrument| instrument.symbol == *symbol) else {
            let names: Vec<&str> = known
                .iter()
                .map(|instrument| instrument.symbol.as_str())
                .collect();
            return Err(Problem::user(
                format!(
                    "data set {} of {} has no symbol {symbol}",
                    config.dataset, config.plugin
                ),
                format!("use one of: {}", names.join(", ")),
            ));
        };
        let mut instrument = Instrument {
            handle,
            ..found.clone()
        };
        if let Some(calendar) = &config.calendar {
            instrument.calendar.clone_from(calendar);
        }
        loaded.push(one(source, config, instrument, catalog).await?);
    }
    Ok(loaded)
}

async fn one(
    source: &DataSourcePlugin,
    config: &DataConfig,
    instrument: Instrument,
    catalog: &Catalog,
) -> Result<Loaded, Problem> {
    let calendar = Calendar::named(&instrument.calendar)?;
    let mut raw = RawBars::new(&instrument.symbol, bulkhead_domain::data::Stamp::Date);
    let mut page = None;
    let mut seen = BTreeSet::new();
    loop {
        let request = request(config, &instrument.symbol, page.clone());
        let answer = source
            .bars(request)
            .await
            .map_err(|error| refused(config, error))?;
        raw.push_page(&answer)?;
        match next_page(config, answer.next, &mut seen)? {
            Some(next) => page = Some(next),
            None => break,
        }
    }
    let (bars, report) = clean(raw, &calendar, &CleanOptions::default());
    let series = BarSeries::new(instrument, bars)?;
    if series.len() < 2 {
        return Err(Problem::user(
            format!(
                "{} has one bar only, which is no series",
                series.instrument.symbol
            ),
            "give it at least two bars",
        ));
    }
    let provenance = Provenance {
        source: format!("{} {}", source.manifest().id, config.dataset),
        source_digest: Some(source.digest()),
        caveats: Vec::new(),
    };
    catalog.import_bars(&series, &provenance, Some(&report))?;
    // What the session trades on is what the catalog holds, read back and checked against its digest.
    let stored = catalog.load(&series.instrument.symbol, series.interval_ns)?;
    let series = BarSeries {
        instrument: series.instrument,
        ..stored
    };
    Ok(Loaded { series, report })
}

fn request(config: &DataConfig, symbol: &str, page: Option<String>) -> PageRequest {
    PageRequest {
        dataset: config.dataset.clone(),
        symbol: symbol.to_owned(),
        interval: DAY,
        page,
        ..PageRequest::default()
    }
}

/// Why a data set has no instruments: asked for bars of one, its source says it best.
async fn without_instruments(source: &DataSourcePlugin, config: &DataConfig) -> Problem {
    let symbol = config.symbols.first().map_or("", String::as_str);
    match source.bars(request(config, symbol, None)).await {
        Err(error) => refused(config, error),
        Ok(_) => Problem::user(
            format!(
                "data set {} of {} names no instruments",
                config.dataset, config.plugin
            ),
            "use another data set",
        ),
    }
}

async fn instruments(
    source: &DataSourcePlugin,
    config: &DataConfig,
) -> Result<Vec<Instrument>, Problem> {
    let mut all = Vec::new();
    let mut page: Option<String> = None;
    for _ in 0..MAX_PAGES {
        let InstrumentPage { instruments, next } = source
            .instruments(&config.dataset, page.as_deref())
            .await
            .map_err(|error| refused(config, error))?;
        all.extend(instruments);
        match next {
            Some(token) if Some(&token) != page.as_ref() => page = Some(token),
            _ => break,
        }
    }
    Ok(all)
}

/// The next page's token, unless the source sends the same page again or never ends.
fn next_page(
    config: &DataConfig,
    next: Option<String>,
    seen: &mut BTreeSet<String>,
) -> Result<Option<String>, Problem> {
    let Some(token) = next else { return Ok(None) };
    if seen.len() >= MAX_PAGES || !seen.insert(token.clone()) {
        return Err(Problem::user(
            format!(
                "data source {} sends page {token} again and again",
                config.plugin
            ),
            "report it to the plugin's author",
        ));
    }
    Ok(Some(token))
}

/// A source's refusal, with the folder it reads and what there is to be done.
fn refused(config: &DataConfig, error: CallError) -> Problem {
    let mut problem = Problem::from(error);
    if problem.blame == Blame::User && problem.mend.is_empty() {
        "correct the file, or the [[data]] table that asks for it".clone_into(&mut problem.mend);
    }
    match &config.folder {
        Some(folder) => problem.in_file(folder),
        None => problem,
    }
}
