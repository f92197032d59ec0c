//! Writing a series to a Parquet file.

use super::atomic::write_problem;
use super::{Provenance, ROW_GROUP, STORED_REPORT_ROWS};
use crate::bars::{BarColumns, CanonicalDigest, json};
use crate::clean::CleaningReport;
use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use bulkhead_domain::order::{Bar, CorporateAction};
use bulkhead_domain::{Digest, Instrument, Problem};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Column names in the file's order; the first two are nanoseconds, the rest floats.
pub(super) const COLUMNS: [&str; 7] = [
    "open_time",
    "time",
    "open",
    "high",
    "low",
    "close",
    "volume",
];

pub(super) const INSTRUMENT: &str = "bulkhead.instrument";
pub(super) const INTERVAL: &str = "bulkhead.interval_ns";
pub(super) const ACTIONS: &str = "bulkhead.actions";
pub(super) const DIGEST: &str = "bulkhead.digest";
pub(super) const PROVENANCE: &str = "bulkhead.provenance";
pub(super) const REPORT: &str = "bulkhead.report";

pub(super) fn schema() -> SchemaRef {
    let field = |(index, name): (usize, &&str)| {
        let kind = if index < 2 {
            DataType::Int64
        } else {
            DataType::Float64
        };
        Field::new(*name, kind, false)
    };
    Arc::new(Schema::new(
        COLUMNS.iter().enumerate().map(field).collect::<Vec<_>>(),
    ))
}

/// Remembers what the disk said, which Parquet's own errors flatten to text.
struct Disk<'a> {
    file: &'a mut File,
    failed: Arc<std::sync::Mutex<Option<io::ErrorKind>>>,
}

impl Disk<'_> {
    fn note<T>(&self, result: io::Result<T>) -> io::Result<T> {
        if let (Err(error), Ok(mut failed)) = (&result, self.failed.lock()) {
            *failed = Some(error.kind());
        }
        result
    }
}

impl Write for Disk<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self.file.write(bytes);
        self.note(result)
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.file.flush();
        self.note(result)
    }
}

/// Writes one series, bar by bar.
pub struct BarWriter<'a> {
    parquet: ArrowWriter<Disk<'a>>,
    failed: Arc<std::sync::Mutex<Option<io::ErrorKind>>>,
    schema: SchemaRef,
    path: PathBuf,
    instrument: Instrument,
    interval_ns: i64,
    canonical: CanonicalDigest,
    open_times: Vec<i64>,
    pending: BarColumns,
    last: Option<i64>,
}

impl<'a> BarWriter<'a> {
    pub(super) fn new(
        file: &'a mut File,
        path: &Path,
        instrument: &Instrument,
        interval_ns: i64,
    ) -> Result<Self, Problem> {
        let schema = schema();
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_dictionary_enabled(false)
            .set_max_row_group_row_count(Some(ROW_GROUP))
            .set_created_by("bulkhead".to_owned());
        for name in &COLUMNS[..2] {
            properties =
                properties.set_column_encoding((*name).into(), Encoding::DELTA_BINARY_PACKED);
        }
        let failed = Arc::default();
        let disk = Disk {
            file,
            failed: Arc::clone(&failed),
        };
        let parquet = ArrowWriter::try_new(disk, Arc::clone(&schema), Some(properties.build()))
            .map_err(|error| blame(&error, &failed, path))?;
        Ok(BarWriter {
            parquet,
            failed,
            schema,
            path: path.to_owned(),
            instrument: Instrument {
                handle: 0,
                ..instrument.clone()
            },
            interval_ns,
            canonical: CanonicalDigest::new(),
            open_times: Vec::with_capacity(ROW_GROUP),
            pending: BarColumns::with_capacity(ROW_GROUP),
            last: None,
        })
    }

    /// Appends a bar; its factor is not stored.
    ///
    /// # Errors
    /// A stamp that does not rise, or the disk's.
    pub fn push(&mut self, open_time: i64, bar: Bar) -> Result<(), Problem> {
        if self.last.is_some_and(|last| last >= bar.time) {
            return Err(Problem::user(
                format!(
                    "the bars of {} have stamps that do not rise",
                    self.instrument.symbol
                ),
                "clean them first",
            ));
        }
        self.last = Some(bar.time);
        self.canonical.bar(open_time, &bar);
        self.open_times.push(open_time);
        self.pending.push(bar);
        if self.pending.len() >= ROW_GROUP {
            self.write_pending()?;
        }
        Ok(())
    }

    /// Ends the series; gives its digest.
    ///
    /// # Errors
    /// No bars, or the disk's.
    pub fn finish(
        mut self,
        actions: &[CorporateAction],
        provenance: &Provenance,
        report: Option<&CleaningReport>,
    ) -> Result<Digest, Problem> {
        if self.last.is_none() {
            return Err(Problem::user(
                format!("there are no bars of {} to store", self.instrument.symbol),
                "read the cleaning report",
            ));
        }
        self.write_pending()?;
        let mut actions = actions.to_vec();
        crate::actions::sort(&mut actions);
        let digest = self
            .canonical
            .finish(&self.instrument, self.interval_ns, &actions)?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let mut metadata = vec![
            (INSTRUMENT, text(json(&self.instrument)?)),
            (INTERVAL, self.interval_ns.to_string()),
            (ACTIONS, text(json(&actions)?)),
            (DIGEST, digest.to_string()),
            (PROVENANCE, text(json(provenance)?)),
        ];
        if let Some(report) = report {
            let mut report = report.clone();
            report.rows_left_off += report.rows.len().saturating_sub(STORED_REPORT_ROWS);
            report.rows.truncate(STORED_REPORT_ROWS);
            metadata.push((REPORT, text(json(&report)?)));
        }
        for (key, value) in metadata {
            self.parquet
                .append_key_value_metadata(KeyValue::new(key.to_owned(), value));
        }
        self.parquet
            .close()
            .map_err(|error| blame(&error, &self.failed, &self.path))?;
        Ok(digest)
    }

    fn write_pending(&mut self) -> Result<(), Problem> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let bars = std::mem::replace(&mut self.pending, BarColumns::with_capacity(ROW_GROUP));
        let open_times = std::mem::replace(&mut self.open_times, Vec::with_capacity(ROW_GROUP));
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(open_times)),
            Arc::new(Int64Array::from(bars.times)),
            Arc::new(Float64Array::from(bars.open)),
            Arc::new(Float64Array::from(bars.high)),
            Arc::new(Float64Array::from(bars.low)),
            Arc::new(Float64Array::from(bars.close)),
            Arc::new(Float64Array::from(bars.volume)),
        ];
        RecordBatch::try_new(Arc::clone(&self.schema), columns)
            .map_err(ParquetError::from)
            .and_then(|batch| self.parquet.write(&batch))
            .and_then(|()| self.parquet.flush())
            .map_err(|error| blame(&error, &self.failed, &self.path))
    }
}

fn blame(
    error: &ParquetError,
    failed: &std::sync::Mutex<Option<io::ErrorKind>>,
    path: &Path,
) -> Problem {
    match failed.lock().ok().and_then(|kind| *kind) {
        Some(kind) => write_problem(&kind.into(), path),
        None => {
            Problem::host(format!("cannot write the bars: {error}"), "report this").in_file(path)
        }
    }
}
