//! Asks for the clock, which no strategy is given.

use bulkhead_sdk::config::NoConfig;
use bulkhead_sdk::strategy::{Intent, Requirements, State, Strategy};
use bulkhead_sdk::{Bar, Instrument, InstrumentHandle};

struct ClockWatcher;

impl Strategy for ClockWatcher {
    type Config = NoConfig;

    fn new(_: NoConfig, _: &[Instrument]) -> Result<Self, String> {
        Ok(ClockWatcher)
    }

    fn requirements(&self) -> Requirements {
        Requirements::bars(0)
    }

    fn on_bar(&mut self, _: InstrumentHandle, _: &Bar, _: &State) -> Vec<Intent> {
        vec![Intent::Cancel(bulkhead_sdk::clock::now().to_string())]
    }
}

bulkhead_sdk::export!(strategy: ClockWatcher);
