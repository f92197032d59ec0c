//! Linear regression with an elastic net penalty: linfa's coordinate descent, on standardised numbers.
//!
//! Minimises `1 / (2 n) * |y - X w|^2 + penalty * (l1_ratio * |w|_1 + (1 - l1_ratio) / 2 * |w|_2^2)`
//! (Zou & Hastie, Regularization and variable selection via the elastic net, 2005). Target and features
//! are standardised, so that one penalty means the same for returns of a thousandth and prices of a
//! thousand.

use super::scale::Scaler;
use bulkhead_tabular::{Fault, Table, Watch, normalise};
use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa_elasticnet::ElasticNet;
use ndarray::{Array1, ArrayView2};
use serde::{Deserialize, Serialize};

/// Hyper-parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Settings {
    pub(crate) penalty: f64,
    pub(crate) l1_ratio: f64,
    pub(crate) max_iterations: u32,
}

/// A fitted regression: `intercept + coefficients . x`, `x` standardised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Elastic {
    scaler: Scaler,
    coefficients: Vec<f64>,
    intercept: f64,
}

impl Elastic {
    /// Fits to one target a row.
    ///
    /// # Errors
    /// [`Fault::Cancelled`] when told to stop, [`Fault::Insufficient`] where the targets never vary,
    /// [`Fault::Solver`] where the solution is not finite.
    pub(crate) fn fit(
        features: &Table,
        targets: &[f64],
        settings: Settings,
        watch: &mut Watch<'_>,
    ) -> Result<Self, Fault> {
        if !watch(0, 1, &[]) {
            return Err(Fault::Cancelled);
        }
        let scaler = Scaler::fit(features)?;
        let table = scaler.table(features);
        let count = targets.len().max(1) as f64;
        let mean = targets.iter().map(|y| y / count).sum::<f64>();
        let spread = targets
            .iter()
            .map(|y| (y - mean) * (y - mean) / count)
            .sum::<f64>()
            .sqrt();
        if !spread.is_finite() {
            return Err(Fault::Invalid("the targets span too wide a range".into()));
        }
        if spread <= mean.abs() * 1e-13 {
            return Err(Fault::Insufficient("the targets never vary".into()));
        }
        let solver = |e: &dyn std::fmt::Display| Fault::Solver("elastic-net", e.to_string());
        let x = ArrayView2::from_shape((table.rows, table.columns), &table.values)
            .map_err(|e| solver(&e))?;
        let y: Array1<f64> = targets.iter().map(|y| (y - mean) / spread).collect();
        let fitted = ElasticNet::params()
            .penalty(settings.penalty)
            .l1_ratio(settings.l1_ratio)
            .max_iterations(settings.max_iterations)
            .tolerance(1e-6)
            .fit(&DatasetBase::new(x, y))
            .map_err(|e| solver(&e))?;
        let model = Self {
            scaler,
            coefficients: fitted.hyperplane().iter().map(|w| w * spread).collect(),
            intercept: mean + fitted.intercept() * spread,
        };
        if model.is_sound() {
            Ok(model)
        } else {
            Err(solver(&"the solution is not finite"))
        }
    }

    /// Number of columns it was fitted on.
    pub(crate) fn columns(&self) -> usize {
        self.scaler.columns()
    }

    /// Whether predicting with it cannot go wrong.
    pub(crate) fn is_sound(&self) -> bool {
        self.scaler.is_sound()
            && self.coefficients.len() == self.columns()
            && self.coefficients.iter().all(|w| w.is_finite())
            && self.intercept.is_finite()
    }

    /// Size of the coefficients on standardised features, by column, summing to 1; empty where all are 0.
    pub(crate) fn importance(&self) -> Vec<f64> {
        let mut sizes: Vec<f64> = self.coefficients.iter().map(|w| w.abs()).collect();
        normalise(&mut sizes);
        if sizes.iter().any(|size| *size > 0.0) {
            sizes
        } else {
            Vec::new()
        }
    }

    /// The value predicted for one row; `line` is room to work in.
    pub(crate) fn predict(&self, row: &[f64], line: &mut Vec<f64>) -> f64 {
        self.scaler.row(row, line);
        let linear: f64 = self
            .coefficients
            .iter()
            .zip(line.iter())
            .map(|(w, x)| w * x)
            .sum();
        self.intercept + linear
    }
}
