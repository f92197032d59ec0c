//! Has settings, and refuses those that it does not like.

use bulkhead_sdk::model::{Algorithm, Error, FitRequest, Fitted, Model};
use bulkhead_sdk::{Instrument, Matrix};

/// The settings.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Bars to look back on; an even number.
    window: u32,
}

/// Learns nothing.
struct Nothing;

struct RefusedConfiguration;

impl Model for RefusedConfiguration {
    type Config = Config;
    type Fitted = Nothing;

    fn new(config: Config, _: &[Instrument]) -> Result<Self, String> {
        if config.window % 2 == 1 {
            return Err(format!("`window` is {}; use an even number", config.window));
        }
        Ok(RefusedConfiguration)
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

bulkhead_sdk::export!(model: RefusedConfiguration);
