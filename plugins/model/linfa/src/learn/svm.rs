//! A support vector machine: linfa's SMO solver, on standardised features, with calibrated scores.
//!
//! Each class is told apart from the rest by one machine (a single one for two classes). Its scores become
//! probabilities by Platt scaling, fitted on scores of rows that the machine had not seen: the rows are cut
//! into contiguous blocks, and for each the machine is fitted on the others, without the rows whose labels
//! overlap the block in time (López de Prado, Advances in Financial Machine Learning, 2018, ch. 7).
//!
//! The kernel matrix bounds the sample: [`MAX_ROWS`] rows take 8 bytes each squared.

use super::platt::Platt;
use super::scale::Scaler;
use bulkhead_tabular::{Fault, Sample, Table, Watch, normalise};
use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa_svm::Svm as Solver;
use ndarray::{Array1, ArrayView1, ArrayView2};
use serde::{Deserialize, Serialize};

/// Most rows: 128 MB of kernel matrix.
pub(crate) const MAX_ROWS: usize = 4_000;

/// Blocks that are held out in turn for the calibration.
const BLOCKS: usize = 3;

/// Multipliers up to this count as zero; the solver's own bound.
const NEGLIGIBLE: f64 = 100.0 * f64::EPSILON;

/// Hyper-parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Settings {
    /// Price of a margin violation.
    pub(crate) c: f64,
    /// Width of the Gaussian kernel `exp(-gamma / columns * |x - y|^2)`; none for the linear kernel.
    pub(crate) gamma: Option<f64>,
    /// Violation of the optimality conditions at which the solver stops.
    pub(crate) tolerance: f64,
}

/// What gives a row its score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Machine {
    /// `weights . x - rho`.
    Linear { weights: Vec<f64>, rho: f64 },
    /// `sum_i multipliers_i * exp(-rate * |x - vectors_i|^2) - rho`.
    Gaussian {
        rate: f64,
        multipliers: Vec<f64>,
        vectors: Vec<f64>,
        rho: f64,
    },
}

impl Machine {
    fn score(&self, row: &[f64]) -> f64 {
        match self {
            Self::Linear { weights, rho } => {
                weights.iter().zip(row).map(|(w, x)| w * x).sum::<f64>() - rho
            }
            Self::Gaussian {
                rate,
                multipliers,
                vectors,
                rho,
            } => {
                let sum: f64 = multipliers
                    .iter()
                    .zip(vectors.chunks(row.len()))
                    .map(|(multiplier, vector)| {
                        let distance: f64 =
                            vector.iter().zip(row).map(|(a, b)| (a - b) * (a - b)).sum();
                        multiplier * libm::exp(-rate * distance)
                    })
                    .sum();
                sum - rho
            }
        }
    }

    fn is_sound(&self, columns: usize) -> bool {
        let finite = |numbers: &[f64]| numbers.iter().all(|x| x.is_finite());
        match self {
            Self::Linear { weights, rho } => {
                weights.len() == columns && finite(weights) && rho.is_finite()
            }
            Self::Gaussian {
                rate,
                multipliers,
                vectors,
                rho,
            } => {
                *rate > 0.0
                    && rate.is_finite()
                    && rho.is_finite()
                    && vectors.len() == multipliers.len() * columns
                    && finite(multipliers)
                    && finite(vectors)
            }
        }
    }

