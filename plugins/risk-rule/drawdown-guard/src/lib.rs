//! Shrinks entries as equity falls from its peak.
//!
//! The drawdown is `1 - equity / peak`, where the peak is the highest equity at any session's close so far,
//! or the equity of this moment where that is higher. Up to `reduce-from` orders pass as they are. From
//! there to `halt-at` the opening part of an order is cut linearly, from all of it to nothing, in whole lots
//! towards zero (`DRAWDOWN_REDUCES`); what leaves less than a lot is refused. From `halt-at` on nothing is
//! opened (`DRAWDOWN_REACHED`), and with `halt` the next review stops all trading. It is orders that are cut,
//! not positions: a strategy that asks for the rest again at the next bar gets a part of that.
//!
//! An account whose peak is not above zero has no drawdown that could be computed: nothing is opened
//! (`MISSING_PEAK_EQUITY`), and with `halt` all trading stops. Whoever lets trading go on after a halt has to
//! raise `halt-at` too, since the drawdown is still there at the next review.

use bulkhead_rule_common::{
    Entry, Listings, Whose, denial, dividing, minus, positive, share, text, times,
};
use bulkhead_sdk::config::Number;
use bulkhead_sdk::order::Order;
use bulkhead_sdk::risk_rule::{
    Context, Denial, Error, Portfolio, ProtectiveAction, RiskRule, Verdict,
};
use bulkhead_sdk::{Decimal, Instrument};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What can be set. Drawdowns are fractions of the peak: 0.1 is ten percent.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Config {
    /// Drawdown up to which orders pass as they are; at least 0 and below `halt-at`.
    pub reduce_from: Number,
    /// Drawdown from which nothing is opened; at most 1.
    pub halt_at: Number,
    /// Whether all trading stops once a review finds `halt-at` reached.
    pub halt: bool,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            reduce_from: Number(Decimal::new(10, 2)),
            halt_at: Number(Decimal::new(20, 2)),
            halt: false,
        }
    }
}

/// The rule.
pub struct DrawdownGuard {
    reduce_from: Decimal,
    halt_at: Decimal,
    halt: bool,
    listings: Listings,
}

impl DrawdownGuard {
    /// The drawdown, or why there is none.
    fn drawdown(portfolio: &Portfolio) -> Result<Result<Decimal, Denial>, Error> {
        let peak = portfolio.peak_equity.max(portfolio.equity);
        if peak <= Decimal::ZERO {
            return Ok(Err(denial(
                "MISSING_PEAK_EQUITY",
                text(peak),
                "above 0",
                "without a peak there is no drawdown to judge by",
            )));
        }
        Ok(Ok(dividing(minus(peak, portfolio.equity)?, peak)?))
    }

    fn reached(&self, drawdown: Decimal) -> Denial {
        denial(
            "DRAWDOWN_REACHED",
            share(drawdown),
            share(self.halt_at),
            "equity below its peak",
        )
    }
}

impl RiskRule for DrawdownGuard {
    type Config = Config;

    fn new(config: Config, instruments: &[Instrument]) -> Result<Self, String> {
        let halt_at = positive("halt-at", config.halt_at, 1)?;
        let reduce_from = config.reduce_from.0;
        if reduce_from < Decimal::ZERO || reduce_from >= halt_at {
            return Err(format!(
                "config key `reduce-from`: {reduce_from} is not at least 0 and below `halt-at`, which is {halt_at}"
            ));
        }
        Ok(DrawdownGuard {
            reduce_from,
            halt_at,
            halt: config.halt,
            listings: Listings::new(instruments),
        })
    }

    fn assess(
        &mut self,
        order: &Order,
        _: &Context,
        portfolio: &Portfolio,
    ) -> Result<Verdict, Error> {
        let Some(entry) = Entry::of(order, portfolio, Whose::Account)? else {
            return Ok(Verdict::Approve);
        };
        let drawdown = match Self::drawdown(portfolio)? {
            Ok(drawdown) => drawdown,
            Err(missing) => return Ok(entry.withhold(missing)),
        };
        if drawdown <= self.reduce_from {
            return Ok(Verdict::Approve);
        }
        if drawdown >= self.halt_at {
            return Ok(entry.withhold(self.reached(drawdown)));
        }
        let left = minus(self.halt_at, drawdown)?;
        let opening = dividing(
            times(entry.opening, left)?,
            minus(self.halt_at, self.reduce_from)?,
        )?;
        let why = denial(
            "DRAWDOWN_REDUCES",
            share(drawdown),
            share(self.reduce_from),
            format!("entries shrink, to nothing at {}", share(self.halt_at)),
        );
        entry.cut(opening, self.listings.lot(order.request.instrument), why)
    }

    fn review(&mut self, portfolio: &Portfolio) -> Result<Vec<ProtectiveAction>, Error> {
        if !self.halt {
            return Ok(Vec::new());
        }
        Ok(match Self::drawdown(portfolio)? {
            Ok(drawdown) if drawdown < self.halt_at => Vec::new(),
            Ok(drawdown) => vec![ProtectiveAction::Halt(self.reached(drawdown))],
            Err(missing) => vec![ProtectiveAction::Halt(missing)],
        })
    }
}

bulkhead_sdk::export!(risk_rule: DrawdownGuard);

#[cfg(test)]
mod tests;
