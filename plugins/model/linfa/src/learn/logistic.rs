//! Logistic regression with an L2 penalty, on standardised features: linfa's L-BFGS.
//!
//! Minimises `-sum_i ln p(y_i | x_i) + alpha / 2 * |w|^2`, the intercept unpenalised; for more than two
//! classes `p` is the softmax. `alpha` is scikit-learn's `1 / C`. The features are standardised first, so
//! that the penalty bears on all of them alike.

use super::scale::Scaler;
use bulkhead_tabular::{Fault, Sample, Table, Watch, log_loss, normalise, softmax};
use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa_logistic::{LogisticRegression, MultiLogisticRegression};
use ndarray::{Array1, Array2, ArrayView2, Axis, concatenate};
use serde::{Deserialize, Serialize};

/// Iterations between two reports of progress. L-BFGS forgets its curvature there; on the few columns of a
/// feature matrix that costs an iteration or two.
const ROUND: u64 = 25;

/// The gradient's norm, by row, at which the optimum counts as found.
const TOLERANCE: f64 = 1e-7;

/// Hyper-parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Settings {
    pub(crate) alpha: f64,
    pub(crate) max_iterations: u64,
}

/// A fitted regression: one run of coefficients and intercept a class that occurred in training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Logistic {
    scaler: Scaler,
    classes: Vec<u32>,
    /// `columns` coefficients and the intercept, class after class; all zero for the first of two classes.
    coefficients: Vec<f64>,
}

/// What linfa is asked to minimise.
struct Problem<'a> {
    x: ArrayView2<'a, f64>,
    y: Array1<u32>,
    classes: usize,
    alpha: f64,
    /// For two classes: 1 where linfa's positive class is the larger one, else -1.
    sign: f64,
}

impl Problem<'_> {
    /// A column of coefficients and intercept a class, or one column for two classes.
    fn start(&self) -> Array2<f64> {
        let width = if self.classes == 2 { 1 } else { self.classes };
        Array2::zeros((self.x.ncols() + 1, width))
    }

    /// So many iterations on from `at`.
    fn advance(&self, at: &Array2<f64>, iterations: u64) -> Result<Array2<f64>, Fault> {
        let gradient = TOLERANCE * self.x.nrows() as f64;
        let data = DatasetBase::new(self.x, self.y.view());
        let solver = |e: linfa_logistic::error::Error| Fault::Solver("logistic", e.to_string());
        let (weights, intercepts) = if self.classes == 2 {
            let fitted = LogisticRegression::default()
                .alpha(self.alpha)
                .max_iterations(iterations)
                .gradient_tolerance(gradient)
                .initial_params(&at.column(0) * self.sign)
                .fit(&data)
                .map_err(solver)?;
            (
                (fitted.params() * self.sign).insert_axis(Axis(1)),
                Array1::from_elem(1, fitted.intercept() * self.sign),
            )
        } else {
            let fitted = MultiLogisticRegression::default()
                .alpha(self.alpha)
                .max_iterations(iterations)
                .gradient_tolerance(gradient)
                .initial_params(at.clone())
                .fit(&data)
                .map_err(solver)?;
            (fitted.params().clone(), fitted.intercept().clone())
        };
        let found = concatenate(
            Axis(0),
            &[weights.view(), intercepts.insert_axis(Axis(0)).view()],
        )
        .map_err(|e| Fault::Solver("shape", e.to_string()))?;
        if found.iter().all(|p| p.is_finite()) {
            Ok(found)
        } else {
            Err(Fault::Solver(
                "logistic",
                "the optimum is not finite".into(),
            ))
        }
    }
}

impl Logistic {
    /// Fits, reporting the log-loss as it goes. Told to stop, it returns where it stands.
    ///
    /// # Errors
    /// [`Fault::Cancelled`] when stopped before the first round, [`Fault::Solver`] where the optimiser
    /// fails from the start.
    pub(crate) fn fit(
        sample: &Sample<'_>,
        settings: Settings,
        watch: &mut Watch<'_>,
    ) -> Result<Self, Fault> {
        let scaler = Scaler::fit(sample.features)?;
        let table = scaler.table(sample.features);
        let classes = sample.present();
        let problem = Problem {
            x: ArrayView2::from_shape((table.rows, table.columns), &table.values)
                .map_err(|e| Fault::Solver("shape", e.to_string()))?,
            y: Array1::from(sample.labels.to_vec()),
            classes: classes.len(),
            alpha: settings.alpha,
            sign: sign(sample.labels, classes.last().copied().unwrap_or(0)),
        };
        let mut at = problem.start();
        let mut model = Self {
            scaler,
            classes,
            coefficients: Vec::new(),
        };
        let mut done = 0;
        while done < settings.max_iterations {
            let go_on = if done == 0 {
                watch(0, settings.max_iterations, &[])
            } else {
                let loss = model.loss(&table, sample.labels);
                watch(done, settings.max_iterations, &[("loss", loss)])
            };
            if !go_on {
                break;
            }
            let steps = ROUND.min(settings.max_iterations - done);
            let found = match problem.advance(&at, steps) {
                Ok(found) => found,
                Err(fault) if done == 0 => return Err(fault),
                // A line search that finds nothing better ends the search, not the model.
                Err(_) => break,
            };
            let moved = found
                .iter()
                .zip(&at)
                .map(|(new, old)| (new - old).abs())
                .fold(0.0, f64::max);
            at = found;
            done += steps;
            model.take(&at);
            if moved <= 1e-9 {
                break;
            }
        }
        if done == 0 {
            return Err(Fault::Cancelled);
        }
        Ok(model)
    }

