//! Refuses entries for some days after consecutive losses.
//!
//! After `losses` closed trades in a row that lost money, nothing is opened until `days` calendar days have
//! passed since the last of them (`COOLDOWN`): after a loss on the 3rd with 2 days, entries pass from the 5th
//! on. Days are UTC dates, so a session's close that moves with daylight saving moves nothing. Losses count
//! for the order's owner, in all instruments or with `scope = "instrument"` in the order's only. A gain ends
//! the row; the passing of the days does not, so that the next loss starts another pause.
//!
//! The host counts: `owner.consecutive-losses` and `owner.last-loss-time`, or the same of `instrument`.
//! Without the count nothing is opened (`MISSING_CONSECUTIVE_LOSSES`), nor with one below zero
//! (`INVALID_CONSECUTIVE_LOSSES`), nor where there were enough losses and no time of the last
//! (`MISSING_LAST_LOSS_TIME`). A last loss in the future counts as one of this moment.

use bulkhead_rule_common::context::extra;
use bulkhead_rule_common::dates::{days_between, utc_date};
use bulkhead_rule_common::{Entry, Whose, denial};
use bulkhead_sdk::order::Order;
use bulkhead_sdk::risk_rule::{Context, Denial, Error, Portfolio, RiskRule, Verdict};
use bulkhead_sdk::{Instrument, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The longest row and the longest pause that can be meant.
const MOST: u32 = 3_650;

/// Whose losses count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// The owner's in all instruments.
    Owner,
    /// The owner's in the order's instrument.
    Instrument,
}

/// What can be set.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Config {
    /// Whose losses count.
    pub scope: Scope,
    /// Losses in a row after which the pause begins.
    #[schemars(range(min = 1, max = 3_650))]
    pub losses: u32,
    /// Calendar days without entries, counted from the day of the last loss.
    #[schemars(range(min = 1, max = 3_650))]
    pub days: u32,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            scope: Scope::Owner,
            losses: 3,
            days: 5,
        }
    }
}

/// The rule.
pub struct Cooldown(Config);

impl Cooldown {
    /// Why nothing may be opened now.
    fn pause(&self, context: &Context, portfolio: &Portfolio) -> Option<Denial> {
        let (count, time) = match self.0.scope {
            Scope::Owner => ("owner.consecutive-losses", "owner.last-loss-time"),
            Scope::Instrument => ("instrument.consecutive-losses", "instrument.last-loss-time"),
        };
        let Some(losses) = extra(context, count).and_then(Value::as_integer) else {
            return Some(denial(
                "MISSING_CONSECUTIVE_LOSSES",
                "none",
                count,
                "the host did not say how many losses there were",
            ));
        };
        if losses < 0 {
            return Some(denial(
                "INVALID_CONSECUTIVE_LOSSES",
                losses,
                "at least 0",
                count,
            ));
        }
        if losses < i64::from(self.0.losses) {
            return None;
        }
        let Some(last) = extra(context, time).and_then(Value::as_integer) else {
            return Some(denial(
                "MISSING_LAST_LOSS_TIME",
                "none",
                time,
                format!("{losses} losses in a row, and the host did not say when the last was"),
            ));
        };
        let passed = days_between(last, portfolio.time);
        if passed >= i64::from(self.0.days) {
            return None;
        }
        let on = utc_date(last).map_or_else(String::new, |date| format!(", the last on {date}"));
        Some(denial(
            "COOLDOWN",
            format!("{} days", passed.max(0)),
            format!("{} days", self.0.days),
            format!("{losses} losses in a row{on}"),
        ))
    }
}

impl RiskRule for Cooldown {
    type Config = Config;

    fn new(config: Config, _: &[Instrument]) -> Result<Self, String> {
        for (key, value) in [("losses", config.losses), ("days", config.days)] {
            if !(1..=MOST).contains(&value) {
                return Err(format!(
                    "config key `{key}`: {value} is not from 1 to {MOST}"
                ));
            }
        }
        Ok(Cooldown(config))
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
        Ok(match self.pause(context, portfolio) {
            None => Verdict::Approve,
            Some(why) => entry.withhold(why),
        })
    }
}

bulkhead_sdk::export!(risk_rule: Cooldown);

#[cfg(test)]
mod tests;
