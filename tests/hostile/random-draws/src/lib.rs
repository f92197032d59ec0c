//! Draws as many random bytes as the bar's volume says, then eight more, which it reports.

use bulkhead_sdk::config::NoConfig;
use bulkhead_sdk::strategy::{Intent, Requirements, State, Strategy};
use bulkhead_sdk::{Bar, Instrument, InstrumentHandle};

struct RandomDraws;

impl Strategy for RandomDraws {
    type Config = NoConfig;

    fn new(_: NoConfig, _: &[Instrument]) -> Result<Self, String> {
        Ok(RandomDraws)
    }

    fn requirements(&self) -> Requirements {
        Requirements::bars(0)
    }

    fn on_bar(&mut self, _: InstrumentHandle, bar: &Bar, _: &State) -> Vec<Intent> {
        let mut earlier = vec![0; bar.volume as usize];
        bulkhead_sdk::random::fill(&mut earlier);
        let draw = bulkhead_sdk::random::next_u64();
        vec![Intent::Cancel(format!("{draw:016x}"))]
    }
}

bulkhead_sdk::export!(strategy: RandomDraws);
