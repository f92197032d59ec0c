//! Cuts entries so that a position's volatility stays within a share of equity.
//!
//! With σ the instrument's volatility a bar and P bars a year, an order is cut, in whole lots towards zero,
//! until `|position after| × price × multiplier × σ × √P ≤ target × equity` (`VOLATILITY_ABOVE_TARGET`). The
//! position after it is the account's in the instrument, all owners, with the working orders on the order's
//! side; so one standard deviation of a year's return of any one position is at most `target` of equity.
//!
//! σ is the host's feature `feature`: `volatility_20` is the sample standard deviation of the last 20 log
//! returns, a bar. It is not annualised, so `periods-per-year` must be that of the bars (252 for daily ones).
//! The session has to list the feature. Where it is not there nothing is opened (`MISSING_VOLATILITY`), nor
//! where it is not a number above zero (`INVALID_VOLATILITY`: a price that has not moved says nothing of its
//! risk), nor with an equity that is not above zero (`EQUITY_NOT_POSITIVE`).

use bulkhead_rule_common::context::{feature, unit_value};
use bulkhead_rule_common::{
    Entry, Listings, Whose, denial, dividing, minus, plus, positive, text, times,
};
use bulkhead_sdk::config::Number;
use bulkhead_sdk::number::from_f64;
use bulkhead_sdk::order::Order;
use bulkhead_sdk::risk_rule::{Context, Error, Portfolio, RiskRule, Verdict};
use bulkhead_sdk::{Decimal, Instrument};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The largest target that can be meant: ten times equity.
const MOST: i64 = 10;
/// Minutes in a year, the finest bars there are.
const MOST_PERIODS: u32 = 527_040;

/// What can be set.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Config {
    /// Most annualised volatility of one position, as a fraction of equity; above 0 and at most 10.
    pub target: Number,
    /// The feature that is the instrument's volatility a bar.
    pub feature: String,
    /// Bars in a year.
    #[schemars(range(min = 1, max = 527_040))]
    pub periods_per_year: u32,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            target: Number(Decimal::new(10, 2)),
            feature: "volatility_20".to_owned(),
            periods_per_year: 252,
        }
    }
}

/// The rule.
pub struct VolatilityTarget {
    target: Decimal,
    feature: String,
    /// √ of the bars in a year.
    scale: f64,
    listings: Listings,
}

impl RiskRule for VolatilityTarget {
    type Config = Config;

    fn new(config: Config, instruments: &[Instrument]) -> Result<Self, String> {
        let target = positive("target", config.target, MOST)?;
        if config.feature.trim().is_empty() {
            return Err("config key `feature`: it is empty".to_owned());
        }
        if !(1..=MOST_PERIODS).contains(&config.periods_per_year) {
            return Err(format!(
                "config key `periods-per-year`: {} is not from 1 to {MOST_PERIODS}",
                config.periods_per_year
            ));
        }
        Ok(VolatilityTarget {
            target,
            feature: config.feature,
            scale: f64::from(config.periods_per_year).sqrt(),
            listings: Listings::new(instruments),
        })
    }

    fn assess(
        &mut self,
        order: &Order,
        context: &Context,
        portfolio: &Portfolio,
    ) -> Result<Verdict, Error> {
        let unit = unit_value(context)?;
        let Some(entry) = Entry::of(order, portfolio, Whose::Account)? else {
            return Ok(Verdict::Approve);
        };
        let Some(per_bar) = feature(context, &self.feature) else {
            return Ok(entry.withhold(denial(
                "MISSING_VOLATILITY",
                "none",
                &self.feature,
                "the session has to compute this feature",
            )));
        };
        let annual = from_f64(per_bar * self.scale).filter(|annual| *annual > Decimal::ZERO);
        let Some(annual) = annual else {
            return Ok(entry.withhold(denial(
                "INVALID_VOLATILITY",
                per_bar,
                "above 0",
                format!("feature {}", self.feature),
            )));
        };
        if portfolio.equity <= Decimal::ZERO {
            return Ok(entry.withhold(denial(
                "EQUITY_NOT_POSITIVE",
                text(portfolio.equity),
                "above 0",
                "there is nothing to put at risk",
            )));
        }
        let allowed = times(self.target, portfolio.equity)?;
        let a_unit = times(unit, annual)?;
        let base = entry.base()?;
        let after = plus(base, entry.opening)?;
        let risk = times(after, a_unit)?;
        if risk <= allowed {
            return Ok(Verdict::Approve);
        }
        let room = minus(dividing(allowed, a_unit)?, base)?;
        let why = denial(
            "VOLATILITY_ABOVE_TARGET",
            text(risk),
            text(allowed),
            "money at one standard deviation a year, working orders included",
        );
        entry.cut(room, self.listings.lot(order.request.instrument), why)
    }
}

bulkhead_sdk::export!(risk_rule: VolatilityTarget);

#[cfg(test)]
mod tests;
