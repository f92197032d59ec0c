//! What a model must beat, as a model plugin.
//!
//! `base-rate` gives every row the class frequencies of training; `persistence` the frequencies after a row
//! of the same sign in one feature, the latest return; `momentum` is a logistic regression on one feature.
//! All of them learn classes and use sample weights; none draws a random number.
//!
//! **Bounds.** At least 10 rows of two classes, at most 64 classes. Numbers that are not finite are refused
//! with their row and column.

mod counts;
mod fitted;
mod momentum;
mod offer;
#[cfg(test)]
mod tests;

pub use fitted::Fitted;

use bulkhead_sdk::config::NoConfig;
use bulkhead_sdk::model::{Algorithm, Error, FitRequest, Model};
use bulkhead_sdk::progress::{Directive, report};
use bulkhead_sdk::{Instrument, Matrix};
use offer::Kind;

/// The plugin.
#[derive(Debug)]
pub struct Baseline;

impl Model for Baseline {
    type Config = NoConfig;
    type Fitted = Fitted;

    fn new(_config: NoConfig, _instruments: &[Instrument]) -> Result<Self, String> {
        Ok(Self)
    }

    fn algorithms(&self) -> Vec<Algorithm> {
        Kind::ALL.into_iter().map(Kind::declare).collect()
    }

    fn fit(&self, request: FitRequest) -> Result<Fitted, Error> {
        let mut watch = |step: u64, total: u64, figures: &[(&str, f64)]| {
            report(step, total, figures) == Directive::Proceed
        };
        Ok(Fitted::learn(request, &mut watch)?)
    }

    fn load(&self, saved: &[u8]) -> Result<Fitted, Error> {
        Ok(Fitted::read(saved)?)
    }
}

impl bulkhead_sdk::model::Fitted for Fitted {
    fn predict(&self, features: &Matrix) -> Result<Matrix, Error> {
        Ok(self.probabilities(features)?)
    }

    fn save(&self) -> Result<Vec<u8>, Error> {
        Ok(self.write()?)
    }

    fn importance(&self) -> Vec<f64> {
        self.shares()
    }
}

bulkhead_sdk::export!(model: Baseline);
