//! What the whole suite needs of a broker, so that native doubles can be held against it too.

use crate::state::{NO_SNAPSHOT, restored, saved};
use bulkhead_domain::Instrument;
use bulkhead_domain::order::{Execution, OpenOrder, Order, OrderUpdate, Replacement, Step};
use bulkhead_sandbox::{AccountState, BrokerPlugin, CallError, HeldPosition};

/// A simulated broker.
pub(crate) trait Broker {
    fn accounts(&mut self) -> Result<Vec<AccountState>, CallError>;
    fn positions(&mut self, account: &str) -> Result<Vec<HeldPosition>, CallError>;
    fn submit(&mut self, order: &Order) -> Result<(), CallError>;
    fn replace(&mut self, account: &str, replacement: &Replacement) -> Result<(), CallError>;
    fn cancel(&mut self, account: &str, client_order_id: &str) -> Result<(), CallError>;
    fn open_orders(&mut self, account: &str) -> Result<Vec<OpenOrder>, CallError>;
    fn executions(
        &mut self,
        account: &str,
        cursor: &str,
    ) -> Result<(Vec<Execution>, String), CallError>;
    fn advance(&mut self, steps: &[Step]) -> Result<Vec<OrderUpdate>, CallError>;
    fn finish(&mut self, time: i64) -> Result<Vec<OrderUpdate>, CallError>;

    /// Its state; `None` where it cannot be had.
    fn save(&mut self) -> Option<Result<Vec<u8>, String>> {
        None
    }

    /// Takes back a state.
    fn restore(&mut self, _state: &[u8]) -> Result<(), String> {
        Err(NO_SNAPSHOT.to_owned())
    }
}

/// Makes a fresh broker for instruments.
pub(crate) type Make<'a> = &'a dyn Fn(&[Instrument]) -> Result<Box<dyn Broker>, String>;

impl Broker for BrokerPlugin {
    fn accounts(&mut self) -> Result<Vec<AccountState>, CallError> {
        BrokerPlugin::accounts(self)
    }

    fn positions(&mut self, account: &str) -> Result<Vec<HeldPosition>, CallError> {
        BrokerPlugin::positions(self, account)
    }

    fn submit(&mut self, order: &Order) -> Result<(), CallError> {
        BrokerPlugin::submit(self, order).map(drop)
    }

    fn replace(&mut self, account: &str, replacement: &Replacement) -> Result<(), CallError> {
        BrokerPlugin::replace(self, account, replacement).map(drop)
    }

    fn cancel(&mut self, account: &str, client_order_id: &str) -> Result<(), CallError> {
        BrokerPlugin::cancel(self, account, client_order_id)
    }

    fn open_orders(&mut self, account: &str) -> Result<Vec<OpenOrder>, CallError> {
        BrokerPlugin::open_orders(self, account)
    }

    fn executions(
        &mut self,
        account: &str,
        cursor: &str,
    ) -> Result<(Vec<Execution>, String), CallError> {
        BrokerPlugin::executions(self, account, cursor)
    }

    fn advance(&mut self, steps: &[Step]) -> Result<Vec<OrderUpdate>, CallError> {
        BrokerPlugin::advance(self, steps)
    }

    fn finish(&mut self, time: i64) -> Result<Vec<OrderUpdate>, CallError> {
        BrokerPlugin::finish(self, time).map_err(CallError::from)
    }

    fn save(&mut self) -> Option<Result<Vec<u8>, String>> {
        saved(BrokerPlugin::save(self))
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), String> {
        restored(BrokerPlugin::restore(self, state))
    }
}
