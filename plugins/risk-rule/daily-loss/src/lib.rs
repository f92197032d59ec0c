//! Refuses entries once the day's loss reaches a limit.
//!
//! The loss is the prior session's closing equity less the equity of this moment, as a fraction of the
//! former; it starts at zero again with every session. From `limit` on nothing is opened
//! (`DAILY_LOSS_REACHED`). With `halt-at`, the next review that finds that loss stops all trading.
//!
//! Without a prior session's equity above zero there is nothing to measure a loss by: nothing is opened
//! (`MISSING_PRIOR_SESSION_EQUITY`), and where `halt-at` is set all trading stops.

use bulkhead_rule_common::{Entry, Whose, denial, dividing, minus, positive, share, text};
use bulkhead_sdk::config::Number;
use bulkhead_sdk::order::Order;
use bulkhead_sdk::risk_rule::{
    Context, Denial, Error, Portfolio, ProtectiveAction, RiskRule, Verdict,
};
use bulkhead_sdk::{Decimal, Instrument};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What can be set. Losses are fractions of the prior session's closing equity: 0.03 is three percent.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Config {
    /// Loss from which nothing is opened in this session; above 0 and at most 1.
    pub limit: Number,
    /// Loss from which all trading stops; at least `limit` and at most 1. Absent: it never does.
    pub halt_at: Option<Number>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            limit: Number(Decimal::new(3, 2)),
            halt_at: None,
        }
    }
}

/// The rule.
pub struct DailyLoss {
    limit: Decimal,
    halt_at: Option<Decimal>,
}

/// The loss, or why there is none that could be computed.
fn loss(portfolio: &Portfolio) -> Result<Result<Decimal, Denial>, Error> {
    let prior = portfolio.prior_session_equity;
    if prior <= Decimal::ZERO {
        return Ok(Err(denial(
            "MISSING_PRIOR_SESSION_EQUITY",
            text(prior),
            "above 0",
            "without it there is no loss to judge by",
        )));
    }
    Ok(Ok(dividing(minus(prior, portfolio.equity)?, prior)?))
}

fn reached(loss: Decimal, limit: Decimal) -> Denial {
    denial(
        "DAILY_LOSS_REACHED",
        share(loss),
        share(limit),
        "equity lost since the prior session's close",
    )
}

impl RiskRule for DailyLoss {
    type Config = Config;

    fn new(config: Config, _: &[Instrument]) -> Result<Self, String> {
        let limit = positive("limit", config.limit, 1)?;
        let halt_at = match config.halt_at {
            None => None,
            Some(halt_at) => {
                let halt_at = positive("halt-at", halt_at, 1)?;
                if halt_at < limit {
                    return Err(format!(
                        "config key `halt-at`: {halt_at} is below `limit`, which is {limit}"
                    ));
                }
                Some(halt_at)
            }
        };
        Ok(DailyLoss { limit, halt_at })
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
        Ok(match loss(portfolio)? {
            Ok(loss) if loss < self.limit => Verdict::Approve,
            Ok(loss) => entry.withhold(reached(loss, self.limit)),
            Err(missing) => entry.withhold(missing),
        })
    }

    fn review(&mut self, portfolio: &Portfolio) -> Result<Vec<ProtectiveAction>, Error> {
        let Some(halt_at) = self.halt_at else {
            return Ok(Vec::new());
        };
        Ok(match loss(portfolio)? {
            Ok(loss) if loss < halt_at => Vec::new(),
            Ok(loss) => vec![ProtectiveAction::Halt(reached(loss, halt_at))],
            Err(missing) => vec![ProtectiveAction::Halt(missing)],
        })
    }
}

bulkhead_sdk::export!(risk_rule: DailyLoss);

#[cfg(test)]
mod tests;
