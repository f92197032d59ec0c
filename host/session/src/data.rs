//! From a data source's pages to cleaned series, and from there into the catalog.

use crate::config::DataConfig;
use crate::validation::failure;
use bulkhead_domain::data::{InstrumentPage, PageRequest};
use bulkhead_domain::order::InstrumentHandle;
use bulkhead_domain::time::DAY;
use bulkhead_domain::{Blame, Instrument, Problem};
use bulkhead_market::catalog::Provenance;
use bulkhead_market::{BarSeries, Calendar, Catalog, CleanOptions, CleaningReport, RawBars, clean};
use bulkhead_orchestrator::call::FailureCase;
use bulkhead_sandbox::{CallError, DataSourcePlugin};
use std::collections::BTreeSet;

/// Most pages of one answer: a source that never ends is stopped here.
const MAX_PAGES: usize = 100_000;

/// Most bars of one series: they are cleaned in memory.
const MAX_ROWS: usize = 20_000_000;

/// A series with what cleaning found in it.
pub(crate) struct Loaded {
    /// The cleaned bars.
    pub series: BarSeries,
    /// What was found and done.
    pub report: CleaningReport,
}

/// A series as a source gave it, cleaned, and kept nowhere yet.
pub(crate) struct Fetched {
    /// The cleaned bars.
    pub series: BarSeries,
    report: CleaningReport,
    provenance: Provenance,
}

impl Fetched {
    /// Puts it into the catalog, in place of what was there.
    ///
    /// # Errors
    /// The disk's, or when another session writes there too.
    pub(crate) fn keep(self, catalog: &Catalog) -> Result<Loaded, Problem> {
        let Fetched {
            series,
            report,
            provenance,
        } = self;
        catalog.import_bars(&series, &provenance, Some(&report))?;
        // What the session trades on is what the catalog holds, read back and checked against its digest.
        let stored = catalog.load(&series.instrument.symbol, series.interval_ns)?;
        if stored.digest != series.digest {
            return Err(Problem::user(
                format!(
                    "the catalog holds other bars of {} than were just written: another session writes there too",
                    series.instrument.symbol
                ),
                "run one at a time, or give each its own catalog",
            ));
        }
        let series = BarSeries {
            instrument: series.instrument,
            ..stored
        };
        Ok(Loaded { series, report })
    }
}

/// Why a source did not deliver.
pub(crate) struct FetchError {
    /// What is to be done about it.
    pub case: FailureCase,
    /// In words.
    pub problem: Problem,
}

impl From<Problem> for FetchError {
    /// What is the host's own failure another source would not mend; what is wrong with the data, it may.
    fn from(problem: Problem) -> Self {
        let case = match problem.blame {
            Blame::Host => FailureCase::InvalidInput,
            Blame::User => FailureCase::InsufficientData,
        };
        FetchError { case, problem }
    }
}

/// Fetches and cleans the series of one `[[data]]` table. `handle` numbers its symbols.
///
/// # Errors
/// When the source refuses or fails, does not know a symbol, or nothing usable is left after cleaning.
pub(crate) async fn fetch(
    source: &DataSourcePlugin,
    config: &DataConfig,
    handle: &dyn Fn(&str) -> InstrumentHandle,
) -> Result<Vec<Fetched>, FetchError> {
    let known = instruments(source, config).await?;
    if known.is_empty() {
        return Err(without_instruments(source, config).await);
    }
    let mut fetched = Vec::with_capacity(config.symbols.len());
    for symbol in &config.symbols {
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
            )
            .into());
        };
        let mut instrument = Instrument {
            handle: handle(symbol),
            ..found.clone()
        };
        if let Some(calendar) = &config.calendar {
            instrument.calendar.clone_from(calendar);
        }
        fetched.push(one(source, config, instrument).await?);
    }
    Ok(fetched)
}

