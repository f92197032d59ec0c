//! The host's side of every import. Each call is counted; what takes time is charged.

use crate::bindings::common::{clock, files, history, log, orders, progress, random, types};
use crate::folder;
use crate::limits::{HISTORY_ROWS, RANDOM_BYTES, READ_BYTES};
use crate::state::{History, HistoryError, State};
use crate::text::{line, one_line};
use bulkhead_domain::digest::DigestBuilder;
use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};
use std::sync::atomic::Ordering;

impl types::Host for State {}
impl orders::Host for State {}

impl State {
    /// One line of a plugin's log, within its rate.
    pub(crate) fn log_line(&mut self, level: log::Level, message: &str) {
        if self.budget.log_lines >= self.limits.log_lines {
            self.log.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.budget.log_lines += 1;
        self.log.kept.fetch_add(1, Ordering::Relaxed);
        let (plugin, message) = (&*self.plugin, line(message));
        match level {
            log::Level::Trace => tracing::trace!(target: "plugin", plugin, "{message}"),
            log::Level::Debug => tracing::debug!(target: "plugin", plugin, "{message}"),
            log::Level::Info => tracing::info!(target: "plugin", plugin, "{message}"),
            log::Level::Warn => tracing::warn!(target: "plugin", plugin, "{message}"),
            log::Level::Error => tracing::error!(target: "plugin", plugin, "{message}"),
        }
    }

    /// The generator of this call, keyed by seed, plugin and what is being computed.
    fn generator(&mut self) -> &mut ChaCha12Rng {
        let (digest, seed, key) = (self.digest, self.grants.seed, self.draw_key);
        self.draws.get_or_insert_with(|| {
            let mut builder = DigestBuilder::new();
            builder
                .part("plugin", digest.bytes())
                .part("seed", &seed.to_le_bytes())
                .part("time", &key.time.to_le_bytes())
                .part("item", &key.item.to_le_bytes());
            ChaCha12Rng::from_seed(*builder.finish().bytes())
        })
    }
}

impl log::Host for State {
    fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        self.host_call()?;
        self.log_line(level, &message);
        Ok(())
    }

    fn panicked(&mut self, message: String) -> wasmtime::Result<()> {
        self.host_call()?;
        self.budget.panic = Some(one_line(&message));
        Ok(())
    }
}

impl random::Host for State {
    fn bytes(&mut self, length: u32) -> wasmtime::Result<Vec<u8>> {
        self.host_call()?;
        let mut bytes = vec![0; length.min(RANDOM_BYTES) as usize];
        self.generator().fill_bytes(&mut bytes);
        Ok(bytes)
    }
}

impl clock::Host for State {
    fn now(&mut self) -> wasmtime::Result<i64> {
        self.host_call()?;
        Ok(self.grants.clock.now())
    }
}

impl progress::Host for State {
    fn report(
        &mut self,
        step: u64,
        total: u64,
        figures: Vec<(String, f64)>,
    ) -> wasmtime::Result<progress::Directive> {
        let go_on = self.charged(|state| match &mut state.progress {
            Some(progress) => progress.report(step, total, &figures),
            None => true,
        })?;
        Ok(if go_on {
            progress::Directive::Proceed
        } else {
            progress::Directive::Stop
        })
    }
}

impl From<HistoryError> for history::Error {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::UnknownInstrument(handle) => history::Error::UnknownInstrument(handle),
            HistoryError::UnknownFeature(name) => history::Error::UnknownFeature(name),
        }
    }
}

impl State {
    /// Asks the past for so many rows, within the limit.
    fn past<T>(
        &mut self,
        instrument: u32,
        count: u32,
        ask: impl FnOnce(&dyn History, usize) -> Result<T, HistoryError>,
    ) -> wasmtime::Result<Result<T, history::Error>> {
        self.charged(|state| match &state.history {
            _ if count > HISTORY_ROWS => Err(history::Error::TooMany(HISTORY_ROWS)),
            Some(history) => ask(&**history, count as usize).map_err(Into::into),
            None => Err(history::Error::UnknownInstrument(instrument)),
        })
    }
}

impl history::Host for State {
    fn bars(
        &mut self,
        instrument: u32,
        count: u32,
    ) -> wasmtime::Result<Result<types::BarColumns, history::Error>> {
        self.past(instrument, count, |history, count| {
            history.bars(instrument, count).map(Into::into)
        })
    }

