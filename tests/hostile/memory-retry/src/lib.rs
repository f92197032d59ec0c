//! Is refused memory, goes on, and computes forever: the refusal is not what ended it.

use bulkhead_sdk::config::NoConfig;
use bulkhead_sdk::strategy::{Intent, Requirements, State, Strategy};
use bulkhead_sdk::{Bar, Instrument, InstrumentHandle};

struct MemoryRetry;

impl Strategy for MemoryRetry {
    type Config = NoConfig;

    fn new(_: NoConfig, _: &[Instrument]) -> Result<Self, String> {
        Ok(MemoryRetry)
    }

    fn requirements(&self) -> Requirements {
        Requirements::bars(0)
    }

    fn on_bar(&mut self, _: InstrumentHandle, _: &Bar, _: &State) -> Vec<Intent> {
        let mut wish: Vec<u8> = Vec::new();
        let mut refusals = 0_u64;
        loop {
            if wish.try_reserve_exact(64 << 20).is_err() {
                refusals = std::hint::black_box(refusals + 1);
            }
        }
    }
}

bulkhead_sdk::export!(strategy: MemoryRetry);
