//! Standardisation: every column to mean 0 and standard deviation 1 as seen in training.

use bulkhead_tabular::{Fault, Table};
use serde::{Deserialize, Serialize};

/// Most deviations from the mean that a value counts for. So far out every model has long made up its mind,
/// and sums and squares of such numbers stay finite.
const FARTHEST: f64 = 1e9;

/// Means and population standard deviations of the training rows, by column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Scaler {
    means: Vec<f64>,
    /// 1 for a column that never varied, so that it becomes 0 rather than undefined.
    deviations: Vec<f64>,
}

impl Scaler {
    /// Measures `table`.
    ///
    /// # Errors
    /// [`Fault::Invalid`] where a column's spread overflows.
    pub(crate) fn fit(table: &Table) -> Result<Self, Fault> {
        let count = table.rows.max(1) as f64;
        let mut means = vec![0.0; table.columns];
        for row in table.iter() {
            for (mean, x) in means.iter_mut().zip(row) {
                *mean += x / count;
            }
        }
        let mut variances = vec![0.0; table.columns];
        for row in table.iter() {
            for ((variance, mean), x) in variances.iter_mut().zip(&means).zip(row) {
                *variance += (x - mean) * (x - mean) / count;
            }
        }
        let mut deviations = Vec::with_capacity(table.columns);
        for (column, (variance, mean)) in variances.iter().zip(&means).enumerate() {
            let deviation: f64 = variance.sqrt();
            if !deviation.is_finite() {
                return Err(Fault::Invalid(format!(
                    "column {column} spans too wide a range to be standardised"
                )));
            }
            // What is left of a constant column is the rounding of its mean.
            let constant = deviation <= mean.abs() * 1e-13;
            deviations.push(if constant { 1.0 } else { deviation });
        }
        Ok(Self { means, deviations })
    }

    /// Number of columns it was fitted on.
    pub(crate) fn columns(&self) -> usize {
        self.means.len()
    }

    /// Whether it could have come from [`Scaler::fit`].
    pub(crate) fn is_sound(&self) -> bool {
        self.means.len() == self.deviations.len()
            && self.means.iter().all(|m| m.is_finite())
            && self.deviations.iter().all(|d| d.is_finite() && *d > 0.0)
    }

    /// Writes the standardised row into `out`, each value at most [`FARTHEST`] from 0.
    pub(crate) fn row(&self, row: &[f64], out: &mut Vec<f64>) {
        out.clear();
        out.extend(
            row.iter()
                .zip(&self.means)
                .zip(&self.deviations)
                .map(|((x, mean), deviation)| ((x - mean) / deviation).clamp(-FARTHEST, FARTHEST)),
        );
    }

    /// The standardised table.
    pub(crate) fn table(&self, table: &Table) -> Table {
        let mut values = Vec::with_capacity(table.values.len());
        let mut line = Vec::new();
        for row in table.iter() {
            self.row(row, &mut line);
            values.extend_from_slice(&line);
        }
        Table {
            rows: table.rows,
            columns: table.columns,
            values,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_come_out_with_mean_zero_and_deviation_one() {
        let table = Table {
            rows: 4,
            columns: 2,
            values: vec![1.0, 0.1, 2.0, 0.1, 3.0, 0.1, 4.0, 0.1],
        };
        let scaler = Scaler::fit(&table).unwrap();
        let scaled = scaler.table(&table);
        let mean: f64 = scaled.iter().map(|r| r[0]).sum::<f64>() / 4.0;
        let variance: f64 = scaled.iter().map(|r| r[0] * r[0]).sum::<f64>() / 4.0;
        assert!(mean.abs() < 1e-12 && (variance - 1.0).abs() < 1e-12);
        assert!(
            scaled.iter().all(|r| r[1].abs() < 1e-12),
            "a constant column becomes zero"
        );
    }

    #[test]
    fn a_value_beyond_all_measure_stays_a_number() {
        let table = Table {
            rows: 2,
            columns: 2,
            values: vec![-1e-3, 0.1, 1e-3, 0.1],
        };
        let scaler = Scaler::fit(&table).unwrap();
        let mut line = Vec::new();
        scaler.row(&[f64::MAX, f64::MIN], &mut line);
        assert_eq!(line, [FARTHEST, -FARTHEST]);
    }

    #[test]
    fn a_spread_that_overflows_names_its_column() {
        let table = Table {
            rows: 2,
            columns: 1,
            values: vec![-1e300, 1e300],
        };
        let fault = Scaler::fit(&table).unwrap_err();
        assert!(fault.to_string().contains("column 0"), "{fault}");
    }
}
