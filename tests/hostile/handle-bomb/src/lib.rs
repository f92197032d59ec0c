//! Makes resource handles without end.

use bulkhead_sdk::config::NoConfig;
use bulkhead_sdk::model::{Algorithm, Error, FitRequest, Fitted, Model};
use bulkhead_sdk::wire::model::exports::bulkhead::plugin::model as wire;
use bulkhead_sdk::{Instrument, Matrix};

/// What the handles stand for.
struct Decoy;

impl wire::GuestFitted for Decoy {
    fn predict(&self, features: Matrix) -> Result<Matrix, Error> {
        Ok(features)
    }

    fn save(&self) -> Result<Vec<u8>, Error> {
        Ok(Vec::new())
    }

    fn importance(&self) -> Vec<f64> {
        Vec::new()
    }
}

struct HandleBomb;

impl Model for HandleBomb {
    type Config = NoConfig;
    type Fitted = Decoy;

    fn new(_: NoConfig, _: &[Instrument]) -> Result<Self, String> {
        Ok(HandleBomb)
    }

    fn algorithms(&self) -> Vec<Algorithm> {
        Vec::new()
    }

    fn fit(&self, request: FitRequest) -> Result<Decoy, Error> {
        let _ = request;
        loop {
            std::mem::forget(wire::Fitted::new(Decoy));
        }
    }

    fn load(&self, saved: &[u8]) -> Result<Decoy, Error> {
        Err(Error::Unsupported(format!("{} bytes", saved.len())))
    }
}

impl Fitted for Decoy {
    fn predict(&self, features: &Matrix) -> Result<Matrix, Error> {
        Ok(features.clone())
    }

    fn save(&self) -> Result<Vec<u8>, Error> {
        Ok(Vec::new())
    }
}

bulkhead_sdk::export!(model: HandleBomb);
