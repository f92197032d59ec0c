//! What stands in for the host in native tests: files, history, time, progress, and the schema check.
//!
//! Everything here belongs to the current thread, so tests that run side by side do not meet. What one call
//! may ask for is bounded as it is by the host.

use crate::{Bar, BarColumns, DAY, InstrumentHandle, Timestamp, schema};
use schemars::JsonSchema;

/// Environment variable that makes [`assert_schema`] write `plugin.toml` instead of failing.
pub const UPDATE: &str = "BULKHEAD_UPDATE_SCHEMA";

/// Holds `[config-schema]` of the `plugin.toml` at `path` to the JSON Schema of `C`, so that nobody writes
/// that schema by hand: `BULKHEAD_UPDATE_SCHEMA=1 cargo test` writes it. `export!` calls this in a test.
///
/// # Panics
/// When the two differ, with the text to paste; when the file cannot be read; when the type would swallow
/// unknown keys (add `#[serde(deny_unknown_fields)]`).
pub fn assert_schema<C: JsonSchema>(path: &str) {
    let wanted = schema::of::<C>();
    assert_eq!(
        wanted.get("additionalProperties"),
        Some(&serde_json::Value::Bool(false)),
        "the config type accepts unknown keys, so a misspelt one would be ignored; add #[serde(deny_unknown_fields)]"
    );
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => panic!("{path}: {error}"),
    };
    let stated = match schema::stated(&text) {
        Ok(stated) => stated,
        Err(reason) => panic!("{path}: {reason}"),
    };
    if stated == wanted {
        return;
    }
    let replaced = match schema::replaced(&text, &wanted) {
        Ok(replaced) => replaced,
        Err(reason) => panic!("{path}: the config type's schema cannot be written: {reason}"),
    };
    if std::env::var_os(UPDATE).is_some() {
        if let Err(error) = std::fs::write(path, replaced) {
            panic!("{path}: {error}");
        }
        return;
    }
    let start = replaced.find(&format!("[{}]", schema::TABLE)).unwrap_or(0);
    panic!(
        "{path}: [{}] is not the schema of the config type; run the test with {UPDATE}=1, or write:\n\n{}",
        schema::TABLE,
        &replaced[start..]
    );
}

/// A flat bar of `close`, stamped at the end of day `day` (counted from 1970-01-01), volume 1,000, factor 1.
#[must_use]
pub fn bar(day: i64, close: f64) -> Bar {
    Bar {
        time: (day + 1) * DAY,
        open: close,
        high: close,
        low: close,
        close,
        volume: 1_000.0,
        factor: 1.0,
    }
}

/// Bars as columns.
#[must_use]
pub fn columns(bars: &[Bar]) -> BarColumns {
    BarColumns {
        times: bars.iter().map(|bar| bar.time).collect(),
        open: bars.iter().map(|bar| bar.open).collect(),
        high: bars.iter().map(|bar| bar.high).collect(),
        low: bars.iter().map(|bar| bar.low).collect(),
        close: bars.iter().map(|bar| bar.close).collect(),
        volume: bars.iter().map(|bar| bar.volume).collect(),
        factor: bars.iter().map(|bar| bar.factor).collect(),
    }
}

/// Seeds [`random`](crate::random).
pub fn seed(seed: u64) {
    crate::random::native::seed(seed);
}

/// Sets [`clock`](crate::clock).
pub fn set_clock(now: Timestamp) {
    doubles::with(|state| state.now = now);
}

/// Makes the granted folder of [`files`](crate::files): paths with `/` between, and contents.
pub fn set_files<P: Into<String>, B: Into<Vec<u8>>>(files: impl IntoIterator<Item = (P, B)>) {
    let files = files
        .into_iter()
        .map(|(path, bytes)| (path.into(), bytes.into()))
        .collect();
    doubles::with(|state| state.files = files);
}

