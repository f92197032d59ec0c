//! Probabilities that mean what they say.
//!
//! A sigmoid on the log-odds `z` of the model's own probability (Platt 1999), fitted on data the model did
//! not learn from: `logit p = logit(base) + b + s (z - mean z)`. Calibration samples are few and their labels
//! overlap, so each counts as one over the overlap, and both coefficients have a normal prior about zero:
//! where the data say nothing, the answer is the base rate, and a model has to earn every step away from it.
//! Fitted by Newton's method with a line search. Every probability is clipped to [`FLOOR`, 1 - `FLOOR`], so
//! that one surprise costs a bounded loss.

/// Smallest probability ever given.
pub(crate) const FLOOR: f64 = 0.001;

/// Precision of the prior on the slope: a standard deviation of 1.
const SLOPE_PRECISION: f64 = 1.0;
/// Precision of the prior on the shift from the base rate: a standard deviation of 0.2 in log-odds.
const SHIFT_PRECISION: f64 = 25.0;
/// Fewest samples that are fitted to.
pub(crate) const FEWEST: usize = 10;

/// A fitted calibration of two-class probabilities.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Calibration {
    /// Log-odds of an average prediction.
    intercept: f64,
    slope: f64,
    /// Mean log-odds that the model itself gave.
    centre: f64,
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
    /// Fits to raw probabilities of the outcome "up" and whether it came true. `base` is the base rate of
    /// the window, `overlap` the number of successive labels that share their time. `None` with fewer than
    /// ten samples.
    #[must_use]
    pub(crate) fn fit(raw: &[f64], up: &[bool], base: f64, overlap: usize) -> Option<Calibration> {
        const ITERATIONS: usize = 50;
        let n = raw.len().min(up.len());
        if n < FEWEST {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "counts")]
        let (count, weight) = (n as f64, 1.0 / overlap.max(1) as f64);
        let z: Vec<f64> = raw[..n].iter().map(|p| log_odds(*p)).collect();
        let centre = z.iter().sum::<f64>() / count;
        let samples: Vec<(f64, f64)> = z
            .iter()
            .zip(up)
            .map(|(z, up)| (z - centre, if *up { 1.0 } else { 0.0 }))
            .collect();
        let start = log_odds(base);
        let loss = |slope: f64, shift: f64| -> f64 {
            let data: f64 = samples
                .iter()
                .map(|(x, target)| {
                    let f = start + shift + slope * x;
                    // ln(1 + exp(f)) - target f, written so that exp never overflows.
                    f.max(0.0) + libm::log1p(libm::exp(-f.abs())) - target * f
                })
                .sum();
            weight * data
                + (SLOPE_PRECISION * slope * slope + SHIFT_PRECISION * shift * shift) / 2.0
        };
        let (mut slope, mut shift) = (0.0, 0.0);
        let mut best = loss(slope, shift);
        for _ in 0..ITERATIONS {
            let (mut g1, mut g2) = (SLOPE_PRECISION * slope, SHIFT_PRECISION * shift);
            let (mut h11, mut h22, mut h21) = (SLOPE_PRECISION, SHIFT_PRECISION, 0.0);
            for (x, target) in &samples {
                let p = sigmoid(start + shift + slope * x);
                let (d1, d2) = (weight * (p - target), weight * p * (1.0 - p));
                g1 += x * d1;
                g2 += d1;
                h11 += x * x * d2;
                h22 += d2;
                h21 += x * d2;
            }
            if g1.abs() < 1e-9 && g2.abs() < 1e-9 {
                break;
            }
            // Positive: the priors make the Hessian definite.
            let determinant = h11 * h22 - h21 * h21;
            let (ds, db) = (
                -(h22 * g1 - h21 * g2) / determinant,
                -(h11 * g2 - h21 * g1) / determinant,
            );
            let descent = g1 * ds + g2 * db;
            let mut step = 1.0;
            let moved = loop {
                let next = loss(slope + step * ds, shift + step * db);
                if next < best + 1e-4 * step * descent {
                    (slope, shift, best) = (slope + step * ds, shift + step * db, next);
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
        (slope.is_finite() && shift.is_finite()).then_some(Calibration {
            intercept: start + shift,
            slope,
            centre,
        })
    }

    /// The calibrated, clipped probability.
    #[must_use]
    pub(crate) fn apply(&self, raw: f64) -> f64 {
        clip(sigmoid(
            self.intercept + self.slope * (log_odds(raw) - self.centre),
        ))
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
        let calibration = Calibration::fit(&raw, &up, 0.5, 1).unwrap();
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
        let calibration = Calibration::fit(&raw, &up, 0.6, 5).unwrap();
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
        let calibration = Calibration::fit(&raw, &up, 0.5, 1).unwrap();
        for p in [0.0, 1.0, f64::MIN_POSITIVE] {
            let given = calibration.apply(p);
            assert!((FLOOR..=1.0 - FLOOR).contains(&given), "{given}");
        }
    }

    #[test]
    fn a_constant_model_gives_the_base_rate_whatever_the_sample_says() {
        // Twenty labels that overlap five deep are four facts: not enough to leave the base rate far.
        let calibration = Calibration::fit(&[0.7; 20], &[true; 20], 0.5, 5).unwrap();
        assert!(
            (calibration.apply(0.7) - 0.5).abs() < 0.03,
            "{}",
            calibration.apply(0.7)
        );
    }

    #[test]
    fn too_few_samples_are_not_calibrated() {
        assert_eq!(Calibration::fit(&[0.5; 9], &[true; 9], 0.5, 1), None);
    }
}
