//! Refuses entries without a calibrated probability that is high enough.
//!
//! An order may open exposure when the host says that the probability behind it is a model's calibrated one
//! (`confidence.calibrated` is true) and it is at least `floor`. Otherwise its opening part is refused:
//!
//! | code | when |
//! | --- | --- |
//! | `MISSING_CONFIDENCE` | there is no probability behind the order |
//! | `NOT_CALIBRATED` | the host does not say that it is calibrated |
//! | `INVALID_CONFIDENCE` | it is no number from 0 to 1 |
//! | `CONFIDENCE_BELOW_FLOOR` | it is below `floor` |
//!
//! A strategy that trades without a model's probability therefore never enters under this rule.

use bulkhead_rule_common::context::extra;
use bulkhead_rule_common::{Entry, Whose, denial};
use bulkhead_sdk::order::Order;
use bulkhead_sdk::risk_rule::{Context, Denial, Error, Portfolio, RiskRule, Verdict};
use bulkhead_sdk::{Instrument, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What can be set.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Config {
    /// Least calibrated probability of an entry, from 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub floor: f64,
}

impl Default for Config {
    fn default() -> Self {
        Config { floor: 0.55 }
    }
}

/// The rule.
pub struct ConfidenceFloor {
    floor: f64,
}

impl ConfidenceFloor {
    fn doubt(&self, context: &Context) -> Option<Denial> {
        let floor = self.floor;
        let Some(confidence) = context.confidence else {
            return Some(denial(
                "MISSING_CONFIDENCE",
                "none",
                floor,
                "there is no probability behind the order",
            ));
        };
        let calibrated = extra(context, "confidence.calibrated").and_then(Value::as_bool);
        if calibrated != Some(true) {
            return Some(denial(
                "NOT_CALIBRATED",
                confidence,
                "a calibrated probability",
                "what is not calibrated says nothing of how often it is right",
            ));
        }
        if !(0.0..=1.0).contains(&confidence) {
            return Some(denial(
                "INVALID_CONFIDENCE",
                confidence,
                "from 0 to 1",
                "no probability",
            ));
        }
        (confidence < floor).then(|| {
            denial(
                "CONFIDENCE_BELOW_FLOOR",
                confidence,
                floor,
                "calibrated probability behind the order",
            )
        })
    }
}

impl RiskRule for ConfidenceFloor {
    type Config = Config;

    fn new(config: Config, _: &[Instrument]) -> Result<Self, String> {
        let floor = config.floor;
        if !(0.0..=1.0).contains(&floor) {
            return Err(format!("config key `floor`: {floor} is not from 0 to 1"));
        }
        Ok(ConfidenceFloor { floor })
    }

    fn assess(
        &mut self,
        order: &Order,
        context: &Context,
        portfolio: &Portfolio,
    ) -> Result<Verdict, Error> {
        let Some(entry) = Entry::of(order, portfolio, Whose::Owner)? else {
            return Ok(Verdict::Approve);
        };
        Ok(match self.doubt(context) {
            None => Verdict::Approve,
            Some(why) => entry.withhold(why),
        })
    }
}

bulkhead_sdk::export!(risk_rule: ConfidenceFloor);

#[cfg(test)]
mod tests;