/// Sets what [`history::bars`](crate::history::bars) returns the tail of.
pub fn set_history(instrument: InstrumentHandle, bars: &[Bar]) {
    doubles::with(|state| state.bars.insert(instrument, bars.to_vec()));
}

/// Sets what [`history::feature`](crate::history::feature) returns the tail of.
pub fn set_feature(instrument: InstrumentHandle, name: &str, values: &[f64]) {
    doubles::with(|state| {
        state
            .features
            .insert((instrument, name.to_owned()), values.to_vec())
    });
}

/// Makes [`progress::report`](crate::progress::report) answer `stop` from step `step` on.
pub fn stop_at(step: u64) {
    doubles::with(|state| state.stop_at = Some(step));
}

/// What [`progress::report`](crate::progress::report) was told, as `(step, total)`; forgets it.
#[must_use]
pub fn reported() -> Vec<(u64, u64)> {
    doubles::with(|state| std::mem::take(&mut state.reported))
}

/// The doubles behind the import modules.
pub(crate) mod doubles {
    use crate::wire::{files, history, progress};
    use crate::{Bar, BarColumns, InstrumentHandle, Timestamp};
    use std::cell::RefCell;
    use std::collections::BTreeMap;

    #[derive(Default)]
    pub(super) struct State {
        pub(super) now: Timestamp,
        pub(super) files: BTreeMap<String, Vec<u8>>,
        pub(super) bars: BTreeMap<InstrumentHandle, Vec<Bar>>,
        pub(super) features: BTreeMap<(InstrumentHandle, String), Vec<f64>>,
        pub(super) stop_at: Option<u64>,
        pub(super) reported: Vec<(u64, u64)>,
    }

    thread_local! {
        static STATE: RefCell<State> = RefCell::default();
    }

    pub(super) fn with<R>(change: impl FnOnce(&mut State) -> R) -> R {
        STATE.with(|state| change(&mut state.borrow_mut()))
    }

    /// Most bytes of a file and most rows of the past that the host gives in one call.
    const READ_BYTES: u32 = 1 << 20;
    const HISTORY_ROWS: u32 = 100_000;

    pub(crate) fn clock() -> Timestamp {
        with(|state| state.now)
    }

    /// The host refuses paths that climb; so does the double, so that a test sees it.
    fn inside(path: &str) -> Result<(), files::Error> {
        if path.starts_with('/') || path.split('/').any(|part| part == "..") {
            return Err(files::Error::Denied(path.to_owned()));
        }
        Ok(())
    }

    pub(crate) fn entries(path: &str) -> Result<Vec<files::Entry>, files::Error> {
        inside(path)?;
        let prefix = match path.trim_end_matches('/') {
            "" => String::new(),
            folder => format!("{folder}/"),
        };
        let mut found = BTreeMap::new();
        with(|state| {
            for (name, bytes) in &state.files {
                let Some(rest) = name.strip_prefix(&prefix) else {
                    continue;
                };
                let (name, entry) = match rest.split_once('/') {
                    Some((folder, _)) => (folder, (true, 0)),
                    None => (rest, (false, bytes.len() as u64)),
                };
                found.insert(name.to_owned(), entry);
            }
        });
        if found.is_empty() && !prefix.is_empty() {
            return Err(files::Error::NotFound(path.to_owned()));
        }
        Ok(found
            .into_iter()
            .map(|(name, (is_folder, size))| files::Entry {
                name,
                is_folder,
                size,
            })
            .collect())
    }

    pub(crate) fn read(path: &str, offset: u64, length: u32) -> Result<Vec<u8>, files::Error> {
        if length > READ_BYTES {
            return Err(files::Error::TooLarge(u64::from(READ_BYTES)));
        }
        whole(path, |bytes| {
            let start = usize::try_from(offset)
                .unwrap_or(usize::MAX)
                .min(bytes.len());
            let end = start.saturating_add(length as usize).min(bytes.len());
            bytes[start..end].to_vec()
        })
    }

    pub(crate) fn size(path: &str) -> Result<u64, files::Error> {
        whole(path, |bytes| bytes.len() as u64)
    }

