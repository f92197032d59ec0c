//! Takes WASI's standard output without end, each time another handle.

use bulkhead_sdk::config::NoConfig;
use bulkhead_sdk::strategy::{Intent, Requirements, State, Strategy};
use bulkhead_sdk::{Bar, Instrument, InstrumentHandle};

struct HandleBomb;

impl Strategy for HandleBomb {
    type Config = NoConfig;

    fn new(_: NoConfig, _: &[Instrument]) -> Result<Self, String> {
        Ok(HandleBomb)
    }

    fn requirements(&self) -> Requirements {
        Requirements::bars(0)
    }

    fn on_bar(&mut self, _: InstrumentHandle, _: &Bar, _: &State) -> Vec<Intent> {
        loop {
            std::mem::forget(hostile_wasi::wasi::cli::stdout::get_stdout());
        }
    }
}

bulkhead_sdk::export!(strategy: HandleBomb);
