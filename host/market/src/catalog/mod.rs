//! The bar catalog: Parquet files under one folder, `bars/<symbol>/<interval>.parquet`.
//!
//! A file holds raw bars with open and close times as columns, and as metadata the instrument, its
//! corporate actions, where the bars came from, the cleaning report and a SHA-256 digest over the content.
//! The digest does not depend on how Parquet encodes it, and reading a whole series checks it. Files appear
//! whole or not at all. Reading streams row group by row group: memory does not grow with the series.

mod atomic;
mod guard;
mod reader;
mod writer;

pub use atomic::write_atomically;
pub use reader::{BarBatch, BarReader};
pub use writer::BarWriter;

use crate::bars::BarSeries;
use crate::clean::CleaningReport;
use bulkhead_domain::time::{DAY, SECOND};
use bulkhead_domain::{Digest, Instrument, Problem, Timestamp};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Bars in a row group, and so in memory while a series is written or read.
pub const ROW_GROUP: usize = 65_536;
/// Rows of a cleaning report that are stored; how many more there were is stored beside them.
pub const STORED_REPORT_ROWS: usize = 10_000;

/// Where bars came from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Provenance {
    /// The file or plugin they were read from.
    pub source: String,
    /// Digest of that file, or of the plugin.
    pub source_digest: Option<Digest>,
    /// What a reader has to know: survivors only, revised, delayed.
    pub caveats: Vec<String>,
}

/// One series of a catalog.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// Symbol of the series.
    pub symbol: String,
    /// Length of a bar in nanoseconds.
    pub interval_ns: i64,
    /// Number of bars.
    pub rows: u64,
    /// Close of the first bar.
    pub first: Timestamp,
    /// Close of the last bar.
    pub last: Timestamp,
    /// Digest of the content.
    pub digest: Digest,
    /// Where it came from.
    pub provenance: Provenance,
    /// The file.
    pub path: PathBuf,
}

/// A folder of bars.
#[derive(Debug, Clone)]
pub struct Catalog {
    folder: PathBuf,
}

impl Catalog {
    /// The catalog in a folder, which need not exist yet.
    ///
    /// # Errors
    /// The path is a file.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, Problem> {
        let folder = folder.into();
        if folder.is_file() {
            return Err(
                Problem::user("the catalog's path is a file", "give the path of a folder")
                    .in_file(folder),
            );
        }
        Ok(Catalog { folder })
    }

    /// Path of a series' file.
    #[must_use]
    pub fn path(&self, symbol: &str, interval_ns: i64) -> PathBuf {
        let file = format!("{}.parquet", interval_name(interval_ns));
        self.folder
            .join("bars")
            .join(folder_name(symbol))
            .join(file)
    }

    /// Writes a series, in place of one of the same symbol and interval.
    ///
    /// # Errors
    /// The disk's.
    pub fn import_bars(
        &self,
        series: &BarSeries,
        provenance: &Provenance,
        report: Option<&CleaningReport>,
    ) -> Result<PathBuf, Problem> {
        self.import_stream(&series.instrument, series.interval_ns, |mut writer| {
            for (bar, open_time) in series.bars.iter().zip(&series.open_times) {
                writer.push(*open_time, bar)?;
            }
            writer.finish(&series.actions, provenance, report)
        })
        .map(|(path, _)| path)
    }

    /// Writes a series bar by bar, for series that do not fit into memory. `fill` pushes the bars in order
    /// and ends with [`BarWriter::finish`].
    ///
    /// # Errors
    /// What `fill` says, or the disk's.
    pub fn import_stream(
        &self,
        instrument: &Instrument,
        interval_ns: i64,
        fill: impl FnOnce(BarWriter<'_>) -> Result<Digest, Problem>,
    ) -> Result<(PathBuf, Digest), Problem> {
        let path = self.path(&instrument.symbol, interval_ns);
        let digest = write_atomically(&path, |file| {
            fill(BarWriter::new(file, &path, instrument, interval_ns)?)
        })?;
        Ok((path, digest))
    }

    /// Opens a series for streaming.
    ///
    /// # Errors
    /// There is none, or its file is damaged or of something else.
    pub fn read(&self, symbol: &str, interval_ns: i64) -> Result<BarReader, Problem> {
        let path = self.path(symbol, interval_ns);
        if !path.exists() {
            let interval = interval_name(interval_ns);
            return Err(Problem::user(
                format!("the catalog has no {interval} bars of {symbol}"),
                "import them with: bulkhead data import",
            )
            .in_file(path));
        }
        let reader = BarReader::open(&path)?;
        let (found, interval) = (&reader.instrument().symbol, reader.interval_ns());
        if (found.as_str(), interval) != (symbol, interval_ns) {
            let what = format!("it holds {} bars of {found}", interval_name(interval));
            return Err(reader::damaged(&path, &what));
        }
        Ok(reader)
    }

    /// Reads a whole series into memory and checks its digest.
    ///
    /// # Errors
    /// As [`Catalog::read`], and a digest that does not fit.
    pub fn load(&self, symbol: &str, interval_ns: i64) -> Result<BarSeries, Problem> {
        self.read(symbol, interval_ns)?.collect_series()
    }

    /// Every series, by symbol and then interval.
    ///
    /// # Errors
    /// A folder that cannot be read, or a damaged file.
    pub fn list(&self) -> Result<Vec<Entry>, Problem> {
        let bars = self.folder.join("bars");
        let mut entries = Vec::new();
        if !bars.exists() {
            return Ok(entries);
        }
        for folder in children(&bars)? {
            if !folder.is_dir() {
                continue;
            }
            for path in children(&folder)? {
                if path
                    .extension()
                    .is_some_and(|extension| extension == "parquet")
                {
                    entries.push(BarReader::open(&path)?.entry()?);
                }
            }
        }
        entries.sort_by(|a: &Entry, b: &Entry| {
            (&a.symbol, a.interval_ns).cmp(&(&b.symbol, b.interval_ns))
        });
        Ok(entries)
    }
}