    fn whole<T>(path: &str, look: impl FnOnce(&[u8]) -> T) -> Result<T, files::Error> {
        inside(path)?;
        with(|state| {
            (state.files.get(path))
                .map(|bytes| look(bytes))
                .ok_or_else(|| files::Error::NotFound(path.to_owned()))
        })
    }

    pub(crate) fn bars(
        instrument: InstrumentHandle,
        count: u32,
    ) -> Result<BarColumns, history::Error> {
        few(count)?;
        with(|state| {
            let bars = state
                .bars
                .get(&instrument)
                .ok_or(history::Error::UnknownInstrument(instrument))?;
            Ok(super::columns(tail(bars, count)))
        })
    }

    pub(crate) fn feature(
        instrument: InstrumentHandle,
        name: &str,
        count: u32,
    ) -> Result<Vec<f64>, history::Error> {
        few(count)?;
        with(|state| {
            let values = state
                .features
                .get(&(instrument, name.to_owned()))
                .ok_or_else(|| history::Error::UnknownFeature(name.to_owned()))?;
            Ok(tail(values, count).to_vec())
        })
    }

    fn few(count: u32) -> Result<(), history::Error> {
        if count > HISTORY_ROWS {
            return Err(history::Error::TooMany(HISTORY_ROWS));
        }
        Ok(())
    }

    fn tail<T>(rows: &[T], count: u32) -> &[T] {
        &rows[rows.len().saturating_sub(count as usize)..]
    }

    pub(crate) fn progress(step: u64, total: u64, figures: &[(&str, f64)]) -> progress::Directive {
        for (name, value) in figures {
            crate::trace!("step {step} of {total}: {name} = {value}");
        }
        with(|state| {
            state.reported.push((step, total));
            match state.stop_at {
                Some(stop) if step >= stop => progress::Directive::Stop,
                _ => progress::Directive::Proceed,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::progress::Directive;
    use crate::{files, history, progress, testing};

    #[test]
    fn files_are_listed_and_read_in_parts() {
        testing::set_files([("a.csv", "0123456789"), ("more/b.csv", "x")]);
        let names: Vec<_> = files::entries("")
            .unwrap()
            .into_iter()
            .map(|entry| (entry.name, entry.is_folder, entry.size))
            .collect();
        assert_eq!(
            names,
            [("a.csv".into(), false, 10), ("more".into(), true, 0)]
        );
        assert_eq!(files::entries("more").unwrap()[0].name, "b.csv");
        assert_eq!(files::read("a.csv", 8, 10).unwrap(), b"89");
        assert_eq!(files::read("a.csv", 80, 10).unwrap(), b"");
        assert_eq!(files::size("a.csv").unwrap(), 10);
        assert!(matches!(
            files::read("a.csv", 0, (1 << 20) + 1),
            Err(files::Error::TooLarge(_))
        ));
        assert!(matches!(
            files::read("../a.csv", 0, 1),
            Err(files::Error::Denied(_))
        ));
        assert!(matches!(
            files::size("b.csv"),
            Err(files::Error::NotFound(_))
        ));
    }

    #[test]
    fn history_is_a_tail_and_progress_stops_where_told() {
        testing::set_history(3, &[testing::bar(0, 1.0), testing::bar(1, 2.0)]);
        assert_eq!(history::bars(3, 1).unwrap().close, [2.0]);
        assert_eq!(history::bars(3, 9).unwrap().close, [1.0, 2.0]);
        assert!(history::bars(4, 1).is_err());
        assert!(matches!(
            history::bars(3, u32::MAX),
            Err(history::Error::TooMany(_))
        ));
        testing::stop_at(2);
        assert_eq!(progress::report(1, 2, &[("loss", 0.5)]), Directive::Proceed);
        assert_eq!(progress::report(2, 2, &[]), Directive::Stop);
        assert_eq!(testing::reported(), [(1, 2), (2, 2)]);
    }
}
