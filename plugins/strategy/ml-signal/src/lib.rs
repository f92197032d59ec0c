//! Trades a model's calibrated probability past a threshold.
//!
//! It asks for one model by alias and takes the last class as "up", the first as "down". At or above the
//! threshold for up it wants a long position of `weight` of equity, at or above it for down a short one
//! where that is allowed, and otherwise nothing. Where the host gives no prediction, no model is eligible,
//! and the strategy gets out. An intent is sent only where the wanted direction is not the one already held
//! or working, so a position is not resized from day to day.

use bulkhead_sdk::Instrument;
use bulkhead_sdk::strategy::{Intent, Requirements, Slice, State, Strategy};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What can be set.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Config {
    /// Alias of the model.
    pub model: String,
    /// Probability from which it trades; above 0.5.
    #[schemars(range(min = 0.5, max = 1.0))]
    pub threshold: f64,
    /// Share of equity that a position takes; above 0.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub weight: f64,
    /// Whether it may go short.
    pub short: bool,
    /// Bars to see before the first intent.
    pub warm_up: u32,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            model: "direction".to_owned(),
            threshold: 0.55,
            weight: 0.3,
            short: false,
            warm_up: 0,
        }
    }
}

/// The strategy.
pub struct MlSignal {
    config: Config,
}

/// What the strategy wants of one instrument.
struct Wish {
    /// 1 long, -1 short, 0 flat.
    direction: f64,
    confidence: Option<f64>,
    reason: String,
}

impl MlSignal {
    fn wish(&self, probabilities: Option<&[f64]>) -> Wish {
        let flat = |confidence, reason| Wish {
            direction: 0.0,
            confidence,
            reason,
        };
        let (down, up) = match probabilities {
            None => return flat(None, "no eligible model".to_owned()),
            Some([down, .., up]) if down.is_finite() && up.is_finite() => (*down, *up),
            Some(_) => {
                return flat(None, "the model gives no class probabilities".to_owned());
            }
        };
        let threshold = self.config.threshold;
        if up >= threshold {
            Wish {
                direction: 1.0,
                confidence: Some(up),
                reason: format!("up {up:.3}, at or above {threshold}"),
            }
        } else if down >= threshold && self.config.short {
            Wish {
                direction: -1.0,
                confidence: Some(down),
                reason: format!("down {down:.3}, at or above {threshold}"),
            }
        } else {
            flat(
                Some(up.max(down)),
                format!("up {up:.3}, down {down:.3}: none at {threshold} that may be traded"),
            )
        }
    }
}

fn direction_of(state: &State) -> f64 {
    let held = state.position + state.working;
    if held == 0.0 { 0.0 } else { held.signum() }
}

impl Strategy for MlSignal {
    type Config = Config;

    fn new(config: Config, _instruments: &[Instrument]) -> Result<Self, String> {
        if config.model.trim().is_empty() {
            return Err("config key `model`: is empty; name a model's alias".to_owned());
        }
        if !(config.threshold > 0.5 && config.threshold <= 1.0) {
            return Err(format!(
                "config key `threshold`: {} is not above 0.5 and at most 1",
                config.threshold
            ));
        }
        if !(config.weight > 0.0 && config.weight.is_finite()) {
            return Err(format!(
                "config key `weight`: {} is not above 0",
                config.weight
            ));
        }
        Ok(MlSignal { config })
    }

    fn requirements(&self) -> Requirements {
        Requirements::slices(self.config.warm_up).with_models([self.config.model.as_str()])
    }

    fn on_slice(&mut self, slice: &Slice) -> Vec<Intent> {
        let mut intents = Vec::new();
        for (instrument, state) in slice.instruments.iter().zip(&slice.states) {
            let prediction = slice.prediction(*instrument, 0);
            let wish = self.wish(prediction.map(|prediction| prediction.values.as_slice()));
            if wish.direction == direction_of(state) {
                continue;
            }
            let intent = Intent::weight(
                *instrument,
                wish.direction * self.config.weight,
                wish.reason,
            );
            intents.push(match wish.confidence {
                Some(probability) => intent.with_confidence(probability),
                None => intent,
            });
        }
        intents
    }
}

bulkhead_sdk::export!(strategy: MlSignal);

#[cfg(test)]
mod tests {
    use super::*;
    use bulkhead_sdk::strategy::Prediction;
    use bulkhead_sdk::testing;

    fn intents(config: Config, position: f64, values: Option<&[f64]>) -> Vec<Intent> {
        let slice = Slice {
            time: 0,
            instruments: vec![7],
            bars: vec![testing::bar(0, 10.0)],
            states: vec![State {
                position,
                ..State::default()
            }],
            features: vec![],
            predictions: values
                .map(|values| Prediction {
                    instrument: 7,
                    model: 0,
                    values: values.to_vec(),
                })
                .into_iter()
                .collect(),
        };
        MlSignal::new(config, &[]).unwrap().on_slice(&slice)
    }

    fn only(intents: &[Intent]) -> (f64, Option<f64>, &str) {
        match intents {
            [
                Intent::Weight {
                    weight,
                    confidence,
                    reason,
                    ..
                },
            ] => (*weight, *confidence, reason),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_probability_past_the_threshold_is_traded_with_its_confidence() {
        let sent = intents(Config::default(), 0.0, Some(&[0.4, 0.6]));
        let (weight, confidence, _) = only(&sent);
        assert_eq!((weight, confidence), (0.3, Some(0.6)));
        // Held already: nothing to do.
        assert!(intents(Config::default(), 5.0, Some(&[0.4, 0.6])).is_empty());
    }

    #[test]
    fn between_the_thresholds_it_is_flat() {
        assert!(intents(Config::default(), 0.0, Some(&[0.48, 0.52])).is_empty());
        let sent = intents(Config::default(), 5.0, Some(&[0.48, 0.52]));
        assert_eq!(only(&sent).0, 0.0);
    }

    #[test]
    fn shorts_only_where_allowed() {
        assert!(intents(Config::default(), 0.0, Some(&[0.7, 0.3])).is_empty());
        let short = Config {
            short: true,
            ..Config::default()
        };
        let sent = intents(short, 0.0, Some(&[0.7, 0.3]));
        assert_eq!(only(&sent).0, -0.3);
        assert_eq!(only(&sent).1, Some(0.7));
    }

    #[test]
    fn without_an_eligible_model_it_gets_out_and_stays_out() {
        let sent = intents(Config::default(), 5.0, None);
        assert_eq!(only(&sent), (0.0, None, "no eligible model"));
        assert!(intents(Config::default(), 0.0, None).is_empty());
    }

    #[test]
    fn what_is_no_probability_is_not_traded() {
        assert!(intents(Config::default(), 0.0, Some(&[12.0])).is_empty());
        assert!(intents(Config::default(), 0.0, Some(&[f64::NAN, f64::NAN])).is_empty());
        let sent = intents(Config::default(), 5.0, Some(&[12.0]));
        assert_eq!(only(&sent).0, 0.0);
    }

    #[test]
    fn thresholds_that_cannot_work_are_refused() {
        for threshold in [0.5, 1.5, f64::NAN] {
            let config = Config {
                threshold,
                ..Config::default()
            };
            let error = MlSignal::new(config, &[]).err().unwrap();
            assert!(error.contains("`threshold`"), "{error}");
        }
    }
}
