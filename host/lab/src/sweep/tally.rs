//! What is kept of a sweep in memory, however many combinations it has: the best, means by value and by pair of values,
//! some of the rest to draw, counts and a digest.

use super::row::{Ending, Row};
use super::space::{Axis, Space, Values};
use bulkhead_domain::Digest;
use bulkhead_domain::digest::DigestBuilder;
use serde::Serialize;
use serde_json::Value;

/// Best rows that are kept.
pub(super) const TOP: usize = 20;
/// Values of one parameter that are told apart in means and drawings; more are put together.
pub(super) const BINS: usize = 24;
/// Rows that are kept to draw.
const DRAWN: usize = 300;

/// How many there were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Counts {
    /// Combinations run, now or before.
    pub run: u64,
    /// To the end of the data.
    pub finished: u64,
    /// Given up as hopeless.
    pub pruned: u64,
    /// That the strategy did not take, or failed at.
    pub failed: u64,
}

/// Objectives that fell into one place.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Cell {
    pub(super) count: u64,
    pub(super) sum: f64,
    pub(super) best: Option<f64>,
}

impl Cell {
    fn take(&mut self, objective: f64) {
        self.count += 1;
        self.sum += objective;
        if self.best.is_none_or(|best| objective > best) {
            self.best = Some(objective);
        }
    }

    pub(super) fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}

/// Two axes, the first below the second, with cells by bin of the first, by bin of the second.
pub(super) type Pair = ((usize, usize), Vec<Vec<Cell>>);

/// The tally of one sweep.
pub(super) struct Tally {
    pub(super) counts: Counts,
    /// The best first; of equal ones the earlier first.
    pub(super) top: Vec<Row>,
    /// By axis, by bin.
    pub(super) single: Vec<Vec<Cell>>,
    pub(super) pairs: Vec<Pair>,
    pub(super) drawn: Vec<Row>,
    stride: u64,
    digest: DigestBuilder,
}

/// How many bins an axis has.
pub(super) fn bins(axis: &Axis) -> usize {
    match &axis.values {
        Values::Listed(values) => values.len().min(BINS),
        Values::Between { .. } => BINS / 2,
    }
}

/// Which bin of its axis a value falls into.
pub(super) fn bin(axis: &Axis, value: &Value) -> Option<usize> {
    let bins = bins(axis);
    match &axis.values {
        Values::Listed(values) => {
            let place = values.iter().position(|known| known == value)?;
            Some(place * bins / values.len())
        }
        Values::Between { low, high } => {
            let share = (value.as_f64()? - low) / (high - low);
            Some(((share * bins as f64).max(0.0) as usize).min(bins - 1))
        }
    }
}

impl Tally {
    pub(super) fn new(space: &Space) -> Tally {
        let sizes: Vec<usize> = space.axes().iter().map(bins).collect();
        let mut pairs = Vec::new();
        for (second, columns) in sizes.iter().enumerate() {
            for (first, rows) in sizes.iter().enumerate().take(second) {
                let cells = vec![vec![Cell::default(); *columns]; *rows];
                pairs.push(((first, second), cells));
            }
        }
        Tally {
            counts: Counts::default(),
            top: Vec::new(),
            single: sizes
                .iter()
                .map(|size| vec![Cell::default(); *size])
                .collect(),
            pairs,
            drawn: Vec::new(),
            stride: 1,
            digest: DigestBuilder::new(),
        }
    }

