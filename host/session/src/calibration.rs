//! Probabilities that mean what they say.
//!
//! Platt's sigmoid `1 / (1 + exp(a * z + b))` on the log-odds `z` of the model's own probability, fitted by
//! Newton's method with a line search on data the model did not learn from (Platt 1999; the targets are
//! smoothed as there, the algorithm is that of Lin, Lin & Weng 2007). Every probability is clipped to
//! [`FLOOR`, 1 - `FLOOR`], so that one surprise costs a bounded loss.

/// Smallest probability ever given.
pub(crate) const FLOOR: f64 = 0.001;

/// A fitted calibration of two-class probabilities.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Calibration {
    a: f64,
    b: f64,
}

/// A probability within the floor.
#[must_use]
pub(crate) fn clip(probability: f64) -> f64 {
    probability.clamp(FLOOR, 1.0 - FLOOR)
}

fn log_odds(probability: f64) -> f64 {
    let p = clip(probability);
    libm::log(p / (1.0 - p))
}

impl Calibration {
    /// Fits to raw probabilities of the outcome "up" and whether it came true. `None` with fewer than ten
    /// samples, where a sigmoid would only memorise.
    #[must_use]
    pub(crate) fn fit(raw: &[f64], up: &[bool]) -> Option<Calibration> {
        const ITERATIONS: usize = 100;
        const RIDGE: f64 = 1e-12;
        let n = raw.len().min(up.len());
        if n < 10 {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "counts")]
        let (ups, downs) = {
            let ups = up[..n].iter().filter(|up| **up).count();
            (ups as f64, (n - ups) as f64)
        };
        let (high, low) = ((ups + 1.0) / (ups + 2.0), 1.0 / (downs + 2.0));
        let z: Vec<f64> = raw[..n].iter().map(|p| log_odds(*p)).collect();
        let target: Vec<f64> = up[..n]
            .iter()
            .map(|up| if *up { high } else { low })
            .collect();
        let loss = |a: f64, b: f64| -> f64 {
            z.iter()
                .zip(&target)
                .map(|(z, t)| {
                    let f = a * z + b;
                    // Written so that exp never overflows.
                    if f >= 0.0 {
                        t * f + libm::log1p(libm::exp(-f))
                    } else {
                        (t - 1.0) * f + libm::log1p(libm::exp(f))
                    }
                })
                .sum()
        };
        let (mut a, mut b) = (0.0, libm::log((downs + 1.0) / (ups + 1.0)));
        let mut best = loss(a, b);
        for _ in 0..ITERATIONS {
            let (mut h11, mut h22, mut h21, mut g1, mut g2) = (RIDGE, RIDGE, 0.0, 0.0, 0.0);
            for (z, t) in z.iter().zip(&target) {
                let p = sigmoid(-(a * z + b));
                let (d1, d2) = (t - p, p * (1.0 - p));
                h11 += z * z * d2;
                h22 += d2;
                h21 += z * d2;
                g1 += z * d1;
                g2 += d1;
            }
            if g1.abs() < 1e-7 && g2.abs() < 1e-7 {
                break;
            }
            let determinant = h11 * h22 - h21 * h21;
            if determinant <= 0.0 {
                break;
            }
            let (da, db) = (
                -(h22 * g1 - h21 * g2) / determinant,
                -(h11 * g2 - h21 * g1) / determinant,
            );
            let slope = g1 * da + g2 * db;
            let mut step = 1.0;
            let moved = loop {
                let (next_a, next_b) = (a + step * da, b + step * db);
                let next = loss(next_a, next_b);
                if next < best + 1e-4 * step * slope {
                    (a, b, best) = (next_a, next_b, next);
                    break true;
                }
                step /= 2.0;
                if step < 1e-10 {
                    break false;
                }
            };
            if !moved {
                break;
            }
        }
        (a.is_finite() && b.is_finite()).then_some(Calibration { a, b })
    }

    /// The calibrated, clipped probability.
    #[must_use]
    pub(crate) fn apply(&self, raw: f64) -> f64 {
        clip(sigmoid(-(self.a * log_odds(raw) + self.b)))
    }
}

/// `1 / (1 + exp(-x))` without overflow.
fn sigmoid(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + libm::exp(-x))
    } else {
        let e = libm::exp(x);
        e / (1.0 + e)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha12Rng;
    use rand_core::{Rng, SeedableRng};

    fn draws(seed: u64, n: usize, truth: impl Fn(f64) -> f64) -> (Vec<f64>, Vec<bool>) {
        let mut generator = ChaCha12Rng::seed_from_u64(seed);
        let mut unit = move || (generator.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        (0..n)
            .map(|_| {
                let raw = 0.05 + 0.9 * unit();
                (raw, unit() < truth(raw))
            })
            .unzip()
    }

    #[test]
    fn an_overconfident_model_is_pulled_towards_the_truth() {
        // The truth moves half as far from a coin's toss as the model says.
        let (raw, up) = draws(3, 4000, |p| 0.5 + (p - 0.5) * 0.5);
        let calibration = Calibration::fit(&raw, &up).unwrap();
        for p in [0.1, 0.3, 0.5, 0.7, 0.9] {
            let truth = 0.5 + (p - 0.5) * 0.5;
            assert!(
                (calibration.apply(p) - truth).abs() < 0.05,
                "{p}: {}",
                calibration.apply(p)
            );
        }
    }

    #[test]
    fn a_model_that_knows_nothing_becomes_the_base_rate() {
        let (raw, up) = draws(4, 4000, |_| 0.6);
        let calibration = Calibration::fit(&raw, &up).unwrap();
        for p in [0.1, 0.9] {
            assert!(
                (calibration.apply(p) - 0.6).abs() < 0.06,
                "{p}: {}",
                calibration.apply(p)
            );
        }
    }

    #[test]
    fn nothing_leaves_the_floor() {
        let raw: Vec<f64> = (0..100)
            .map(|i| if i % 2 == 0 { 0.0 } else { 1.0 })
            .collect();
        let up: Vec<bool> = (0..100).map(|i| i % 2 == 1).collect();
        let calibration = Calibration::fit(&raw, &up).unwrap();
        for p in [0.0, 1.0, f64::MIN_POSITIVE] {
            let given = calibration.apply(p);
            assert!((FLOOR..=1.0 - FLOOR).contains(&given), "{given}");
        }
    }

    #[test]
    fn too_few_samples_are_not_calibrated() {
        assert_eq!(Calibration::fit(&[0.5; 9], &[true; 9]), None);
    }
}
