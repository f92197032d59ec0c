//! Skill: how much better than the base rate a candidate's probabilities were.

use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

/// An estimate with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Estimate.
    pub value: f64,
    /// Lower bound.
    pub lower: f64,
    /// Upper bound.
    pub upper: f64,
}

impl Interval {
    /// The same estimate with each bound `factor` times as far from it.
    #[must_use]
    pub fn widened(self, factor: f64) -> Interval {
        Interval {
            value: self.value,
            lower: self.value - factor * (self.value - self.lower),
            upper: self.value + factor * (self.upper - self.value),
        }
    }
}

/// Fewest blocks that a bootstrap can tell anything from: of a single one every resample is the same, and its
/// interval has no width.
pub const FEWEST_BLOCKS: usize = 10;

/// Logarithmic loss of a probability given to what happened: `-ln p`, in nats (Good 1952). `probability` is
/// that of the class that came true, clipped away from zero by whoever gave it.
#[must_use]
pub fn log_loss(probability: f64) -> f64 {
    -libm::log(probability.clamp(f64::MIN_POSITIVE, 1.0))
}

/// Skill score `1 - sum(model loss) / sum(base loss)` (Murphy 1988): 1 is perfect, 0 no better than the base
/// rate. `None` without samples or without base loss.
#[must_use]
pub fn skill(model: &[f64], base: &[f64]) -> Option<f64> {
    let (model, base): (f64, f64) = (model.iter().sum(), base.iter().sum());
    (base > 0.0).then(|| 1.0 - model / base)
}

/// Skill with a percentile interval from a circular block bootstrap (Politis & Romano 1992), blocks of
/// `block` successive samples, because labels that overlap in time are not independent.
///
/// `tail` is the probability left out at each side; `resamples` should be no fewer than its inverse.
/// Deterministic in `seed`. `None` with less than [`FEWEST_BLOCKS`] blocks.
#[must_use]
pub fn skill_interval(
    model: &[f64],
    base: &[f64],
    block: usize,
    resamples: usize,
    tail: f64,
    seed: u64,
) -> Option<Interval> {
    let n = model.len().min(base.len());
    let value = skill(&model[..n], &base[..n])?;
    let block = block.max(1);
    if n / block < FEWEST_BLOCKS {
        return None;
    }
    // Prefix sums over the series wrapped once make any circular block's sum two look-ups.
    let prefix = |losses: &[f64]| {
        let mut sums = Vec::with_capacity(n + block + 1);
        let mut total = 0.0;
        sums.push(total);
        for index in 0..n + block {
            total += losses[index % n];
            sums.push(total);
        }
        sums
    };
    let (model, base) = (prefix(model), prefix(base));
    let blocks = n.div_ceil(block);
    let mut generator = ChaCha12Rng::seed_from_u64(seed);
    let mut draws = Vec::with_capacity(resamples);
    for _ in 0..resamples {
        let (mut model_loss, mut base_loss) = (0.0, 0.0);
        for _ in 0..blocks {
            let start = uniform(&mut generator, n);
            model_loss += model[start + block] - model[start];
            base_loss += base[start + block] - base[start];
        }
        if base_loss > 0.0 {
            draws.push(1.0 - model_loss / base_loss);
        }
    }
    draws.sort_by(f64::total_cmp);
    let last = draws.len().checked_sub(1)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    let at = |quantile: f64| draws[((quantile * last as f64).round() as usize).min(last)];
    Some(Interval {
        value,
        lower: at(tail),
        upper: at(1.0 - tail),
    })
}

/// A whole number below `n`, by multiply-and-shift (Lemire 2019); its bias is below 2^-32 here.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the high half of a 128-bit product is below n"
)]
fn uniform(generator: &mut ChaCha12Rng, n: usize) -> usize {
    ((u128::from(generator.next_u64()) * n as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_rate_itself_has_no_skill() {
        let losses = vec![0.7, 0.6, 0.8];
        assert_eq!(skill(&losses, &losses), Some(0.0));
        assert_eq!(skill(&[], &[]), None);
    }

    #[test]
    fn the_interval_covers_zero_for_noise_and_not_for_a_real_edge() {
        let mut generator = ChaCha12Rng::seed_from_u64(1);
        let (mut noise, mut edge, mut base) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..500 {
            let up = uniform(&mut generator, 2) == 1;
            let given = |p: f64| log_loss(if up { p } else { 1.0 - p });
            let informed = uniform(&mut generator, 100) < 70;
            base.push(given(0.5));
            noise.push(given(if uniform(&mut generator, 2) == 1 {
                0.55
            } else {
                0.45
            }));
            edge.push(given(if informed == up { 0.7 } else { 0.3 }));
        }
        let of = |losses: &[f64]| skill_interval(losses, &base, 10, 1000, 0.025, 7).unwrap();
        assert!(of(&noise).lower < 0.0, "{:?}", of(&noise));
        assert!(of(&edge).lower > 0.0, "{:?}", of(&edge));
    }

    #[test]
    fn a_handful_of_blocks_gives_no_interval() {
        // A candidate that was right a few times in a row, all within one label's length.
        let (model, base) = (vec![0.1; 99], vec![0.7; 99]);
        let of = |n: usize| skill_interval(&model[..n], &base[..n], 10, 200, 0.05, 1);
        assert_eq!(of(8), None);
        assert_eq!(of(99), None);
        assert_eq!(skill_interval(&[], &[], 0, 200, 0.05, 1), None);
        let model = vec![0.1; 100];
        assert!(skill_interval(&model, &[0.7; 100], 10, 200, 0.05, 1).is_some());
    }

    #[test]
    fn the_interval_is_deterministic_in_its_seed() {
        let (model, base): (Vec<f64>, Vec<f64>) = (0..200).map(|i| (f64::from(i % 7), 3.0)).unzip();
        let of = |seed| skill_interval(&model, &base, 5, 200, 0.05, seed);
        assert_eq!(of(3), of(3));
        assert_ne!(of(3), of(4));
    }
}
