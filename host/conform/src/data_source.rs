//! Data sources: every data set is paged through, twice, each page from a fresh instance.

use crate::bench::{Bench, block_on};
use crate::check::{Finding, Suite, counted};
use crate::load::{EPHEMERAL, text};
use crate::rules::{SOURCE_ENDS, SOURCE_OFFERS, SOURCE_REPEATS};
use bulkhead_domain::data::{BarsPage, DataKind, Dataset, PageRequest, SeriesPage};
use bulkhead_domain::digest::DigestBuilder;
use bulkhead_domain::{Digest, Value};
use bulkhead_sandbox::DataSourcePlugin;
use std::collections::BTreeSet;

/// Most data sets looked at.
const DATASETS: usize = 4;

/// Most symbols or series of a data set looked at.
const SYMBOLS: usize = 3;

/// Most pages of one answer; one that goes on is taken not to end.
const PAGES: usize = 1_000;

/// One series as it came: rows, pages, and a digest over every page.
#[derive(Debug, Clone, PartialEq)]
struct Told {
    rows: usize,
    pages: usize,
    digest: Digest,
}

pub(crate) fn check(bench: &Bench<'_>, suite: &mut Suite<'_>) {
    let source = bench.plugin().and_then(|plugin| {
        let setup = bench.setup(plugin.manifest(), &[]);
        DataSourcePlugin::new(plugin, setup, EPHEMERAL).map_err(text)
    });
    let offers = source.and_then(|source| {
        let datasets = block_on(source.datasets())?.map_err(text)?;
        let finding = offered(&datasets)?;
        Ok((source, datasets, finding))
    });
    let (source, datasets) = match offers {
        Ok((source, datasets, finding)) => {
            suite.note(SOURCE_OFFERS, "", Ok(finding));
            (source, datasets)
        }
        Err(reason) => {
            suite.note(SOURCE_OFFERS, "", Err(reason));
            suite.skip_all(&[SOURCE_ENDS, SOURCE_REPEATS], "", SOURCE_OFFERS);
            return;
        }
    };
    for dataset in datasets.iter().take(DATASETS) {
        if let Err(reason) = block_on(one(&source, dataset, suite)) {
            suite.note(SOURCE_ENDS, &dataset.name, Err(reason));
        }
    }
}

fn offered(datasets: &[Dataset]) -> Finding {
    if datasets.is_empty() {
        return Err("it offers no data set".to_owned());
    }
    let mut names = BTreeSet::new();
    for dataset in datasets {
        if !names.insert(dataset.name.as_str()) {
            return Err(format!("two data sets are called {}", dataset.name));
        }
    }
    Ok(names.into_iter().collect::<Vec<_>>().join(", "))
}

async fn one(source: &DataSourcePlugin, dataset: &Dataset, suite: &mut Suite<'_>) {
    let of = &dataset.name;
    let symbols = match symbols(source, dataset).await {
        Ok(symbols) if !symbols.is_empty() => symbols,
        Ok(_) => {
            let why = "it names nothing that could be asked for";
            suite.skip(SOURCE_ENDS, of, why);
            suite.skip(SOURCE_REPEATS, of, why);
            return;
        }
        Err(reason) => {
            suite.note(SOURCE_ENDS, of, Err(reason));
            suite.skip_all(&[SOURCE_REPEATS], of, SOURCE_ENDS);
            return;
        }
    };
    let first = match all(source, dataset, &symbols).await {
        Ok(first) => first,
        Err(reason) => {
            suite.note(SOURCE_ENDS, of, Err(reason));
            suite.skip_all(&[SOURCE_REPEATS], of, SOURCE_ENDS);
            return;
        }
    };
    let sum = |count: fn(&Told) -> usize| first.iter().map(count).sum::<usize>();
    let tried = format!(
        "{}: {} in {}",
        symbols.join(", "),
        counted(sum(|told| told.rows), "row"),
        counted(sum(|told| told.pages), "page")
    );
    suite.note(SOURCE_ENDS, of, Ok(tried));
    let repeats = all(source, dataset, &symbols).await.and_then(|second| {
        let differs = (0..symbols.len()).find(|at| first.get(*at) != second.get(*at));
        match differs {
            Some(at) => Err(format!(
                "{} came out differently the second time",
                symbols[at]
            )),
            None => Ok(counted(sum(|told| told.pages), "page")),
        }
    });
    suite.note(SOURCE_REPEATS, of, repeats);
}

