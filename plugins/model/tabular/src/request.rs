//! Requests, checked before any algorithm sees them.
//!
//! What passes is finite, of one shape, with labels in range; algorithms rely on it and do not look again.

use crate::{Fault, Sample, Table};
use bulkhead_sdk::Matrix;
use bulkhead_sdk::model::{self, FitRequest};
use std::slice::ChunksExact;

/// Most classes that a label can have.
pub const MAX_CLASSES: u32 = 64;

/// Fewest rows to learn from.
pub const MIN_ROWS: usize = 10;

/// What is to be learnt.
#[derive(Debug, Clone, PartialEq)]
pub enum Targets {
    /// One of so many classes a row.
    Classes {
        /// Number of classes.
        classes: u32,
        /// One a row, below `classes`.
        labels: Vec<u32>,
    },
    /// A number a row.
    Values(Vec<f64>),
}

/// The data of a fit request.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    features: Table,
    targets: Targets,
    weights: Vec<f64>,
    spans: Vec<(i64, i64)>,
}

impl Request {
    /// Checks shapes, numbers and labels.
    ///
    /// # Errors
    /// [`Fault::Invalid`] saying what is wrong where, [`Fault::Insufficient`] for fewer than [`MIN_ROWS`]
    /// rows or a single class.
    pub fn check(request: FitRequest) -> Result<Self, Fault> {
        let features = table(request.features, &request.feature_names)?;
        if request.feature_names.len() != features.columns {
            return Err(Fault::Invalid(format!(
                "{} feature names for {} columns",
                request.feature_names.len(),
                features.columns
            )));
        }
        let targets = match request.targets {
            model::Targets::Classes(given) => classes(given, features.rows)?,
            model::Targets::Values(values) => {
                same_length("target values", values.len(), features.rows)?;
                if let Some(row) = values.iter().position(|y| !y.is_finite()) {
                    return Err(Fault::Invalid(format!(
                        "target of row {row} is {}, not a finite number",
                        values[row]
                    )));
                }
                Targets::Values(values)
            }
        };
        let weights = weights(request.weights, features.rows)?;
        let spans = spans(&request.times, &request.label_ends, features.rows)?;
        if features.rows < MIN_ROWS {
            return Err(Fault::Insufficient(format!(
                "{} rows; at least {MIN_ROWS} are needed",
                features.rows
            )));
        }
        let request = Self {
            features,
            targets,
            weights,
            spans,
        };
        if let Targets::Classes { labels, .. } = &request.targets {
            let first = labels.first().copied().unwrap_or(0);
            if labels.iter().all(|label| *label == first) {
                return Err(Fault::Insufficient(format!(
                    "every label is class {first}; at least two classes are needed"
                )));
            }
        }
        Ok(request)
    }

    /// The request as a classifier sees it.
    ///
    /// # Errors
    /// [`Fault::Unsupported`] where the targets are values.
    pub fn sample(&self, algorithm: &str) -> Result<Sample<'_>, Fault> {
        match &self.targets {
            Targets::Classes { classes, labels } => Ok(Sample {
                features: &self.features,
                labels,
                classes: *classes as usize,
                weights: &self.weights,
                spans: &self.spans,
            }),
            Targets::Values(_) => Err(Fault::Unsupported(format!(
                "{algorithm} learns classes, not values"
            ))),
        }
    }

    /// The request as a regression sees it.
    ///
    /// # Errors
    /// [`Fault::Unsupported`] where the targets are classes.
    pub fn regression(&self, algorithm: &str) -> Result<(&Table, &[f64]), Fault> {
        match &self.targets {
            Targets::Values(values) => Ok((&self.features, values)),
            Targets::Classes { .. } => Err(Fault::Unsupported(format!(
                "{algorithm} learns values, not classes"
            ))),
        }
    }

    /// Refuses weights, for an algorithm that has no use for them.
    ///
    /// # Errors
    /// [`Fault::Unsupported`] where there are any.
    pub fn unweighted(&self, algorithm: &str) -> Result<(), Fault> {
        if self.weights.is_empty() {
            Ok(())
        } else {
            Err(Fault::Unsupported(format!(
                "{algorithm} takes no sample weights"
            )))
        }
    }
}

