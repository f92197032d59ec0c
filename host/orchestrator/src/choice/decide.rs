//! The choice itself: figures and draws in, a winner out. Pure, and it allocates nothing.

use super::config::{Configuration, LatencyBounds, Selection, Shadow};
use super::draw::Draws;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a candidate cannot be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exclusion {
    /// The operator took it out of service.
    Disabled,
    /// It cannot do this task.
    Incapable,
    /// Its breaker is open, or half-open with all probes out.
    BreakerOpen,
    /// Its budget, or the class's, is spent.
    OverBudget,
    /// It was asked already and failed.
    Tried,
    /// It takes longer than the ceiling.
    TooSlow,
    /// It answers faster than the floor.
    TooFast,
}

impl Exclusion {
    /// Whether it follows from the figures, so that a choice finds it by itself.
    #[must_use]
    pub fn is_of_latency(self) -> bool {
        matches!(self, Exclusion::TooSlow | Exclusion::TooFast)
    }
}

impl fmt::Display for Exclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Exclusion::Disabled => "it is out of service",
            Exclusion::Incapable => "it cannot do this",
            Exclusion::BreakerOpen => "its breaker lets nothing through",
            Exclusion::OverBudget => "its budget is spent",
            Exclusion::Tried => "it was asked already",
            Exclusion::TooSlow => "it takes longer than the ceiling",
            Exclusion::TooFast => "it answers faster than the floor",
        })
    }
}

/// One candidate's figures at the moment of a choice.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figure {
    /// Why it cannot be chosen, if so.
    pub excluded: Option<Exclusion>,
    /// Its fixed share: [`Configuration::share`].
    pub share: f64,
    /// Mean reward.
    pub mean: f64,
    /// Standard deviation of the mean.
    pub deviation: f64,
    /// Standard deviation of a single reward.
    pub spread: f64,
    /// Observations that mean is worth.
    pub weight: f64,
    /// Mean latency, seconds.
    pub latency: f64,
    /// Observations of its latency.
    pub latency_weight: f64,
    /// What the policy ranked it by; NaN where it ranked by none or excluded it.
    pub score: f64,
}

/// Why the winner won.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It is the pinned one.
    Pinned,
    /// It was named before all others that can be asked.
    First,
    /// It was drawn among those with a share.
    Drawn,
    /// It has the highest score.
    BestScore,
    /// It was drawn to learn about it.
    Explored,
    /// It has the highest mean reward; exploration happens in shadow.
    BestMean,
    /// Nobody can be asked.
    Nobody,
}

/// The outcome of a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pick {
    /// Index of the winner.
    pub winner: Option<usize>,
    /// Bit `i` is set where candidate `i` answers in shadow.
    pub shadow: u64,
    /// Why.
    pub reason: Reason,
}

impl LatencyBounds {
    /// Whether a mean latency of so many observations leaves a candidate out.
    #[must_use]
    pub fn exclude(&self, latency: f64, weight: f64) -> Option<Exclusion> {
        if weight <= 0.0 || weight < self.samples {
            return None;
        }
        match self {
            LatencyBounds {
                ceiling: Some(ceiling),
                ..
            } if latency > *ceiling => Some(Exclusion::TooSlow),
            LatencyBounds {
                floor: Some(floor), ..
            } if latency < *floor => Some(Exclusion::TooFast),
            _ => None,
        }
    }
}

/// Chooses among `figures`, at most [`crate::arms::ARMS`], and fills in their scores. Ties go to the one
/// named first. Draws are taken in the order of the candidates, for those that can be asked.
pub fn decide(config: &Configuration, figures: &mut [Figure], draws: &mut Draws) -> Pick {
    for figure in figures.iter_mut() {
        figure.score = f64::NAN;
        if figure.excluded.is_none() {
            figure.excluded = config
                .latency
                .exclude(figure.latency, figure.latency_weight);
        }
    }
    let (pick, reason) = select(&config.selection, figures, draws);
    let Some(pick) = pick else {
        return Pick {
            winner: None,
            shadow: 0,
            reason: Reason::Nobody,
        };
    };
    if config.shadow == Shadow::Off {
        return Pick {
            winner: Some(pick),
            shadow: 0,
            reason,
        };
    }
    let winner = best(figures, |figure| figure.mean).unwrap_or(pick);
    let beside = match config.shadow {
        Shadow::Off | Shadow::Explore => 1u64 << pick,
        Shadow::All => open(figures).fold(0, |mask, (index, _)| mask | 1u64 << index),
    };
    Pick {
        winner: Some(winner),
        shadow: beside & !(1u64 << winner),
        reason: Reason::BestMean,
    }
}

fn select(
    selection: &Selection,
    figures: &mut [Figure],
    draws: &mut Draws,
) -> (Option<usize>, Reason) {
    match selection {
        Selection::Pinned { .. } => {
            let pinned = open(figures).find(|(_, figure)| figure.share > 0.0);
            (pinned.map(|(index, _)| index), Reason::Pinned)
        }
        Selection::Priority => (open(figures).next().map(|(index, _)| index), Reason::First),
        Selection::Weighted { .. } => (drawn(figures, draws, |figure| figure.share), Reason::Drawn),
        Selection::Random => (drawn(figures, draws, |_| 1.0), Reason::Drawn),
        Selection::LeastLatency => {
            rank(figures, |figure| {
                if figure.latency_weight > 0.0 {
                    -figure.latency
                } else {
                    f64::INFINITY
                }
            });
            (best(figures, |figure| figure.score), Reason::BestScore)
        }
        Selection::ThompsonSampling => {
            rank(figures, |figure| {
                figure.mean + figure.deviation * draws.normal()
            });
            (best(figures, |figure| figure.score), Reason::BestScore)
        }
        Selection::Ucb { exploration } => {
            let total: f64 = open(figures).map(|(_, figure)| figure.weight).sum();
            let width = 4.0 * exploration * libm::log(total.max(1.0));
            rank(figures, |figure| {
                figure.mean + figure.spread * (width / figure.weight).sqrt()
            });
            (best(figures, |figure| figure.score), Reason::BestScore)
        }
        Selection::EpsilonGreedy { epsilon } => {
            if draws.uniform() < *epsilon {
                return (drawn(figures, draws, |_| 1.0), Reason::Explored);
            }
            rank(figures, |figure| figure.mean);
            (best(figures, |figure| figure.score), Reason::BestScore)
        }
    }
}

/// Those that can be asked.
fn open(figures: &[Figure]) -> impl Iterator<Item = (usize, &Figure)> {
    figures
        .iter()
        .enumerate()
        .filter(|(_, figure)| figure.excluded.is_none())
}

fn rank(figures: &mut [Figure], mut score: impl FnMut(&Figure) -> f64) {
    for figure in figures
        .iter_mut()
        .filter(|figure| figure.excluded.is_none())
    {
        figure.score = score(figure);
    }
}

/// The first of the highest.
fn best(figures: &[Figure], by: impl Fn(&Figure) -> f64) -> Option<usize> {
    open(figures)
        .fold(None::<(usize, f64)>, |best, (index, figure)| match best {
            Some((_, leader)) if leader >= by(figure) => best,
            _ => Some((index, by(figure))),
        })
        .map(|(index, _)| index)
}

fn drawn(figures: &[Figure], draws: &mut Draws, share: impl Fn(&Figure) -> f64) -> Option<usize> {
    draws.weighted(figures.iter().map(|figure| {
        if figure.excluded.is_none() {
            share(figure)
        } else {
            0.0
        }
    }))
}
