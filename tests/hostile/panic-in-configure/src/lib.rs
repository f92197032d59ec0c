//! Panics as soon as it is configured.

use bulkhead_sdk::config::NoConfig;
use bulkhead_sdk::model::{Algorithm, Error, FitRequest, Fitted, Model};
use bulkhead_sdk::{Instrument, Matrix};

/// Learns nothing.
struct Nothing;

struct PanicInConfigure;

impl Model for PanicInConfigure {
    type Config = NoConfig;
    type Fitted = Nothing;

    fn new(_: NoConfig, _: &[Instrument]) -> Result<Self, String> {
        panic!("no settings will ever do")
    }

    fn algorithms(&self) -> Vec<Algorithm> {
        Vec::new()
    }

    fn fit(&self, request: FitRequest) -> Result<Nothing, Error> {
        Err(Error::Unsupported(request.algorithm))
    }

    fn load(&self, saved: &[u8]) -> Result<Nothing, Error> {
        Err(Error::Unsupported(format!("{} bytes", saved.len())))
    }
}

impl Fitted for Nothing {
    fn predict(&self, features: &Matrix) -> Result<Matrix, Error> {
        Ok(features.clone())
    }

    fn save(&self) -> Result<Vec<u8>, Error> {
        Ok(Vec::new())
    }
}

bulkhead_sdk::export!(model: PanicInConfigure);
