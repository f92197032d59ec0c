//! Refuses orders above a hundred units, and with that is put in service in another version's place: sound, or
//! with a fault of one's choice that shows when it starts, at its first call, now and then, on one input, under
//! load only, or in what it answers.

use bulkhead_sdk::order::Order;
use bulkhead_sdk::risk_rule::{Context, Denial, Error, Portfolio, RiskRule, Verdict};
use bulkhead_sdk::{Decimal, Instrument};
use schemars::JsonSchema;
use serde::Deserialize;
use std::hint::black_box;

/// What is wrong with it.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Fault {
    /// Nothing.
    #[default]
    None,
    /// Panics when it is configured.
    Start,
    /// Panics at its first call.
    FirstCall,
    /// Panics at every hundredth call.
    EveryHundredth,
    /// Never returns from an order of thirteen units.
    Hangs,
    /// Looks at every pair of open orders, and at length.
    SlowUnderLoad,
    /// Approves everything.
    Worse,
}

/// What can be set.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Config {
    /// What is wrong with it.
    fault: Fault,
}

struct Successor {
    fault: Fault,
    calls: u64,
}

impl Successor {
    fn misbehave(&self, order: &Order, portfolio: &Portfolio) {
        match self.fault {
            Fault::FirstCall if self.calls == 1 => panic!("not one call"),
            Fault::EveryHundredth if self.calls.is_multiple_of(100) => {
                panic!("one call too many")
            }
            Fault::Hangs if order.request.quantity == Decimal::from(13) => while black_box(true) {},
            Fault::SlowUnderLoad => {
                for one in &portfolio.open_orders {
                    for other in &portfolio.open_orders {
                        for turn in 0..200 {
                            black_box((one.filled, other.filled, turn));
                        }
                    }
                }
            }
            _ => {}
        }
    }
}

impl RiskRule for Successor {
    type Config = Config;

    fn new(config: Config, _: &[Instrument]) -> Result<Self, String> {
        if config.fault == Fault::Start {
            panic!("no start for this one");
        }
        Ok(Successor {
            fault: config.fault,
            calls: 0,
        })
    }

    fn assess(
        &mut self,
        order: &Order,
        _: &Context,
        portfolio: &Portfolio,
    ) -> Result<Verdict, Error> {
        self.calls += 1;
        self.misbehave(order, portfolio);
        let quantity = order.request.quantity;
        if quantity <= Decimal::ONE_HUNDRED || self.fault == Fault::Worse {
            return Ok(Verdict::Approve);
        }
        Ok(Verdict::Reject(Denial {
            code: "TOO_LARGE".to_owned(),
            observed: quantity.to_string(),
            limit: "100".to_owned(),
            text: String::new(),
        }))
    }
}

bulkhead_sdk::export!(risk_rule: Successor);
