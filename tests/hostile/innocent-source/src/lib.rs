//! Offers one data set and harms nobody: what must carry on beside the others.

use bulkhead_sdk::Instrument;
use bulkhead_sdk::config::NoConfig;
use bulkhead_sdk::data_source::{DataKind, DataSource, Dataset, Error, InstrumentPage};

struct Source;

impl DataSource for Source {
    type Config = NoConfig;

    fn new(_: NoConfig, _: &[Instrument]) -> Result<Self, String> {
        Ok(Source)
    }

    fn datasets(&mut self) -> Result<Vec<Dataset>, Error> {
        Ok(vec![Dataset {
            name: "innocent".to_owned(),
            description: String::new(),
            kind: DataKind::Bars,
            intervals: vec![bulkhead_sdk::DAY],
            page_rows: 1,
            first: None,
            last: None,
            extra: Vec::new(),
        }])
    }

    fn instruments(&mut self, dataset: &str, _: Option<&str>) -> Result<InstrumentPage, Error> {
        Err(Error::Unsupported(dataset.to_owned()))
    }
}

bulkhead_sdk::export!(data_source: Source);
