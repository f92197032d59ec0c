//! Calls itself forever.

use bulkhead_sdk::config::NoConfig;
use bulkhead_sdk::strategy::{Intent, Requirements, State, Strategy};
use bulkhead_sdk::{Bar, Instrument, InstrumentHandle};

struct EndlessRecursion;

impl Strategy for EndlessRecursion {
    type Config = NoConfig;

    fn new(_: NoConfig, _: &[Instrument]) -> Result<Self, String> {
        Ok(EndlessRecursion)
    }

    fn requirements(&self) -> Requirements {
        Requirements::bars(0)
    }

    fn on_bar(&mut self, instrument: InstrumentHandle, _: &Bar, _: &State) -> Vec<Intent> {
        let depth = descend(u64::from(instrument));
        vec![Intent::weight(instrument, depth as f64, "the bottom")]
    }
}

/// The call goes through an address that the compiler cannot see, else it would make a loop of it.
#[inline(never)]
fn descend(depth: u64) -> u64 {
    let step: fn(u64) -> u64 = std::hint::black_box(descend);
    step(depth + 1) + depth
}

bulkhead_sdk::export!(strategy: EndlessRecursion);
