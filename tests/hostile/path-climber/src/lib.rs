//! Reads, lists or measures whatever path it is given, and reports what it got.

use bulkhead_sdk::config::NoConfig;
use bulkhead_sdk::data_source::{
    BarsPage, BarsRequest, DataSource, Dataset, Error, InstrumentPage, SeriesPage, SeriesRequest,
};
use bulkhead_sdk::{Instrument, files};

struct PathClimber;

fn refused(error: &files::Error) -> Error {
    Error::InvalidInput(files::describe(error))
}

fn got(what: String) -> Error {
    Error::Other(("got".to_owned(), what))
}

impl DataSource for PathClimber {
    type Config = NoConfig;

    fn new(_: NoConfig, _: &[Instrument]) -> Result<Self, String> {
        Ok(PathClimber)
    }

    fn datasets(&mut self) -> Result<Vec<Dataset>, Error> {
        Ok(Vec::new())
    }

    /// Lists the folder named by the data set.
    fn instruments(&mut self, dataset: &str, _: Option<&str>) -> Result<InstrumentPage, Error> {
        let entries = files::entries(dataset).map_err(|error| refused(&error))?;
        let names: Vec<String> = entries.into_iter().map(|entry| entry.name).collect();
        Err(got(names.join(" ")))
    }

    /// Reads the file named by the symbol.
    fn bars(&mut self, request: &BarsRequest) -> Result<BarsPage, Error> {
        let bytes = files::read(&request.symbol, 0, 100).map_err(|error| refused(&error))?;
        Err(got(String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Measures the file named by the series.
    fn series(&mut self, request: &SeriesRequest) -> Result<SeriesPage, Error> {
        let size = files::size(&request.name).map_err(|error| refused(&error))?;
        Err(got(format!("{size} bytes")))
    }
}

bulkhead_sdk::export!(data_source: PathClimber);
