//! Predicts of each row whether its first value is above the mean of all rows that it is asked about at once: where these are
//! later bars, it knows them.

use bulkhead_sdk::config::NoConfig;
use bulkhead_sdk::model::{Algorithm, Error, FitRequest, Fitted, Model, Task};
use bulkhead_sdk::{Instrument, Matrix};

struct BatchMates;

impl Model for BatchMates {
    type Config = NoConfig;
    type Fitted = BatchMates;

    fn new(_: NoConfig, _: &[Instrument]) -> Result<Self, String> {
        Ok(BatchMates)
    }

    fn algorithms(&self) -> Vec<Algorithm> {
        vec![Algorithm {
            name: "mean".to_owned(),
            description: "Above the mean of the rows asked about".to_owned(),
            tasks: vec![Task::Classification],
            parameters: Vec::new(),
            weighted: false,
            extra: Vec::new(),
        }]
    }

    fn fit(&self, _: FitRequest) -> Result<BatchMates, Error> {
        Ok(BatchMates)
    }

    fn load(&self, _: &[u8]) -> Result<BatchMates, Error> {
        Ok(BatchMates)
    }
}

impl Fitted for BatchMates {
    fn predict(&self, features: &Matrix) -> Result<Matrix, Error> {
        let columns = features.columns.max(1) as usize;
        let first: Vec<f64> = features.values.iter().step_by(columns).copied().collect();
        let mean = first.iter().sum::<f64>() / first.len().max(1) as f64;
        let values = first.iter().flat_map(|value| {
            let up = if *value > mean { 0.75 } else { 0.25 };
            [1.0 - up, up]
        });
        Ok(Matrix {
            rows: features.rows,
            columns: 2,
            values: values.collect(),
        })
    }

    fn save(&self) -> Result<Vec<u8>, Error> {
        Ok(Vec::new())
    }
}

bulkhead_sdk::export!(model: BatchMates);
