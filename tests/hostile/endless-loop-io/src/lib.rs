//! Computes forever on the I/O engine.

use bulkhead_sdk::Instrument;
use bulkhead_sdk::config::NoConfig;
use bulkhead_sdk::data_source::{DataSource, Dataset, Error, InstrumentPage};

struct EndlessLoop;

impl DataSource for EndlessLoop {
    type Config = NoConfig;

    fn new(_: NoConfig, _: &[Instrument]) -> Result<Self, String> {
        Ok(EndlessLoop)
    }

    fn datasets(&mut self) -> Result<Vec<Dataset>, Error> {
        let mut turns = 1_u64;
        loop {
            turns = std::hint::black_box(turns.wrapping_mul(3));
        }
    }

    fn instruments(&mut self, dataset: &str, _: Option<&str>) -> Result<InstrumentPage, Error> {
        Err(Error::Unsupported(dataset.to_owned()))
    }
}

bulkhead_sdk::export!(data_source: EndlessLoop);
