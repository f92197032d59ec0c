//! The bars that a run is over: one series an instrument, in memory or read as it is needed.

use bulkhead_domain::order::InstrumentHandle;
use bulkhead_domain::{Digest, Instrument, Problem};
use bulkhead_market::BarSeries;
use bulkhead_market::catalog::BarReader;
use bulkhead_session::backtest::Feed;

/// Bars of one instrument.
pub enum Series {
    /// In memory.
    Loaded(Box<BarSeries>),
    /// In the catalog, read as it is needed.
    Stored(Box<BarReader>),
}

impl Series {
    pub(super) fn instrument(&self) -> &Instrument {
        match self {
            Series::Loaded(series) => &series.instrument,
            Series::Stored(reader) => reader.instrument(),
        }
    }

    pub(super) fn digest(&self) -> Digest {
        match self {
            Series::Loaded(series) => series.digest,
            Series::Stored(reader) => reader.digest(),
        }
    }

    /// Its first and its last close, nanoseconds UTC; the widest where a file does not say.
    pub(super) fn span(&self) -> (i64, i64) {
        match self {
            Series::Loaded(series) => span(series),
            Series::Stored(reader) => reader.closes().unwrap_or((i64::MIN, i64::MAX)),
        }
    }

    /// A feed of it alone, under this handle.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(super) fn feed(&self, handle: InstrumentHandle) -> Result<Feed<'_>, Problem> {
        match self {
            Series::Loaded(series) => Ok(Feed::new([&**series])),
            Series::Stored(reader) => Feed::mixed([], [(handle, reader.again()?)]),
        }
    }

    /// What it is of.
    #[must_use]
    pub fn symbol(&self) -> &str {
        &self.instrument().symbol
    }

    /// All of it in memory.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn collect(self) -> Result<BarSeries, Problem> {
        match self {
            Series::Loaded(series) => Ok(*series),
            Series::Stored(reader) => (*reader).collect_series(),
        }
    }

    /// Number of bars.
    #[must_use]
    pub fn bars(&self) -> u64 {
        match self {
            Series::Loaded(series) => series.len() as u64,
            Series::Stored(reader) => reader.rows(),
        }
    }
}

/// The first and the last close of a series.
pub(crate) fn span(series: &BarSeries) -> (i64, i64) {
    let times = &series.bars.times;
    let bound = |time: Option<&i64>, otherwise| time.copied().unwrap_or(otherwise);
    (
        bound(times.first(), i64::MAX),
        bound(times.last(), i64::MIN),
    )
}

/// Numbers the instruments by their symbols.
pub(crate) fn number(data: &mut [Series]) -> Result<Vec<Instrument>, Problem> {
    data.sort_by(|a, b| a.instrument().symbol.cmp(&b.instrument().symbol));
    let mut instruments: Vec<Instrument> = Vec::with_capacity(data.len());
    for (series, handle) in data.iter_mut().zip(1..) {
        if let Series::Loaded(series) = series {
            series.instrument.handle = handle;
        }
        let instrument = Instrument {
            handle,
            ..series.instrument().clone()
        };
        if let Some(last) = instruments.last()
            && last.symbol == instrument.symbol
        {
            return Err(Problem::user(
                format!("{} is given twice", last.symbol),
                "give each symbol once",
            ));
        }
        instruments.push(instrument);
    }
    if instruments.is_empty() {
        return Err(Problem::user(
            "there is no data",
            "name symbols with --symbol, or a file with --csv",
        ));
    }
    Ok(instruments)
}

/// What is in memory, and what is read as it is needed under its handle.
pub(super) fn apart(data: Vec<Series>) -> (Vec<BarSeries>, Vec<(InstrumentHandle, BarReader)>) {
    let mut loaded = Vec::new();
    let mut stored = Vec::new();
    for (series, handle) in data.into_iter().zip(1..) {
        match series {
            Series::Loaded(series) => loaded.push(*series),
            Series::Stored(reader) => stored.push((handle, *reader)),
        }
    }
    (loaded, stored)
}
