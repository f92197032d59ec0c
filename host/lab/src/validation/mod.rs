//! Splits that leak nothing: purged, embargoed walk-forward and combinatorial purged cross-validation.
//!
//! Promises: no training sample's label overlaps the span of any test sample of its fold; walk-forward tests every
//! sample after the warm-up once, on a fit of older samples alone; combinatorial cross-validation of `N` groups, `k`
//! of them tested, tests every sample `k * C(N, k) / N` times. Spans are the labels' actual ones. What bounds it:
//! [`MOST_FOLDS`]. For callers: indices are those of the spans handed in, which have to be in order of decision.
//!
//! Source: López de Prado, "Advances in Financial Machine Learning" (2018), chapters 7 and 12.

mod cpcv;
mod scheme;

pub use cpcv::{Stretch, paths};
pub use scheme::{Embargo, Scheme};

use bulkhead_domain::Problem;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Most folds of a split: each is a fit.
pub const MOST_FOLDS: usize = 1_000;
/// Fewest samples that a fold learns from.
pub const FEWEST_TRAINING: usize = 30;
/// Fewest samples of a block that is tested.
pub const FEWEST_TESTED: usize = 5;

/// From the bar that is decided on to the bar in which the label ends; `decision < end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The bar at whose close is decided.
    pub decision: usize,
    /// The bar at whose close, at the latest, the outcome is known.
    pub end: usize,
}

impl Span {
    /// Whether two samples share any of their time. A label that is known when the other decides shares none.
    #[must_use]
    pub fn overlaps(&self, other: &Span) -> bool {
        self.decision < other.end && other.decision < self.end
    }
}

/// Neighbouring samples that are tested together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its number, in order of time.
    pub number: usize,
    /// Its samples.
    pub samples: Range<usize>,
}

/// One fit and what it is tested on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    /// Samples learnt from, in order.
    pub train: Vec<usize>,
    /// Samples tested, in order.
    pub test: Vec<usize>,
    /// The groups tested, in order; a walk-forward fold is one of its own.
    pub groups: Vec<Group>,
    /// Samples of neither: purged or under embargo.
    pub dropped: usize,
}

/// Splits samples.
///
/// # Errors
/// When there are too few samples for the scheme, or purging leaves too few to learn from.
pub fn split(spans: &[Span], scheme: &Scheme, embargo: Embargo) -> Result<Vec<Fold>, Problem> {
    scheme.check()?;
    let bars = match (spans.first(), spans.last()) {
        (Some(first), Some(last)) => last.decision - first.decision + 1,
        _ => 0,
    };
    let embargo = embargo.bars(bars)?;
    let folds = match scheme {
        Scheme::WalkForward {
            folds,
            anchored,
            train,
        } => walk_forward(spans, *folds, *anchored, *train, embargo)?,
        Scheme::Cpcv { groups, tested } => cpcv::folds(spans, *groups, *tested, embargo)?,
    };
    for (number, fold) in folds.iter().enumerate() {
        if fold.train.len() < FEWEST_TRAINING {
            return Err(too_few(
                spans.len(),
                &format!(
                    "fold {} of {scheme} keeps {} to learn from after purging, and needs {FEWEST_TRAINING}",
                    number + 1,
                    fold.train.len()
                ),
            ));
        }
    }
    Ok(folds)
}

fn too_few(samples: usize, why: &str) -> Problem {
    Problem::user(
        format!("{samples} samples are too few: {why}"),
        "give more bars, fewer folds, a shorter label or a smaller embargo",
    )
}

/// `parts` neighbouring ranges of `from..to` that differ in length by one at most.
fn blocks(from: usize, to: usize, parts: usize) -> Vec<Range<usize>> {
    let length = to - from;
    (0..parts)
        .map(|part| from + length * part / parts..from + length * (part + 1) / parts)
        .collect()
}

/// The time that a run of neighbouring samples takes: from its first decision to its last label's end.
fn hull(spans: &[Span]) -> Option<Span> {
    Some(Span {
        decision: spans.first()?.decision,
        end: spans.iter().map(|span| span.end).max()?,
    })
}

fn walk_forward(
    spans: &[Span],
    folds: usize,
    anchored: bool,
    train: Option<usize>,
    embargo: usize,
) -> Result<Vec<Fold>, Problem> {
    let warm_up = train.unwrap_or(spans.len() / (folds + 1));
    let rest = spans.len().saturating_sub(warm_up);
    if rest / folds < FEWEST_TESTED {
        return Err(too_few(
            spans.len(),
            &format!(
                "{warm_up} to begin with leave {rest} to test in {folds} folds of {FEWEST_TESTED} or more"
            ),
        ));
    }
    let fold = |(number, test): (usize, Range<usize>)| {
        let from = if anchored { 0 } else { test.start - warm_up };
        let tested = spans.get(test.clone()).and_then(hull);
        // What is learnt from comes before; the embargo widens the gap between the two.
        let known = |index: &usize| {
            let (Some(span), Some(tested)) = (spans.get(*index), tested) else {
                return false;
            };
            span.end + embargo <= tested.decision
        };
        let train: Vec<usize> = (from..test.start).filter(known).collect();
        Fold {
            dropped: test.start - from - train.len(),
            train,
            groups: vec![Group {
                number,
                samples: test.clone(),
            }],
            test: test.collect(),
        }
    };
    let blocks = blocks(warm_up, spans.len(), folds);
    Ok(blocks.into_iter().enumerate().map(fold).collect())
}

#[cfg(test)]
mod tests;
