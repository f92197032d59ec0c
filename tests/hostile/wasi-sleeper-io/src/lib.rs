//! Sleeps for an hour by WASI's clock, on the I/O engine.

use bulkhead_sdk::Instrument;
use bulkhead_sdk::config::NoConfig;
use bulkhead_sdk::data_source::{DataSource, Dataset, Error, InstrumentPage};

struct Sleeper;

impl DataSource for Sleeper {
    type Config = NoConfig;

    fn new(_: NoConfig, _: &[Instrument]) -> Result<Self, String> {
        Ok(Sleeper)
    }

    fn datasets(&mut self) -> Result<Vec<Dataset>, Error> {
        hostile_wasi::wasi::clocks::monotonic_clock::subscribe_duration(hostile_wasi::HOUR).block();
        Ok(Vec::new())
    }

    fn instruments(&mut self, dataset: &str, _: Option<&str>) -> Result<InstrumentPage, Error> {
        Err(Error::Unsupported(dataset.to_owned()))
    }
}

bulkhead_sdk::export!(data_source: Sleeper);
