//! Asks WASI for the time as often as the instrument says; 0 is no end of it.

use bulkhead_sdk::config::NoConfig;
use bulkhead_sdk::strategy::{Intent, Requirements, State, Strategy};
use bulkhead_sdk::{Bar, Instrument, InstrumentHandle};
use hostile_wasi::wasi::clocks::monotonic_clock;

struct CallFlood;

impl Strategy for CallFlood {
    type Config = NoConfig;

    fn new(_: NoConfig, _: &[Instrument]) -> Result<Self, String> {
        Ok(CallFlood)
    }

    fn requirements(&self) -> Requirements {
        Requirements::bars(0)
    }

    fn on_bar(&mut self, instrument: InstrumentHandle, _: &Bar, _: &State) -> Vec<Intent> {
        let mut calls = 0;
        while instrument == 0 || calls < instrument {
            let _ = monotonic_clock::now();
            calls += 1;
        }
        vec![Intent::CancelAll(calls)]
    }
}

bulkhead_sdk::export!(strategy: CallFlood);
