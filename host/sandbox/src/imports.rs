//! The host's side of every import. Each call is counted; what takes time is charged.

use crate::bindings::common::{clock, files, history, log, orders, progress, random, types};
use crate::folder;
use crate::limits::{HISTORY_ROWS, LOG_MESSAGE_BYTES, READ_BYTES};
use crate::state::{HistoryError, State};
use bulkhead_domain::digest::DigestBuilder;
use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};
use std::sync::atomic::Ordering;

impl types::Host for State {}
impl orders::Host for State {}

/// Cuts a message at a character boundary.
fn cut(message: &str) -> &str {
    let mut end = message.len().min(LOG_MESSAGE_BYTES);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    &message[..end]
}

impl State {
    /// One line of a plugin's log, within its rate.
    pub(crate) fn log_line(&mut self, level: log::Level, message: &str) {
        if self.budget.log_lines >= self.limits.log_lines {
            self.log.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.budget.log_lines += 1;
        self.log.kept.fetch_add(1, Ordering::Relaxed);
        let (plugin, message) = (&*self.plugin, cut(message));
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
        self.budget.panic = Some(cut(&message).to_owned());
        Ok(())
    }
}

impl random::Host for State {
    fn bytes(&mut self, length: u32) -> wasmtime::Result<Vec<u8>> {
        self.host_call()?;
        let mut bytes = vec![0; length.min(65_536) as usize];
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

impl history::Host for State {
    fn bars(
        &mut self,
        instrument: u32,
        count: u32,
    ) -> wasmtime::Result<Result<types::BarColumns, history::Error>> {
        if count > HISTORY_ROWS {
            return Ok(Err(history::Error::TooMany(HISTORY_ROWS)));
        }
        self.charged(|state| match &state.history {
            Some(history) => history
                .bars(instrument, count as usize)
                .map(Into::into)
                .map_err(Into::into),
            None => Err(history::Error::UnknownInstrument(instrument)),
        })
    }

    fn feature(
        &mut self,
        instrument: u32,
        name: String,
        count: u32,
    ) -> wasmtime::Result<Result<Vec<f64>, history::Error>> {
        if count > HISTORY_ROWS {
            return Ok(Err(history::Error::TooMany(HISTORY_ROWS)));
        }
        self.charged(|state| match &state.history {
            Some(history) => history
                .feature(instrument, &name, count as usize)
                .map_err(Into::into),
            None => Err(history::Error::UnknownInstrument(instrument)),
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
        if length > READ_BYTES {
            return Ok(Err(files::Error::TooLarge(u64::from(READ_BYTES))));
        }
        self.charged(|state| folder::read(state.grants.folder.as_deref(), &path, offset, length))
    }
}
