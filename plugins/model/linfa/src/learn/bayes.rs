//! Gaussian naive Bayes: linfa's estimates, on standardised features.
//!
//! `p(class | x)` is proportional to `prior * product_j N(x_j; mean_j, variance_j)`. Every variance is
//! raised by `var_smoothing` times the largest variance of a column, which standardising makes 1.
//!
//! Linfa keeps its estimates by class in a hash map and normalises without shifting, which underflows far
//! from the means; here they are taken out in class order and the softmax is shifted.

use super::scale::Scaler;
use bulkhead_tabular::{Fault, Sample, Watch, softmax};
use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa_bayes::GaussianNb;
use ndarray::{Array1, ArrayView2};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the features of one class look like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Class {
    label: u32,
    /// `ln(prior) - 1/2 * sum_j ln(2 * pi * variance_j)`.
    constant: f64,
    means: Vec<f64>,
    variances: Vec<f64>,
}

/// A fitted classifier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Bayes {
    scaler: Scaler,
    classes: Vec<Class>,
}

/// Linfa's fitted model as it serialises itself: the only way it shows its estimates.
#[derive(Deserialize)]
struct Estimates {
    class_info: BTreeMap<u32, Estimate>,
}

#[derive(Deserialize)]
struct Estimate {
    prior: f64,
    theta: Array1<f64>,
    sigma: Array1<f64>,
}

impl Bayes {
    /// Fits in closed form.
    ///
    /// # Errors
    /// [`Fault::Cancelled`] when told to stop, [`Fault::Insufficient`] where no feature varies.
    pub(crate) fn fit(
        sample: &Sample<'_>,
        var_smoothing: f64,
        watch: &mut Watch<'_>,
    ) -> Result<Self, Fault> {
        if !watch(0, 1, &[]) {
            return Err(Fault::Cancelled);
        }
        let scaler = Scaler::fit(sample.features)?;
        let table = scaler.table(sample.features);
        if table.values.iter().all(|x| x.abs() < 1e-9) {
            return Err(Fault::Insufficient("no feature varies".into()));
        }
        let solver = |e: &dyn std::fmt::Display| Fault::Solver("bayes", e.to_string());
        let x = ArrayView2::from_shape((table.rows, table.columns), &table.values)
            .map_err(|e| solver(&e))?;
        let labels: Array1<usize> = sample.labels.iter().map(|l| *l as usize).collect();
        let fitted = GaussianNb::params()
            .var_smoothing(var_smoothing)
            .fit(&DatasetBase::new(x, labels))
            .map_err(|e| solver(&e))?;
        let shown = serde_json::to_value(&fitted).map_err(|e| solver(&e))?;
        let estimates: Estimates = serde_json::from_value(shown).map_err(|e| solver(&e))?;
        let classes = estimates
            .class_info
            .into_iter()
            .map(|(label, estimate)| {
                let spread: f64 = estimate
                    .sigma
                    .iter()
                    .map(|v| libm::log(2.0 * std::f64::consts::PI * v))
                    .sum();
                Class {
                    label,
                    constant: libm::log(estimate.prior) - 0.5 * spread,
                    means: estimate.theta.to_vec(),
                    variances: estimate.sigma.to_vec(),
                }
            })
            .collect();
        Ok(Self { scaler, classes })
    }

    /// Number of columns it was fitted on.
    pub(crate) fn columns(&self) -> usize {
        self.scaler.columns()
    }

    /// Whether predicting with it cannot go wrong.
    pub(crate) fn is_sound(&self, classes: usize) -> bool {
        let columns = self.columns();
        self.scaler.is_sound()
            && self.classes.len() >= 2
            && self.classes.windows(2).all(|p| p[0].label < p[1].label)
            && self.classes.iter().all(|class| {
                (class.label as usize) < classes
                    && class.constant.is_finite()
                    && class.means.len() == columns
                    && class.variances.len() == columns
                    && class.means.iter().all(|m| m.is_finite())
                    && class.variances.iter().all(|v| v.is_finite() && *v > 0.0)
            })
    }

    /// Adds the probabilities of one row to `out`; `line` is room to work in.
    pub(crate) fn predict(
        &self,
        row: &[f64],
        line: &mut Vec<f64>,
        classes: usize,
        out: &mut Vec<f64>,
    ) {
        self.scaler.row(row, line);
        let mut scores: Vec<f64> = self
            .classes
            .iter()
            .map(|class| {
                let distance: f64 = line
                    .iter()
                    .zip(&class.means)
                    .zip(&class.variances)
                    .map(|((x, mean), variance)| (x - mean) * (x - mean) / variance)
                    .sum();
                // Beyond this every class is equally impossible; a finite score keeps the softmax defined.
                class.constant - (0.5 * distance).min(f64::MAX / 4.0)
            })
            .collect();
        softmax(&mut scores);
        let start = out.len();
        out.resize(start + classes, 0.0);
        for (class, p) in self.classes.iter().zip(scores) {
            out[start + class.label as usize] = p;
        }
    }
}
