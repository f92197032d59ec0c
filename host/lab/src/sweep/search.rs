//! Which combinations are tried next: all of a grid, draws, or where a tree of Parzen estimators expects the best.
//!
//! Combinations are proposed in rounds. What a round proposes depends on the seed, on its numbers, and on what came of the
//! rounds before it, never on which thread was faster: so a sweep comes to the same on any number of cores, and one that
//! was killed proposes the same again. No combination is proposed twice.
//!
//! The estimators take logarithms of the machine's C library; on another machine their proposals may differ in a last bit
//! of numbers between two, and nowhere else.

use super::space::{Space, Values, number_between};
use bulkhead_domain::Problem;
use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

/// Combinations of one round. Fewer learn sooner, more keep all cores at work.
const ROUND: u64 = 64;
/// The same of estimators, which learn between rounds.
const LEARNING_ROUND: u64 = 16;
/// Draws of the estimators' first rounds, before they know anything.
const FIRST: u64 = 32;
/// How often a combination that was tried already is drawn anew.
const TRIES: u32 = 200;
/// Loss of what cannot be run: worse than anything.
const WORST: f64 = 1e12;

/// How combinations are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Search {
    /// Every combination of listed values.
    Grid,
    /// Independent draws.
    Random,
    /// A tree of Parzen estimators (Bergstra, Bardenet, Bengio and Kégl 2011), one for each parameter.
    Tpe,
}

impl FromStr for Search {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Search, Problem> {
        match text {
            "grid" => Ok(Search::Grid),
            "random" => Ok(Search::Random),
            "tpe" => Ok(Search::Tpe),
            _ => Err(Problem::user(
                format!("--search: '{text}' is no search"),
                "use grid, random or tpe",
            )),
        }
    }
}

impl fmt::Display for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Search::Grid => "grid",
            Search::Random => "random",
            Search::Tpe => "tpe",
        })
    }
}

/// A parameter's estimator.
struct Estimator(tpe::TpeOptimizer);

/// Proposes combinations.
pub(super) struct Proposer<'a> {
    space: &'a Space,
    search: Search,
    seed: u64,
    total: u64,
    next: u64,
    seen: HashSet<u64>,
    estimators: Vec<Estimator>,
}

impl<'a> Proposer<'a> {
    /// Proposes `total` combinations, or fewer where there are no more.
    pub(super) fn new(
        space: &'a Space,
        search: Search,
        total: u64,
        seed: u64,
    ) -> Result<Proposer<'a>, Problem> {
        let estimators = match search {
            Search::Tpe => space
                .axes()
                .iter()
                .map(|axis| {
                    let range = match &axis.values {
                        Values::Listed(values) => tpe::range(0.0, values.len() as f64),
                        Values::Between { low, high } => tpe::range(*low, *high),
                    };
                    let range = range.map_err(|error| {
                        Problem::user(
                            format!("--vary {}: {error}", axis.name),
                            "correct its values",
                        )
                    })?;
                    Ok(Estimator(tpe::TpeOptimizer::new(
                        tpe::parzen_estimator(),
                        range,
                    )))
                })
                .collect::<Result<_, Problem>>()?,
            Search::Grid | Search::Random => Vec::new(),
        };
        Ok(Proposer {
            space,
            search,
            seed,
            total,
            next: 0,
            seen: HashSet::new(),
            estimators,
        })
    }

    /// The next round: combinations, with their numbers; empty at the end.
    pub(super) fn round(&mut self) -> Vec<(u64, Vec<Value>)> {
        let size = match self.search {
            Search::Tpe => LEARNING_ROUND,
            Search::Grid | Search::Random => ROUND,
        };
        let until = self.next.saturating_add(size).min(self.total);
        let mut round = Vec::new();
        while self.next < until {
            let Some(point) = self.propose() else {
                self.total = self.next;
                break;
            };
            round.push((self.next, point));
            self.next += 1;
        }
        round
    }

    /// Says what came of a combination: the smaller the better; nothing where it could not be run.
    pub(super) fn tell(&mut self, point: &[Value], loss: Option<f64>) {
        let loss = loss.filter(|loss| loss.is_finite()).unwrap_or(WORST);
        for ((estimator, axis), value) in
            self.estimators.iter_mut().zip(self.space.axes()).zip(point)
        {
            let at = match &axis.values {
                Values::Listed(values) => {
                    let place = values.iter().position(|known| known == value).unwrap_or(0);
                    place as f64 + 0.5
                }
                Values::Between { .. } => value.as_f64().unwrap_or(f64::NAN),
            };
            // A value of the axis is in its range; another would be told to nobody.
            let _ = estimator.0.tell(at, loss);
        }
    }

    fn propose(&mut self) -> Option<Vec<Value>> {
        if self.search == Search::Grid {
            return Some(self.space.at(self.next));
        }
        let key = self.seed ^ self.next.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut draws = ChaCha12Rng::seed_from_u64(key);
        let learnt = self.search == Search::Tpe && self.next >= FIRST;
        for attempt in 0..TRIES {
            let point = match learnt && attempt < TRIES / 4 {
                true => self.expected(&mut draws)?,
                false => self.drawn(&mut draws)?,
            };
            if self.seen.insert(mark(&point)) {
                return Some(point);
            }
        }
        None
    }

    fn drawn(&self, draws: &mut ChaCha12Rng) -> Option<Vec<Value>> {
        let axes = self.space.axes().iter();
        axes.map(|axis| match &axis.values {
            Values::Listed(values) => {
                let place = draws.next_u64() % values.len() as u64;
                values.get(place as usize).cloned()
            }
            Values::Between { low, high } => {
                let share = (draws.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
                number_between(low + share * (high - low))
            }
        })
        .collect()
    }

    fn expected(&mut self, draws: &mut ChaCha12Rng) -> Option<Vec<Value>> {
        let axes = self.space.axes().iter();
        axes.zip(&mut self.estimators)
            .map(|(axis, estimator)| {
                let at = estimator.0.ask(draws).ok()?;
                match &axis.values {
                    Values::Listed(values) => {
                        let place = (at.max(0.0) as usize).min(values.len().saturating_sub(1));
                        values.get(place).cloned()
                    }
                    Values::Between { low, high } => number_between(at.clamp(*low, *high)),
                }
            })
            .collect()
    }
}

