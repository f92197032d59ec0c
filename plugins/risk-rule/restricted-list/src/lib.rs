//! Refuses entries in listed symbols.
//!
//! An order in a listed symbol may close what its owner holds and nothing more: the opening part is refused
//! with the list's reason (`RESTRICTED`). A listing counts from its `from` to its `until`, both days
//! included, in UTC; without either it has no beginning or no end. A symbol may be listed several times, and
//! one listing that counts suffices. Symbols are compared as the venue writes them, letter by letter.
//!
//! An order in an instrument that the rule does not know cannot be compared with a list and opens nothing
//! (`UNKNOWN_INSTRUMENT`).

use bulkhead_rule_common::dates::{parse, utc_date};
use bulkhead_rule_common::{Entry, Listings, Whose, denial};
use bulkhead_sdk::Instrument;
use bulkhead_sdk::order::Order;
use bulkhead_sdk::risk_rule::{Context, Denial, Error, Portfolio, RiskRule, Verdict};
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a listing refuses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Every entry, long or short, first or further.
    #[default]
    DenyAllEntries,
}

/// What can be set.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Config {
    /// What a listing refuses.
    pub mode: Mode,
    /// The list; at least one.
    pub symbols: Vec<Restriction>,
}

/// One listing.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Restriction {
    /// The symbol as the venue writes it.
    pub symbol: String,
    /// Why it is listed; every refusal says so.
    pub reason: String,
    /// First day in UTC on which it counts, such as 2026-01-05.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Last day in UTC on which it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// A listing as it is looked up.
struct Listed {
    symbol: String,
    reason: String,
    from: Option<Date>,
    until: Option<Date>,
}

impl Listed {
    fn new(index: usize, restriction: Restriction) -> Result<Self, String> {
        let key = |name: &str| format!("symbols[{index}].{name}");
        for (name, text) in [
            ("symbol", &restriction.symbol),
            ("reason", &restriction.reason),
        ] {
            if text.trim().is_empty() {
                return Err(format!("config key `{}`: it is empty", key(name)));
            }
        }
        let date = |name: &str, text: &Option<String>| {
            text.as_deref()
                .map(|text| parse(&key(name), text))
                .transpose()
        };
        let from = date("from", &restriction.from)?;
        let until = date("until", &restriction.until)?;
        if let (Some(from), Some(until)) = (from, until)
            && until < from
        {
            return Err(format!(
                "config key `{}`: {until} is before `from`, which is {from}",
                key("until")
            ));
        }
        Ok(Listed {
            symbol: restriction.symbol,
            reason: restriction.reason,
            from,
            until,
        })
    }

    fn counts_on(&self, date: Date) -> bool {
        self.from.is_none_or(|from| from <= date) && self.until.is_none_or(|until| date <= until)
    }
}

/// The rule.
pub struct RestrictedList {
    list: Vec<Listed>,
    listings: Listings,
}

impl RestrictedList {
    fn restriction(&self, order: &Order, date: Date) -> Option<Denial> {
        let handle = order.request.instrument;
        let Some(symbol) = self.listings.symbol(handle) else {
            return Some(denial(
                "UNKNOWN_INSTRUMENT",
                format!("instrument {handle}"),
                "a known symbol",
                "its symbol cannot be looked up in the list",
            ));
        };
        let listed = self
            .list
            .iter()
            .find(|listed| listed.symbol == symbol && listed.counts_on(date))?;
        let limit = match listed.until {
            Some(until) => format!("no entries until {until}"),
            None => "no entries".to_owned(),
        };
        Some(denial("RESTRICTED", symbol, limit, listed.reason.as_str()))
    }
}

impl RiskRule for RestrictedList {
    type Config = Config;

    fn new(config: Config, instruments: &[Instrument]) -> Result<Self, String> {
        let Mode::DenyAllEntries = config.mode;
        if config.symbols.is_empty() {
            return Err(
                "config key `symbols`: it is empty, so the rule would hold nothing back".to_owned(),
            );
        }
        let list = config
            .symbols
            .into_iter()
            .enumerate()
            .map(|(index, restriction)| Listed::new(index, restriction))
            .collect::<Result<_, _>>()?;
        Ok(RestrictedList {
            list,
            listings: Listings::new(instruments),
        })
    }

    fn assess(
        &mut self,
        order: &Order,
        _: &Context,
        portfolio: &Portfolio,
    ) -> Result<Verdict, Error> {
        let Some(entry) = Entry::of(order, portfolio, Whose::Owner)? else {
            return Ok(Verdict::Approve);
        };
        let date = utc_date(portfolio.time).ok_or_else(|| {
            Error::InvalidInput(format!("no calendar reaches the time {}", portfolio.time))
        })?;
        Ok(match self.restriction(order, date) {
            None => Verdict::Approve,
            Some(why) => entry.withhold(why),
        })
    }
}

bulkhead_sdk::export!(risk_rule: RestrictedList);

#[cfg(test)]
mod tests;
