//! Reading a series from a Parquet file, row group by row group.

use super::guard::guarded;
use super::writer::{ACTIONS, COLUMNS, DIGEST, INSTRUMENT, INTERVAL, PROVENANCE, REPORT, schema};
use super::{Entry, Provenance, ROW_GROUP};
use crate::bars::{BarColumns, BarSeries, CanonicalDigest};
use crate::clean::{CleanBars, CleaningReport};
use crate::factor::FactorCursor;
use arrow_array::types::{ArrowPrimitiveType, Float64Type, Int64Type};
use arrow_array::{Array as _, PrimitiveArray, RecordBatch};
use bulkhead_domain::order::CorporateAction;
use bulkhead_domain::{Digest, Instrument, Problem, Timestamp};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::statistics::Statistics;
use serde::de::DeserializeOwned;
use std::fs::File;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// Successive bars of a series.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BarBatch {
    /// When each bar opened.
    pub open_times: Vec<i64>,
    /// The bars.
    pub bars: BarColumns,
}

/// Streams a series in batches of at most [`ROW_GROUP`] bars.
///
/// The digest is checked when the last bar has been read: the last item is an error where it does not
/// fit. Whoever must not act on a bar that a damaged file may have made up checks with
/// [`BarReader::verify`] first.
pub struct BarReader {
    batches: ParquetRecordBatchReader,
    path: PathBuf,
    instrument: Instrument,
    interval_ns: i64,
    actions: Vec<CorporateAction>,
    digest: Digest,
    provenance: Provenance,
    report: Option<CleaningReport>,
    rows: u64,
    span: Option<(Timestamp, Timestamp)>,
    canonical: Option<CanonicalDigest>,
    // Where the factor stands between two batches: the next action and the last bar's close.
    factor: f64,
    next_action: usize,
    previous_close: Option<f64>,
    wanted: RangeInclusive<i64>,
}

