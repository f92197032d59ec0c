//! Draws that depend on what they are for, and on nothing else.
//!
//! There is no stream to advance: a draw is a hash of the seed, of what is drawn, of the order (or
//! instrument) it is drawn for and of the time. So neither the order of calls nor a snapshot between two of
//! them changes any. The hash absorbs 64-bit words with the finaliser of SplitMix64 (Steele, Lea and Flood,
//! 2014); it is good enough to simulate with and keeps no secret.

use crate::order::Nanos;

/// Draws under one seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draws {
    seed: u64,
}

impl Draws {
    /// Draws under `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Draws { seed }
    }

    /// 64 bits for `what` happens to `id` at `time`.
    #[must_use]
    pub fn bits(self, what: &str, id: &str, time: Nanos) -> u64 {
        let mut state = mixed(self.seed);
        for text in [what, id] {
            state = mixed(state ^ text.len() as u64);
            for chunk in text.as_bytes().chunks(8) {
                let mut word = [0; 8];
                word[..chunk.len()].copy_from_slice(chunk);
                state = mixed(state ^ u64::from_le_bytes(word));
            }
        }
        mixed(state ^ time.cast_unsigned())
    }

    /// A number within `[0, 1)`, a multiple of 2⁻⁵³.
    #[must_use]
    pub fn unit(self, what: &str, id: &str, time: Nanos) -> f64 {
        const STEP: f64 = 1.0 / (1u64 << 53) as f64;
        (self.bits(what, id, time) >> 11) as f64 * STEP
    }

    /// Whether what happens with probability `chance` happens.
    #[must_use]
    pub fn hits(self, chance: f64, what: &str, id: &str, time: Nanos) -> bool {
        chance > 0.0 && self.unit(what, id, time) < chance
    }
}

fn mixed(word: u64) -> u64 {
    let z = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_the_key_matters_and_nothing_else() {
        let draws = Draws::new(7);
        let one = draws.bits("reject", "order-1", 5);
        assert_eq!(one, Draws::new(7).bits("reject", "order-1", 5));
        for other in [
            Draws::new(8).bits("reject", "order-1", 5),
            draws.bits("rejec", "torder-1", 5),
            draws.bits("reject", "order-2", 5),
            draws.bits("reject", "order-1", 6),
            draws.bits("reject", "order-1\0", 5),
        ] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn a_chance_is_how_often_it_happens() {
        let draws = Draws::new(1);
        for (chance, least, most) in [(0.0, 0, 0), (0.1, 850, 1_150), (1.0, 10_000, 10_000)] {
            let hits = (0..10_000)
                .filter(|number| draws.hits(chance, "reject", &format!("order-{number}"), 0))
                .count();
            assert!((least..=most).contains(&hits), "{chance}: {hits}");
        }
        let mean = (0..10_000)
            .map(|time| draws.unit("partial", "o", time))
            .sum::<f64>()
            / 10_000.0;
        assert!((mean - 0.5).abs() < 0.02, "{mean}");
    }
}