    /// Takes over the optimiser's parameters, a column a class (one column for two classes).
    fn take(&mut self, found: &Array2<f64>) {
        self.coefficients.clear();
        if found.ncols() == 1 {
            self.coefficients.resize(found.nrows(), 0.0);
        }
        for column in found.columns() {
            self.coefficients.extend(column);
        }
    }

    /// Mean log-loss on standardised rows.
    fn loss(&self, table: &Table, labels: &[u32]) -> f64 {
        log_loss(table.iter().zip(labels).map(|(row, label)| {
            let place = self.classes.binary_search(label).unwrap_or(0);
            self.probabilities(row)[place]
        }))
    }

    /// Probabilities of the classes that occurred, for a standardised row.
    fn probabilities(&self, row: &[f64]) -> Vec<f64> {
        let mut scores: Vec<f64> = self
            .coefficients
            .chunks(row.len() + 1)
            .map(|run| {
                let linear: f64 = run.iter().zip(row).map(|(w, x)| w * x).sum();
                linear + run[row.len()]
            })
            .collect();
        softmax(&mut scores);
        scores
    }

    /// Number of columns it was fitted on.
    pub(crate) fn columns(&self) -> usize {
        self.scaler.columns()
    }

    /// Whether predicting with it cannot go wrong.
    pub(crate) fn is_sound(&self, classes: usize) -> bool {
        self.scaler.is_sound()
            && self.classes.len() >= 2
            && self.classes.iter().all(|c| (*c as usize) < classes)
            && self.classes.windows(2).all(|pair| pair[0] < pair[1])
            && self.coefficients.len() == self.classes.len() * (self.columns() + 1)
            && self.coefficients.iter().all(|c| c.is_finite())
    }

    /// Size of the coefficients on standardised features, by column, summing to 1.
    pub(crate) fn importance(&self) -> Vec<f64> {
        let columns = self.columns();
        let mut sizes = vec![0.0; columns];
        for run in self.coefficients.chunks(columns + 1) {
            for (size, w) in sizes.iter_mut().zip(&run[..columns]) {
                *size += w.abs();
            }
        }
        normalise(&mut sizes);
        if sizes.iter().any(|size| *size > 0.0) {
            sizes
        } else {
            Vec::new()
        }
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
        let start = out.len();
        out.resize(start + classes, 0.0);
        for (class, p) in self.classes.iter().zip(self.probabilities(line)) {
            out[start + *class as usize] = p;
        }
    }
}

/// Linfa calls the more frequent of two classes positive, of two equally frequent ones the first seen:
/// 1 where that is the larger one, else -1.
fn sign(labels: &[u32], larger: u32) -> f64 {
    let count = labels.iter().filter(|l| **l == larger).count();
    let rest = labels.len() - count;
    let positive = count > rest || (count == rest && labels.first() == Some(&larger));
    if positive { 1.0 } else { -1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bulkhead_tabular::planted::sample;

    /// A feature that is above zero where the label is 1, with `zeros` and `ones` of each.
    fn direction(zeros: usize, ones: usize, ones_first: bool) -> f64 {
        let mut labels: Vec<u32> = [vec![0; zeros], vec![1; ones]].concat();
        if ones_first {
            labels.reverse();
        }
        let table = Table {
            rows: labels.len(),
            columns: 1,
            values: labels.iter().map(|l| f64::from(*l) - 0.5).collect(),
        };
        let settings = Settings {
            alpha: 1.0,
            max_iterations: 100,
        };
        let model =
            Logistic::fit(&sample(&table, &labels, 2), settings, &mut |_, _, _| true).unwrap();
        let mut out = Vec::new();
        model.predict(&[0.5], &mut Vec::new(), 2, &mut out);
        out[1]
    }

    #[test]
    fn the_second_class_stays_the_second_whichever_is_frequent_or_first() {
        for (zeros, ones) in [(20, 10), (10, 20), (15, 15)] {
            for ones_first in [false, true] {
                let p = direction(zeros, ones, ones_first);
                assert!(
                    p > 0.75,
                    "{zeros} zeros, {ones} ones, ones first {ones_first}: {p}"
                );
            }
        }
    }
}
