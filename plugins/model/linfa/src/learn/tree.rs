//! One classification tree (CART), grown on bin numbers with weighted Gini impurity.
//!
//! Linfa's own tree is not used: it adds class counts in the order of a randomly keyed hash map (so ties and
//! last bits differ from run to run), keeps one label a leaf where vote shares need the whole distribution,
//! and walks all rows for every column at every node. This one resolves ties by rule (the lowest column,
//! then the lowest bin), keeps class shares, and costs one count over the node's rows a column.
//!
//! Gini impurity of a node with class weights `w_k` and total `W`: `1 - sum_k (w_k / W)^2`
//! (Breiman, Friedman, Olshen & Stone, Classification and Regression Trees, 1984).

use super::bins::MAX_BINS;
use rand_chacha::rand_core::Rng;
use serde::{Deserialize, Serialize};

/// Marks a leaf in [`Node::column`].
const LEAF: u16 = u16::MAX;

/// Most columns a tree can tell apart.
pub(crate) const MAX_COLUMNS: usize = LEAF as usize;

/// Nodes lie in pre-order: the left child follows its parent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Node {
    column: u16,
    /// The last bin that goes left.
    bin: u8,
    /// The right child, or for a leaf its number.
    next: u32,
}

/// A fitted tree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
    /// Class shares, one run of `classes` numbers a leaf.
    shares: Vec<f32>,
}

impl Tree {
    /// The class shares of the leaf that a row of bins falls into.
    pub(crate) fn shares(&self, codes: &[u8], classes: usize) -> &[f32] {
        let mut at = 0;
        loop {
            let node = &self.nodes[at];
            if node.column == LEAF {
                let start = node.next as usize * classes;
                return &self.shares[start..start + classes];
            }
            at = if codes[usize::from(node.column)] <= node.bin {
                at + 1
            } else {
                node.next as usize
            };
        }
    }

    /// Whether every path ends in a leaf of this tree.
    pub(crate) fn is_sound(&self, columns: usize, classes: usize) -> bool {
        let sane = |share: &f32| (0.0..=1.0).contains(share);
        !self.nodes.is_empty()
            && classes > 0
            && self.shares.iter().all(sane)
            && self
                .shares
                .chunks(classes)
                .all(|leaf| leaf.len() == classes && leaf.iter().any(|share| *share > 0.0))
            && self.nodes.iter().enumerate().all(|(at, node)| {
                let next = node.next as usize;
                if node.column == LEAF {
                    next < self.shares.len() / classes
                } else {
                    usize::from(node.column) < columns && next > at + 1 && next < self.nodes.len()
                }
            })
    }
}

/// Limits on growth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Growth {
    /// Splits between the root and any leaf, at most.
    pub(crate) max_depth: u32,
    /// Different training rows in a leaf, at least.
    pub(crate) min_leaf: u32,
    /// Columns that are tried at a node.
    pub(crate) columns_per_split: usize,
}

/// What all trees of a forest share: the binned rows and room to work in.
pub(crate) struct Grower<'a> {
    codes: &'a [u8],
    labels: &'a [u32],
    columns: usize,
    classes: usize,
    growth: Growth,
    counts: Vec<u32>,
    bin_weights: Vec<f64>,
    left: Vec<f64>,
    right: Vec<f64>,
    order: Vec<usize>,
    spill: Vec<u32>,
}

/// The best split found at a node.
struct Split {
    column: usize,
    bin: u8,
    /// Decrease of impurity times the node's weight.
    gain: f64,
}

/// A part of the rows that waits to be made a node.
struct Pending {
    start: usize,
    end: usize,
    depth: u32,
    /// The parent whose right child this is.
    parent: Option<usize>,
}

impl<'a> Grower<'a> {
    /// `codes` holds `labels.len()` bins a column, column after column.
    pub(crate) fn new(
        codes: &'a [u8],
        labels: &'a [u32],
        columns: usize,
        classes: usize,
        growth: Growth,
    ) -> Self {
        Self {
            codes,
            labels,
            columns,
            classes,
            growth,
            counts: vec![0; MAX_BINS],
            bin_weights: vec![0.0; MAX_BINS * classes],
            left: vec![0.0; classes],
            right: vec![0.0; classes],
            order: (0..columns).collect(),
            spill: Vec::with_capacity(labels.len()),
        }
    }