    fn feature(
        &mut self,
        instrument: u32,
        name: String,
        count: u32,
    ) -> wasmtime::Result<Result<Vec<f64>, history::Error>> {
        self.past(instrument, count, |history, count| {
            history.feature(instrument, &name, count)
        })
    }
}

impl files::Host for State {
    fn entries(
        &mut self,
        path: String,
    ) -> wasmtime::Result<Result<Vec<files::Entry>, files::Error>> {
        self.charged(|state| folder::entries(state.grants.folder.as_deref(), &path))
    }

    fn size(&mut self, path: String) -> wasmtime::Result<Result<u64, files::Error>> {
        self.charged(|state| folder::size(state.grants.folder.as_deref(), &path))
    }

    fn read(
        &mut self,
        path: String,
        offset: u64,
        length: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, files::Error>> {
        self.charged(|state| {
            if length > READ_BYTES {
                return Err(files::Error::TooLarge(u64::from(READ_BYTES)));
            }
            folder::read(state.grants.folder.as_deref(), &path, offset, length)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Cause;
    use crate::limits::{LINE_BYTES, Limits};
    use crate::state::Grants;
    use bulkhead_domain::Digest;
    use bulkhead_manifest::Kind;
    use std::sync::Arc;

    fn state() -> State {
        State::new(
            "tested".into(),
            Digest::of(b"tested"),
            Limits::of(Kind::DataSource),
            Grants::default(),
            Arc::default(),
            crate::state::Interrupter::default(),
        )
    }

    /// Calls until the host says no.
    fn flood<T>(mut call: impl FnMut(&mut State) -> wasmtime::Result<T>) -> (u64, Option<Cause>) {
        let mut state = state();
        let mut calls = 0;
        while call(&mut state).is_ok() {
            calls += 1;
        }
        (calls, state.budget.stopped)
    }

    #[test]
    fn every_import_is_counted_even_when_it_asks_for_too_much() {
        let limit = Limits::of(Kind::DataSource).host_calls;
        let stopped = (limit, Some(Cause::HostCalls { limit }));
        let nowhere = String::new;
        assert_eq!(
            flood(|s| log::Host::write(s, log::Level::Trace, nowhere())),
            stopped
        );
        assert_eq!(flood(|s| log::Host::panicked(s, nowhere())), stopped);
        assert_eq!(flood(|s| random::Host::bytes(s, 1)), stopped);
        assert_eq!(flood(clock::Host::now), stopped);
        assert_eq!(
            flood(|s| progress::Host::report(s, 0, 0, Vec::new())),
            stopped
        );
        for count in [1, HISTORY_ROWS + 1] {
            assert_eq!(flood(|s| history::Host::bars(s, 0, count)), stopped);
            assert_eq!(
                flood(|s| history::Host::feature(s, 0, nowhere(), count)),
                stopped
            );
        }
        assert_eq!(flood(|s| files::Host::entries(s, nowhere())), stopped);
        assert_eq!(flood(|s| files::Host::size(s, nowhere())), stopped);
        for length in [1, READ_BYTES + 1] {
            assert_eq!(
                flood(|s| files::Host::read(s, nowhere(), 0, length)),
                stopped
            );
        }
    }

    #[test]
    fn no_import_gives_more_than_its_limit() {
        let mut state = state();
        let drawn = random::Host::bytes(&mut state, u32::MAX).unwrap();
        assert_eq!(drawn.len(), RANDOM_BYTES as usize);
        let bars = history::Host::bars(&mut state, 0, HISTORY_ROWS + 1).unwrap();
        assert!(matches!(bars, Err(history::Error::TooMany(HISTORY_ROWS))));
        let values = history::Host::feature(&mut state, 0, String::new(), u32::MAX).unwrap();
        assert!(matches!(values, Err(history::Error::TooMany(HISTORY_ROWS))));
        let read = files::Host::read(&mut state, "a".to_owned(), 0, READ_BYTES + 1).unwrap();
        assert!(
            matches!(read, Err(files::Error::TooLarge(limit)) if limit == u64::from(READ_BYTES))
        );
    }

    #[test]
    fn last_words_are_one_line_of_bounded_length() {
        let mut state = state();
        let words = format!("left\n right\u{1b}[2J {}", "x".repeat(2 * LINE_BYTES));
        log::Host::panicked(&mut state, words).unwrap();
        let kept = state.budget.panic.unwrap();
        assert!(kept.starts_with("left right [2J x"), "{kept}");
        assert_eq!(kept.len(), LINE_BYTES);
    }
}
