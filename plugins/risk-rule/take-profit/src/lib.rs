//! Keeps a resting target for every position.
//!
//! For each position it wants exactly one reduce-only limit order, good till cancelled, tagged `take-profit`,
//! for the whole quantity, at the average entry price plus `fraction` (less, for a short position), rounded
//! to the instrument's tick and at least one tick. When the position's quantity changes, or the order is more
//! than a tick from where it belongs, it is cancelled and placed anew; when the position is gone, so is the
//! order. It never judges orders.
//!
//! It goes together with the rule `stop-loss`: both orders are reduce-only for the whole position, so
//! whichever trades first leaves the other with nothing to reduce, and the venue or the next review cancels
//! it.

use bulkhead_rule_common::resting::{exit, keep_one};
use bulkhead_rule_common::{Listings, at_tick, minus, plus, positive, times};
use bulkhead_sdk::config::Number;
use bulkhead_sdk::order::OrderKind;
use bulkhead_sdk::risk_rule::{Error, Portfolio, ProtectiveAction, RiskRule};
use bulkhead_sdk::{Decimal, Instrument};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Tag by which the rule knows its own orders.
const TAG: &str = "take-profit";
/// The largest fraction that can be meant.
const MOST: i64 = 100;

/// What can be set.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Config {
    /// Profit at which a position is closed, as a fraction of its average entry price; above 0 and at most
    /// 100. A short position cannot make 1 or more, so its order then rests at one tick.
    pub fraction: Number,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            fraction: Number(Decimal::new(20, 2)),
        }
    }
}

/// The rule.
pub struct TakeProfit {
    fraction: Decimal,
    listings: Listings,
}

impl RiskRule for TakeProfit {
    type Config = Config;

    fn new(config: Config, instruments: &[Instrument]) -> Result<Self, String> {
        Ok(TakeProfit {
            fraction: positive("fraction", config.fraction, MOST)?,
            listings: Listings::new(instruments),
        })
    }

    fn review(&mut self, portfolio: &Portfolio) -> Result<Vec<ProtectiveAction>, Error> {
        keep_one(portfolio, TAG, &self.listings, |position| {
            let gain = times(position.average_price, self.fraction)?;
            let price = if position.quantity > Decimal::ZERO {
                plus(position.average_price, gain)?
            } else {
                minus(position.average_price, gain)?
            };
            let price = at_tick(price, self.listings.tick(position.instrument))?;
            Ok(Some(exit(position, OrderKind::Limit(price), TAG)))
        })
    }
}

bulkhead_sdk::export!(risk_rule: TakeProfit);

#[cfg(test)]
mod tests;
