//! Keeps the host busy: asks for history until it is stopped.

use bulkhead_sdk::config::NoConfig;
use bulkhead_sdk::history;
use bulkhead_sdk::strategy::{Intent, Requirements, State, Strategy};
use bulkhead_sdk::{Bar, Instrument, InstrumentHandle};

struct SlowHost;

impl Strategy for SlowHost {
    type Config = NoConfig;

    fn new(_: NoConfig, _: &[Instrument]) -> Result<Self, String> {
        Ok(SlowHost)
    }

    fn requirements(&self) -> Requirements {
        Requirements::bars(0)
    }

    fn on_bar(&mut self, instrument: InstrumentHandle, _: &Bar, _: &State) -> Vec<Intent> {
        loop {
            let _ = history::bars(instrument, 1);
        }
    }
}

bulkhead_sdk::export!(strategy: SlowHost);
