//! Computes forever.

use bulkhead_sdk::config::NoConfig;
use bulkhead_sdk::strategy::{Intent, Requirements, State, Strategy};
use bulkhead_sdk::{Bar, Instrument, InstrumentHandle};

struct EndlessLoop;

impl Strategy for EndlessLoop {
    type Config = NoConfig;

    fn new(_: NoConfig, _: &[Instrument]) -> Result<Self, String> {
        Ok(EndlessLoop)
    }

    fn requirements(&self) -> Requirements {
        Requirements::bars(0)
    }

    fn on_bar(&mut self, instrument: InstrumentHandle, _: &Bar, _: &State) -> Vec<Intent> {
        let mut turns = u64::from(instrument);
        loop {
            turns = std::hint::black_box(turns.wrapping_mul(3));
        }
    }
}

bulkhead_sdk::export!(strategy: EndlessLoop);