/// What can be asked for: instruments of bars, or the series that the data set names.
async fn symbols(source: &DataSourcePlugin, dataset: &Dataset) -> Result<Vec<String>, String> {
    let mut symbols = Vec::new();
    match dataset.kind {
        DataKind::Bars => {
            let mut tokens = Tokens::default();
            let mut page: Option<String> = None;
            loop {
                let answer = (source.instruments(&dataset.name, page.as_deref()))
                    .await
                    .map_err(text)?;
                symbols.extend(answer.instruments.into_iter().map(|one| one.symbol));
                match tokens.next("instruments", answer.next)? {
                    Some(next) => page = Some(next),
                    None => break,
                }
            }
        }
        DataKind::Series => {
            let named = dataset.extra.iter().find(|(name, _)| name == "series");
            if let Some((_, Value::Text(names))) = named {
                symbols.extend(names.split(',').map(|name| name.trim().to_owned()));
            }
        }
        // Neither can be asked for through the host yet.
        DataKind::News | DataKind::OptionChain => {}
    }
    symbols.truncate(SYMBOLS);
    Ok(symbols)
}

async fn all(
    source: &DataSourcePlugin,
    dataset: &Dataset,
    symbols: &[String],
) -> Result<Vec<Told>, String> {
    let mut told = Vec::with_capacity(symbols.len());
    for symbol in symbols {
        told.push(
            series(source, dataset, symbol)
                .await
                .map_err(|reason| format!("{symbol}: {reason}"))?,
        );
    }
    Ok(told)
}

async fn series(
    source: &DataSourcePlugin,
    dataset: &Dataset,
    symbol: &str,
) -> Result<Told, String> {
    let mut tokens = Tokens::default();
    let mut digest = DigestBuilder::new();
    let (mut rows, mut pages) = (0, 0);
    let mut request = PageRequest {
        dataset: dataset.name.clone(),
        symbol: symbol.to_owned(),
        interval: dataset.intervals.first().copied().unwrap_or(0),
        ..PageRequest::default()
    };
    loop {
        let (length, next) = if dataset.kind == DataKind::Series {
            let page = source.series(request.clone()).await.map_err(text)?;
            digest.part("page", series_text(&page).as_bytes());
            (page.periods.len(), page.next)
        } else {
            let page = source.bars(request.clone()).await.map_err(text)?;
            digest.part("page", bars_text(&page).as_bytes());
            (page.times.len(), page.next)
        };
        pages += 1;
        rows += length;
        if length > dataset.page_rows as usize {
            return Err(format!(
                "page {pages} has {length} rows; the data set states at most {}",
                dataset.page_rows
            ));
        }
        match tokens.next("rows", next)? {
            Some(next) => request.page = Some(next),
            None => break,
        }
    }
    Ok(Told {
        rows,
        pages,
        digest: digest.finish(),
    })
}

/// A page as text; floats print so that different ones differ, and a missing value is like another.
fn bars_text(page: &BarsPage) -> String {
    format!("{page:?}")
}

fn series_text(page: &SeriesPage) -> String {
    format!("{page:?}")
}

/// Tokens of pages so far.
#[derive(Default)]
struct Tokens(BTreeSet<String>);

impl Tokens {
    /// The next token, if there is one and paging still makes headway.
    fn next(&mut self, what: &str, token: Option<String>) -> Result<Option<String>, String> {
        let Some(token) = token else { return Ok(None) };
        if self.0.len() >= PAGES {
            return Err(format!("{PAGES} pages of {what} and no end"));
        }
        if !self.0.insert(token.clone()) {
            return Err(format!("page {token} of {what} leads to itself"));
        }
        Ok(Some(token))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paging_that_goes_round_or_on_for_ever_is_found() {
        let mut tokens = Tokens::default();
        let mut next = |token: &str| tokens.next("rows", Some(token.to_owned()));
        assert_eq!(next("a"), Ok(Some("a".to_owned())));
        assert_eq!(next("b"), Ok(Some("b".to_owned())));
        assert_eq!(next("a"), Err("page a of rows leads to itself".to_owned()));
        let mut tokens = Tokens::default();
        let ended = (0..=PAGES).map(|page| tokens.next("rows", Some(page.to_string())));
        assert_eq!(
            ended.last(),
            Some(Err("1000 pages of rows and no end".to_owned()))
        );
        assert_eq!(Tokens::default().next("rows", None), Ok(None));
    }

    #[test]
    fn a_missing_value_is_equal_to_itself() {
        let page = |close: f64| BarsPage {
            close: vec![close],
            ..BarsPage::default()
        };
        assert_eq!(bars_text(&page(f64::NAN)), bars_text(&page(f64::NAN)));
        assert_ne!(bars_text(&page(0.1 + 0.2)), bars_text(&page(0.3)));
    }
}
