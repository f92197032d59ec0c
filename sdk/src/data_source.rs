//! Data sources: market data, page by page.

use crate::entry::{self, configured};
use crate::order::CorporateAction;
use crate::wire::data_source::exports::bulkhead::plugin::data_source as wire;
use crate::{BarColumns, Instrument};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

pub use wire::{
    BarsRequest, DataKind, Dataset, Error, NewsItem, NewsPage, NewsRequest, OptionChainPage,
    OptionChainRequest, OptionQuote, OptionRight, SeriesPage, SeriesRequest, Stamp,
};

/// A source of data. Export it with `export!(data_source: MyType)`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is exported as a data source, but does not implement `bulkhead_sdk::data_source::DataSource`"
)]
pub trait DataSource: Sized + 'static {
    /// The configuration; its JSON Schema goes into `plugin.toml`.
    type Config: DeserializeOwned + JsonSchema;

    /// Takes the configuration; instruments are usually none here.
    ///
    /// # Errors
    /// One line that names the key and says what is wrong with it.
    fn new(config: Self::Config, instruments: &[Instrument]) -> Result<Self, String>;

    /// What there is to ask for.
    ///
    /// # Errors
    /// See [`Error`].
    fn datasets(&mut self) -> Result<Vec<Dataset>, Error>;

    /// The instruments of a dataset, page by page.
    ///
    /// # Errors
    /// See [`Error`].
    fn instruments(&mut self, dataset: &str, page: Option<&str>) -> Result<InstrumentPage, Error>;

    /// Bars of one instrument, page by page.
    ///
    /// # Errors
    /// See [`Error`]; `unsupported` unless implemented.
    fn bars(&mut self, request: &BarsRequest) -> Result<BarsPage, Error> {
        Err(unsupported("bars", &request.dataset))
    }

    /// Values of a macro series, page by page.
    ///
    /// # Errors
    /// See [`Error`]; `unsupported` unless implemented.
    fn series(&mut self, request: &SeriesRequest) -> Result<SeriesPage, Error> {
        Err(unsupported("series", &request.dataset))
    }

    /// News, page by page.
    ///
    /// # Errors
    /// See [`Error`]; `unsupported` unless implemented.
    fn news(&mut self, request: &NewsRequest) -> Result<NewsPage, Error> {
        Err(unsupported("news", &request.dataset))
    }

    /// Quotes of the options on one underlying, page by page.
    ///
    /// # Errors
    /// See [`Error`]; `unsupported` unless implemented.
    fn option_chain(&mut self, request: &OptionChainRequest) -> Result<OptionChainPage, Error> {
        Err(unsupported("option chains", &request.dataset))
    }
}

fn unsupported(what: &str, dataset: &str) -> Error {
    Error::Unsupported(format!("dataset `{dataset}` has no {what}"))
}

/// Some of a dataset's instruments.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct InstrumentPage {
    /// Their handles are 0: the host gives them out.
    pub instruments: Vec<Instrument>,
    /// Token of the next page; `None` on the last.
    pub next: Option<String>,
}

/// Some of an instrument's bars.
#[derive(Debug, Clone, PartialEq)]
pub struct BarsPage {
    /// When a bar's stamp is.
    pub stamp: Stamp,
    /// Raw prices, in the source's order, uncleaned; `factor` is all ones or empty.
    pub bars: BarColumns,
    /// The source's own adjusted close, as long as the bars, or empty.
    pub adjusted_close: Vec<f64>,
    /// Corporate actions, where the source has them.
    pub actions: Vec<CorporateAction>,
    /// Token of the next page; `None` on the last.
    pub next: Option<String>,
}

configured!(DataSource);

impl<T: DataSource> wire::Guest for Adapter<T> {
    fn datasets() -> Result<Vec<Dataset>, Error> {
        entry::with::<T, _>(|source| source.datasets())
    }

    fn instruments(dataset: String, page: Option<String>) -> Result<wire::InstrumentPage, Error> {
        let page = entry::with::<T, _>(|source| source.instruments(&dataset, page.as_deref()))?;
        Ok(wire::InstrumentPage {
            instruments: page.instruments.into_iter().map(Into::into).collect(),
            next: page.next,
        })
    }

    fn bars(request: BarsRequest) -> Result<wire::BarsPage, Error> {
        let page = entry::with::<T, _>(|source| source.bars(&request))?;
        Ok(wire::BarsPage {
            stamp: page.stamp,
            bars: page.bars,
            adjusted_close: page.adjusted_close,
            actions: page.actions.into_iter().map(Into::into).collect(),
            next: page.next,
        })
    }

    fn series(request: SeriesRequest) -> Result<SeriesPage, Error> {
        entry::with::<T, _>(|source| source.series(&request))
    }

    fn news(request: NewsRequest) -> Result<NewsPage, Error> {
        entry::with::<T, _>(|source| source.news(&request))
    }

    fn option_chain(request: OptionChainRequest) -> Result<OptionChainPage, Error> {
        entry::with::<T, _>(|source| source.option_chain(&request))
    }
}
