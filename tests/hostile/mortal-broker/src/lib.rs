//! A broker that takes orders and cancels, never fills one, and dies of one question too many about its
//! accounts.

use bulkhead_sdk::broker::{
    Account, Acknowledgement, Broker, Error, ExecutionPage, Position, Replacement, SimulatedBroker,
};
use bulkhead_sdk::order::{OpenOrder, Order, OrderUpdate, Step};
use bulkhead_sdk::{Instrument, Timestamp};

/// Its settings.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Config {
    /// Questions that an instance answers before the one that kills it.
    lives: u32,
    /// Bars after which it refuses to go on.
    bars: u32,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            lives: 50,
            bars: u32::MAX,
        }
    }
}

struct Mortal {
    lives: u32,
    bars: u32,
    open: Vec<OpenOrder>,
}

impl Broker for Mortal {
    type Config = Config;

    fn new(config: Config, _: &[Instrument]) -> Result<Self, String> {
        Ok(Mortal {
            lives: config.lives,
            bars: config.bars,
            open: Vec::new(),
        })
    }

    fn accounts(&mut self) -> Result<Vec<Account>, Error> {
        assert!(self.lives > 0, "asked once too often, on purpose");
        self.lives -= 1;
        Ok(Vec::new())
    }

    fn positions(&mut self, _: &str) -> Result<Vec<Position>, Error> {
        Ok(Vec::new())
    }

    fn submit(&mut self, order: Order) -> Result<Acknowledgement, Error> {
        let broker_order_id = order.client_order_id.clone();
        self.open.push(OpenOrder {
            order,
            filled: Default::default(),
            accepted: 0,
        });
        Ok(Acknowledgement {
            broker_order_id,
            time: 0,
        })
    }

    fn replace(&mut self, _: &str, _: Replacement) -> Result<Acknowledgement, Error> {
        Err(Error::Unsupported("it changes nothing".to_owned()))
    }

    fn cancel(&mut self, _: &str, client_order_id: &str) -> Result<(), Error> {
        let working = self.open.len();
        self.open
            .retain(|open| open.order.client_order_id != client_order_id);
        if self.open.len() < working {
            Ok(())
        } else {
            Err(Error::InvalidInput("no such order works".to_owned()))
        }
    }

    fn open_orders(&mut self, _: &str) -> Result<Vec<OpenOrder>, Error> {
        Ok(self.open.clone())
    }

    fn executions(&mut self, _: &str, cursor: &str) -> Result<ExecutionPage, Error> {
        Ok(ExecutionPage {
            executions: Vec::new(),
            cursor: cursor.to_owned(),
        })
    }
}

impl SimulatedBroker for Mortal {
    fn advance(&mut self, _: Vec<Step>) -> Result<Vec<OrderUpdate>, String> {
        if self.bars == 0 {
            return Err("goes on no further, on purpose".to_owned());
        }
        self.bars -= 1;
        Ok(Vec::new())
    }

    fn finish(&mut self, _: Timestamp) -> Vec<OrderUpdate> {
        Vec::new()
    }
}

bulkhead_sdk::export!(broker: Mortal, simulated);
