//! Brokers: where orders go.

use crate::entry::{self, configured};
use crate::number::{Fields, InvalidDecimal};
use crate::order::{Execution, OpenOrder, Order, OrderKind, OrderUpdate, Outcome, Step};
use crate::wire::broker::exports::bulkhead::plugin::broker as wire;
use crate::wire::orders;
use crate::wire::simulated::exports::bulkhead::plugin::simulated;
use crate::{Instrument, InstrumentHandle, Timestamp};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

pub use wire::{Acknowledgement, Error, Rejection};

/// A broker. Export it with `export!(broker: MyType)`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is exported as a broker, but does not implement `bulkhead_sdk::broker::Broker`"
)]
pub trait Broker: Sized + 'static {
    /// The configuration; its JSON Schema goes into `plugin.toml`.
    type Config: DeserializeOwned + JsonSchema;

    /// Takes the configuration and the instruments whose handles later calls use.
    ///
    /// # Errors
    /// One line that names the key and says what is wrong with it.
    fn new(config: Self::Config, instruments: &[Instrument]) -> Result<Self, String>;

    /// The accounts.
    ///
    /// # Errors
    /// See [`Error`].
    fn accounts(&mut self) -> Result<Vec<Account>, Error>;

    /// What an account holds.
    ///
    /// # Errors
    /// See [`Error`].
    fn positions(&mut self, account: &str) -> Result<Vec<Position>, Error>;

    /// Sends an order. A client order id that was seen is never taken twice: `rejected`, code `duplicate`.
    ///
    /// # Errors
    /// See [`Error`].
    fn submit(&mut self, order: Order) -> Result<Acknowledgement, Error>;

    /// Replaces a working order by one with a new identity.
    ///
    /// # Errors
    /// See [`Error`].
    fn replace(
        &mut self,
        account: &str,
        replacement: Replacement,
    ) -> Result<Acknowledgement, Error>;

    /// Cancels a working order.
    ///
    /// # Errors
    /// See [`Error`].
    fn cancel(&mut self, account: &str, client_order_id: &str) -> Result<(), Error>;

    /// Orders that still work.
    ///
    /// # Errors
    /// See [`Error`].
    fn open_orders(&mut self, account: &str) -> Result<Vec<OpenOrder>, Error>;

    /// Executions after `cursor`; the empty cursor is the beginning.
    ///
    /// # Errors
    /// See [`Error`].
    fn executions(&mut self, account: &str, cursor: &str) -> Result<ExecutionPage, Error>;
}

/// Optional: a broker that fills against bars it is shown; deterministic, and time comes only with
/// `advance`. Add it with `export!(broker: MyType, simulated)`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is exported with `simulated`, but does not implement `bulkhead_sdk::broker::SimulatedBroker`"
)]
pub trait SimulatedBroker: Broker {
    /// Moves time on by one bar for each instrument in `steps`, whose order changes nothing.
    ///
    /// # Errors
    /// One line saying which step cannot be taken and why.
    fn advance(&mut self, steps: Vec<Step>) -> Result<Vec<OrderUpdate>, String>;

    /// Closes the book: working orders are cancelled.
    fn finish(&mut self, time: Timestamp) -> Vec<OrderUpdate>;
}

/// An account.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// Its name.
    pub id: String,
    /// Currency it reports in.
    pub currency: String,
    /// Cash.
    pub cash: Decimal,
    /// Cash plus positions at market.
    pub equity: Decimal,
    /// What may still be bought.
    pub buying_power: Decimal,
    /// Venues it reaches.
    pub venues: Vec<String>,
    /// Whatever else is known of it.
    pub extra: Fields,
}

/// What an account holds of one instrument.
#[derive(Debug, Clone, PartialEq)]
pub struct Position {
    /// The account.
    pub account: String,
    /// What is held.
    pub instrument: InstrumentHandle,
    /// Below zero is short.
    pub quantity: Decimal,
    /// Average entry price, raw.
    pub average_price: Decimal,
}

/// What takes an order's place.
#[derive(Debug, Clone, PartialEq)]
pub struct Replacement {
    /// The order to replace.
    pub client_order_id: String,
    /// Identity of what replaces it.
    pub new_client_order_id: String,
    /// New quantity.
    pub quantity: Decimal,
    /// New price condition.
    pub kind: OrderKind,
}

