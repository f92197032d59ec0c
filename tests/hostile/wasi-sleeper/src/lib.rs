//! Sleeps for an hour by WASI's clock: instrument 1 for a length of time, any other until a moment.

use bulkhead_sdk::config::NoConfig;
use bulkhead_sdk::strategy::{Intent, Requirements, State, Strategy};
use bulkhead_sdk::{Bar, Instrument, InstrumentHandle};
use hostile_wasi::wasi::clocks::monotonic_clock;

struct Sleeper;

impl Strategy for Sleeper {
    type Config = NoConfig;

    fn new(_: NoConfig, _: &[Instrument]) -> Result<Self, String> {
        Ok(Sleeper)
    }

    fn requirements(&self) -> Requirements {
        Requirements::bars(0)
    }

    fn on_bar(&mut self, instrument: InstrumentHandle, _: &Bar, _: &State) -> Vec<Intent> {
        let until = if instrument == 1 {
            monotonic_clock::subscribe_duration(hostile_wasi::HOUR)
        } else {
            monotonic_clock::subscribe_instant(monotonic_clock::now() + hostile_wasi::HOUR)
        };
        until.block();
        vec![Intent::CancelAll(instrument)]
    }
}

bulkhead_sdk::export!(strategy: Sleeper);
