//! Platt scaling: scores to probabilities by `p = 1 / (1 + exp(-(slope * score + offset)))`.
//!
//! Fitted by the damped Newton method of Lin, Lin & Weng (A note on Platt's probabilistic outputs for
//! support vector machines, 2007) towards Platt's smoothed targets `(n_pos + 1) / (n_pos + 2)` and
//! `1 / (n_neg + 2)`. Linfa's own version works in 32 bits and fails where the line search stalls; this one
//! keeps the best point it has.

use serde::{Deserialize, Serialize};

/// A fitted scaling; the slope is never negative.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Platt {
    slope: f64,
    offset: f64,
}

const ITERATIONS: usize = 100;
/// Halvings of a step before it is given up.
const HALVINGS: usize = 40;
/// Added to the Hessian's diagonal, so that it can be inverted.
const RIDGE: f64 = 1e-12;

impl Platt {
    /// Fits to pairs of a score and whether it was a positive. Scores that say nothing, or the opposite of
    /// what happened, give the smoothed base rate whatever the score: that is what they are worth.
    pub(crate) fn fit(scored: &[(f64, bool)]) -> Self {
        let positives = scored.iter().filter(|(_, hit)| *hit).count() as f64;
        let negatives = scored.len() as f64 - positives;
        let high = (positives + 1.0) / (positives + 2.0);
        let low = 1.0 / (negatives + 2.0);
        let base = Self {
            slope: 0.0,
            offset: libm::log((positives + 1.0) / (negatives + 1.0)),
        };
        let mut at = base;
        let mut loss = at.loss(scored, high, low);
        for _ in 0..ITERATIONS {
            let (mut g1, mut g2) = (0.0, 0.0);
            let (mut h11, mut h12, mut h22) = (RIDGE, 0.0, RIDGE);
            for (score, hit) in scored {
                let p = at.probability(*score);
                let miss = p - if *hit { high } else { low };
                let curve = p * (1.0 - p);
                g1 += miss * score;
                g2 += miss;
                h11 += curve * score * score;
                h12 += curve * score;
                h22 += curve;
            }
            if g1.abs() < 1e-9 && g2.abs() < 1e-9 {
                break;
            }
            let determinant = h11 * h22 - h12 * h12;
            let (d1, d2) = (
                -(h22 * g1 - h12 * g2) / determinant,
                -(h11 * g2 - h12 * g1) / determinant,
            );
            let descent = g1 * d1 + g2 * d2;
            let mut step = 1.0;
            let mut moved = false;
            for _ in 0..HALVINGS {
                let next = Self {
                    slope: at.slope + step * d1,
                    offset: at.offset + step * d2,
                };
                let value = next.loss(scored, high, low);
                if value < loss + 1e-4 * step * descent {
                    (at, loss, moved) = (next, value, true);
                    break;
                }
                step /= 2.0;
            }
            if !moved {
                break;
            }
        }
        if at.slope > 0.0 && at.is_sound() {
            at
        } else {
            base
        }
    }

    /// The probability of a positive.
    pub(crate) fn probability(self, score: f64) -> f64 {
        let z = self.slope * score + self.offset;
        if z >= 0.0 {
            1.0 / (1.0 + libm::exp(-z))
        } else {
            let e = libm::exp(z);
            e / (1.0 + e)
        }
    }

    /// Whether it could have come from [`Platt::fit`].
    pub(crate) fn is_sound(self) -> bool {
        self.slope.is_finite() && self.slope >= 0.0 && self.offset.is_finite()
    }

    /// Cross-entropy towards the smoothed targets.
    fn loss(self, scored: &[(f64, bool)], high: f64, low: f64) -> f64 {
        scored
            .iter()
            .map(|(score, hit)| {
                let z = self.slope * score + self.offset;
                let target = if *hit { high } else { low };
                // ln(1 + exp(z)) - target * z, without overflow.
                z.max(0.0) + libm::log1p(libm::exp(-z.abs())) - target * z
            })
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scores on a grid, each occurring as often as its probability says.
    fn graded(slope: f64, offset: f64) -> Vec<(f64, bool)> {
        let truth = Platt { slope, offset };
        let mut scored = Vec::new();
        for i in -20..=20 {
            let score = f64::from(i) / 10.0;
            let hits = libm::round(truth.probability(score) * 1000.0) as usize;
            scored.extend((0..1000).map(|n| (score, n < hits)));
        }
        scored
    }

    #[test]
    fn it_finds_the_curve_that_made_the_outcomes() {
        let found = Platt::fit(&graded(2.0, -0.7));
        assert!((found.slope - 2.0).abs() < 0.02, "{found:?}");
        assert!((found.offset + 0.7).abs() < 0.02, "{found:?}");
    }

    #[test]
    fn scores_that_mislead_give_the_base_rate() {
        let found = Platt::fit(&graded(-1.5, 0.0));
        assert_eq!(found.slope, 0.0);
        assert!((found.probability(100.0) - 0.5).abs() < 1e-3);
    }

    #[test]
    fn separable_scores_stay_short_of_certainty() {
        let scored: Vec<_> = (0..50).map(|i| (f64::from(i) - 24.5, i >= 25)).collect();
        let found = Platt::fit(&scored);
        let p = found.probability(24.5);
        assert!(p > 0.9 && p < 1.0, "{p}");
    }
}