impl BarReader {
    pub(super) fn open(path: &Path) -> Result<Self, Problem> {
        let file = File::open(path).map_err(|error| {
            Problem::host(
                format!("cannot open the bar file: {error}"),
                "check its permissions",
            )
            .in_file(path)
        })?;
        let builder = guarded(path, || {
            ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| damaged(path, &error))
        })?;
        if builder.schema().fields() != schema().fields() {
            let what = format!("its columns are not {}", COLUMNS.join(", "));
            return Err(damaged(path, &what));
        }
        let metadata = builder.metadata().clone();
        let found = |key: &str| {
            let pairs = metadata.file_metadata().key_value_metadata();
            pairs
                .into_iter()
                .flatten()
                .find(|pair| pair.key == key)
                .and_then(|pair| pair.value.as_deref())
        };
        let text = |key: &str| found(key).ok_or_else(|| damaged(path, &format!("it has no {key}")));
        let interval_ns = text(INTERVAL)?
            .parse()
            .map_err(|error| damaged(path, &format!("{INTERVAL}: {error}")))?;
        let digest = text(DIGEST)?
            .parse()
            .map_err(|error| damaged(path, &error))?;
        let report = match found(REPORT) {
            Some(report) => Some(parsed(path, REPORT, report)?),
            None => None,
        };
        let (instrument, actions, provenance) = (
            parsed(path, INSTRUMENT, text(INSTRUMENT)?)?,
            parsed(path, ACTIONS, text(ACTIONS)?)?,
            parsed(path, PROVENANCE, text(PROVENANCE)?)?,
        );
        let rows = u64::try_from(metadata.file_metadata().num_rows()).unwrap_or(0);
        let span = span(&metadata);
        let batches = guarded(path, || {
            let reader = builder.with_batch_size(ROW_GROUP).build();
            reader.map_err(|error| damaged(path, &error))
        })?;
        Ok(BarReader {
            batches,
            path: path.to_owned(),
            instrument,
            interval_ns,
            actions,
            digest,
            provenance,
            report,
            rows,
            span,
            canonical: Some(CanonicalDigest::new()),
            factor: 1.0,
            next_action: 0,
            previous_close: None,
            wanted: i64::MIN..=i64::MAX,
        })
    }

    /// Another reader of the same bars, from the first on.
    ///
    /// # Errors
    /// A file that is gone or damaged.
    pub fn again(&self) -> Result<BarReader, Problem> {
        let mut again = BarReader::open(&self.path)?;
        again.wanted = self.wanted.clone();
        Ok(again)
    }

    /// What the bars are of; its handle is 0.
    #[must_use]
    pub fn instrument(&self) -> &Instrument {
        &self.instrument
    }

    /// Length of a bar in nanoseconds.
    #[must_use]
    pub fn interval_ns(&self) -> i64 {
        self.interval_ns
    }

    /// Corporate actions by time.
    #[must_use]
    pub fn actions(&self) -> &[CorporateAction] {
        &self.actions
    }

    /// The digest that the file states.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Where the bars came from.
    #[must_use]
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// What cleaning found when they were imported.
    #[must_use]
    pub fn report(&self) -> Option<&CleaningReport> {
        self.report.as_ref()
    }

    /// Number of bars in the file.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Closes of the first and the last bar in nanoseconds UTC, where the file says them.
    #[must_use]
    pub fn closes(&self) -> Option<(i64, i64)> {
        self.span.map(|(first, last)| (first.0, last.0))
    }

    /// Only bars that close within the range. Factors stay those of the whole series. The digest of a part
    /// cannot be checked.
    #[must_use]
    pub fn between(mut self, closes: RangeInclusive<Timestamp>) -> Self {
        self.wanted = closes.start().0..=closes.end().0;
        self
    }

    /// Reads everything and checks the digest.
    ///
    /// # Errors
    /// A damaged file.
    pub fn verify(self) -> Result<Digest, Problem> {
        let digest = self.digest;
        for batch in self {
            batch?;
        }
        Ok(digest)
    }

    /// Everything that is wanted as one series. Where [`BarReader::between`] left bars out, factor and
    /// digest are those of the part.
    ///
    /// # Errors
    /// A damaged file, or no bars in the range.
    pub fn collect_series(mut self) -> Result<BarSeries, Problem> {
        let mut clean = CleanBars {
            interval_ns: self.interval_ns,
            ..CleanBars::default()
        };
        for batch in &mut self {
            let BarBatch { open_times, bars } = batch?;
            clean.open_times.extend(open_times);
            clean.bars.times.extend(bars.times);
            clean.bars.open.extend(bars.open);
            clean.bars.high.extend(bars.high);
            clean.bars.low.extend(bars.low);
            clean.bars.close.extend(bars.close);
            clean.bars.volume.extend(bars.volume);
        }
        let (first, last) = (clean.open_times.first(), clean.open_times.last());
        if let (Some(first), Some(last)) = (first, last) {
            let kept = |action: &CorporateAction| action.time > *first && action.time <= *last;
            let whole = clean.bars.len() as u64 == self.rows;
            clean.actions = std::mem::take(&mut self.actions);
            clean.actions.retain(|action| whole || kept(action));
        }
        BarSeries::new(self.instrument, clean)
    }

    /// What a list of the catalog says of it.
    ///
    /// # Errors
    /// A file that does not say what time it covers.
    pub fn entry(&self) -> Result<Entry, Problem> {
        let (first, last) = self
            .span
            .ok_or_else(|| damaged(&self.path, &"it does not say what time it covers"))?;
        Ok(Entry {
            symbol: self.instrument.symbol.clone(),
            interval_ns: self.interval_ns,
            rows: self.rows,
            first,
            last,
            digest: self.digest,
            provenance: self.provenance.clone(),
            path: self.path.clone(),
        })
    }

    fn batch(&mut self, batch: &RecordBatch) -> Result<BarBatch, Problem> {
        let open_times = self.column::<Int64Type>(batch, 0)?;
        let bars = BarColumns {
            times: self.column::<Int64Type>(batch, 1)?,
            open: self.column::<Float64Type>(batch, 2)?,
            high: self.column::<Float64Type>(batch, 3)?,
            low: self.column::<Float64Type>(batch, 4)?,
            close: self.column::<Float64Type>(batch, 5)?,
            volume: self.column::<Float64Type>(batch, 6)?,
            factor: Vec::new(),
        };
        let mut batch = BarBatch { open_times, bars };
        self.add_factors(&mut batch);
        if let Some(canonical) = &mut self.canonical {
            for (bar, open_time) in batch.bars.iter().zip(&batch.open_times) {
                canonical.bar(*open_time, &bar);
            }
        }
        Ok(batch)
    }

    fn column<T: ArrowPrimitiveType>(
        &self,
        batch: &RecordBatch,
        index: usize,
    ) -> Result<Vec<T::Native>, Problem> {
        let column = batch.columns().get(index);
        let typed = column.and_then(|column| column.as_any().downcast_ref::<PrimitiveArray<T>>());
        match typed {
            Some(column) if column.null_count() == 0 => Ok(column.values().to_vec()),
            _ => Err(damaged(&self.path, &"a column has gaps")),
        }
    }

    fn add_factors(&mut self, batch: &mut BarBatch) {
        let actions = self.actions.get(self.next_action..).unwrap_or_default();
        let mut cursor = FactorCursor::resume(actions, self.factor, self.previous_close);
        batch.bars.factor.reserve(batch.bars.close.len());
        for (open_time, close) in batch.open_times.iter().zip(&batch.bars.close) {
            self.factor = cursor.push(*open_time, *close);
            batch.bars.factor.push(self.factor);
            self.previous_close = Some(*close);
        }
        self.next_action = self.actions.len() - cursor.pending();
    }

    /// Leaves only what is wanted.
    fn cut(&self, batch: BarBatch) -> BarBatch {
        let times = &batch.bars.times;
        let from = times.partition_point(|time| time < self.wanted.start());
        let to = times.partition_point(|time| time <= self.wanted.end());
        if from == 0 && to == times.len() {
            return batch;
        }
        BarBatch {
            open_times: batch.open_times[from..to.max(from)].to_vec(),
            bars: batch.bars.slice(from..to.max(from)),
        }
    }

    fn check_digest(&mut self) -> Result<(), Problem> {
        let Some(canonical) = self.canonical.take() else {
            return Ok(());
        };
        let found = canonical.finish(&self.instrument, self.interval_ns, &self.actions)?;
        if found == self.digest {
            return Ok(());
        }
        let what = format!(
            "its content has digest {}, but it states {}",
            found.short(),
            self.digest.short()
        );
        Err(damaged(&self.path, &what))
    }
}

