//! Classical learning algorithms as a model plugin.
//!
//! `random-forest`, `logistic-regression`, `gaussian-naive-bayes` and `svm` learn classes, `elastic-net`
//! learns values. The last four are linfa's; the forest is this crate's own (see `learn::tree` for why).
//! The same request gives the same bytes; a saved model predicts what it predicted before, bit for bit; a
//! class that never occurred in training gets probability 0.
//!
//! **Bounds.** At least 10 rows of two classes, at most 64 classes; `svm` takes 4,000 rows. Only the forest
//! uses sample weights. Numbers that are not finite are refused with their row and column.
//!
//! **Stopping.** The forest keeps the trees it has and the logistic regression where it stands; the others
//! return `cancelled`.

mod fitted;
mod learn;
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
pub struct Linfa;

impl Model for Linfa {
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

bulkhead_sdk::export!(model: Linfa);
