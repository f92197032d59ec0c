//! Keeps a way out behind every position.
//!
//! | mode | what rests, or happens |
//! | --- | --- |
//! | `fixed` | a stop at the average entry price less `fraction` |
//! | `trailing` | a trailing stop, `amount` or else `fraction` behind the best price since it was placed |
//! | `atr` | a stop at the average entry price less `multiple` average true ranges of the entry |
//! | `time` | nothing rests; the position is left at market once it is `days` days old |
//!
//! For short positions "less" is "more". Orders are reduce-only for the position's whole quantity, at prices
//! rounded to the instrument's tick, good till cancelled (at market: for the day), and tagged `stop-loss`,
//! `stop-loss:trailing`, `stop-loss:atr` or `stop-loss:time`: the rule knows its own by the tag, and may be
//! configured once for each mode. When a position's quantity changes, or its stop is more than a tick from where
//! it belongs, the stop is cancelled and placed anew; when the position is gone, so is the stop. A trailing stop keeps the level it has reached instead: see
//! module `trailing`.
//!
//! **atr.** The range is the host's feature `feature`, such as `atr_14`: Wilder's average of the last 14 true
//! ranges as a fraction of the close, so a distance in price is that fraction times the entry price. It is
//! taken when the owner's entry is judged, which is denied without it (`MISSING_ATR`), where it is not a
//! number above zero (`INVALID_ATR`), or where the stop would lie at or beyond zero (`ATR_TOO_WIDE`). It
//! stays with the position until it is closed or turned around, further entries notwithstanding. A position
//! whose entry the rule never saw is protected by `fraction`, unless a stop of the rule rests already, as after
//! a failure: that keeps its price. What is remembered moves to another instance.
//!
//! **time.** Days are calendar days in UTC: opened on the 3rd, a position of 2 days is left on the 5th.
//!
//! The other modes never judge orders.

mod config;
mod seen;
mod trailing;

pub use config::{Config, Mode};

use bulkhead_rule_common::context::feature;
use bulkhead_rule_common::dates::days_between;
use bulkhead_rule_common::resting::{exit, exit_side, is_ours, keep_one, protects};
use bulkhead_rule_common::{
    Entry, Listings, Whose, at_tick, denial, minus, open, plus, seal, text, times,
};
use bulkhead_sdk::number::from_f64;
use bulkhead_sdk::order::{Order, OrderKind};
use bulkhead_sdk::risk_rule::{
    Context, Denial, Error, Portfolio, Position, ProtectiveAction, RiskRule, Verdict,
};
use bulkhead_sdk::snapshot::Snapshot;
use bulkhead_sdk::{Decimal, Instrument, InstrumentHandle};
use config::Plan;
use seen::Seen;

/// Name of the saved state's layout.
const LAYOUT: &str = "stop-loss/1";

/// The rule.
pub struct StopLoss {
    plan: Plan,
    listings: Listings,
    /// Ranges of the entries that were judged; empty but in mode `atr`.
    seen: Seen,
}

/// A stop this fraction of the average entry price away from it.
fn stop(position: &Position, away: Decimal, tick: Decimal) -> Result<OrderKind, Error> {
    let factor = if position.quantity > Decimal::ZERO {
        minus(Decimal::ONE, away)?
    } else {
        plus(Decimal::ONE, away)?
    };
    let price = times(position.average_price, factor)?;
    Ok(OrderKind::Stop(at_tick(price, tick)?))
}

/// The stop that the rule has placed for a position already.
fn standing(portfolio: &Portfolio, tag: &str, position: &Position) -> Option<OrderKind> {
    let mut open = portfolio.open_orders.iter().filter(|open| {
        is_ours(open, tag)
            && protects(open, position)
            && open.order.request.side == exit_side(position)
    });
    open.find_map(|open| match open.order.request.kind {
        kind @ OrderKind::Stop(_) => Some(kind),
        _ => None,
    })
}

