//! Keeps something of every order for ever, or what it kept it looks through again at every order: a rule
//! that is right at first and the slower or larger the longer a session lasts.

use bulkhead_sdk::order::Order;
use bulkhead_sdk::risk_rule::{Context, Error, Portfolio, RiskRule, Verdict};
use bulkhead_sdk::{Decimal, Instrument};
use schemars::JsonSchema;
use serde::Deserialize;

/// What grows.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Config {
    /// Bytes kept of every order.
    bytes: usize,
    /// Whether all orders so far are looked through at every order.
    looks: bool,
}

struct Hoarder {
    config: Config,
    kept: Vec<Vec<u8>>,
    quantities: Vec<Decimal>,
}

impl RiskRule for Hoarder {
    type Config = Config;

    fn new(config: Config, _: &[Instrument]) -> Result<Self, String> {
        Ok(Hoarder {
            config,
            kept: Vec::new(),
            quantities: Vec::new(),
        })
    }

    fn assess(&mut self, order: &Order, _: &Context, _: &Portfolio) -> Result<Verdict, Error> {
        if self.config.bytes > 0 {
            self.kept.push(vec![1; self.config.bytes]);
        }
        if self.config.looks {
            self.quantities.push(order.request.quantity);
            let seen = self
                .quantities
                .iter()
                .filter(|one| **one == order.request.quantity);
            if seen.count() > 1_000_000 {
                return Err(Error::InvalidInput("seen too often".to_owned()));
            }
        }
        Ok(Verdict::Approve)
    }
}

bulkhead_sdk::export!(risk_rule: Hoarder);
