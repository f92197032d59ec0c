//! Paired scores of verdicts: of the version in service and of the candidate, on the same outcomes.
//!
//! A verdict that gives the price the probability `p` of rising scores `1 - (p - y)^2`, with `y` 1 where it rose and
//! else 0, in `[0, 1]`: what it earns ([`crate::earned`]), brought to that range.
//!
//! The test of skill asks that a score says nothing of the next one beforehand, which holds only where their labels do
//! not overlap. So verdicts are taken by blocks: a block takes verdicts until the first of its labels has ended, and
//! the next one begins once all have. A block is one pair, the mean of its verdicts'; verdicts between two blocks are
//! not scored.

use bulkhead_domain::order::InstrumentHandle;
use bulkhead_registry::shadow::Pair;

/// A verdict of both versions.
struct One {
    number: u64,
    instrument: InstrumentHandle,
    /// Bars of the instrument that had closed.
    bar: u64,
    /// Probability that the price rises, by the version in service.
    old: f64,
    /// By the candidate, once it has answered.
    new: Option<f64>,
    /// 1 where the price rose, else 0, once that is known.
    rose: Option<f64>,
}

/// The block at hand.
#[derive(Default)]
pub(crate) struct Pairs {
    number: u64,
    block: Vec<One>,
    /// Whether a label of it has ended.
    closed: bool,
}

impl Pairs {
    /// The version in service gave a verdict. Its number, where it is to be scored.
    pub(crate) fn expect(
        &mut self,
        instrument: InstrumentHandle,
        bar: u64,
        old: f64,
    ) -> Option<u64> {
        if self.closed {
            return None;
        }
        self.number += 1;
        self.block.push(One {
            number: self.number,
            instrument,
            bar,
            old,
            new: None,
            rose: None,
        });
        Some(self.number)
    }

    /// The candidate gave its verdict; none where it failed or is not asked.
    pub(crate) fn answered(&mut self, number: u64, new: Option<f64>) {
        match self.block.iter_mut().find(|one| one.number == number) {
            Some(one) if new.is_some() => one.new = new,
            _ => self.block.retain(|one| one.number != number),
        }
    }

    /// The label of the verdicts on this bar has ended.
    pub(crate) fn ended(&mut self, instrument: InstrumentHandle, bar: u64, rose: f64) {
        let mut block = self.block.iter_mut();
        let of = block
            .by_ref()
            .filter(|one| (one.instrument, one.bar) == (instrument, bar));
        for one in of {
            one.rose = Some(rose);
            self.closed = true;
        }
    }

    /// The block's pair, once all of it is known; the next block begins.
    pub(crate) fn take(&mut self) -> Option<Pair> {
        let scored: Option<Vec<(f64, f64)>> = self
            .block
            .iter()
            .map(|one| {
                let rose = one.rose?;
                let score = |up: f64| 1.0 - (up - rose) * (up - rose);
                Some((score(one.old), score(one.new?)))
            })
            .collect();
        let scored = scored.filter(|_| self.closed)?;
        self.block.clear();
        self.closed = false;
        #[expect(clippy::cast_precision_loss, reason = "a few verdicts")]
        let count = scored.len() as f64;
        (!scored.is_empty()).then(|| Pair {
            old: scored.iter().map(|(old, _)| old).sum::<f64>() / count,
            new: scored.iter().map(|(_, new)| new).sum::<f64>() / count,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_scored_once_all_its_labels_have_ended_and_both_have_answered() {
        let mut pairs = Pairs::default();
        let first = pairs.expect(1, 10, 1.0).unwrap();
        let second = pairs.expect(2, 11, 0.5).unwrap();
        pairs.answered(first, Some(0.5));
        pairs.ended(1, 10, 1.0);
        assert_eq!(pairs.take(), None);
        // What overlaps with the block's labels is not scored.
        assert_eq!(pairs.expect(1, 12, 1.0), None);
        pairs.ended(2, 11, 0.0);
        assert_eq!(pairs.take(), None, "its candidate has not answered");
        pairs.answered(second, Some(0.0));
        let pair = pairs.take().unwrap();
        assert_eq!(
            (pair.old, pair.new),
            ((1.0 + 0.75) / 2.0, (0.75 + 1.0) / 2.0)
        );
        assert_eq!(pairs.take(), None);
        assert!(pairs.expect(1, 13, 1.0).is_some());
    }

    #[test]
    fn what_the_candidate_never_answers_holds_nothing_up() {
        let mut pairs = Pairs::default();
        let only = pairs.expect(1, 1, 0.7).unwrap();
        pairs.ended(1, 1, 1.0);
        pairs.answered(only, None);
        assert_eq!(pairs.take(), None);
        assert!(pairs.expect(1, 2, 0.7).is_some());
    }
}