    /// Fits one machine that scores above zero where `hits` is set; both kinds occur.
    fn fit(table: &Table, hits: &[bool], settings: Settings) -> Result<Self, Fault> {
        let solver = |e: &dyn std::fmt::Display| Fault::Solver("svm", e.to_string());
        let x = ArrayView2::from_shape((table.rows, table.columns), &table.values)
            .map_err(|e| solver(&e))?;
        let y = ArrayView1::from(hits);
        let rate = settings.gamma.map(|g| g / table.columns as f64);
        let params = Solver::<f64, bool>::params()
            .pos_neg_weights(settings.c, settings.c)
            .eps(settings.tolerance);
        let params = match rate {
            Some(rate) => params.gaussian_kernel(1.0 / rate),
            None => params.linear_kernel(),
        };
        let fitted = params
            .fit(&DatasetBase::new(x, y))
            .map_err(|e| solver(&e))?;
        let machine = match rate {
            None => {
                let weights = (0..table.columns)
                    .map(|column| {
                        let mut unit = Array1::zeros(table.columns);
                        unit[column] = 1.0;
                        fitted.weighted_sum(&unit)
                    })
                    .collect();
                Self::Linear {
                    weights,
                    rho: fitted.rho,
                }
            }
            Some(rate) => {
                let (mut multipliers, mut vectors) = (Vec::new(), Vec::new());
                for (multiplier, row) in fitted.alpha.iter().zip(table.iter()) {
                    if multiplier.abs() > NEGLIGIBLE {
                        multipliers.push(*multiplier);
                        vectors.extend_from_slice(row);
                    }
                }
                Self::Gaussian {
                    rate,
                    multipliers,
                    vectors,
                    rho: fitted.rho,
                }
            }
        };
        if machine.is_sound(table.columns) {
            Ok(machine)
        } else {
            Err(solver(&"the solution is not finite"))
        }
    }
}

/// A fitted classifier: for two classes one machine for the second, else one a class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Svm {
    scaler: Scaler,
    classes: Vec<u32>,
    machines: Vec<(Machine, Platt)>,
}

impl Svm {
    /// Fits and calibrates.
    ///
    /// # Errors
    /// [`Fault::Unsupported`] above [`MAX_ROWS`] rows, [`Fault::Cancelled`] when told to stop before all
    /// machines are calibrated, [`Fault::Solver`] where the solver fails.
    pub(crate) fn fit(
        sample: &Sample<'_>,
        settings: Settings,
        watch: &mut Watch<'_>,
    ) -> Result<Self, Fault> {
        if sample.features.rows > MAX_ROWS {
            return Err(Fault::Unsupported(format!(
                "{} rows: svm takes at most {MAX_ROWS}, as its kernel matrix grows with their square",
                sample.features.rows
            )));
        }
        let scaler = Scaler::fit(sample.features)?;
        let table = scaler.table(sample.features);
        let classes = sample.present();
        let told_apart = if classes.len() == 2 {
            &classes[1..]
        } else {
            &classes[..]
        };
        let total = (told_apart.len() * (BLOCKS + 1)) as u64;
        let mut step = 0;
        let mut machines = Vec::with_capacity(told_apart.len());
        for class in told_apart {
            let hits: Vec<bool> = sample.labels.iter().map(|l| l == class).collect();
            let mut scored = Vec::with_capacity(table.rows);
            for block in 0..BLOCKS {
                if !watch(step, total, &[]) {
                    return Err(Fault::Cancelled);
                }
                step += 1;
                score_block(&table, &hits, sample.spans, block, settings, &mut scored)?;
            }
            if !watch(step, total, &[]) {
                return Err(Fault::Cancelled);
            }
            step += 1;
            let machine = Machine::fit(&table, &hits, settings)?;
            let both = scored.iter().any(|(_, hit)| *hit) && scored.iter().any(|(_, hit)| !*hit);
            if !both {
                // Too few rows to hold any out: the machine's own scores are all there is.
                scored = table
                    .iter()
                    .map(|row| machine.score(row))
                    .zip(hits)
                    .collect();
            }
            machines.push((machine, Platt::fit(&scored)));
        }
        Ok(Self {
            scaler,
            classes,
            machines,
        })
    }

    /// Number of columns it was fitted on.
    pub(crate) fn columns(&self) -> usize {
        self.scaler.columns()
    }

