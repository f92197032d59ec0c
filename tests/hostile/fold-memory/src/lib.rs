//! Keeps the number of fits in a global and predicts it: what would carry the future from one fold into
//! another, were the store the same.

use bulkhead_sdk::config::NoConfig;
use bulkhead_sdk::model::{Algorithm, Error, FitRequest, Fitted, Model};
use bulkhead_sdk::{Instrument, Matrix};
use std::sync::atomic::{AtomicU32, Ordering};

static FITS: AtomicU32 = AtomicU32::new(0);

/// How many fits its store had seen.
struct Remembered(u32);

struct FoldMemory;

impl Model for FoldMemory {
    type Config = NoConfig;
    type Fitted = Remembered;

    fn new(_: NoConfig, _: &[Instrument]) -> Result<Self, String> {
        Ok(FoldMemory)
    }

    fn algorithms(&self) -> Vec<Algorithm> {
        Vec::new()
    }

    fn fit(&self, request: FitRequest) -> Result<Remembered, Error> {
        let _ = request;
        Ok(Remembered(FITS.fetch_add(1, Ordering::Relaxed) + 1))
    }

    fn load(&self, saved: &[u8]) -> Result<Remembered, Error> {
        Err(Error::Unsupported(format!("{} bytes", saved.len())))
    }
}

impl Fitted for Remembered {
    fn predict(&self, features: &Matrix) -> Result<Matrix, Error> {
        Ok(Matrix {
            rows: features.rows,
            columns: 1,
            values: vec![f64::from(self.0); features.rows as usize],
        })
    }

    fn save(&self) -> Result<Vec<u8>, Error> {
        Ok(Vec::new())
    }
}

bulkhead_sdk::export!(model: FoldMemory);
