//! A rule that approves so many orders and dies of those in one symbol. How many it approved is in its memory alone.

use bulkhead_sdk::order::Order;
use bulkhead_sdk::risk_rule::{Context, Denial, Error, Portfolio, RiskRule, Verdict};
use bulkhead_sdk::{Instrument, InstrumentHandle};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What can be set.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Config {
    /// Orders that it approves.
    pub most: u32,
    /// The symbol.
    pub dies_of: String,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            most: u32::MAX,
            dies_of: String::new(),
        }
    }
}

struct Mortal {
    most: u32,
    approved: u32,
    dies_of: Option<InstrumentHandle>,
}

impl RiskRule for Mortal {
    type Config = Config;

    fn new(config: Config, instruments: &[Instrument]) -> Result<Self, String> {
        let found = instruments
            .iter()
            .find(|instrument| instrument.symbol == config.dies_of);
        Ok(Mortal {
            most: config.most,
            approved: 0,
            dies_of: found.map(|instrument| instrument.handle),
        })
    }

    fn assess(&mut self, order: &Order, _: &Context, _: &Portfolio) -> Result<Verdict, Error> {
        if self.dies_of == Some(order.request.instrument) {
            panic!("it dies of this symbol");
        }
        if self.approved == self.most {
            return Ok(Verdict::Reject(Denial {
                code: "ENOUGH".to_owned(),
                observed: self.approved.to_string(),
                limit: self.most.to_string(),
                text: "it has approved enough".to_owned(),
            }));
        }
        self.approved += 1;
        Ok(Verdict::Approve)
    }
}

bulkhead_sdk::export!(risk_rule: Mortal);
