//! What can be set, and what follows from it.

use bulkhead_rule_common::positive;
use bulkhead_sdk::Decimal;
use bulkhead_sdk::config::Number;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The largest share that can be meant: a hundred times equity.
const MOST: i64 = 100;

/// What can be set. Shares are fractions of equity, above 0 and at most 100: 0.2 is twenty percent. At least
/// one has to be set.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Config {
    /// Most money in one instrument.
    pub max_instrument: Option<Number>,
    /// Most money in one sector.
    pub max_sector: Option<Number>,
    /// Symbols and their sectors. A symbol that is not here is a sector of its own.
    pub sectors: BTreeMap<String, String>,
    /// Most money in an instrument and in whatever is correlated with it, each holding times the magnitude of
    /// its correlation.
    pub max_correlated: Option<Number>,
    /// Magnitude up to which a correlation does not count; at least 0 and below 1.
    pub min_correlation: Number,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            max_instrument: None,
            max_sector: None,
            sectors: BTreeMap::new(),
            max_correlated: None,
            min_correlation: Number(Decimal::new(5, 1)),
        }
    }
}

/// A configuration that works.
pub(crate) struct Shares {
    pub(crate) instrument: Option<Decimal>,
    pub(crate) sector: Option<Decimal>,
    pub(crate) sectors: BTreeMap<String, String>,
    pub(crate) correlated: Option<Decimal>,
    pub(crate) min_correlation: Decimal,
}

impl Shares {
    pub(crate) fn new(config: Config) -> Result<Self, String> {
        let checked = |key: &str, share: Option<Number>| {
            share.map(|share| positive(key, share, MOST)).transpose()
        };
        let shares = Shares {
            instrument: checked("max-instrument", config.max_instrument)?,
            sector: checked("max-sector", config.max_sector)?,
            sectors: config.sectors,
            correlated: checked("max-correlated", config.max_correlated)?,
            min_correlation: config.min_correlation.0,
        };
        if shares.min_correlation < Decimal::ZERO || shares.min_correlation >= Decimal::ONE {
            return Err(format!(
                "config key `min-correlation`: {} is not at least 0 and below 1",
                shares.min_correlation
            ));
        }
        if !shares.sectors.is_empty() && shares.sector.is_none() {
            return Err("config key `sectors`: it says nothing without `max-sector`".to_owned());
        }
        for (symbol, sector) in &shares.sectors {
            if symbol.trim().is_empty() || sector.trim().is_empty() {
                return Err(format!(
                    "config key `sectors`: `{symbol}` is mapped to `{sector}`, and one of them is empty"
                ));
            }
        }
        if shares.instrument.is_none() && !shares.of_others() {
            return Err("config: no share is set, so the rule would hold nothing back".to_owned());
        }
        Ok(shares)
    }

    /// Whether any share depends on other instruments than the order's.
    pub(crate) fn of_others(&self) -> bool {
        self.sector.is_some() || self.correlated.is_some()
    }
}
