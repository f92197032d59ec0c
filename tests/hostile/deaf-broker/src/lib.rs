//! A broker that takes orders, never fills one, and panics when it is to cancel one.

use bulkhead_sdk::broker::{
    Account, Acknowledgement, Broker, Error, ExecutionPage, Position, Replacement, SimulatedBroker,
};
use bulkhead_sdk::config::NoConfig;
use bulkhead_sdk::order::{OpenOrder, Order, OrderUpdate, Step};
use bulkhead_sdk::{Instrument, Timestamp};

struct Deaf {
    open: Vec<OpenOrder>,
}

impl Broker for Deaf {
    type Config = NoConfig;

    fn new(_: NoConfig, _: &[Instrument]) -> Result<Self, String> {
        Ok(Deaf { open: Vec::new() })
    }

    fn accounts(&mut self) -> Result<Vec<Account>, Error> {
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
        panic!("does not cancel {client_order_id}, on purpose")
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

impl SimulatedBroker for Deaf {
    fn advance(&mut self, _: Vec<Step>) -> Result<Vec<OrderUpdate>, String> {
        Ok(Vec::new())
    }

    fn finish(&mut self, _: Timestamp) -> Vec<OrderUpdate> {
        Vec::new()
    }
}

bulkhead_sdk::export!(broker: Deaf, simulated);