    /// Grows one tree on the rows whose weight is above zero, and adds each split's decrease of impurity to
    /// `importance`. At least one weight is above zero.
    pub(crate) fn grow(
        &mut self,
        weights: &[f64],
        rng: &mut impl Rng,
        importance: &mut [f64],
    ) -> Tree {
        let mut rows: Vec<u32> = (0u32..)
            .zip(weights)
            .filter(|(_, weight)| **weight > 0.0)
            .map(|(row, _)| row)
            .collect();
        let mut tree = Tree {
            nodes: Vec::new(),
            shares: Vec::new(),
        };
        let mut stack = vec![Pending {
            start: 0,
            end: rows.len(),
            depth: 0,
            parent: None,
        }];
        // The left child is pushed last and so taken next: that is what makes the order pre-order.
        while let Some(part) = stack.pop() {
            let at = tree.nodes.len();
            if let Some(parent) = part.parent {
                tree.nodes[parent].next = at as u32;
            }
            let members = &mut rows[part.start..part.end];
            let mut totals = vec![0.0; self.classes];
            for &row in members.iter() {
                totals[self.labels[row as usize] as usize] += weights[row as usize];
            }
            let split = if part.depth < self.growth.max_depth {
                self.best_split(members, weights, &totals, rng)
            } else {
                None
            };
            let Some(split) = split else {
                let total: f64 = totals.iter().sum();
                let leaf = tree.shares.len() / self.classes;
                tree.shares
                    .extend(totals.iter().map(|weight| (weight / total) as f32));
                tree.nodes.push(Node {
                    column: LEAF,
                    bin: 0,
                    next: leaf as u32,
                });
                continue;
            };
            importance[split.column] += split.gain;
            let middle = part.start + self.partition(members, &split);
            tree.nodes.push(Node {
                column: split.column as u16,
                bin: split.bin,
                next: 0,
            });
            stack.push(Pending {
                start: middle,
                end: part.end,
                depth: part.depth + 1,
                parent: Some(at),
            });
            stack.push(Pending {
                start: part.start,
                end: middle,
                depth: part.depth + 1,
                parent: None,
            });
        }
        tree
    }

    /// Draws columns without replacement until enough of them vary within the node, and searches those.
    fn best_split(
        &mut self,
        rows: &[u32],
        weights: &[f64],
        totals: &[f64],
        rng: &mut impl Rng,
    ) -> Option<Split> {
        let pure = totals.iter().filter(|weight| **weight > 0.0).count() < 2;
        if pure || rows.len() < 2 * self.growth.min_leaf as usize {
            return None;
        }
        for (place, column) in self.order.iter_mut().enumerate() {
            *column = place;
        }
        let mut best: Option<Split> = None;
        let mut tried = 0;
        for place in 0..self.columns {
            if tried == self.growth.columns_per_split {
                break;
            }
            let drawn = place + below(rng, self.columns - place);
            self.order.swap(place, drawn);
            let column = self.order[place];
            if let Some(found) = self.search(column, rows, weights, totals, &mut tried) {
                let better = best.as_ref().is_none_or(|b| {
                    found.gain > b.gain || (found.gain == b.gain && found.column < b.column)
                });
                if better {
                    best = Some(found);
                }
            }
        }
        best
    }

    /// The best split of one column; counts it as tried when it varies.
    fn search(
        &mut self,
        column: usize,
        rows: &[u32],
        weights: &[f64],
        totals: &[f64],
        tried: &mut usize,
    ) -> Option<Split> {
        let classes = self.classes;
        let codes = &self.codes[column * self.labels.len()..(column + 1) * self.labels.len()];
        let (mut first, mut last) = (usize::MAX, 0);
        for &row in rows {
            let row = row as usize;
            let bin = usize::from(codes[row]);
            first = first.min(bin);
            last = last.max(bin);
            self.counts[bin] += 1;
            self.bin_weights[bin * classes + self.labels[row] as usize] += weights[row];
        }
        let mut best: Option<Split> = None;
        if first < last {
            *tried += 1;
            self.left.fill(0.0);
            let total: f64 = totals.iter().sum();
            let before = totals.iter().map(|w| w * w).sum::<f64>() / total;
            // The smallest gain that is more than rounding.
            let mut record = total * 1e-12;
            let (mut left_rows, mut left_total) = (0, 0.0);
            let mut occupied = first;
            for bin in first..=last {
                let count = self.counts[bin] as usize;
                if count == 0 {
                    continue;
                }
                let right_rows = rows.len() - left_rows;
                let enough = self.growth.min_leaf as usize;
                let right_total = total - left_total;
                // Weights far apart can cancel to nothing on one side.
                let heavy = left_total > 0.0 && right_total > 0.0;
                if heavy && left_rows >= enough && right_rows >= enough {
                    for ((right, total), left) in self.right.iter_mut().zip(totals).zip(&self.left)
                    {
                        *right = total - left;
                    }
                    let after = sum_of_squares(&self.left) / left_total
                        + sum_of_squares(&self.right) / right_total;
                    if after - before > record {
                        record = after - before;
                        // Midway through the empty bins between the two sides.
                        best = Some(Split {
                            column,
                            bin: ((occupied + bin - 1) / 2) as u8,
                            gain: record,
                        });
                    }
                }
                left_rows += count;
                for (left, weight) in self
                    .left
                    .iter_mut()
                    .zip(&self.bin_weights[bin * classes..(bin + 1) * classes])
                {
                    *left += weight;
                    left_total += weight;
                }
                occupied = bin;
            }
        }
        self.counts[first..=last].fill(0);
        self.bin_weights[first * classes..(last + 1) * classes].fill(0.0);
        best
    }