async fn one(
    source: &DataSourcePlugin,
    config: &DataConfig,
    instrument: Instrument,
) -> Result<Fetched, FetchError> {
    let calendar = Calendar::named(&instrument.calendar)?;
    let mut raw = RawBars::new(&instrument.symbol, bulkhead_domain::data::Stamp::Date);
    let mut page = None;
    let mut seen = BTreeSet::new();
    let mut rows = 0;
    loop {
        let request = request(config, &instrument.symbol, page.clone());
        let answer = source
            .bars(request)
            .await
            .map_err(|error| refused(config, error))?;
        raw.push_page(&answer)?;
        rows += answer.times.len();
        if rows > MAX_ROWS {
            return Err(Problem::user(
                format!(
                    "data source {} sends more than {MAX_ROWS} bars of {}",
                    config.plugin, instrument.symbol
                ),
                "ask it for less in its settings, or report it to the plugin's author",
            )
            .into());
        }
        page = next_page(config, answer.next, &mut seen)?;
        if page.is_none() {
            break;
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
        )
        .into());
    }
    let provenance = Provenance {
        source: format!("{} {}", source.manifest().id, config.dataset),
        source_digest: Some(source.digest()),
        caveats: Vec::new(),
    };
    Ok(Fetched {
        series,
        report,
        provenance,
    })
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
async fn without_instruments(source: &DataSourcePlugin, config: &DataConfig) -> FetchError {
    let symbol = config.symbols.first().map_or("", String::as_str);
    match source.bars(request(config, symbol, None)).await {
        Err(error) => refused(config, error),
        Ok(_) => Problem::user(
            format!(
                "data set {} of {} names no instruments",
                config.dataset, config.plugin
            ),
            "use another data set",
        )
        .into(),
    }
}

async fn instruments(
    source: &DataSourcePlugin,
    config: &DataConfig,
) -> Result<Vec<Instrument>, FetchError> {
    let mut all = Vec::new();
    let mut page = None;
    let mut seen = BTreeSet::new();
    loop {
        let InstrumentPage { instruments, next } = source
            .instruments(&config.dataset, page.as_deref())
            .await
            .map_err(|error| refused(config, error))?;
        all.extend(instruments);
        page = next_page(config, next, &mut seen)?;
        if page.is_none() {
            return Ok(all);
        }
    }
}

/// The next page's token, unless the source sends the same page again or never ends.
fn next_page(
    config: &DataConfig,
    next: Option<String>,
    seen: &mut BTreeSet<String>,
) -> Result<Option<String>, Problem> {
    let Some(token) = next else { return Ok(None) };
    let what = if seen.len() >= MAX_PAGES {
        Some(format!("sends more than {MAX_PAGES} pages"))
    } else if seen.contains(&token) {
        Some(format!("sends page {token} again and again"))
    } else {
        None
    };
    if let Some(what) = what {
        return Err(Problem::user(
            format!("data source {} {what}", config.plugin),
            "report it to the plugin's author",
        ));
    }
    seen.insert(token.clone());
    Ok(Some(token))
}

/// A source's refusal, with the folder it reads and what there is to be done.
fn refused(config: &DataConfig, error: CallError) -> FetchError {
    let case = failure(&error).case;
    let mut problem = Problem::from(error);
    if problem.blame == Blame::User && problem.mend.is_empty() {
        "correct the file, or the [[data]] table that asks for it".clone_into(&mut problem.mend);
    }
    let problem = match &config.folder {
        Some(folder) => problem.in_file(folder),
        None => problem,
    };
    FetchError { case, problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_comes_twice_ends_it() {
        let config = DataConfig {
            name: None,
            plugin: "loop".to_owned(),
            config: toml::Table::new(),
            folder: None,
            dataset: "d".to_owned(),
            symbols: Vec::new(),
            calendar: None,
            alternatives: Vec::new(),
        };
        let mut seen = BTreeSet::new();
        let mut next = |token: &str| next_page(&config, Some(token.to_owned()), &mut seen);
        assert_eq!(next("a").unwrap().as_deref(), Some("a"));
        assert_eq!(next("b").unwrap().as_deref(), Some("b"));
        assert_eq!(
            next("a").unwrap_err().what,
            "data source loop sends page a again and again"
        );
        assert_eq!(next_page(&config, None, &mut seen), Ok(None));
    }
}
