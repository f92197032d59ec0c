//! A random forest for classification (Breiman, Random Forests, 2001).
//!
//! Every tree sees a bootstrap sample of the rows and, at each node, a random subset of the columns. Each
//! casts one vote, shared among the classes as its leaf's training rows were; a probability is the mean of
//! the votes. Tree `i` draws from stream `i` of the seed, so a forest of 50 is the first half of one of 100.

use super::bins::Bins;
use super::tree::{Grower, Growth, MAX_COLUMNS, Tree, below};
use bulkhead_tabular::{Fault, Sample, Watch, normalise};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

/// Hyper-parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Settings {
    pub(crate) trees: u32,
    pub(crate) max_depth: u32,
    pub(crate) min_leaf: u32,
    /// Fraction of the columns tried at a node; 0 for the square root of their number.
    pub(crate) columns_per_split: f64,
}

/// A fitted forest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Forest {
    bins: Bins,
    trees: Vec<Tree>,
    importance: Vec<f64>,
}

impl Forest {
    /// Fits at most `settings.trees` trees; fewer when told to stop after the first.
    ///
    /// # Errors
    /// [`Fault::Cancelled`] when stopped before the first tree, [`Fault::Unsupported`] for more columns
    /// than a tree can tell apart.
    pub(crate) fn fit(
        sample: &Sample<'_>,
        settings: Settings,
        seed: u64,
        watch: &mut Watch<'_>,
    ) -> Result<Self, Fault> {
        let table = sample.features;
        let columns = table.columns;
        if columns >= MAX_COLUMNS {
            return Err(Fault::Unsupported(format!(
                "{columns} features: random-forest takes fewer than {MAX_COLUMNS}"
            )));
        }
        let bins = Bins::fit(table);
        let codes = bins.table(table);
        let growth = Growth {
            max_depth: settings.max_depth,
            min_leaf: settings.min_leaf,
            columns_per_split: columns_per_split(settings.columns_per_split, columns),
        };
        let mut grower = Grower::new(&codes, sample.labels, columns, sample.classes, growth);
        let total = u64::from(settings.trees);
        let mut trees = Vec::with_capacity(settings.trees as usize);
        let mut importance = vec![0.0; columns];
        let mut gains = vec![0.0; columns];
        let mut weights = vec![0.0; table.rows];
        for number in 0..total {
            if !watch(number, total, &[]) {
                break;
            }
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(number);
            bootstrap(&mut weights, sample.weights, &mut rng);
            gains.fill(0.0);
            trees.push(grower.grow(&weights, &mut rng, &mut gains));
            normalise(&mut gains);
            for (sum, gain) in importance.iter_mut().zip(&gains) {
                *sum += gain;
            }
        }
        if trees.is_empty() {
            return Err(Fault::Cancelled);
        }
        normalise(&mut importance);
        Ok(Self {
            bins,
            trees,
            importance,
        })
    }

    /// Number of columns it was fitted on.
    pub(crate) fn columns(&self) -> usize {
        self.bins.columns()
    }

    /// Whether predicting with it cannot go wrong.
    pub(crate) fn is_sound(&self, classes: usize) -> bool {
        let columns = self.columns();
        self.bins.is_sound()
            && !self.trees.is_empty()
            && self.importance.len() == columns
            && self.trees.iter().all(|t| t.is_sound(columns, classes))
    }

    /// Mean decrease of impurity by column, summing to 1; empty where no tree ever split.
    pub(crate) fn importance(&self) -> Vec<f64> {
        if self.importance.iter().any(|share| *share > 0.0) {
            self.importance.clone()
        } else {
            Vec::new()
        }
    }

    /// Adds the probabilities of one row to `out`; `codes` is room to work in.
    pub(crate) fn predict(
        &self,
        row: &[f64],
        codes: &mut Vec<u8>,
        classes: usize,
        out: &mut Vec<f64>,
    ) {
        self.bins.row(row, codes);
        let start = out.len();
        out.resize(start + classes, 0.0);
        let votes = &mut out[start..];
        for tree in &self.trees {
            for (vote, share) in votes.iter_mut().zip(tree.shares(codes, classes)) {
                *vote += f64::from(*share);
            }
        }
        normalise(votes);
    }
}