/// The rows to predict, which must have as many columns as there were in training.
///
/// # Errors
/// [`Fault::Invalid`] saying what is wrong where.
pub fn to_predict(features: &Matrix, columns: usize) -> Result<ChunksExact<'_, f64>, Fault> {
    if features.columns as usize != columns {
        return Err(Fault::Invalid(format!(
            "{} columns; the model was fitted on {columns}",
            features.columns
        )));
    }
    finite(features, &[])?;
    Ok(features.values.chunks_exact(columns))
}

/// Takes over a matrix whose shape and numbers are right.
fn table(matrix: Matrix, names: &[String]) -> Result<Table, Fault> {
    finite(&matrix, names)?;
    Ok(Table {
        rows: matrix.rows as usize,
        columns: matrix.columns as usize,
        values: matrix.values,
    })
}

/// Checks shape and numbers; `names` are used in messages where there are any.
fn finite(matrix: &Matrix, names: &[String]) -> Result<(), Fault> {
    let (rows, columns) = (matrix.rows as usize, matrix.columns as usize);
    if columns == 0 {
        return Err(Fault::Invalid("the features have no column".to_owned()));
    }
    if rows.checked_mul(columns) != Some(matrix.values.len()) {
        return Err(Fault::Invalid(format!(
            "{} feature values for {rows} rows of {columns} columns",
            matrix.values.len()
        )));
    }
    match matrix.values.iter().position(|x| !x.is_finite()) {
        None => Ok(()),
        Some(place) => {
            let (row, column) = (place / columns, place % columns);
            let name = names
                .get(column)
                .map(|name| format!(" (`{name}`)"))
                .unwrap_or_default();
            Err(Fault::Invalid(format!(
                "row {row}, column {column}{name} is {}, not a finite number",
                matrix.values[place]
            )))
        }
    }
}

fn same_length(what: &str, length: usize, rows: usize) -> Result<(), Fault> {
    if length == rows {
        Ok(())
    } else {
        Err(Fault::Invalid(format!("{length} {what} for {rows} rows")))
    }
}

fn classes(given: model::ClassTargets, rows: usize) -> Result<Targets, Fault> {
    same_length("labels", given.labels.len(), rows)?;
    if !(2..=MAX_CLASSES).contains(&given.classes) {
        return Err(Fault::Invalid(format!(
            "{} classes; allowed: 2 to {MAX_CLASSES}",
            given.classes
        )));
    }
    if let Some(row) = given.labels.iter().position(|l| *l >= given.classes) {
        return Err(Fault::Invalid(format!(
            "label of row {row} is {}, of {} classes",
            given.labels[row], given.classes
        )));
    }
    Ok(Targets::Classes {
        classes: given.classes,
        labels: given.labels,
    })
}

/// Scales weights to average 1, so that no algorithm depends on their unit.
fn weights(mut weights: Vec<f64>, rows: usize) -> Result<Vec<f64>, Fault> {
    if weights.is_empty() {
        return Ok(weights);
    }
    same_length("weights", weights.len(), rows)?;
    if let Some(row) = weights.iter().position(|w| !w.is_finite() || *w < 0.0) {
        return Err(Fault::Invalid(format!(
            "weight of row {row} is {}; weights are finite and not negative",
            weights[row]
        )));
    }
    let mean = weights.iter().sum::<f64>() / rows as f64;
    if mean == 0.0 || !mean.is_finite() {
        return Err(Fault::Invalid(
            "the weights do not add up to a positive number".to_owned(),
        ));
    }
    for weight in &mut weights {
        *weight /= mean;
    }
    Ok(weights)
}

fn spans(times: &[i64], ends: &[i64], rows: usize) -> Result<Vec<(i64, i64)>, Fault> {
    if times.is_empty() && ends.is_empty() {
        return Ok(Vec::new());
    }
    same_length("times", times.len(), rows)?;
    same_length("label ends", ends.len(), rows)?;
    let spans: Vec<(i64, i64)> = times.iter().copied().zip(ends.iter().copied()).collect();
    match spans.iter().position(|(seen, known)| known < seen) {
        Some(row) => Err(Fault::Invalid(format!(
            "the label of row {row} ends before the row's time"
        ))),
        None => Ok(spans),
    }
}