    /// Moves the rows that go left to the front, keeping their order; returns how many they are.
    fn partition(&mut self, rows: &mut [u32], split: &Split) -> usize {
        let start = split.column * self.labels.len();
        self.spill.clear();
        let mut kept = 0;
        for at in 0..rows.len() {
            let row = rows[at];
            if self.codes[start + row as usize] <= split.bin {
                rows[kept] = row;
                kept += 1;
            } else {
                self.spill.push(row);
            }
        }
        rows[kept..].copy_from_slice(&self.spill);
        kept
    }
}

fn sum_of_squares(weights: &[f64]) -> f64 {
    weights.iter().map(|w| w * w).sum()
}

/// A number below `bound` (at most 2^32), by multiply and shift; the bias is below `bound / 2^32`.
pub(crate) fn below(rng: &mut impl Rng, bound: usize) -> usize {
    ((u64::from(rng.next_u32()) * bound as u64) >> 32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    fn growth(min_leaf: u32) -> Growth {
        Growth {
            max_depth: 4,
            min_leaf,
            columns_per_split: 2,
        }
    }

    fn grow(codes: &[u8], labels: &[u32], weights: &[f64], min_leaf: u32) -> (Tree, Vec<f64>) {
        let mut importance = vec![0.0; 2];
        let mut grower = Grower::new(codes, labels, 2, 2, growth(min_leaf));
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        (grower.grow(weights, &mut rng, &mut importance), importance)
    }

    #[test]
    fn of_two_equal_columns_the_first_is_split_at_its_lowest_bin() {
        // Both columns separate the classes alike, whichever is drawn first.
        let codes = [0, 0, 9, 9, 0, 0, 9, 9];
        let (tree, importance) = grow(&codes, &[0, 0, 1, 1], &[1.0; 4], 1);
        assert_eq!((tree.nodes.len(), tree.nodes[0].column), (3, 0));
        assert_eq!(tree.nodes[0].bin, 4, "midway between the bins seen");
        // Impurity 1/2 falls to nothing on a weight of 4.
        assert_eq!(importance, [2.0, 0.0]);
        assert_eq!(tree.shares(&[4, 0], 2), [1.0, 0.0]);
        assert_eq!(tree.shares(&[5, 0], 2), [0.0, 1.0]);
    }

    #[test]
    fn leaves_keep_enough_rows_and_their_class_shares() {
        let codes = [0, 1, 2, 3, 4, 5, 0, 0, 0, 0, 0, 0];
        let (tree, _) = grow(&codes, &[0, 1, 1, 1, 1, 1], &[1.0; 6], 3);
        assert_eq!(
            tree.nodes.len(),
            3,
            "the best split would leave one row alone"
        );
        let left = tree.shares(&[0, 0], 2);
        assert!((left[0] - 1.0 / 3.0).abs() < 1e-7, "{left:?}");
    }

    #[test]
    fn a_row_without_weight_is_not_seen() {
        let codes = [0, 1, 2, 0, 0, 0];
        let (tree, _) = grow(&codes, &[0, 0, 1], &[1.0, 1.0, 0.0], 1);
        assert_eq!(tree.nodes.len(), 1);
        assert_eq!(tree.shares(&[2, 0], 2), [1.0, 0.0]);
    }

    #[test]
    fn weights_count_as_repeated_rows_do() {
        let twice = [0, 0, 1, 2, 3, 0, 0, 1, 1, 0];
        let (repeated, _) = grow(&twice, &[1, 1, 0, 1, 0], &[1.0; 5], 1);
        let once = [0, 1, 2, 3, 0, 1, 1, 0];
        let (weighted, _) = grow(&once, &[1, 0, 1, 0], &[2.0, 1.0, 1.0, 1.0], 1);
        assert_eq!(repeated, weighted);
    }

    #[test]
    fn damaged_trees_are_told() {
        let codes = [0, 0, 9, 9, 0, 0, 9, 9];
        let (tree, _) = grow(&codes, &[0, 0, 1, 1], &[1.0; 4], 1);
        assert!(tree.is_sound(2, 2));
        let mut loops = tree.clone();
        loops.nodes[0].next = 0;
        let mut outside = tree.clone();
        outside.nodes[0].column = 2;
        let mut leafless = tree.clone();
        leafless.shares.truncate(2);
        for damaged in [loops, outside, leafless] {
            assert!(!damaged.is_sound(2, 2), "{damaged:?}");
        }
    }
}
