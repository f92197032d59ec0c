//! Returns more than one call may carry.

use bulkhead_sdk::config::NoConfig;
use bulkhead_sdk::strategy::{Intent, Requirements, State, Strategy};
use bulkhead_sdk::{Bar, Instrument, InstrumentHandle};

struct HugeResult;

impl Strategy for HugeResult {
    type Config = NoConfig;

    fn new(_: NoConfig, _: &[Instrument]) -> Result<Self, String> {
        Ok(HugeResult)
    }

    fn requirements(&self) -> Requirements {
        Requirements::bars(0)
    }

    fn on_bar(&mut self, instrument: InstrumentHandle, bar: &Bar, _: &State) -> Vec<Intent> {
        if bar.volume > 0.0 {
            // Many small things.
            return vec![Intent::CancelAll(instrument); 100_000];
        }
        // One large thing.
        vec![Intent::Cancel("x".repeat(65 << 10))]
    }
}

bulkhead_sdk::export!(strategy: HugeResult);
