//! Indexes past the end of a list.

use bulkhead_sdk::config::NoConfig;
use bulkhead_sdk::strategy::{Intent, Requirements, State, Strategy};
use bulkhead_sdk::{Bar, Instrument, InstrumentHandle};

struct Careless;

impl Strategy for Careless {
    type Config = NoConfig;

    fn new(_: NoConfig, _: &[Instrument]) -> Result<Self, String> {
        Ok(Careless)
    }

    fn requirements(&self) -> Requirements {
        Requirements::bars(0)
    }

    fn on_bar(&mut self, instrument: InstrumentHandle, _: &Bar, _: &State) -> Vec<Intent> {
        let weight = third_price(instrument as usize);
        vec![Intent::weight(instrument, weight, "not reached")]
    }
}

#[inline(never)]
fn third_price(index: usize) -> f64 {
    let prices = std::hint::black_box(vec![1.0, 2.0, 3.0]);
    prices[index]
}

bulkhead_sdk::export!(strategy: Careless);
