//! Class frequencies: of all rows, or apart for rises, falls and standstills of one feature.

use bulkhead_tabular::{Sample, normalise};
use serde::{Deserialize, Serialize};

/// Weighted rows by class.
fn count(sample: &Sample<'_>, rows: impl Iterator<Item = usize>) -> Vec<f64> {
    let mut counts = vec![0.0; sample.classes];
    for row in rows {
        counts[sample.labels[row] as usize] += sample.weight(row);
    }
    counts
}

/// Whether these are probabilities of so many classes.
fn is_distribution(shares: &[f64], classes: usize) -> bool {
    let total: f64 = shares.iter().sum();
    shares.len() == classes
        && shares.iter().all(|share| (0.0..=1.0).contains(share))
        && (total - 1.0).abs() < 1e-9
}

/// How often each class occurred, whatever the features say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct BaseRate {
    shares: Vec<f64>,
}

impl BaseRate {
    /// `(n_k + smoothing) / (n + smoothing * classes)`: Laplace's rule of succession at `smoothing` 1.
    pub(crate) fn fit(sample: &Sample<'_>, smoothing: f64) -> Self {
        let mut shares = count(sample, 0..sample.labels.len());
        for share in &mut shares {
            *share += smoothing;
        }
        normalise(&mut shares);
        Self { shares }
    }

    pub(crate) fn predict(&self, out: &mut Vec<f64>) {
        out.extend_from_slice(&self.shares);
    }

    pub(crate) fn is_sound(&self, classes: usize) -> bool {
        is_distribution(&self.shares, classes)
    }
}

/// How often each class followed a fall, a standstill and a rise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Persistence {
    column: u32,
    /// After a value below zero, at zero, above zero.
    after: [Vec<f64>; 3],
}

impl Persistence {
    /// `(n_sk + smoothing * classes * base_k) / (n_s + smoothing * classes)`, `base` being the base rate
    /// with the same smoothing: a sign that was rarely seen says little more than the base rate.
    pub(crate) fn fit(sample: &Sample<'_>, column: u32, smoothing: f64) -> Self {
        let base = BaseRate::fit(sample, smoothing);
        let after = [0, 1, 2].map(|wanted| {
            let rows = (0..sample.labels.len())
                .filter(|row| sign(sample.features.row(*row)[column as usize]) == wanted);
            let mut shares = count(sample, rows);
            for (share, base) in shares.iter_mut().zip(&base.shares) {
                *share += smoothing * sample.classes as f64 * base;
            }
            if shares.iter().all(|share| *share == 0.0) {
                base.shares.clone()
            } else {
                normalise(&mut shares);
                shares
            }
        });
        Self { column, after }
    }

    pub(crate) fn column(&self) -> u32 {
        self.column
    }

    pub(crate) fn predict(&self, row: &[f64], out: &mut Vec<f64>) {
        out.extend_from_slice(&self.after[sign(row[self.column as usize])]);
    }

    pub(crate) fn is_sound(&self, classes: usize) -> bool {
        self.after
            .iter()
            .all(|shares| is_distribution(shares, classes))
    }
}

/// 0 below zero, 1 at zero, 2 above.
fn sign(x: f64) -> usize {
    if x < 0.0 {
        0
    } else if x > 0.0 {
        2
    } else {
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bulkhead_tabular::Table;
    use bulkhead_tabular::planted::sample;

    fn moves() -> (Table, Vec<u32>) {
        let values = vec![-1.0, -2.0, -1.0, 1.0, 2.0, 3.0, 1.0, 1.0];
        let table = Table {
            rows: 8,
            columns: 1,
            values,
        };
        (table, vec![0, 0, 1, 1, 1, 1, 0, 1])
    }

    #[test]
    fn the_base_rate_is_laplaces() {
        let (table, labels) = moves();
        let mut out = Vec::new();
        BaseRate::fit(&sample(&table, &labels, 2), 1.0).predict(&mut out);
        assert_eq!(out, [0.4, 0.6]);
    }

    #[test]
    fn persistence_knows_what_followed_each_sign_and_shrinks_to_the_base_rate() {
        let (table, labels) = moves();
        let model = Persistence::fit(&sample(&table, &labels, 2), 0, 1.0);
        let after = |x: f64| {
            let mut out = Vec::new();
            model.predict(&[x], &mut out);
            out[1]
        };
        // One of 3 falls and four of 5 rises were followed by class 1; the base rate is 0.6.
        assert!((after(-0.5) - (1.0 + 2.0 * 0.6) / 5.0).abs() < 1e-15);
        assert!((after(0.5) - (4.0 + 2.0 * 0.6) / 7.0).abs() < 1e-15);
        assert!(
            (after(0.0) - 0.6).abs() < 1e-15,
            "a standstill was never seen"
        );
    }

    #[test]
    fn weights_count_as_repeated_rows_do() {
        let (table, labels) = moves();
        let weights = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 3.0, 1.0];
        let weighted = BaseRate::fit(
            &Sample {
                weights: &weights,
                ..sample(&table, &labels, 2)
            },
            0.0,
        );
        assert_eq!(weighted.shares, [0.5, 0.5]);
    }
}
