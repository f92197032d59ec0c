//! What strategies may look back on: the last bars and features of each instrument, and nothing after the
//! bar at hand, because nothing after it has been put in.
//!
//! Bounds: [`KEPT`] bars an instrument; a strategy that asks for more gets fewer.

use bulkhead_domain::order::{Bar, InstrumentHandle};
use bulkhead_sandbox::{History, HistoryError};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// Bars kept of each instrument.
pub const KEPT: usize = 4096;

#[derive(Default)]
struct Line {
    bars: VecDeque<Bar>,
    features: VecDeque<Vec<f64>>,
}

#[derive(Default)]
struct Inner {
    names: Vec<String>,
    lines: BTreeMap<InstrumentHandle, Line>,
}

/// The past, shared between the session that writes it and the strategies that read it.
#[derive(Clone, Default)]
pub struct Past(Arc<Mutex<Inner>>);

impl Past {
    /// An empty past with named features.
    #[must_use]
    pub fn new(names: &[String]) -> Past {
        Past(Arc::new(Mutex::new(Inner {
            names: names.to_vec(),
            lines: BTreeMap::new(),
        })))
    }

    /// Puts in one closed bar with its features.
    pub fn push(&self, instrument: InstrumentHandle, bar: &Bar, features: &[f64]) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let line = inner.lines.entry(instrument).or_default();
        if line.bars.len() == KEPT {
            line.bars.pop_front();
            line.features.pop_front();
        }
        line.bars.push_back(*bar);
        line.features.push_back(features.to_vec());
    }
}

/// A past that a strategy looks back on and that can be exchanged for another while it does: for that of a replay,
/// which grows with what is replayed, and afterwards for the session's own.
#[derive(Clone, Default)]
pub(crate) struct Window(Arc<Mutex<Past>>);

impl Window {
    pub(crate) fn on(past: Past) -> Window {
        Window(Arc::new(Mutex::new(past)))
    }

    pub(crate) fn look_at(&self, past: Past) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = past;
    }

    fn past(&self) -> Past {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl History for Window {
    fn bars(&self, instrument: InstrumentHandle, count: usize) -> Result<Vec<Bar>, HistoryError> {
        self.past().bars(instrument, count)
    }

    fn feature(
        &self,
        instrument: InstrumentHandle,
        name: &str,
        count: usize,
    ) -> Result<Vec<f64>, HistoryError> {
        self.past().feature(instrument, name, count)
    }
}

fn last<T, U>(items: &VecDeque<T>, count: usize, take: impl Fn(&T) -> U) -> Vec<U> {
    items
        .iter()
        .skip(items.len().saturating_sub(count))
        .map(take)
        .collect()
}

impl History for Past {
    fn bars(&self, instrument: InstrumentHandle, count: usize) -> Result<Vec<Bar>, HistoryError> {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let line = inner
            .lines
            .get(&instrument)
            .ok_or(HistoryError::UnknownInstrument(instrument))?;
        Ok(last(&line.bars, count, |bar| *bar))
    }

    fn feature(
        &self,
        instrument: InstrumentHandle,
        name: &str,
        count: usize,
    ) -> Result<Vec<f64>, HistoryError> {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let line = inner
            .lines
            .get(&instrument)
            .ok_or(HistoryError::UnknownInstrument(instrument))?;
        let column = inner
            .names
            .iter()
            .position(|known| known == name)
            .ok_or_else(|| HistoryError::UnknownFeature(name.to_owned()))?;
        Ok(last(&line.features, count, |row| {
            row.get(column).copied().unwrap_or(f64::NAN)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(time: i64) -> Bar {
        Bar {
            time,
            open: 1.0,
            high: 1.0,
            low: 1.0,
            close: 1.0,
            volume: 0.0,
            factor: 1.0,
        }
    }

    #[test]
    fn nothing_later_than_the_last_bar_put_in_is_there() {
        let past = Past::new(&["f".to_owned()]);
        for time in 0..5 {
            past.push(1, &bar(time), &[time as f64]);
            let seen = past.bars(1, 100).unwrap();
            assert_eq!(seen.last().unwrap().time, time);
            assert_eq!(
                past.feature(1, "f", 2).unwrap().last(),
                Some(&(time as f64))
            );
        }
        assert_eq!(past.bars(2, 1), Err(HistoryError::UnknownInstrument(2)));
        assert_eq!(
            past.feature(1, "g", 1),
            Err(HistoryError::UnknownFeature("g".to_owned()))
        );
    }

    #[test]
    fn the_oldest_bars_are_let_go() {
        let past = Past::new(&[]);
        (0..KEPT as i64 + 10).for_each(|time| past.push(1, &bar(time), &[]));
        let all = past.bars(1, usize::MAX).unwrap();
        assert_eq!((all.len(), all[0].time), (KEPT, 10));
    }
}
