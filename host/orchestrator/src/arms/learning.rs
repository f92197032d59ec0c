//! How observations become what is believed of an arm.

use crate::choice::ConfigError;
use serde::{Deserialize, Serialize};

/// Most discounts that may be weighed against each other.
pub const DISCOUNTS: usize = 8;

/// How a task class learns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Learning {
    /// What an observation weighs after each further one, in `(0, 1]`. With several, evidence says which
    /// of them to believe. Of an arm that nobody tries there is no evidence, so a discount of 1 may keep a
    /// belief for ever; by default half of everything is forgotten after 2,300 observations at the latest.
    pub discounts: Vec<f64>,
    /// Reward that is expected before anything was observed.
    pub prior_mean: f64,
    /// Standard deviation of a reward that is expected before anything was observed.
    pub prior_deviation: f64,
    /// Observations that these two count for; small, so that the first rewards set the scale.
    pub prior_weight: f64,
    /// Most observations that the figures of a wider context count for in a narrower one, and those of all
    /// arms in one.
    pub pooling: f64,
    /// Most observations that a predecessor's figures count for in a new version.
    pub inheritance: f64,
    /// Reward given up for one unit of cost.
    pub cost_weight: f64,
    /// Reward given up for one second.
    pub latency_weight: f64,
}

impl Default for Learning {
    fn default() -> Self {
        Learning {
            discounts: vec![0.9997, 0.999, 0.995, 0.98],
            prior_mean: 0.0,
            prior_deviation: 1.0,
            prior_weight: 1e-3,
            pooling: 1.0,
            inheritance: 10.0,
            cost_weight: 0.0,
            latency_weight: 0.0,
        }
    }
}

impl Learning {
    /// Checks every figure.
    ///
    /// # Errors
    /// The first that is out of bounds.
    pub fn check(&self) -> Result<(), ConfigError> {
        #[expect(clippy::cast_precision_loss, reason = "a count")]
        let count = self.discounts.len() as f64;
        ConfigError::unless(
            (1..=DISCOUNTS).contains(&self.discounts.len()),
            "discounts",
            count,
            "there are 1 to 8 of them",
        )?;
        for discount in &self.discounts {
            ConfigError::unless(
                *discount > 0.0 && *discount <= 1.0,
                "discounts",
                *discount,
                "each is above 0 and at most 1",
            )?;
        }
        ConfigError::unless(
            self.prior_mean.is_finite(),
            "prior-mean",
            self.prior_mean,
            "it is a finite number",
        )?;
        for (field, value) in [
            ("prior-deviation", self.prior_deviation),
            ("prior-weight", self.prior_weight),
            ("pooling", self.pooling),
        ] {
            ConfigError::unless(
                value.is_finite() && value > 0.0,
                field,
                value,
                "it is above 0",
            )?;
        }
        for (field, value) in [
            ("inheritance", self.inheritance),
            ("cost-weight", self.cost_weight),
            ("latency-weight", self.latency_weight),
        ] {
            ConfigError::unless(
                value.is_finite() && value >= 0.0,
                field,
                value,
                "it is at least 0",
            )?;
        }
        Ok(())
    }
}
