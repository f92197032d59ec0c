//! Asks for the time without end.

use bulkhead_sdk::Instrument;
use bulkhead_sdk::config::NoConfig;
use bulkhead_sdk::data_source::{DataSource, Dataset, Error, InstrumentPage};

struct HostCallFlood;

impl DataSource for HostCallFlood {
    type Config = NoConfig;

    fn new(_: NoConfig, _: &[Instrument]) -> Result<Self, String> {
        Ok(HostCallFlood)
    }

    fn datasets(&mut self) -> Result<Vec<Dataset>, Error> {
        loop {
            let _ = bulkhead_sdk::clock::now();
        }
    }

    fn instruments(&mut self, dataset: &str, _: Option<&str>) -> Result<InstrumentPage, Error> {
        Err(Error::Unsupported(dataset.to_owned()))
    }
}

bulkhead_sdk::export!(data_source: HostCallFlood);