    /// Takes a row, in the order of numbers, with its line of the log.
    pub(super) fn take(&mut self, space: &Space, row: Row, line: &str) {
        self.digest.part("combination", line.as_bytes());
        self.counts.run += 1;
        match row.ending {
            Ending::Finished => self.counts.finished += 1,
            Ending::Pruned => self.counts.pruned += 1,
            Ending::Failed => self.counts.failed += 1,
        }
        let Some(objective) = row.objective else {
            return;
        };
        let places: Vec<Option<usize>> = space
            .axes()
            .iter()
            .zip(&row.values)
            .map(|(axis, value)| bin(axis, value))
            .collect();
        for (cells, place) in self.single.iter_mut().zip(&places) {
            if let Some(cell) = place.and_then(|place| cells.get_mut(place)) {
                cell.take(objective);
            }
        }
        for ((first, second), cells) in &mut self.pairs {
            let at = |axis: usize| places.get(axis).copied().flatten();
            if let (Some(row), Some(column)) = (at(*first), at(*second))
                && let Some(cell) = cells.get_mut(row).and_then(|row| row.get_mut(column))
            {
                cell.take(objective);
            }
        }
        if row.number.is_multiple_of(self.stride) {
            self.drawn.push(row.clone());
            if self.drawn.len() > DRAWN {
                self.stride *= 2;
                let stride = self.stride;
                self.drawn.retain(|row| row.number.is_multiple_of(stride));
            }
        }
        let place = self
            .top
            .partition_point(|other| other.objective.is_some_and(|other| other >= objective));
        if place < TOP {
            self.top.insert(place, row);
            self.top.truncate(TOP);
        }
    }

    /// Over every row.
    pub(super) fn digest(&self) -> Digest {
        self.digest.finish()
    }

    /// How much of what the objective varies goes with each axis alone: the variance of its means by value, weighted by
    /// counts, as a part of the largest.
    pub(super) fn influence(&self) -> Vec<f64> {
        let variances: Vec<f64> = self.single.iter().map(|cells| of_means(cells)).collect();
        let largest = variances.iter().copied().fold(0.0, f64::max);
        let part = |variance: f64| {
            if largest > 0.0 {
                variance / largest
            } else {
                0.0
            }
        };
        variances.into_iter().map(part).collect()
    }
}

fn of_means(cells: &[Cell]) -> f64 {
    let count: u64 = cells.iter().map(|cell| cell.count).sum();
    if count == 0 {
        return 0.0;
    }
    let mean = cells.iter().map(|cell| cell.sum).sum::<f64>() / count as f64;
    let squares = cells.iter().filter_map(|cell| {
        let off = cell.mean()? - mean;
        Some(cell.count as f64 * off * off)
    });
    squares.sum::<f64>() / count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn row(number: u64, x: i64, y: i64, objective: Option<f64>) -> Row {
        Row {
            number,
            values: vec![json!(x), json!(y)],
            ending: Ending::Finished,
            failure: None,
            objective,
            figures: None,
        }
    }

    fn tallied(rows: impl IntoIterator<Item = Row>) -> Tally {
        let axes = ["x=1..40", "y=1..5"].map(|text| Axis::parse(text).unwrap());
        let space = Space::new(axes.to_vec()).unwrap();
        let mut tally = Tally::new(&space);
        rows.into_iter().for_each(|row| tally.take(&space, row, ""));
        tally
    }

    #[test]
    fn the_best_come_first_and_memory_does_not_grow() {
        let rows = (0..20_000).map(|number| {
            let (x, y) = ((number % 40) as i64 + 1, (number / 40 % 5) as i64 + 1);
            row(
                number,
                x,
                y,
                (number % 3 != 0).then_some((number % 977) as f64),
            )
        });
        let tally = tallied(rows);
        assert_eq!(tally.counts.run, 20_000);
        assert_eq!(tally.top.len(), TOP);
        assert!(tally.top.is_sorted_by(|a, b| a.objective >= b.objective));
        assert_eq!(tally.top[0].objective, Some(976.0));
        let equal: Vec<u64> = tally.top.iter().map(|row| row.number).take(2).collect();
        assert!(equal[0] < equal[1], "{equal:?}");
        assert!(tally.drawn.len() <= DRAWN && tally.drawn.len() > DRAWN / 3);
        let counted: u64 = tally.single[0].iter().map(|cell| cell.count).sum();
        assert_eq!(counted, 13_333);
        assert_eq!(tally.single[0].len(), BINS);
    }

    #[test]
    fn what_matters_has_influence() {
        let rows = (0..200).map(|number| {
            let (x, y) = (number as i64 % 40 + 1, number as i64 / 40 + 1);
            row(number, x, y, Some(x as f64 + 0.01 * y as f64))
        });
        let influence = tallied(rows).influence();
        assert_eq!(influence[0], 1.0);
        assert!(influence[1] < 0.001, "{influence:?}");
        assert_eq!(tallied([]).influence(), [0.0, 0.0]);
    }
}
