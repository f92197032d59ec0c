//! The bars that a run is over: one series an instrument, in memory or read as it is needed.

use bulkhead_domain::order::InstrumentHandle;
use bulkhead_domain::{Digest, Instrument, Problem};
use bulkhead_market::BarSeries;
use bulkhead_market::catalog::{BarReader, interval_name};
use bulkhead_session::backtest::Feed;

/// Everything that a run is over.
#[derive(Default)]
pub struct Data {
    /// The bars that the strategy sees, one entry a symbol.
    pub series: Vec<Series>,
    /// Finer bars of some of the symbols: they say in which order things went on within a bar, and nobody but the venue
    /// sees them.
    pub detail: Vec<Series>,
}

impl From<Vec<Series>> for Data {
    fn from(series: Vec<Series>) -> Data {
        Data {
            series,
            detail: Vec::new(),
        }
    }
}

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

    fn interval_ns(&self) -> i64 {
        match self {
            Series::Loaded(series) => series.interval_ns,
            Series::Stored(reader) => reader.interval_ns(),
        }
    }

    fn set_handle(&mut self, handle: InstrumentHandle) {
        if let Series::Loaded(series) = self {
            series.instrument.handle = handle;
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

/// Numbers the instruments by their symbols, and the finer series as theirs.
///
/// # Errors
/// A symbol that is given twice, none at all, or a finer series that is of nothing traded, or no finer.
pub(crate) fn number(data: &mut Data) -> Result<Vec<Instrument>, Problem> {
    for series in [&mut data.series, &mut data.detail] {
        series.sort_by(|a, b| a.symbol().cmp(b.symbol()));
        let mut pairs = series.windows(2);
        if let Some([_, twice]) =
            pairs.find(|pair| matches!(pair, [a, b] if a.symbol() == b.symbol()))
        {
            return Err(Problem::user(
                format!("{} is given twice", twice.symbol()),
                "give each symbol once",
            ));
        }
    }
    let mut instruments: Vec<Instrument> = Vec::with_capacity(data.series.len());
    for (series, handle) in data.series.iter_mut().zip(1..) {
        series.set_handle(handle);
        let instrument = Instrument {
            handle,
            ..series.instrument().clone()
        };
        instruments.push(instrument);
    }
    if instruments.is_empty() {
        return Err(Problem::user(
            "there is no data",
            "name symbols with --symbol, or a file with --csv",
        ));
    }
    for finer in &mut data.detail {
        let mut traded = data.series.iter().zip(1..);
        let of = traded.find(|(series, _)| series.symbol() == finer.symbol());
        let Some((series, handle)) = of else {
            return Err(Problem::user(
                format!(
                    "the finer bars are of {}, which is not traded",
                    finer.symbol()
                ),
                "give finer bars of what is traded",
            ));
        };
        if finer.interval_ns() >= series.interval_ns() {
            return Err(Problem::user(
                format!(
                    "the finer bars of {} are {} long, and its bars {}",
                    finer.symbol(),
                    interval_name(finer.interval_ns()),
                    interval_name(series.interval_ns())
                ),
                "give finer bars that are shorter",
            ));
        }
        finer.set_handle(handle);
    }
    Ok(instruments)
}

/// A series that is read as it is needed, under its handle.
type Stored = (InstrumentHandle, BarReader);

/// What is in memory, and what is read as it is needed, of numbered series.
pub(super) fn apart(
    series: Vec<Series>,
    instruments: &[Instrument],
) -> (Vec<BarSeries>, Vec<Stored>) {
    let mut loaded = Vec::new();
    let mut stored = Vec::new();
    for series in series {
        let mut all = instruments.iter();
        let of = all.find(|instrument| instrument.symbol == series.symbol());
        let handle = of.map_or(0, |instrument| instrument.handle);
        match series {
            Series::Loaded(series) => loaded.push(*series),
            Series::Stored(reader) => stored.push((handle, *reader)),
        }
    }
    (loaded, stored)
}

/// Every series in memory, under its number.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn collected(
    series: Vec<Series>,
    instruments: &[Instrument],
) -> Result<Vec<BarSeries>, Problem> {
    let (mut loaded, stored) = apart(series, instruments);
    for (handle, reader) in stored {
        let mut series = reader.collect_series()?;
        series.instrument.handle = handle;
        loaded.push(series);
    }
    loaded.sort_by_key(|series| series.instrument.handle);
    Ok(loaded)
}