fn children(folder: &Path) -> Result<Vec<PathBuf>, Problem> {
    let entries = std::fs::read_dir(folder).and_then(|entries| {
        entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<Vec<_>, _>>()
    });
    entries.map_err(|error| {
        Problem::host(
            format!("cannot read the folder: {error}"),
            "check its permissions",
        )
        .in_file(folder)
    })
}

/// A bar length as `1d`, `4h`, `5m`, `30s` or `250ns`.
#[must_use]
pub fn interval_name(interval_ns: i64) -> String {
    let units = [
        (DAY, "d"),
        (3_600 * SECOND, "h"),
        (60 * SECOND, "m"),
        (SECOND, "s"),
    ];
    for (length, name) in units {
        if interval_ns >= length && interval_ns % length == 0 {
            return format!("{}{name}", interval_ns / length);
        }
    }
    format!("{interval_ns}ns")
}

/// The length that such a name stands for, in nanoseconds: `1d`, `4h`, `5m`, `30s`.
///
/// # Errors
/// Text that is no such name.
pub fn interval(name: &str) -> Result<i64, Problem> {
    let wrong = || {
        Problem::user(
            format!("'{name}' is no length of bars"),
            "write it as 1d, 4h, 5m or 30s",
        )
    };
    let digits = name.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match name.get(digits.len()..) {
        Some("d") => DAY,
        Some("h") => 3_600 * SECOND,
        Some("m") => 60 * SECOND,
        Some("s") => SECOND,
        Some("ns") => 1,
        _ => return Err(wrong()),
    };
    let count: i64 = digits.parse().map_err(|_| wrong())?;
    count
        .checked_mul(unit)
        .filter(|length| *length > 0)
        .ok_or_else(wrong)
}

/// A symbol as the name of a folder: letters, digits, `-`, `_` and inner dots as they are, every other
/// byte as `%` and two hexadecimal digits. Different symbols have different names.
fn folder_name(symbol: &str) -> String {
    let mut name = String::new();
    for (index, byte) in symbol.bytes().enumerate() {
        match byte {
            b'-' | b'_' => name.push(char::from(byte)),
            b'.' if index > 0 => name.push('.'),
            byte if byte.is_ascii_alphanumeric() => name.push(char::from(byte)),
            byte => name.push_str(&format!("%{byte:02X}")),
        }
    }
    name
}

#[cfg(test)]
mod tests;
