//! Columns cut into at most 256 bins.
//!
//! Trees look at bin numbers only: finding a split is then a count over bins instead of a sort at every
//! node. A column with up to 256 distinct values keeps each of them apart; a longer one is cut where equal
//! numbers of rows fall between the edges.

use bulkhead_tabular::Table;
use serde::{Deserialize, Serialize};

/// Most bins a column can have: a bin number fits a byte.
pub(crate) const MAX_BINS: usize = 256;

/// The edges of every column, ascending: bin `b` holds what is above edge `b - 1` and at or below edge `b`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Bins {
    edges: Vec<Vec<f64>>,
}

impl Bins {
    /// Chooses the edges from the training rows.
    pub(crate) fn fit(table: &Table) -> Self {
        let mut column = Vec::with_capacity(table.rows);
        let edges = (0..table.columns)
            .map(|c| {
                column.clear();
                column.extend(table.iter().map(|row| row[c]));
                column.sort_unstable_by(f64::total_cmp);
                edges(&column)
            })
            .collect();
        Self { edges }
    }

    /// Number of columns.
    pub(crate) fn columns(&self) -> usize {
        self.edges.len()
    }

    /// Whether it could have come from [`Bins::fit`].
    pub(crate) fn is_sound(&self) -> bool {
        self.edges.iter().all(|edges| {
            edges.len() < MAX_BINS
                && edges.iter().all(|e| e.is_finite())
                && edges.windows(2).all(|pair| pair[0] < pair[1])
        })
    }

    /// The bin of `value` in `column`.
    pub(crate) fn code(&self, column: usize, value: f64) -> u8 {
        // At most 255 edges, so the number of edges below the value fits a byte.
        self.edges[column].partition_point(|edge| *edge < value) as u8
    }

    /// The bins of a row, into `out`.
    pub(crate) fn row(&self, row: &[f64], out: &mut Vec<u8>) {
        out.clear();
        out.extend(row.iter().enumerate().map(|(c, x)| self.code(c, *x)));
    }

    /// The bins of a whole table, column after column.
    pub(crate) fn table(&self, table: &Table) -> Vec<u8> {
        let mut codes = Vec::with_capacity(table.values.len());
        for column in 0..table.columns {
            codes.extend(table.iter().map(|row| self.code(column, row[column])));
        }
        codes
    }
}

/// The edges for one sorted column: midway between neighbours that differ.
fn edges(sorted: &[f64]) -> Vec<f64> {
    let distinct = 1 + sorted.windows(2).filter(|pair| pair[0] < pair[1]).count();
    let share = if distinct <= MAX_BINS {
        0.0
    } else {
        sorted.len() as f64 / MAX_BINS as f64
    };
    let mut edges = Vec::with_capacity(distinct.min(MAX_BINS));
    for (below, pair) in (1usize..).zip(sorted.windows(2)) {
        let due = below as f64 >= share * (edges.len() + 1) as f64;
        if pair[0] < pair[1] && due && edges.len() + 1 < MAX_BINS {
            edges.push(midway(pair[0], pair[1]));
        }
    }
    edges
}

/// A number at or above `low` and below `high`.
fn midway(low: f64, high: f64) -> f64 {
    let middle = low / 2.0 + high / 2.0;
    if middle >= low && middle < high {
        middle
    } else {
        low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(values: Vec<f64>) -> Table {
        Table {
            rows: values.len(),
            columns: 1,
            values,
        }
    }

    #[test]
    fn few_distinct_values_stay_apart_and_keep_their_order() {
        let bins = Bins::fit(&column(vec![3.0, 1.0, 2.0, 2.0, f64::MAX, f64::MIN]));
        let codes: Vec<u8> = [f64::MIN, 1.0, 2.0, 3.0, f64::MAX]
            .iter()
            .map(|x| bins.code(0, *x))
            .collect();
        assert_eq!(codes, [0, 1, 2, 3, 4]);
        assert!(bins.is_sound());
    }

    #[test]
    fn neighbouring_floats_stay_apart() {
        let next = f64::from_bits(1.0f64.to_bits() + 1);
        let bins = Bins::fit(&column(vec![1.0, next]));
        assert_eq!((bins.code(0, 1.0), bins.code(0, next)), (0, 1));
    }

    #[test]
    fn a_long_column_fills_its_bins_evenly() {
        let bins = Bins::fit(&column((0..10_000).map(|i| f64::from(i) * 0.25).collect()));
        let mut counts = [0usize; MAX_BINS];
        for i in 0..10_000 {
            counts[usize::from(bins.code(0, f64::from(i) * 0.25))] += 1;
        }
        assert!(counts.iter().all(|c| (38..=42).contains(c)), "{counts:?}");
    }

    #[test]
    fn one_value_that_fills_half_a_column_keeps_the_rest_resolved() {
        let values = (0..4_000).map(|i| if i % 2 == 0 { 0.0 } else { f64::from(i) });
        let bins = Bins::fit(&column(values.collect()));
        assert!(bins.edges[0].len() > 100, "{}", bins.edges[0].len());
    }
}
