//! Random draws that can be made again.
//!
//! A choice's draws come from a `ChaCha` stream of its own: the key is made of the seed and the slate, which says
//! the task, the stream's number is the choice's sequence number. So they depend on nothing else, not on the choices made before.

use bulkhead_domain::Digest;
use bulkhead_domain::digest::DigestBuilder;
use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};

/// The key of draws for one purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrawKey(Digest);

impl DrawKey {
    /// The key for a purpose under `seed`.
    #[must_use]
    pub fn new(seed: u64, purpose: &str) -> Self {
        let mut builder = DigestBuilder::new();
        builder
            .part("seed", &seed.to_le_bytes())
            .part("purpose", purpose.as_bytes());
        DrawKey(builder.finish())
    }

    /// The draws of number `sequence`.
    #[must_use]
    pub fn draws(&self, sequence: u64) -> Draws {
        let mut generator = ChaCha12Rng::from_seed(*self.0.bytes());
        generator.set_stream(sequence);
        Draws {
            generator,
            spare: None,
        }
    }
}

/// Draws in a fixed order.
#[derive(Debug, Clone)]
pub struct Draws {
    generator: ChaCha12Rng,
    spare: Option<f64>,
}

impl Draws {
    /// Uniform in `[0, 1)`, 53 bits.
    pub fn uniform(&mut self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit exactly")]
        let numerator = (self.generator.next_u64() >> 11) as f64;
        numerator / (1u64 << 53) as f64
    }

    /// Standard normal, by the polar method (Marsaglia & Bray 1964).
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        loop {
            let (x, y) = (2.0 * self.uniform() - 1.0, 2.0 * self.uniform() - 1.0);
            let radius = x * x + y * y;
            if radius > 0.0 && radius < 1.0 {
                let factor = (-2.0 * libm::log(radius) / radius).sqrt();
                self.spare = Some(y * factor);
                return x * factor;
            }
        }
    }

    /// An index drawn in proportion to the weights; `None` where none is above zero.
    pub fn weighted(&mut self, weights: impl Iterator<Item = f64> + Clone) -> Option<usize> {
        let total: f64 = weights.clone().filter(|weight| *weight > 0.0).sum();
        let mut left = self.uniform() * total;
        let mut last = None;
        for (index, weight) in weights.enumerate().filter(|(_, weight)| *weight > 0.0) {
            last = Some(index);
            left -= weight;
            if left < 0.0 {
                break;
            }
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_depend_on_seed_purpose_and_sequence_alone() {
        let first = |seed, purpose, sequence| DrawKey::new(seed, purpose).draws(sequence).uniform();
        let base = first(1, "a", 1);
        assert_eq!(base.to_bits(), first(1, "a", 1).to_bits());
        for other in [first(2, "a", 1), first(1, "b", 1), first(1, "a", 2)] {
            assert_ne!(base.to_bits(), other.to_bits());
        }
    }

    #[test]
    fn normal_draws_have_the_moments_of_the_standard_normal() {
        let mut draws = DrawKey::new(3, "moments").draws(0);
        let sample: Vec<f64> = (0..40_000).map(|_| draws.normal()).collect();
        let moment = |power: i32| {
            let sum: f64 = sample
                .iter()
                .map(|x| (0..power).fold(1.0, |product, _| product * x))
                .sum();
            sum / 40_000.0
        };
        // Four standard errors of each.
        assert!(moment(1).abs() < 0.02, "{}", moment(1));
        assert!((moment(2) - 1.0).abs() < 0.03, "{}", moment(2));
        assert!((moment(4) - 3.0).abs() < 0.2, "{}", moment(4));
    }

    #[test]
    fn an_index_comes_up_in_proportion_to_its_weight() {
        let mut draws = DrawKey::new(3, "weights").draws(0);
        let mut counts = [0u32; 4];
        for _ in 0..30_000 {
            let weights = [1.0, 0.0, 2.0, -1.0];
            counts[draws.weighted(weights.iter().copied()).unwrap()] += 1;
        }
        assert_eq!((counts[1], counts[3]), (0, 0));
        assert!((9_600..10_400).contains(&counts[0]), "{counts:?}");
        assert_eq!(draws.weighted([0.0].into_iter()), None);
    }
}
