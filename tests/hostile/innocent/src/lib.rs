//! Counts its calls and harms nobody: what must carry on beside the others.

use bulkhead_sdk::config::NoConfig;
use bulkhead_sdk::strategy::{Intent, Requirements, State, Strategy};
use bulkhead_sdk::{Bar, Instrument, InstrumentHandle};

struct Innocent {
    calls: u32,
}

impl Strategy for Innocent {
    type Config = NoConfig;

    fn new(_: NoConfig, _: &[Instrument]) -> Result<Self, String> {
        Ok(Innocent { calls: 0 })
    }

    fn requirements(&self) -> Requirements {
        Requirements::bars(0)
    }

    fn on_bar(&mut self, instrument: InstrumentHandle, _: &Bar, _: &State) -> Vec<Intent> {
        self.calls += 1;
        vec![Intent::target(
            instrument,
            self.calls.into(),
            format!("call {}", self.calls),
        )]
    }
}

bulkhead_sdk::export!(strategy: Innocent);
