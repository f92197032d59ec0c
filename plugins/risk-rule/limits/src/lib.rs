//! Limits on position, order notional, gross exposure and daily loss.
//!
//! An order is split in two: the part that brings a position closer to zero, which is never in the way of
//! anything here, and the part that opens exposure, which every configured limit caps. The tightest cap
//! counts. Quantities are cut to the cap, rounded down to whole lots, and refused where nothing is left. An
//! order past `max-order-notional` is refused rather than cut: it is more likely a mistake than a wish.
//!
//! Working orders that may open exposure count as if they had filled. A limit that is not set does not
//! count. What cannot be judged (no price for a working order, numbers out of range) is an error, and the
//! host denies.
//!
//! The last reference price of each instrument is remembered, since a working market order names none; that
//! is the state which moves to another instance.

mod judge;

use bulkhead_rule_common::{Listings, Prices, context};
use bulkhead_sdk::config::Number;
use bulkhead_sdk::order::Order;
use bulkhead_sdk::risk_rule::{Context, Error, Portfolio, RiskRule, Verdict};
use bulkhead_sdk::snapshot::Snapshot;
use bulkhead_sdk::{Decimal, Instrument};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What can be set. Money is in the account's currency.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Config {
    /// Most units of one instrument, long or short.
    pub max_position: Option<Number>,
    /// Most money in one instrument at its reference price.
    pub max_position_notional: Option<Number>,
    /// Most money in one order's opening part at the reference price.
    pub max_order_notional: Option<Number>,
    /// Most money in all instruments, long and short added up, as a fraction of equity.
    pub max_gross_exposure: Option<Number>,
    /// Loss since the prior session's closing equity, as a fraction of it, at which no exposure is opened any
    /// more in this session.
    pub max_daily_loss: Option<Number>,
}

impl Config {
    fn check(&self) -> Result<(), String> {
        let named = [
            ("max-position", self.max_position),
            ("max-position-notional", self.max_position_notional),
            ("max-order-notional", self.max_order_notional),
            ("max-gross-exposure", self.max_gross_exposure),
            ("max-daily-loss", self.max_daily_loss),
        ];
        for (key, limit) in named {
            if let Some(limit) = limit
                && limit.0 < Decimal::ZERO
            {
                return Err(format!("config key `{key}`: {limit} is below 0"));
            }
        }
        if named.iter().all(|(_, limit)| limit.is_none()) {
            return Err("config: no limit is set, so the rule would hold nothing back".to_owned());
        }
        Ok(())
    }
}

/// The rule.
pub struct Limits {
    config: Config,
    listings: Listings,
    prices: Prices,
}

impl RiskRule for Limits {
    type Config = Config;

    fn new(config: Config, instruments: &[Instrument]) -> Result<Self, String> {
        config.check()?;
        Ok(Limits {
            config,
            listings: Listings::new(instruments),
            prices: Prices::default(),
        })
    }

    fn assess(
        &mut self,
        order: &Order,
        context: &Context,
        portfolio: &Portfolio,
    ) -> Result<Verdict, Error> {
        let unit = context::unit_value(context)?;
        self.prices
            .note(order.request.instrument, context.reference_price);
        judge::judge(self, order, context, unit, portfolio)
    }
}

impl Snapshot for Limits {
    fn save(&self) -> Result<Vec<u8>, String> {
        self.prices.save()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), String> {
        self.prices = Prices::restored(state)?;
        Ok(())
    }
}

bulkhead_sdk::export!(risk_rule: Limits, snapshot);

#[cfg(test)]
mod tests;
