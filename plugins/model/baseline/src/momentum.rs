//! Logistic regression on one feature, standardised, by Newton's method.
//!
//! Minimises `-sum_i w_i ln p(y_i | z_i) + alpha / 2 * sum_k slope_k^2` with
//! `p(k | z) = softmax_k(intercept_k + slope_k * z)`; the first class has no slope and no intercept. For two
//! classes that is scikit-learn's `LogisticRegression(C = 1 / alpha)`. The problem is convex and has one
//! solution, so nothing depends on where the search starts.

use bulkhead_tabular::{Fault, Sample, Watch, softmax};
use serde::{Deserialize, Serialize};

const ITERATIONS: u64 = 50;
/// Halvings of a step before the search ends where it is.
const HALVINGS: usize = 40;
/// Largest part of the gradient, by row, at which the optimum counts as found.
const TOLERANCE: f64 = 1e-12;

/// A fitted regression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Momentum {
    column: u32,
    mean: f64,
    deviation: f64,
    /// Intercept and slope of every class but the first.
    lines: Vec<(f64, f64)>,
}

impl Momentum {
    /// Fits; told to stop, it returns where it stands.
    ///
    /// # Errors
    /// [`Fault::Cancelled`] when stopped before the first step, [`Fault::Insufficient`] where the feature
    /// never varies.
    pub(crate) fn fit(
        sample: &Sample<'_>,
        column: u32,
        alpha: f64,
        watch: &mut Watch<'_>,
    ) -> Result<Self, Fault> {
        let raw: Vec<f64> = sample
            .features
            .iter()
            .map(|row| row[column as usize])
            .collect();
        let count = raw.len() as f64;
        let mean = raw.iter().map(|x| x / count).sum::<f64>();
        let deviation = raw
            .iter()
            .map(|x| (x - mean) * (x - mean) / count)
            .sum::<f64>()
            .sqrt();
        if !deviation.is_finite() {
            return Err(Fault::Invalid(format!(
                "column {column} spans too wide a range to be standardised"
            )));
        }
        // What is left of a constant column is the rounding of its mean.
        if deviation <= mean.abs() * 1e-13 {
            return Err(Fault::Insufficient(format!("column {column} never varies")));
        }
        let z: Vec<f64> = raw.iter().map(|x| (x - mean) / deviation).collect();
        let mut model = Self {
            column,
            mean,
            deviation,
            lines: vec![(0.0, 0.0); sample.classes - 1],
        };
        let mut loss = model.loss(sample, &z, alpha);
        for step in 0..ITERATIONS {
            if !watch(step, ITERATIONS, &[("loss", loss / count)]) {
                if step == 0 {
                    return Err(Fault::Cancelled);
                }
                break;
            }
            let (gradient, curvature) = model.derivatives(sample, &z, alpha);
            if gradient.iter().all(|g| g.abs() <= TOLERANCE * count) {
                break;
            }
            let Some(direction) = solve(curvature, &gradient) else {
                break;
            };
            match model.descend(&direction, loss, |next| next.loss(sample, &z, alpha)) {
                Some((next, value)) => (model, loss) = (next, value),
                None => break,
            }
        }
        Ok(model)
    }

    /// The first of ever smaller steps against `direction` that lowers the loss, and the loss there.
    fn descend(
        &self,
        direction: &[f64],
        loss: f64,
        at: impl Fn(&Self) -> f64,
    ) -> Option<(Self, f64)> {
        let mut size = 1.0;
        for _ in 0..HALVINGS {
            let mut next = self.clone();
            for ((intercept, slope), d) in next.lines.iter_mut().zip(direction.chunks(2)) {
                *intercept -= size * d[0];
                *slope -= size * d[1];
            }
            let value = at(&next);
            if value < loss {
                return Some((next, value));
            }
            size /= 2.0;
        }
        None
    }

    /// Gradient and Hessian of the loss, by class: intercept, slope.
    fn derivatives(&self, sample: &Sample<'_>, z: &[f64], alpha: f64) -> (Vec<f64>, Vec<Vec<f64>>) {
        let free = self.lines.len();
        let mut gradient = vec![0.0; 2 * free];
        let mut curvature = vec![vec![0.0; 2 * free]; 2 * free];
        let mut p = Vec::new();
        for (row, z) in z.iter().enumerate() {
            self.probabilities(*z, &mut p);
            let weight = sample.weight(row);
            for k in 0..free {
                let hit = f64::from(sample.labels[row] as usize == k + 1);
                let miss = weight * (p[k + 1] - hit);
                gradient[2 * k] += miss;
                gradient[2 * k + 1] += miss * z;
                for j in 0..free {
                    let same = if j == k { 1.0 } else { 0.0 };
                    let curve = weight * p[k + 1] * (same - p[j + 1]);
                    curvature[2 * k][2 * j] += curve;
                    curvature[2 * k][2 * j + 1] += curve * z;
                    curvature[2 * k + 1][2 * j] += curve * z;
                    curvature[2 * k + 1][2 * j + 1] += curve * z * z;
                }
            }
        }
        for (k, (_, slope)) in self.lines.iter().enumerate() {
            gradient[2 * k + 1] += alpha * slope;
            curvature[2 * k + 1][2 * k + 1] += alpha;
            // A class that never occurs has no finite optimum; this keeps its step bounded.
            curvature[2 * k][2 * k] += 1e-9;
        }
        (gradient, curvature)
    }

