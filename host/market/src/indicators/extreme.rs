//! Rolling highest and lowest value.

use super::at_least_one;
use std::collections::VecDeque;

/// Which end of the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extreme {
    /// The largest value.
    Highest,
    /// The smallest value.
    Lowest,
}

/// The highest or lowest of the last `period` values, by a queue of the values that may still become it:
/// a constant number of operations per value on average, at most `period` held.
#[derive(Debug, Clone)]
pub struct RollingExtreme {
    period: u64,
    extreme: Extreme,
    seen: u64,
    candidates: VecDeque<(u64, f64)>,
}

impl RollingExtreme {
    /// Period 0 is taken as 1.
    #[must_use]
    pub fn new(period: usize, extreme: Extreme) -> Self {
        let period = at_least_one(period);
        RollingExtreme {
            period: period as u64,
            extreme,
            seen: 0,
            candidates: VecDeque::with_capacity(period + 1),
        }
    }

    /// The extreme with the newest value.
    #[inline]
    pub fn push(&mut self, value: f64) -> f64 {
        while let Some((_, last)) = self.candidates.back() {
            let beaten = match self.extreme {
                Extreme::Highest => *last <= value,
                Extreme::Lowest => *last >= value,
            };
            if !beaten {
                break;
            }
            self.candidates.pop_back();
        }
        self.candidates.push_back((self.seen, value));
        self.seen += 1;
        let first_inside = self.seen.saturating_sub(self.period);
        while self
            .candidates
            .front()
            .is_some_and(|(index, _)| *index < first_inside)
        {
            self.candidates.pop_front();
        }
        match self.candidates.front() {
            Some((_, extreme)) if self.seen >= self.period => *extreme,
            _ => f64::NAN,
        }
    }
}
