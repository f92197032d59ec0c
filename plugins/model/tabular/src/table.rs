//! The numbers that algorithms see.

/// Receives progress (step, total, figures) and answers whether to go on.
pub type Watch<'a> = dyn FnMut(u64, u64, &[(&str, f64)]) -> bool + 'a;

/// Rows by columns, row-major, finite, at least one column.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub columns: usize,
    /// `rows * columns` numbers.
    pub values: Vec<f64>,
}

impl Table {
    /// The numbers of one row.
    #[must_use]
    pub fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.columns..(row + 1) * self.columns]
    }

    /// The rows in turn.
    pub fn iter(&self) -> impl Iterator<Item = &[f64]> {
        (0..self.rows).map(|row| self.row(row))
    }

    /// A new table of the rows named, in that order.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        let mut values = Vec::with_capacity(rows.len() * self.columns);
        for &row in rows {
            values.extend_from_slice(self.row(row));
        }
        Self {
            rows: rows.len(),
            columns: self.columns,
            values,
        }
    }
}

/// What a classifier learns from. Labels are below `classes`; at least two of them occur.
#[derive(Debug, Clone)]
pub struct Sample<'a> {
    /// One row a sample.
    pub features: &'a Table,
    /// As many as there are rows.
    pub labels: &'a [u32],
    /// Number of classes.
    pub classes: usize,
    /// As long as there are rows, non-negative, averaging 1; or empty for equal weights.
    pub weights: &'a [f64],
    /// When each row was observed and when its label was known, or empty.
    pub spans: &'a [(i64, i64)],
}

impl Sample<'_> {
    /// The classes that occur, ascending.
    #[must_use]
    pub fn present(&self) -> Vec<u32> {
        let mut seen = vec![false; self.classes];
        for &label in self.labels {
            seen[label as usize] = true;
        }
        (0u32..)
            .zip(seen)
            .filter(|(_, seen)| *seen)
            .map(|(class, _)| class)
            .collect()
    }

    /// The weight of a row.
    #[must_use]
    pub fn weight(&self, row: usize) -> f64 {
        self.weights.get(row).copied().unwrap_or(1.0)
    }
}
