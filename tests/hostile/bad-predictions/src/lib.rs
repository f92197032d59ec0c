//! Predicts what the contract does not allow; the algorithm's name says what.

use bulkhead_sdk::config::NoConfig;
use bulkhead_sdk::model::{Algorithm, Error, FitRequest, Fitted, Model};
use bulkhead_sdk::{Instrument, Matrix};

/// The breach, by name.
struct Breach(String);

struct BadPredictions;

impl Model for BadPredictions {
    type Config = NoConfig;
    type Fitted = Breach;

    fn new(_: NoConfig, _: &[Instrument]) -> Result<Self, String> {
        Ok(BadPredictions)
    }

    fn algorithms(&self) -> Vec<Algorithm> {
        Vec::new()
    }

    fn fit(&self, request: FitRequest) -> Result<Breach, Error> {
        Ok(Breach(request.algorithm))
    }

    fn load(&self, saved: &[u8]) -> Result<Breach, Error> {
        Err(Error::Unsupported(format!("{} bytes", saved.len())))
    }
}

impl Fitted for Breach {
    fn predict(&self, features: &Matrix) -> Result<Matrix, Error> {
        let rows = features.rows;
        let of = |rows: u32, row: &[f64]| Matrix {
            rows,
            columns: row.len() as u32,
            values: row.repeat(rows as usize),
        };
        Ok(match self.0.as_str() {
            "nan" => of(rows, &[0.5, f64::NAN]),
            "infinite" => of(rows, &[f64::NEG_INFINITY, 0.5]),
            "negative" => of(rows, &[1.5, -0.5]),
            "unbalanced" => of(rows, &[0.5, 0.6]),
            "short" => of(rows - 1, &[0.5, 0.5]),
            "narrow" => of(rows, &[1.0]),
            "wide" => of(rows, &[0.5, 0.5, 0.0]),
            "no-columns" => of(rows, &[]),
            "untrue" => Matrix {
                values: vec![0.5],
                ..of(rows, &[0.5, 0.5])
            },
            "overflowing" => Matrix {
                rows: u32::MAX,
                columns: u32::MAX,
                values: vec![0.5],
            },
            _ => of(rows, &[0.25, 0.75]),
        })
    }

    fn save(&self) -> Result<Vec<u8>, Error> {
        Ok(Vec::new())
    }
}

bulkhead_sdk::export!(model: BadPredictions);