impl Iterator for BarReader {
    type Item = Result<BarBatch, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            // Whoever got an error or the end gets nothing more.
            self.canonical.as_ref()?;
            let path = self.path.clone();
            let next = guarded(&path, || {
                let next = self.batches.next().transpose();
                next.map_err(|error| damaged(&path, &error))
            });
            let batch = match next {
                Ok(Some(batch)) => self.batch(&batch),
                Ok(None) => return self.check_digest().err().map(Err),
                Err(problem) => Err(problem),
            };
            let batch = match batch {
                Ok(batch) => batch,
                Err(problem) => {
                    self.canonical = None;
                    return Some(Err(problem));
                }
            };
            let beyond = batch
                .bars
                .times
                .last()
                .is_some_and(|last| last > self.wanted.end());
            let batch = self.cut(batch);
            if beyond {
                self.canonical = None;
            }
            if !batch.bars.is_empty() {
                return Some(Ok(batch));
            }
        }
    }
}

/// First and last close by the row groups' statistics.
fn span(metadata: &ParquetMetaData) -> Option<(Timestamp, Timestamp)> {
    let bounds =
        |group: &parquet::file::metadata::RowGroupMetaData| match group.column(1).statistics() {
            Some(Statistics::Int64(values)) => Some((*values.min_opt()?, *values.max_opt()?)),
            _ => None,
        };
    let (first, _) = bounds(metadata.row_groups().first()?)?;
    let (_, last) = bounds(metadata.row_groups().last()?)?;
    Some((Timestamp(first), Timestamp(last)))
}

fn parsed<T: DeserializeOwned>(path: &Path, key: &str, text: &str) -> Result<T, Problem> {
    serde_json::from_str(text).map_err(|error| damaged(path, &format!("{key}: {error}")))
}

pub(super) fn damaged(path: &Path, what: &dyn std::fmt::Display) -> Problem {
    Problem::user(
        format!("the bar file is damaged: {what}"),
        "import it again with: bulkhead data import",
    )
    .in_file(path)
}
