//! Combinatorial purged cross-validation: every choice of `k` of `N` groups is tested on a fit of the others.
//!
//! What follows: every group is tested `C(N - 1, k - 1)` times, so there are as many paths through all groups, each
//! of them a history that is out of sample throughout. Source: López de Prado (2018), section 12.4.

use super::{FEWEST_TESTED, Fold, Group, Span, blocks, hull, too_few};
use bulkhead_domain::Problem;
use std::collections::BTreeMap;

/// Every choice of `k` of `0..n`, in lexicographic order.
fn combinations(n: usize, k: usize) -> Vec<Vec<usize>> {
    fn extend(from: usize, n: usize, k: usize, chosen: &mut Vec<usize>, all: &mut Vec<Vec<usize>>) {
        if chosen.len() == k {
            all.push(chosen.clone());
            return;
        }
        for next in from..n {
            chosen.push(next);
            extend(next + 1, n, k, chosen, all);
            chosen.pop();
        }
    }
    let mut all = Vec::new();
    extend(0, n, k, &mut Vec::new(), &mut all);
    all
}

pub(super) fn folds(
    spans: &[Span],
    groups: usize,
    tested: usize,
    embargo: usize,
) -> Result<Vec<Fold>, Problem> {
    if spans.len() / groups < FEWEST_TESTED {
        return Err(too_few(
            spans.len(),
            &format!("{groups} groups need {FEWEST_TESTED} samples each"),
        ));
    }
    let blocks = blocks(0, spans.len(), groups);
    let fold = |chosen: Vec<usize>| {
        let test: Vec<usize> = (chosen.iter())
            .filter_map(|group| blocks.get(*group).cloned())
            .flatten()
            .collect();
        let hulls: Vec<Span> = (chosen.iter())
            .filter_map(|group| {
                blocks
                    .get(*group)
                    .and_then(|block| spans.get(block.clone()))
            })
            .filter_map(hull)
            .collect();
        let free = |span: &Span| {
            hulls.iter().all(|test| {
                let embargoed = (test.end..test.end + embargo).contains(&span.decision);
                !span.overlaps(test) && !embargoed
            })
        };
        let train: Vec<usize> = (blocks.iter().enumerate())
            .filter(|(group, _)| !chosen.contains(group))
            .flat_map(|(_, block)| block.clone())
            .filter(|index| spans.get(*index).is_some_and(free))
            .collect();
        Fold {
            dropped: spans.len() - test.len() - train.len(),
            train,
            test,
            groups: (chosen.into_iter())
                .filter_map(|number| {
                    let samples = blocks.get(number)?.clone();
                    Some(Group { number, samples })
                })
                .collect(),
        }
    };
    Ok(combinations(groups, tested).into_iter().map(fold).collect())
}

/// One stretch of a path: a group as one fold tested it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// Index of the fold.
    pub fold: usize,
    /// The group's samples.
    pub group: Group,
}

/// The paths through all groups that the folds tested. Path `j` takes each group from the `j`-th fold that tests it,
/// so that every group of every fold is on one path. The folds of a walk-forward are one path; so are folds that were
/// stopped early, through the groups that they reached.
#[must_use]
pub fn paths(folds: &[Fold]) -> Vec<Vec<Stretch>> {
    let mut testing: BTreeMap<usize, Vec<Stretch>> = BTreeMap::new();
    for (fold, tested) in folds.iter().enumerate() {
        for group in &tested.groups {
            let group = group.clone();
            let entry = testing.entry(group.number).or_default();
            entry.push(Stretch { fold, group });
        }
    }
    let count = testing.values().map(Vec::len).min().unwrap_or(0);
    (0..count)
        .map(|path| {
            let of = |testing: &Vec<Stretch>| testing.get(path).cloned();
            testing.values().filter_map(of).collect()
        })
        .collect()
}