/// How many columns a node tries: at least one, at most all.
fn columns_per_split(fraction: f64, columns: usize) -> usize {
    let wanted = if fraction > 0.0 {
        libm::floor(fraction * columns as f64 + 1e-9)
    } else {
        libm::floor((columns as f64).sqrt())
    };
    (wanted as usize).clamp(1, columns.max(1))
}

/// As many draws with replacement as there are rows, each worth the row's sample weight.
fn bootstrap(weights: &mut [f64], sample: &[f64], rng: &mut ChaCha8Rng) {
    loop {
        weights.fill(0.0);
        for _ in 0..weights.len() {
            let row = below(rng, weights.len());
            weights[row] += 1.0;
        }
        for (weight, sample) in weights.iter_mut().zip(sample) {
            *weight *= sample;
        }
        // Where nearly all sample weights are zero a draw can miss the others.
        if weights.iter().any(|weight| *weight > 0.0) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bulkhead_tabular::Table;
    use bulkhead_tabular::planted::{sample, table, two_classes};

    const SETTINGS: Settings = Settings {
        trees: 20,
        max_depth: 6,
        min_leaf: 5,
        columns_per_split: 0.0,
    };

    fn fit(table: &Table, labels: &[u32], trees: u32, seed: u64) -> Forest {
        let settings = Settings { trees, ..SETTINGS };
        Forest::fit(&sample(table, labels, 2), settings, seed, &mut |_, _, _| {
            true
        })
        .unwrap()
    }

    #[test]
    fn a_smaller_forest_is_the_beginning_of_a_larger_one() {
        let table = table(0, 200);
        let labels = two_classes(0, &table);
        let (small, large) = (fit(&table, &labels, 5, 7), fit(&table, &labels, 20, 7));
        assert_eq!(small.trees[..], large.trees[..5]);
        assert_ne!(
            small.trees,
            fit(&table, &labels, 5, 8).trees,
            "the seed matters"
        );
    }

    #[test]
    fn told_to_stop_it_keeps_the_trees_it_has() {
        let table = table(0, 200);
        let labels = two_classes(0, &table);
        let sample = sample(&table, &labels, 2);
        let stopped = Forest::fit(&sample, SETTINGS, 7, &mut |step, _, _| step < 3).unwrap();
        assert_eq!(stopped.trees.len(), 3);
        let fault = Forest::fit(&sample, SETTINGS, 7, &mut |_, _, _| false).unwrap_err();
        assert_eq!(fault, Fault::Cancelled);
    }

    #[test]
    fn importance_goes_to_the_columns_that_carry_the_signal() {
        let table = table(0, 700);
        let labels = two_classes(0, &table);
        let importance = fit(&table, &labels, 100, 1).importance();
        assert!((importance.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(
            importance[0] > 0.25 && importance[1] > 0.12,
            "{importance:?}"
        );
        assert!(
            importance[4..].iter().all(|share| *share < 0.08),
            "{importance:?}"
        );
    }

    #[test]
    fn the_fraction_of_columns_is_at_least_one_and_at_most_all() {
        assert_eq!(columns_per_split(0.0, 12), 3);
        assert_eq!(columns_per_split(0.5, 12), 6);
        assert_eq!(columns_per_split(1e-9, 12), 1);
        assert_eq!(columns_per_split(1.0, 12), 12);
    }

    #[test]
    fn rows_of_no_weight_change_nothing() {
        let table = table(0, 300);
        let labels = two_classes(0, &table);
        let weights: Vec<f64> = (0..300).map(|row| f64::from(row < 150) * 2.0).collect();
        let flipped: Vec<u32> = labels
            .iter()
            .enumerate()
            .map(|(row, label)| if row < 150 { *label } else { 1 - label })
            .collect();
        let fit = |labels: &[u32]| {
            let sample = Sample {
                weights: &weights,
                ..sample(&table, labels, 2)
            };
            Forest::fit(&sample, SETTINGS, 3, &mut |_, _, _| true).unwrap()
        };
        assert_eq!(fit(&labels).trees, fit(&flipped).trees);
    }
}
