//! Seeded draws for inputs.

use rand_chacha::ChaCha12Rng;
use rand_core::{Rng as _, SeedableRng as _};

/// A stream of draws.
pub(crate) struct Draws(ChaCha12Rng);

impl Draws {
    /// The stream of a seed and a purpose, so that no two purposes share draws.
    pub(crate) fn new(seed: u64, purpose: u64) -> Self {
        let mut rng = ChaCha12Rng::seed_from_u64(seed);
        rng.set_stream(purpose);
        Draws(rng)
    }

    /// Within `least..=most`. The remainder's bias is below 2^-40 for the small ranges asked for.
    pub(crate) fn between(&mut self, least: i64, most: i64) -> i64 {
        let span = most.abs_diff(least) + 1;
        least + (self.0.next_u64() % span) as i64
    }

    /// Within 0 to 1, 1 excluded.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// True once in `chances` draws.
    pub(crate) fn one_in(&mut self, chances: i64) -> bool {
        self.between(1, chances) == 1
    }
}
