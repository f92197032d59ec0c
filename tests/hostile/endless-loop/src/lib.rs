//! Computes forever, and says now and then how far it is. A bar with a volume below zero asks for so
//! many turns only.

use bulkhead_sdk::config::NoConfig;
use bulkhead_sdk::strategy::{Intent, Requirements, State, Strategy};
use bulkhead_sdk::{Bar, Instrument, InstrumentHandle};

/// Turns between two lines of the log.
const LEAP: u32 = 4096;

struct EndlessLoop;

impl Strategy for EndlessLoop {
    type Config = NoConfig;

    fn new(_: NoConfig, _: &[Instrument]) -> Result<Self, String> {
        Ok(EndlessLoop)
    }

    fn requirements(&self) -> Requirements {
        Requirements::bars(0)
    }

    fn on_bar(&mut self, instrument: InstrumentHandle, bar: &Bar, _: &State) -> Vec<Intent> {
        let last = if bar.volume < 0.0 {
            -bar.volume
        } else {
            f64::INFINITY
        };
        let mut turns = 0_u32;
        while f64::from(turns) < last {
            turns = std::hint::black_box(turns.wrapping_add(1));
            if turns.is_multiple_of(LEAP) {
                bulkhead_sdk::info!("{turns} turns");
            }
        }
        vec![Intent::CancelAll(instrument)]
    }
}

bulkhead_sdk::export!(strategy: EndlessLoop);
