//! What a learning algorithm takes and gives.

use crate::Value;
use serde::{Deserialize, Serialize};

/// Rows by columns of numbers, row-major.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Matrix {
    /// Number of rows.
    pub rows: u32,
    /// Number of columns.
    pub columns: u32,
    /// `rows * columns` numbers.
    pub values: Vec<f64>,
}

impl Matrix {
    /// One row, `None` past the last.
    #[must_use]
    pub fn row(&self, index: usize) -> Option<&[f64]> {
        let columns = self.columns as usize;
        self.values.get(index * columns..(index + 1) * columns)
    }
}

/// Allowed values of a hyper-parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Domain {
    /// True or false.
    Boolean,
    /// A whole number, bounds included.
    Integer {
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
    },
    /// A number, bounds included.
    Real {
        /// Smallest.
        min: f64,
        /// Largest.
        max: f64,
        /// Whether a search should step through magnitudes.
        logarithmic: bool,
    },
    /// One of these.
    Choice(Vec<String>),
}

/// A hyper-parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// Allowed values.
    pub domain: Domain,
    /// Value when it is not named.
    pub default: Value,
}

/// What can be learnt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LearningTask {
    /// Class probabilities.
    Classification,
    /// A number.
    Regression,
}

/// An algorithm on offer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Algorithm {
    /// Its name.
    pub name: String,
    /// What it is.
    pub description: String,
    /// What it can learn.
    pub tasks: Vec<LearningTask>,
    /// Its hyper-parameters.
    pub parameters: Vec<Parameter>,
    /// Whether sample weights are used.
    pub weighted: bool,
    /// Whatever else it declares.
    pub extra: Vec<(String, Value)>,
}

/// What is to be predicted.
#[derive(Debug, Clone, PartialEq)]
pub enum Targets {
    /// Class labels below `classes`.
    Classes {
        /// Number of classes.
        classes: u32,
        /// One a row.
        labels: Vec<u32>,
    },
    /// One number a row.
    Values(Vec<f64>),
}

/// A request to learn.
#[derive(Debug, Clone, PartialEq)]
pub struct FitRequest {
    /// Which algorithm.
    pub algorithm: String,
    /// Hyper-parameters; those not named take their defaults.
    pub parameters: Vec<(String, Value)>,
    /// One name a column.
    pub feature_names: Vec<String>,
    /// One row a sample, in order of time.
    pub features: Matrix,
    /// What is to be predicted.
    pub targets: Targets,
    /// One a row, or empty for equal weights.
    pub weights: Vec<f64>,
    /// When each sample was observed, nanoseconds.
    pub times: Vec<i64>,
    /// When each label was known, nanoseconds.
    pub label_ends: Vec<i64>,
    /// Seed of whatever is random in learning.
    pub seed: u64,
}
