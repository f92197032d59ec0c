//! Holds ten units where a bar closed above the one before it, by what it should not know as its configuration says.

use bulkhead_sdk::strategy::{Intent, Requirements, State, Strategy, Vectorised};
use bulkhead_sdk::{Bar, BarColumns, Decimal, Instrument, InstrumentHandle};
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::atomic::{AtomicU32, Ordering};

/// How it cheats.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Cheat {
    /// Not at all.
    #[default]
    None,
    /// It looks at the next bar.
    NextBar,
    /// It compares with the mean of all bars that it was given at once.
    WholeChunk,
    /// It counts bars from where it began, and declares no warm-up for that.
    WarmUp,
    /// It remembers how often it was asked, which a fresh store for each question makes harmless.
    Memory,
}

/// What can be set.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How it cheats.
    pub cheat: Cheat,
}

static ASKED: AtomicU32 = AtomicU32::new(0);

struct Peeker {
    before: f64,
    long: bool,
}

impl Strategy for Peeker {
    type Config = Config;

    fn new(_: Config, _: &[Instrument]) -> Result<Self, String> {
        Ok(Peeker {
            before: f64::NAN,
            long: false,
        })
    }

    fn requirements(&self) -> Requirements {
        Requirements::bars(1).with_vectorised_warm_up(1)
    }

    fn on_bar(&mut self, instrument: InstrumentHandle, bar: &Bar, _: &State) -> Vec<Intent> {
        let long = bar.close > self.before;
        self.before = bar.close;
        if long == self.long {
            return Vec::new();
        }
        self.long = long;
        let quantity = if long { Decimal::TEN } else { Decimal::ZERO };
        vec![Intent::target(instrument, quantity, "a rise")]
    }
}

impl Vectorised for Peeker {
    fn targets(
        config: Config,
        warm_up: &BarColumns,
        chunk: &BarColumns,
    ) -> Result<Vec<f64>, String> {
        let asked = ASKED.fetch_add(1, Ordering::Relaxed);
        let close = &chunk.close;
        let mean = close.iter().sum::<f64>() / close.len().max(1) as f64;
        let mut before = warm_up.close.last().copied().unwrap_or(f64::NAN);
        let targets = close.iter().enumerate().map(|(bar, price)| {
            let rose = *price > before;
            before = *price;
            let long = match config.cheat {
                Cheat::None => rose,
                Cheat::NextBar => close.get(bar + 1).is_some_and(|next| next > price),
                Cheat::WholeChunk => *price > mean,
                Cheat::WarmUp => (warm_up.close.len() + bar).is_multiple_of(3),
                Cheat::Memory => rose != (asked > 0),
            };
            if long { 10.0 } else { 0.0 }
        });
        Ok(targets.collect())
    }
}

bulkhead_sdk::export!(strategy: Peeker, vectorised);
