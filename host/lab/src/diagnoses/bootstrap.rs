//! The stationary block bootstrap.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Resamples: the standard error of a p-value of 5 % is then half a point.
const RESAMPLES: u64 = 2_000;

/// Mean length of a block: the cube root of the count, at least one, which grows as the theory asks while blocks stay
/// many.
#[must_use]
pub fn mean_block(observations: usize) -> f64 {
    libm::cbrt(observations as f64).max(1.0)
}

/// The probability of a mean at least as far from zero, if the true one were zero: the share of resamples of the values,
/// moved to a mean of zero, whose mean is as far off, with one added to both counts so that it is never nothing.
/// Two-sided. Blocks have random lengths about [`mean_block`] and wrap around the end, so that what returns have to do
/// with their neighbours is kept. The same values and seed give the same. `None` below two values or where one is not
/// finite.
///
/// Source: Politis and Romano, "The Stationary Bootstrap", Journal of the American Statistical Association 89 (1994).
#[must_use]
pub fn bootstrap_p_value(values: &[f64], seed: u64) -> Option<f64> {
    let count = values.len();
    let mean = values.iter().sum::<f64>() / count as f64;
    if count < 2 || !mean.is_finite() {
        return None;
    }
    // Sums from the start make a block's sum one subtraction.
    let mut sums = Vec::with_capacity(count + 1);
    let mut sum = 0.0;
    sums.push(sum);
    for value in values {
        sum += value - mean;
        sums.push(sum);
    }
    let whole = sum;
    let between = |from: usize, to: usize| -> Option<f64> { Some(sums.get(to)? - sums.get(from)?) };
    let mut draws = ChaCha8Rng::seed_from_u64(seed);
    let stop = 1.0 / mean_block(count);
    // Length of a block: geometric, by inversion.
    let continues = if stop < 1.0 {
        libm::log1p(-stop)
    } else {
        f64::NEG_INFINITY
    };
    let mut as_far = 0u64;
    for _ in 0..RESAMPLES {
        let (mut left, mut total) = (count, 0.0);
        while left > 0 {
            let start = (uniform(&mut draws) * count as f64) as usize;
            let drawn = 1.0 + (libm::log(1.0 - uniform(&mut draws)) / continues).floor();
            let length = if drawn < left as f64 {
                drawn as usize
            } else {
                left
            };
            left -= length;
            let end = start + length;
            total += if end <= count {
                between(start, end)?
            } else {
                // A block is never longer than the series.
                between(start, count)? + between(0, end - count)?
            };
        }
        // What rounding leaves of the whole is no part of a deviation.
        if ((total - whole) / count as f64).abs() >= mean.abs() {
            as_far += 1;
        }
    }
    Some((as_far + 1) as f64 / (RESAMPLES + 1) as f64)
}

/// From 0 to below 1, in steps of 2^-53.
fn uniform(draws: &mut ChaCha8Rng) -> f64 {
    (draws.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(count: usize, seed: u64) -> Vec<f64> {
        let mut draws = ChaCha8Rng::seed_from_u64(seed);
        (0..count).map(|_| uniform(&mut draws) - 0.5).collect()
    }

    #[test]
    fn of_noise_it_is_small_as_often_as_it_says() {
        let small = (0..200u64)
            .filter(|seed| bootstrap_p_value(&noise(250, *seed), 7).unwrap() < 0.1)
            .count();
        // Twenty are expected, with a standard error of 4.2; blocks make it a little too bold.
        assert!((6..=42).contains(&small), "{small}");
    }

    #[test]
    fn a_clear_mean_is_told_from_zero_and_a_seed_repeats() {
        let values: Vec<f64> = noise(250, 3).iter().map(|value| value + 0.2).collect();
        assert!(bootstrap_p_value(&values, 1).unwrap() < 0.001);
        let noise = noise(100, 5);
        assert_eq!(bootstrap_p_value(&noise, 9), bootstrap_p_value(&noise, 9));
    }

    /// Of runs of equal values far fewer are independent than there are values.
    #[test]
    fn returns_that_cling_together_are_not_counted_as_so_many() {
        let clinging: Vec<f64> = noise(50, 3)
            .iter()
            .flat_map(|value| [*value + 0.09; 10])
            .collect();
        let mut mixed = clinging.clone();
        let count = mixed.len();
        for index in 0..count {
            mixed.swap(index, (index * 211 + 17) % count);
        }
        let (together, apart) = (
            bootstrap_p_value(&clinging, 1),
            bootstrap_p_value(&mixed, 1),
        );
        assert!(together > apart, "{together:?} {apart:?}");
    }

    #[test]
    fn too_little_says_nothing() {
        assert_eq!(bootstrap_p_value(&[], 1), None);
        assert_eq!(bootstrap_p_value(&[0.1], 1), None);
        assert_eq!(bootstrap_p_value(&[0.1, f64::NAN], 1), None);
        assert!(bootstrap_p_value(&[0.1, -0.1], 1).is_some());
    }
}