/// A combination's first eight bytes of a digest, to know it again by.
fn mark(point: &[Value]) -> u64 {
    let text = serde_json::to_vec(point).unwrap_or_default();
    bulkhead_domain::Digest::of(&text).seed()
}

#[cfg(test)]
mod tests {
    use super::super::space::Axis;
    use super::*;

    fn space(axes: &[&str]) -> Space {
        Space::new(axes.iter().map(|text| Axis::parse(text).unwrap()).collect()).unwrap()
    }

    /// The best lies at x = 7, y = 3.
    fn loss(point: &[Value]) -> f64 {
        let off = |place: usize, best: f64| point[place].as_f64().unwrap() - best;
        off(0, 7.0) * off(0, 7.0) + off(1, 3.0) * off(1, 3.0)
    }

    fn all(space: &Space, search: Search, total: u64, seed: u64) -> Vec<(u64, Vec<Value>)> {
        let mut proposer = Proposer::new(space, search, total, seed).unwrap();
        let mut all = Vec::new();
        loop {
            let round = proposer.round();
            if round.is_empty() {
                return all;
            }
            for (number, point) in round {
                proposer.tell(&point, Some(loss(&point)));
                all.push((number, point));
            }
        }
    }

    #[test]
    fn no_combination_comes_twice_and_a_space_that_is_used_up_ends() {
        let space = space(&["x=1..10", "y=1..10"]);
        for search in [Search::Grid, Search::Random, Search::Tpe] {
            let total = if search == Search::Grid { 100 } else { 90 };
            let points = all(&space, search, total, 5);
            let distinct: HashSet<String> = points
                .iter()
                .map(|(_, point)| format!("{point:?}"))
                .collect();
            assert_eq!(distinct.len(), points.len(), "{search}");
            assert!(points.len() > 60, "{search}: {}", points.len());
            assert_eq!(points, all(&space, search, total, 5), "{search}");
        }
        let few = self::space(&["x=1,2", "y=1,2"]);
        assert_eq!(all(&few, Search::Random, 50, 5).len(), 4);
    }

    #[test]
    fn another_seed_draws_others() {
        let space = space(&["x=0.0..10.0", "y=0.0..10.0"]);
        for search in [Search::Random, Search::Tpe] {
            assert_ne!(
                all(&space, search, 20, 5),
                all(&space, search, 20, 6),
                "{search}"
            );
        }
    }

    #[test]
    fn estimators_come_closer_to_the_best_than_draws() {
        let space = space(&["x=0.0..10.0", "y=0.0..10.0"]);
        let mean_loss = |search| {
            let points = all(&space, search, 160, 5);
            let late = points.iter().skip(96).map(|(_, point)| loss(point));
            late.sum::<f64>() / 64.0
        };
        let (estimated, drawn) = (mean_loss(Search::Tpe), mean_loss(Search::Random));
        assert!(estimated < drawn / 3.0, "{estimated} {drawn}");
    }
}
