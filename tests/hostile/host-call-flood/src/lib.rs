//! Calls the host without end, each call as cheap as can be: instrument 1 asks for no random bytes,
//! any other for no bars.

use bulkhead_sdk::config::NoConfig;
use bulkhead_sdk::strategy::{Intent, Requirements, State, Strategy};
use bulkhead_sdk::wire;
use bulkhead_sdk::{Bar, Instrument, InstrumentHandle};

struct HostCallFlood;

impl Strategy for HostCallFlood {
    type Config = NoConfig;

    fn new(_: NoConfig, _: &[Instrument]) -> Result<Self, String> {
        Ok(HostCallFlood)
    }

    fn requirements(&self) -> Requirements {
        Requirements::bars(0)
    }

    fn on_bar(&mut self, instrument: InstrumentHandle, _: &Bar, _: &State) -> Vec<Intent> {
        loop {
            if instrument == 1 {
                wire::random::bytes(0);
            } else {
                let _ = wire::history::bars(instrument, 0);
            }
        }
    }
}

bulkhead_sdk::export!(strategy: HostCallFlood);