    fn loss(&self, sample: &Sample<'_>, z: &[f64], alpha: f64) -> f64 {
        let mut p = Vec::new();
        let fit: f64 = z
            .iter()
            .enumerate()
            .map(|(row, z)| {
                self.probabilities(*z, &mut p);
                let happened = p[sample.labels[row] as usize].max(f64::MIN_POSITIVE);
                -sample.weight(row) * libm::log(happened)
            })
            .sum();
        let size: f64 = self.lines.iter().map(|(_, slope)| slope * slope).sum();
        fit + alpha / 2.0 * size
    }

    fn probabilities(&self, z: f64, out: &mut Vec<f64>) {
        out.clear();
        out.push(0.0);
        out.extend(
            self.lines
                .iter()
                .map(|(intercept, slope)| intercept + slope * z),
        );
        softmax(out);
    }

    pub(crate) fn column(&self) -> u32 {
        self.column
    }

    pub(crate) fn predict(&self, row: &[f64], out: &mut Vec<f64>) {
        // So far out that a score could overflow, the probabilities have long been 0 and 1.
        let z = ((row[self.column as usize] - self.mean) / self.deviation).clamp(-1e9, 1e9);
        let mut p = Vec::new();
        self.probabilities(z, &mut p);
        out.append(&mut p);
    }

    pub(crate) fn is_sound(&self, classes: usize) -> bool {
        self.mean.is_finite()
            && self.deviation.is_finite()
            && self.deviation > 0.0
            && self.lines.len() + 1 == classes
            && self
                .lines
                .iter()
                .all(|(a, b)| a.is_finite() && b.is_finite())
    }
}

/// Solves `matrix * x = right` by elimination with partial pivoting; none where the matrix is singular.
fn solve(mut matrix: Vec<Vec<f64>>, right: &[f64]) -> Option<Vec<f64>> {
    let size = right.len();
    let mut x = right.to_vec();
    for at in 0..size {
        let pivot = (at..size).fold(at, |best, row| {
            if matrix[row][at].abs() > matrix[best][at].abs() {
                row
            } else {
                best
            }
        });
        matrix.swap(at, pivot);
        x.swap(at, pivot);
        let (upper, lower) = matrix.split_at_mut(at + 1);
        let lead = &upper[at];
        if lead[at] == 0.0 {
            return None;
        }
        for (offset, line) in lower.iter_mut().enumerate() {
            let factor = line[at] / lead[at];
            for (value, above) in line.iter_mut().zip(lead) {
                *value -= factor * above;
            }
            x[at + 1 + offset] -= factor * x[at];
        }
    }
    for at in (0..size).rev() {
        let known: f64 = (at + 1..size)
            .map(|other| matrix[at][other] * x[other])
            .sum();
        x[at] = (x[at] - known) / matrix[at][at];
    }
    x.iter().all(|value| value.is_finite()).then_some(x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bulkhead_tabular::planted::{sample, score, table, three_classes, two_classes};

    #[test]
    fn it_agrees_with_scikit_learn() {
        // LogisticRegression(C=1) on the standardised first column of 700 planted rows; scored on 700 more.
        let (train, test) = (table(0, 700), table(700, 700));
        let labels = two_classes(0, &train);
        let sample = sample(&train, &labels, 2);
        let model = Momentum::fit(&sample, 0, 1.0, &mut |_, _, _| true).unwrap();
        let mut out = Vec::new();
        for row in test.iter() {
            model.predict(row, &mut out);
        }
        let (accuracy, loss) = score(&out, &two_classes(700, &test));
        assert!(
            (accuracy - 0.681_428_571_428_571_4).abs() < 1e-12,
            "{accuracy}"
        );
        assert!((loss - 0.579_523_318_103_484_6).abs() < 1e-8, "{loss}");
    }

    #[test]
    fn at_the_optimum_probabilities_average_to_the_class_frequencies() {
        let train = table(0, 300);
        let labels = three_classes(0, &train);
        // Four classes are declared; the last never occurs.
        let model =
            Momentum::fit(&sample(&train, &labels, 4), 0, 0.5, &mut |_, _, _| true).unwrap();
        let mut sums = [0.0; 4];
        for row in train.iter() {
            let mut out = Vec::new();
            model.predict(row, &mut out);
            for (sum, p) in sums.iter_mut().zip(out) {
                *sum += p;
            }
        }
        for (class, sum) in (0u32..).zip(sums) {
            let seen = labels.iter().filter(|label| **label == class).count() as f64;
            assert!((sum - seen).abs() < 1e-3, "class {class}: {sum} of {seen}");
        }
    }

    #[test]
    fn told_to_stop_it_keeps_what_it_has() {
        let train = table(0, 300);
        let labels = two_classes(0, &train);
        let sample = sample(&train, &labels, 2);
        let one = Momentum::fit(&sample, 0, 1.0, &mut |step, _, _| step < 1).unwrap();
        assert_ne!(one.lines[0], (0.0, 0.0));
        let none = Momentum::fit(&sample, 0, 1.0, &mut |_, _, _| false);
        assert_eq!(none.unwrap_err(), Fault::Cancelled);
    }

    #[test]
    fn separable_classes_keep_finite_lines() {
        let train = table(0, 50);
        let labels: Vec<u32> = train.iter().map(|x| u32::from(x[0] > 0.5)).collect();
        let model =
            Momentum::fit(&sample(&train, &labels, 2), 0, 1e-6, &mut |_, _, _| true).unwrap();
        assert!(model.is_sound(2), "{model:?}");
    }

    #[test]
    fn a_singular_system_has_no_solution() {
        assert_eq!(
            solve(vec![vec![1.0, 2.0], vec![2.0, 4.0]], &[1.0, 2.0]),
            None
        );
        let x = solve(vec![vec![0.0, 2.0], vec![4.0, 1.0]], &[2.0, 5.0]).unwrap();
        assert_eq!(x, [1.0, 1.0]);
    }
}
