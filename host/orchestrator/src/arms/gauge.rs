//! One figure of one arm, older observations weighing less, and what may be believed of its mean.

use serde::{Deserialize, Serialize};

/// Weights below this are nothing: what is left of observations that were forgotten long ago.
const NOTHING: f64 = 1e-12;

/// Discounted weight, mean and squared deviations of what was observed.
///
/// An observation `n` steps old weighs `discount^n`. The recurrences are West's for weighted samples
/// (Communications of the ACM 22, 1979), which lose no digits where the mean is large.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Gauge {
    /// Sum of the weights: how many fresh observations it is worth.
    pub weight: f64,
    /// Weighted mean; 0 without weight.
    pub mean: f64,
    /// Weighted sum of squared deviations from the mean.
    pub squares: f64,
}

impl Gauge {
    /// Lets one step pass: everything weighs `discount` of what it did.
    pub fn fade(&mut self, discount: f64) {
        self.weight *= discount;
        self.squares *= discount;
        if self.weight < NOTHING {
            *self = Gauge::default();
        }
    }

    /// Adds an observation of weight 1.
    pub fn add(&mut self, value: f64) {
        let before = self.weight;
        self.weight += 1.0;
        let deviation = value - self.mean;
        self.mean += deviation / self.weight;
        self.squares += deviation * deviation * before / self.weight;
    }

    /// The same mean and spread with a weight of at most `most`.
    #[must_use]
    pub fn shrunk(self, most: f64) -> Gauge {
        if self.weight <= most {
            return self;
        }
        Gauge {
            weight: most,
            squares: self.squares * most / self.weight,
            ..self
        }
    }
}

/// What is believed of a figure's mean.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Mean.
    pub mean: f64,
    /// Variance of a single observation.
    pub variance: f64,
    /// Observations the mean is worth, those borrowed included.
    pub weight: f64,
}

impl Estimate {
    /// Nothing is known.
    pub const UNKNOWN: Estimate = Estimate {
        mean: 0.0,
        variance: 0.0,
        weight: 0.0,
    };

    /// The posterior after `data`, with `self` as a prior that counts for at most `most` observations.
    ///
    /// The normal distribution with its conjugate normal-inverse-chi-squared prior (Murphy 2007, "Conjugate
    /// Bayesian analysis of the Gaussian distribution", section 5), degrees of freedom equal to weight: with
    /// prior `(m, v, k)` and data `(n, x, s)`, mean `(k m + n x) / (k + n)` and variance
    /// `(k v + s + k n (x - m)^2 / (k + n)) / (k + n)`.
    #[must_use]
    pub fn after(self, data: &Gauge, most: f64) -> Estimate {
        let prior = self.weight.min(most);
        let weight = prior + data.weight;
        if data.weight == 0.0 || weight == 0.0 {
            return Estimate {
                weight: prior,
                ..self
            };
        }
        let (shift, share) = (data.mean - self.mean, data.weight / weight);
        Estimate {
            mean: self.mean + shift * share,
            variance: (prior * self.variance + data.squares + prior * share * shift * shift)
                / weight,
            weight,
        }
    }

    /// Standard deviation of the mean, infinite where nothing is known.
    #[must_use]
    pub fn deviation(&self) -> f64 {
        if self.weight > 0.0 {
            (self.variance / self.weight).sqrt()
        } else {
            f64::INFINITY
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Weight, mean and squares by their definitions.
    fn by_definition(weighted: &[(f64, f64)]) -> (f64, f64, f64) {
        let weight: f64 = weighted.iter().map(|(weight, _)| weight).sum();
        let mean = weighted.iter().map(|(w, x)| w * x).sum::<f64>() / weight;
        let squares = weighted.iter().map(|(w, x)| w * (x - mean) * (x - mean));
        (weight, mean, squares.sum())
    }

    proptest! {
        #[test]
        fn discounting_equals_weighing_every_observation_by_its_age(
            steps in proptest::collection::vec(proptest::option::of(-5.0f64..5.0), 1..80),
            discount in 0.7f64..1.0,
            offset in -1e3f64..1e3,
        ) {
            let mut gauge = Gauge::default();
            let mut weighted: Vec<(f64, f64)> = Vec::new();
            for step in &steps {
                gauge.fade(discount);
                weighted.iter_mut().for_each(|(weight, _)| *weight *= discount);
                if let Some(value) = step {
                    gauge.add(value + offset);
                    weighted.push((1.0, value + offset));
                }
            }
            prop_assume!(!weighted.is_empty());
            let (weight, mean, squares) = by_definition(&weighted);
            prop_assert!((gauge.weight - weight).abs() < 1e-9 * weight.max(1.0));
            prop_assert!((gauge.mean - mean).abs() < 1e-9 * mean.abs().max(1.0), "{} {}", gauge.mean, mean);
            prop_assert!((gauge.squares - squares).abs() < 1e-6 * squares.max(1.0), "{} {}", gauge.squares, squares);
        }

        #[test]
        fn a_posterior_lies_between_its_prior_and_the_data_and_is_worth_both(
            values in proptest::collection::vec(-5.0f64..5.0, 1..30),
            mean in -5.0f64..5.0,
            most in 0.1f64..20.0,
        ) {
            let mut data = Gauge::default();
            values.iter().for_each(|value| data.add(*value));
            let prior = Estimate { mean, variance: 1.0, weight: 10.0 };
            let after = prior.after(&data, most);
            prop_assert!((after.weight - (data.weight + most.min(10.0))).abs() < 1e-9);
            prop_assert!(after.mean >= mean.min(data.mean) - 1e-9 && after.mean <= mean.max(data.mean) + 1e-9);
            prop_assert!(after.variance >= 0.0);
        }
    }

    #[test]
    fn a_prior_counts_as_the_observations_it_is_made_of() {
        // Taking the first half as a prior of full weight is the same as taking everything at once.
        let (mut first, mut second, mut both) =
            (Gauge::default(), Gauge::default(), Gauge::default());
        for (index, value) in [1.0, 4.0, -2.0, 7.0, 3.0, 3.5].into_iter().enumerate() {
            if index < 3 { &mut first } else { &mut second }.add(value);
            both.add(value);
        }
        let halves = Estimate::UNKNOWN
            .after(&first, f64::INFINITY)
            .after(&second, f64::INFINITY);
        let whole = Estimate::UNKNOWN.after(&both, f64::INFINITY);
        assert!((halves.mean - whole.mean).abs() < 1e-12);
        assert!((halves.variance - whole.variance).abs() < 1e-12);
        assert!((halves.weight - 6.0).abs() < 1e-12);
    }

    #[test]
    fn what_is_long_gone_is_forgotten_whole() {
        let mut gauge = Gauge::default();
        gauge.add(9.0);
        (0..100).for_each(|_| gauge.fade(0.5));
        assert_eq!(gauge, Gauge::default());
    }
}
