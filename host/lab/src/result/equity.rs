//! `equity.parquet`: time, equity, cash and gross exposure of every bar, written while the run goes on.
//!
//! A row group is held in memory at a time; the file appears only when the run's other files do, and a writer that is
//! dropped leaves none.

use crate::report::publish::{self, Staged};
use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use bulkhead_domain::Problem;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Rows of a row group: 2 MB of columns.
const ROW_GROUP: usize = 65_536;

/// Writes the file, bar by bar.
pub struct EquityWriter {
    parquet: ArrowWriter<File>,
    file: File,
    staged: Staged,
    schema: SchemaRef,
    times: Vec<i64>,
    values: [Vec<f64>; 3],
}

/// The whole file, not yet in its place; dropped, it is removed.
#[derive(Debug)]
pub struct EquityFile(Staged);

impl EquityWriter {
    /// Begins the file in a run's folder, which is made if it is not there.
    ///
    /// # Errors
    /// What the disk says.
    pub fn create(folder: &Path) -> Result<Self, Problem> {
        publish::prepare(folder)?;
        let (staged, file) = publish::begin(folder, "equity.parquet")?;
        let float = |name: &str| Field::new(name, DataType::Float64, false);
        let schema = Arc::new(Schema::new(vec![
            Field::new("time", DataType::Int64, false),
            float("equity"),
            float("cash"),
            float("gross_exposure"),
        ]));
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_dictionary_enabled(false)
            .set_column_encoding("time".into(), Encoding::DELTA_BINARY_PACKED)
            .set_created_by("bulkhead".to_owned())
            .build();
        let failed = |error| publish::problem("write", staged.place(), &error);
        let own = file.try_clone().map_err(failed)?;
        let parquet = ArrowWriter::try_new(own, Arc::clone(&schema), Some(properties))
            .map_err(|error| failed(disk(error)))?;
        Ok(EquityWriter {
            parquet,
            file,
            staged,
            schema,
            times: Vec::with_capacity(ROW_GROUP),
            values: std::array::from_fn(|_| Vec::with_capacity(ROW_GROUP)),
        })
    }

    /// Appends a bar: nanoseconds since 1970 (UTC), equity and cash in the account's currency, gross exposure over
    /// equity.
    ///
    /// # Errors
    /// What the disk says.
    pub fn push(
        &mut self,
        time: i64,
        equity: f64,
        cash: f64,
        gross_exposure: f64,
    ) -> Result<(), Problem> {
        self.times.push(time);
        for (column, value) in self.values.iter_mut().zip([equity, cash, gross_exposure]) {
            column.push(value);
        }
        if self.times.len() >= ROW_GROUP {
            self.write_group()
                .map_err(|error| publish::problem("write", self.staged.place(), &disk(error)))?;
        }
        Ok(())
    }

    /// Ends the file and forces it to the disk.
    ///
    /// # Errors
    /// What the disk says.
    pub fn finish(mut self) -> Result<EquityFile, Problem> {
        let last = self.write_group();
        let ended = last
            .and_then(|()| self.parquet.close())
            .map_err(disk)
            .and_then(|_| self.file.sync_all());
        ended.map_err(|error| publish::problem("write", self.staged.place(), &error))?;
        Ok(EquityFile(self.staged))
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        if self.times.is_empty() {
            return Ok(());
        }
        let times = std::mem::replace(&mut self.times, Vec::with_capacity(ROW_GROUP));
        let mut columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(times))];
        for values in &mut self.values {
            let values = std::mem::replace(values, Vec::with_capacity(ROW_GROUP));
            columns.push(Arc::new(Float64Array::from(values)));
        }
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns)?;
        self.parquet.write(&batch)?;
        self.parquet.flush()
    }
}

impl EquityFile {
    /// Puts the file in its place.
    pub(super) fn publish(self) -> Result<PathBuf, Problem> {
        self.0.publish()
    }
}

/// The disk's own error where Parquet passes it on.
fn disk(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(other) => io::Error::other(other),
        },
        other => io::Error::other(other.to_string()),
    }
}
