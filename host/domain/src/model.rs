//! What a learning algorithm takes and gives.

use crate::{Problem, Value};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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

impl Domain {
    /// Whether a hyper-parameter may have a value.
    ///
    /// # Errors
    /// What it may be, in words.
    #[expect(
        clippy::cast_precision_loss,
        reason = "compared with a bound that is itself a float"
    )]
    pub fn check(&self, value: &Value) -> Result<(), String> {
        let (right, wanted) = match (self, value) {
            (Domain::Boolean, value) => (
                matches!(value, Value::Boolean(_)),
                "true or false".to_owned(),
            ),
            (Domain::Integer { min, max }, value) => (
                matches!(value, Value::Integer(given) if (min..=max).contains(&given)),
                format!("a whole number from {min} to {max}"),
            ),
            (Domain::Real { min, max, .. }, value) => {
                let given = match value {
                    Value::Real(given) => *given,
                    Value::Integer(given) => *given as f64,
                    _ => f64::NAN,
                };
                (
                    (*min..=*max).contains(&given),
                    format!("a number from {min} to {max}"),
                )
            }
            (Domain::Choice(words), value) => (
                matches!(value, Value::Text(given) if words.contains(given)),
                format!("one of: {}", words.join(", ")),
            ),
        };
        if right { Ok(()) } else { Err(wanted) }
    }
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

impl Algorithm {
    /// Holds hyper-parameters to what the algorithm of plugin `plugin` declares.
    ///
    /// # Errors
    /// A name that it does not have, or a value that is not allowed.
    pub fn check(&self, plugin: &str, given: &BTreeMap<String, Value>) -> Result<(), Problem> {
        let algorithm = &self.name;
        for (name, value) in given {
            let Some(parameter) = self.parameters.iter().find(|known| known.name == *name) else {
                let names: Vec<&str> = (self.parameters.iter())
                    .map(|parameter| parameter.name.as_str())
                    .collect();
                return Err(Problem::user(
                    format!("{plugin}/{algorithm} has no hyper-parameter {name}"),
                    format!("use one of: {}", names.join(", ")),
                ));
            };
            parameter.domain.check(value).map_err(|wanted| {
                let given = serde_json::to_string(value).unwrap_or_default();
                Problem::user(
                    format!("hyper-parameter {name} of {plugin}/{algorithm} is {given}"),
                    format!("use {wanted}"),
                )
            })?;
        }
        Ok(())
    }
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