    /// Whether predicting with it cannot go wrong.
    pub(crate) fn is_sound(&self, classes: usize) -> bool {
        let wanted = match self.classes.len() {
            2 => 1,
            more => more,
        };
        self.scaler.is_sound()
            && self.classes.len() >= 2
            && self.classes.iter().all(|c| (*c as usize) < classes)
            && self.classes.windows(2).all(|pair| pair[0] < pair[1])
            && self.machines.len() == wanted
            && self
                .machines
                .iter()
                .all(|(machine, platt)| machine.is_sound(self.columns()) && platt.is_sound())
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
        let mut shares: Vec<f64> = self
            .machines
            .iter()
            .map(|(machine, platt)| platt.probability(machine.score(line)))
            .collect();
        if let [second] = shares[..] {
            shares = vec![1.0 - second, second];
        } else {
            // Scores far below zero can round every share to nothing: no class is likelier than another.
            if shares.iter().all(|share| *share == 0.0) {
                shares.fill(1.0);
            }
            normalise(&mut shares);
        }
        for (class, p) in self.classes.iter().zip(shares) {
            out[start + *class as usize] = p;
        }
    }
}

/// Adds the scores that one block's rows get from a machine fitted on the other blocks; none where those
/// hold one class only.
fn score_block(
    table: &Table,
    hits: &[bool],
    spans: &[(i64, i64)],
    block: usize,
    settings: Settings,
    scored: &mut Vec<(f64, bool)>,
) -> Result<(), Fault> {
    let held = table.rows * block / BLOCKS..table.rows * (block + 1) / BLOCKS;
    let within = spans.get(held.clone()).unwrap_or(&[]);
    let from = within.iter().map(|(seen, _)| *seen).min();
    let until = within.iter().map(|(_, known)| *known).max();
    let overlaps = |row: usize| match (spans.get(row), from, until) {
        (Some((seen, known)), Some(from), Some(until)) => *known >= from && *seen <= until,
        _ => false,
    };
    let others: Vec<usize> = (0..table.rows)
        .filter(|row| !held.contains(row) && !overlaps(*row))
        .collect();
    let known: Vec<bool> = others.iter().map(|row| hits[*row]).collect();
    if !known.contains(&true) || !known.contains(&false) {
        return Ok(());
    }
    let machine = Machine::fit(&table.select(&others), &known, settings)?;
    scored.extend(held.map(|row| (machine.score(table.row(row)), hits[row])));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_no_machine_claims_a_row_its_classes_are_equally_likely() {
        let machine = Machine::Linear {
            weights: vec![0.0],
            rho: 1e6,
        };
        let scored: Vec<_> = (0..50).map(|i| (f64::from(i) - 24.5, i >= 25)).collect();
        let svm = Svm {
            scaler: Scaler::fit(&Table {
                rows: 2,
                columns: 1,
                values: vec![0.0, 1.0],
            })
            .unwrap(),
            classes: vec![0, 1, 2],
            machines: vec![(machine, Platt::fit(&scored)); 3],
        };
        let mut out = Vec::new();
        svm.predict(&[0.5], &mut Vec::new(), 3, &mut out);
        assert_eq!(out, [1.0 / 3.0; 3]);
    }

    #[test]
    fn rows_whose_labels_reach_into_the_held_out_block_are_not_trained_on() {
        // Before the block only hits, after it only misses; every label before it is known inside it.
        let table = Table {
            rows: 9,
            columns: 1,
            values: (0..9).map(f64::from).collect(),
        };
        let hits: Vec<bool> = (0..9).map(|i| i < 5).collect();
        let settings = Settings {
            c: 1.0,
            gamma: None,
            tolerance: 1e-3,
        };
        let spans: Vec<(i64, i64)> = (0..9).map(|i| (i, i + 4)).collect();
        let mut purged = Vec::new();
        score_block(&table, &hits, &spans, 1, settings, &mut purged).unwrap();
        assert!(purged.is_empty(), "only misses are left to train on");
        let mut free = Vec::new();
        score_block(&table, &hits, &[], 1, settings, &mut free).unwrap();
        assert_eq!(free.len(), 3);
    }
}