/// Some executions.
#[derive(Debug, Clone, PartialEq)]
pub struct ExecutionPage {
    /// Oldest first.
    pub executions: Vec<Execution>,
    /// Pass it to get what came after; equal to the one passed when there is nothing more.
    pub cursor: String,
}

impl From<InvalidDecimal> for Error {
    fn from(error: InvalidDecimal) -> Self {
        Error::InvalidInput(error.to_string())
    }
}

configured!(Broker);

impl<T: Broker> wire::Guest for Adapter<T> {
    fn accounts() -> Result<Vec<wire::Account>, Error> {
        let accounts = entry::with::<T, _>(|broker| broker.accounts())?;
        Ok(accounts
            .into_iter()
            .map(|account| wire::Account {
                id: account.id,
                currency: account.currency,
                cash: account.cash.into(),
                equity: account.equity.into(),
                buying_power: account.buying_power.into(),
                venues: account.venues,
                extra: account.extra,
            })
            .collect())
    }

    fn positions(account: String) -> Result<Vec<wire::Position>, Error> {
        let positions = entry::with::<T, _>(|broker| broker.positions(&account))?;
        Ok(positions
            .into_iter()
            .map(|position| wire::Position {
                account: position.account,
                instrument: position.instrument,
                quantity: position.quantity.into(),
                average_price: position.average_price.into(),
            })
            .collect())
    }

    fn submit(order: orders::Order) -> Result<Acknowledgement, Error> {
        let order = Order::try_from(order)?;
        entry::with::<T, _>(|broker| broker.submit(order))
    }

    fn replace(account: String, wire: wire::Replacement) -> Result<Acknowledgement, Error> {
        let replacement = Replacement {
            client_order_id: wire.client_order_id,
            new_client_order_id: wire.new_client_order_id,
            quantity: wire.quantity.try_into()?,
            kind: wire.kind.try_into()?,
        };
        entry::with::<T, _>(|broker| broker.replace(&account, replacement))
    }

    fn cancel(account: String, client_order_id: String) -> Result<(), Error> {
        entry::with::<T, _>(|broker| broker.cancel(&account, &client_order_id))
    }

    fn open_orders(account: String) -> Result<Vec<orders::OpenOrder>, Error> {
        let open = entry::with::<T, _>(|broker| broker.open_orders(&account))?;
        Ok(open.into_iter().map(Into::into).collect())
    }

    fn executions(account: String, cursor: String) -> Result<wire::ExecutionPage, Error> {
        let page = entry::with::<T, _>(|broker| broker.executions(&account, &cursor))?;
        Ok(wire::ExecutionPage {
            executions: page.executions.into_iter().map(Into::into).collect(),
            cursor: page.cursor,
        })
    }
}

impl<T: SimulatedBroker> simulated::Guest for Adapter<T> {
    fn advance(steps: Vec<simulated::Step>) -> Result<Vec<simulated::OrderUpdate>, String> {
        let steps = steps
            .into_iter()
            .map(step)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| error.to_string())?;
        let updates = entry::with::<T, _>(|broker| broker.advance(steps))?;
        Ok(updates.into_iter().map(update).collect())
    }

    fn finish(time: Timestamp) -> Vec<simulated::OrderUpdate> {
        entry::with::<T, _>(|broker| broker.finish(time))
            .into_iter()
            .map(update)
            .collect()
    }
}

fn step(wire: simulated::Step) -> Result<Step, InvalidDecimal> {
    Ok(Step {
        instrument: wire.instrument,
        open_time: wire.open_time,
        bar: wire.bar,
        session_end: wire.session_end,
        actions: wire
            .actions
            .into_iter()
            .map(TryInto::try_into)
            .collect::<Result<_, _>>()?,
    })
}

fn update(update: OrderUpdate) -> simulated::OrderUpdate {
    simulated::OrderUpdate {
        client_order_id: update.client_order_id,
        outcome: match update.outcome {
            Outcome::Accepted => simulated::Outcome::Accepted,
            Outcome::Triggered => simulated::Outcome::Triggered,
            Outcome::PartiallyFilled => simulated::Outcome::PartiallyFilled,
            Outcome::Filled => simulated::Outcome::Filled,
            Outcome::Cancelled => simulated::Outcome::Cancelled,
            Outcome::Expired => simulated::Outcome::Expired,
            Outcome::Rejected => simulated::Outcome::Rejected,
        },
        time: update.time,
        execution: update.execution.map(Into::into),
        leaves: update.leaves.into(),
        reason: update.reason,
    }
}