/// The range of an entry as a fraction of its price, or why it cannot have a stop.
fn range(context: &Context, name: &str, multiple: Decimal) -> Result<Decimal, Denial> {
    let Some(range) = feature(context, name) else {
        return Err(denial(
            "MISSING_ATR",
            "none",
            name,
            "the session has to compute this feature",
        ));
    };
    let invalid = || denial("INVALID_ATR", range, "above 0", format!("feature {name}"));
    let range = from_f64(range)
        .filter(|range| *range > Decimal::ZERO)
        .ok_or_else(invalid)?;
    match range.checked_mul(multiple) {
        Some(away) if away < Decimal::ONE => Ok(range),
        away => Err(denial(
            "ATR_TOO_WIDE",
            away.map_or_else(|| "out of range".to_owned(), text),
            "below 1",
            format!("{multiple} times feature {name}, as a fraction of the price"),
        )),
    }
}

impl StopLoss {
    fn tick(&self, instrument: InstrumentHandle) -> Decimal {
        self.listings.tick(instrument)
    }
}

impl RiskRule for StopLoss {
    type Config = Config;

    fn new(config: Config, instruments: &[Instrument]) -> Result<Self, String> {
        Ok(StopLoss {
            plan: Plan::new(config)?,
            listings: Listings::new(instruments),
            seen: Seen::default(),
        })
    }

    fn assess(
        &mut self,
        order: &Order,
        context: &Context,
        portfolio: &Portfolio,
    ) -> Result<Verdict, Error> {
        let Plan::Atr {
            feature, multiple, ..
        } = &self.plan
        else {
            return Ok(Verdict::Approve);
        };
        let Some(entry) = Entry::of(order, portfolio, Whose::Owner)? else {
            return Ok(Verdict::Approve);
        };
        match range(context, feature, *multiple) {
            Ok(range) => {
                self.seen.note(order, portfolio, range);
                Ok(Verdict::Approve)
            }
            Err(why) => Ok(entry.withhold(why)),
        }
    }

    fn review(&mut self, portfolio: &Portfolio) -> Result<Vec<ProtectiveAction>, Error> {
        let tag = self.plan.tag();
        self.seen.forget(portfolio);
        match &self.plan {
            Plan::Fixed(away) => keep_one(portfolio, tag, &self.listings, |position| {
                let kind = stop(position, *away, self.tick(position.instrument))?;
                Ok(Some(exit(position, kind, tag)))
            }),
            Plan::Trailing(trail) => {
                trailing::review(portfolio, *trail, tag, |handle| self.tick(handle))
            }
            Plan::Atr {
                multiple, fraction, ..
            } => keep_one(portfolio, tag, &self.listings, |position| {
                let tick = self.tick(position.instrument);
                let kind = match self.seen.range(position) {
                    Some(range) => stop(position, times(range, *multiple)?, tick)?,
                    None => match standing(portfolio, tag, position) {
                        Some(kind) => kind,
                        None => stop(position, *fraction, tick)?,
                    },
                };
                Ok(Some(exit(position, kind, tag)))
            }),
            Plan::Time(days) => keep_one(portfolio, tag, &self.listings, |position| {
                let due = days_between(position.opened, portfolio.time) >= *days;
                Ok(due.then(|| exit(position, OrderKind::Market, tag)))
            }),
        }
    }
}

impl Snapshot for StopLoss {
    fn save(&self) -> Result<Vec<u8>, String> {
        seal(LAYOUT, &self.seen)
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), String> {
        let seen: Seen = open(LAYOUT, state)?;
        let usable = |range: &Decimal| match &self.plan {
            Plan::Atr { multiple, .. } => {
                let away = range.checked_mul(*multiple);
                *range > Decimal::ZERO && away.is_some_and(|away| away < Decimal::ONE)
            }
            _ => *range > Decimal::ZERO,
        };
        if let Some(range) = seen.ranges().find(|range| !usable(range)) {
            return Err(format!(
                "the saved range {range} makes no stop in this configuration"
            ));
        }
        self.seen = seen;
        Ok(())
    }
}

bulkhead_sdk::export!(risk_rule: StopLoss, snapshot);

#[cfg(test)]
mod tests;
