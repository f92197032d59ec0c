//! What can be set, and what follows from it.

use bulkhead_rule_common::positive;
use bulkhead_sdk::Decimal;
use bulkhead_sdk::config::Number;
use bulkhead_sdk::order::Trail;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most days that can be meant.
const MOST_DAYS: u32 = 36_500;
/// The largest multiple that can be meant.
const MOST_MULTIPLE: i64 = 100;
/// The largest amount that can be meant.
const MOST_AMOUNT: i64 = 1_000_000_000;

/// What the rule does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// A stop at a fixed fraction from the average entry price.
    #[default]
    Fixed,
    /// A stop that follows the best price.
    Trailing,
    /// A stop some average true ranges from the average entry price.
    Atr,
    /// An exit at market after some days.
    Time,
}

/// What can be set.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Config {
    /// What the rule does.
    pub mode: Mode,
    /// How far from the entry the stop is, as a fraction of the entry price; above 0 and below 1. In mode
    /// trailing, how far behind the best price; in mode atr, for a position whose entry the rule never saw.
    pub fraction: Number,
    /// Mode trailing: how far behind the best price the stop is in units of price, instead of `fraction`;
    /// rounded to the tick.
    pub amount: Option<Number>,
    /// Mode atr: the feature that is the range as a fraction of the price.
    pub feature: String,
    /// Mode atr: how many ranges from the entry the stop is; above 0 and at most 100.
    pub multiple: Number,
    /// Mode time: calendar days in UTC after which a position is left.
    #[schemars(range(min = 1, max = 36_500))]
    pub days: Option<u32>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            mode: Mode::Fixed,
            fraction: Number(Decimal::new(10, 2)),
            amount: None,
            feature: "atr_14".to_owned(),
            multiple: Number(Decimal::from(3)),
            days: None,
        }
    }
}

/// A configuration that works.
#[derive(Debug, Clone)]
pub(crate) enum Plan {
    Fixed(Decimal),
    Trailing(Trail),
    Atr {
        feature: String,
        multiple: Decimal,
        /// Where the range is not known.
        fraction: Decimal,
    },
    Time(i64),
}

impl Plan {
    pub(crate) fn new(config: Config) -> Result<Self, String> {
        let fraction = config.fraction.0;
        if fraction <= Decimal::ZERO || fraction >= Decimal::ONE {
            return Err(format!(
                "config key `fraction`: {fraction} is not above 0 and below 1"
            ));
        }
        let multiple = positive("multiple", config.multiple, MOST_MULTIPLE)?;
        for (key, set, mode) in [
            ("amount", config.amount.is_some(), Mode::Trailing),
            ("days", config.days.is_some(), Mode::Time),
        ] {
            if set && config.mode != mode {
                let wanted = if mode == Mode::Time {
                    "time"
                } else {
                    "trailing"
                };
                return Err(format!(
                    "config key `{key}`: it is for mode `{wanted}` only; leave it out or set `mode`"
                ));
            }
        }
        Ok(match config.mode {
            Mode::Fixed => Plan::Fixed(fraction),
            Mode::Trailing => Plan::Trailing(match config.amount {
                Some(amount) => Trail::Amount(positive("amount", amount, MOST_AMOUNT)?),
                None => Trail::Fraction(fraction),
            }),
            Mode::Atr if config.feature.trim().is_empty() => {
                return Err("config key `feature`: it is empty".to_owned());
            }
            Mode::Atr => Plan::Atr {
                feature: config.feature,
                multiple,
                fraction,
            },
            Mode::Time => match config.days {
                Some(days) if (1..=MOST_DAYS).contains(&days) => Plan::Time(days.into()),
                Some(days) => {
                    return Err(format!(
                        "config key `days`: {days} is not from 1 to {MOST_DAYS}"
                    ));
                }
                None => {
                    return Err("config key `days`: mode `time` needs a number of days".to_owned());
                }
            },
        })
    }

    /// The tag by which the rule knows its own orders.
    pub(crate) fn tag(&self) -> &'static str {
        match self {
            Plan::Fixed(_) => "stop-loss",
            Plan::Trailing(_) => "stop-loss:trailing",
            Plan::Atr { .. } => "stop-loss:atr",
            Plan::Time(_) => "stop-loss:time",
        }
    }
}
