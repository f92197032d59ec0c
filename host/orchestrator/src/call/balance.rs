//! The load between candidates that are as good as each other, such as two endpoints of one provider.

use crate::choice::Exclusion;

/// Who is equal to whom, and how many calls each has out.
#[derive(Debug, Clone)]
pub struct Balance {
    /// Group by candidate; equal groups are equals.
    groups: Vec<u16>,
    out: Vec<u32>,
    /// Calls started so far, and by candidate the number of its last.
    started: u64,
    last: Vec<u64>,
}

impl Balance {
    /// Candidates by the group they belong to.
    #[must_use]
    pub fn new(groups: Vec<u16>) -> Self {
        Balance {
            out: vec![0; groups.len()],
            last: vec![0; groups.len()],
            started: 0,
            groups,
        }
    }

    /// Of `winner` and its equals that are not excluded, the one with the fewest calls out; of those the one
    /// that was asked longest ago.
    #[must_use]
    pub fn among_equals(&self, winner: usize, excluded: &[Option<Exclusion>]) -> usize {
        let group = self.groups.get(winner);
        (0..self.groups.len())
            .filter(|other| self.groups.get(*other) == group)
            .filter(|other| excluded.get(*other).copied().flatten().is_none())
            .min_by_key(|other| (self.out[*other], self.last[*other]))
            .unwrap_or(winner)
    }

    /// A call goes out.
    pub fn begin(&mut self, candidate: usize) {
        self.started += 1;
        self.out[candidate] += 1;
        self.last[candidate] = self.started;
    }

    /// A call came back, or was given up.
    pub fn end(&mut self, candidate: usize) {
        self.out[candidate] = self.out[candidate].saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_share_the_load_and_others_get_none_of_it() {
        let mut balance = Balance::new(vec![1, 1, 2, 1]);
        let mut counts = [0; 4];
        for _ in 0..30 {
            let candidate = balance.among_equals(0, &[]);
            balance.begin(candidate);
            counts[candidate] += 1;
        }
        assert_eq!(counts, [10, 10, 0, 10]);
        balance.end(3);
        assert_eq!(balance.among_equals(0, &[]), 3, "it has the fewest out");
        let excluded = [None, None, None, Some(Exclusion::BreakerOpen)];
        assert_eq!(balance.among_equals(0, &excluded), 0);
    }

    #[test]
    fn equals_take_turns_when_every_call_ends_at_once() {
        let mut balance = Balance::new(vec![1, 1, 1]);
        let order: Vec<usize> = (0..6)
            .map(|_| {
                let candidate = balance.among_equals(2, &[]);
                balance.begin(candidate);
                balance.end(candidate);
                candidate
            })
            .collect();
        assert_eq!(order, [0, 1, 2, 0, 1, 2]);
    }
}
