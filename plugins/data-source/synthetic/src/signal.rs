//! How strongly a two-state signal must push the price to be right a given share of the time.
//!
//! The signal is s = ±1, the same from one bar to the next with probability [`STAY`]. The bar after one with
//! signal s gets the drift k·s, in daily standard deviations. Given s now, the sum of the next [`HORIZON`]
//! bars is normal once the signal's path over them is known, with mean k times the path's sum and variance
//! HORIZON. So its sign is that of s with probability Σ P(path) · Φ(k · sum(path) / √HORIZON) over the
//! 2^(HORIZON−1) paths; [`push`] solves that for k.

/// Bars that the signal looks ahead.
pub(crate) const HORIZON: u32 = 5;

/// Probability that the signal is the same on the next bar.
pub(crate) const STAY: f64 = 0.9;

/// The largest drift tried, in daily standard deviations: beyond it the probability hardly grows.
const HARDEST: f64 = 8.0;

/// The drift in daily standard deviations for a hit rate of `0.5 + strength`; at most 0.3.
pub(crate) fn push(strength: f64) -> f64 {
    let (mut low, mut high) = (0.0, HARDEST);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if hit_rate(middle) < 0.5 + strength {
            low = middle;
        } else {
            high = middle;
        }
    }
    // The lower end is exactly 0 for no strength at all.
    low
}

/// Probability that the next bars' sum has the signal's sign.
fn hit_rate(k: f64) -> f64 {
    let mut total = 0.0;
    for turns in 0..1_u32 << (HORIZON - 1) {
        let (mut sign, mut sum, mut probability) = (1.0, 1.0, 1.0);
        for step in 0..HORIZON - 1 {
            if turns >> step & 1 == 1 {
                sign = -sign;
                probability *= 1.0 - STAY;
            } else {
                probability *= STAY;
            }
            sum += sign;
        }
        total += probability * normal(k * sum / f64::from(HORIZON).sqrt());
    }
    total
}

/// Φ, the standard normal distribution function.
fn normal(x: f64) -> f64 {
    0.5 * libm::erfc(-x / std::f64::consts::SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hit_rate_is_what_was_asked_for() {
        assert!(push(0.0) < 1e-12);
        for hundredths in [1, 10, 20, 30] {
            let strength = f64::from(hundredths) / 100.0;
            let k = push(strength);
            assert!(k < HARDEST / 2.0, "{strength}: {k}");
            assert!((hit_rate(k) - 0.5 - strength).abs() < 1e-9, "{strength}");
        }
    }

    #[test]
    fn without_turns_the_hit_rate_would_be_the_normal_one() {
        assert!((normal(0.385_320_466) - 0.65).abs() < 1e-8);
        assert!((hit_rate(0.0) - 0.5).abs() < 1e-15);
    }
}
