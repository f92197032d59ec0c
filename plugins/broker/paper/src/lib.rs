//! A simulated broker: one account whose orders fill against the bars it is shown.
//!
//! The fill rules are those of `bulkhead-venue`, which the host's sessions use natively, so the same orders
//! and bars give the same updates here and there. This crate adds the account: cash, positions and executions.
//!
//! **Bounds.** Time comes only with `advance`: an order is taken at the close of the last bar, and fills from
//! the next one on (with `fill = "close"`, at that close, settled when the account is next asked about or
//! advanced). The account is not refused what it cannot pay: buying power (equity less gross exposure) is
//! stated, and holding orders to it is the desk's business. Executions are kept for good, and a page of them
//! is at most 1,000.
//!
//! **State** can move to another instance under the same configuration and instruments (`snapshot`).

mod config;
mod ledger;
#[cfg(test)]
mod tests;

pub use config::{Config, Fees, Fill, Slippage};

use bulkhead_sdk::broker::{
    Account, Acknowledgement, Broker, Error, ExecutionPage, Position, Rejection, Replacement,
    SimulatedBroker,
};
use bulkhead_sdk::order::{self, OpenOrder, Order, OrderUpdate, Step};
use bulkhead_sdk::snapshot::Snapshot;
use bulkhead_sdk::{Instrument, InstrumentHandle, Timestamp, Value};
use bulkhead_venue::{InstrumentSpec, Venue, VenueReject};
use ledger::Ledger;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Most executions in one page.
const PAGE: usize = 1_000;

/// Layout of the saved state.
const STATE_VERSION: u32 = 1;

/// The plugin.
#[derive(Debug)]
pub struct Paper {
    config: Config,
    venues: Vec<String>,
    state: State,
}

/// Everything that moves.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct State {
    version: u32,
    /// Handles and the symbols they stand for; handles mean nothing in another session.
    symbols: Vec<(InstrumentHandle, String)>,
    venue: Venue,
    ledger: Ledger,
    /// Close of the last bar.
    now: Option<Timestamp>,
    /// Already booked, and told with the next advance.
    settled: Vec<OrderUpdate>,
}

impl Paper {
    fn spec(&self, instrument: InstrumentHandle) -> Option<&InstrumentSpec> {
        self.state.venue.instrument(instrument)
    }

    fn book(&mut self, from: usize, updates: &[OrderUpdate]) {
        for execution in updates[from..]
            .iter()
            .filter_map(|update| update.execution.as_ref())
        {
            let multiplier = self
                .spec(execution.instrument)
                .map_or(Decimal::ONE, |spec| spec.multiplier);
            self.state.ledger.book(execution, multiplier);
        }
    }

    /// Fills what fills at the last close, so that the account can be asked about it.
    fn settle(&mut self) {
        let mut settled = std::mem::take(&mut self.state.settled);
        let known = settled.len();
        self.state.venue.settle_close_into(&mut settled);
        self.book(known, &settled);
        self.state.settled = settled;
    }

    fn own(&self, account: &str) -> Result<(), Error> {
        if account == self.config.account {
            return Ok(());
        }
        Err(rejected(&VenueReject::Account {
            observed: account.to_owned(),
            expected: self.config.account.clone(),
        }))
    }

    fn now(&self) -> Timestamp {
        self.state.now.unwrap_or(Timestamp::MIN)
    }

    /// The broker's own id is the client's: there is one broker and one client. Time is 0 before any bar.
    fn acknowledged(&self, client_order_id: String) -> Acknowledgement {
        Acknowledgement {
            broker_order_id: client_order_id,
            time: self.state.now.unwrap_or(0),
        }
    }
}

fn rejected(reject: &VenueReject) -> Error {
    Error::Rejected(Rejection {
        code: reject.code().to_owned(),
        text: reject.to_string(),
    })
}

impl Broker for Paper {
    type Config = Config;

    fn new(config: Config, instruments: &[Instrument]) -> Result<Self, String> {
        if config.account.is_empty() {
            return Err("config key `account`: must not be empty".to_owned());
        }
        let specs: Vec<InstrumentSpec> = instruments
            .iter()
            .map(|instrument| InstrumentSpec {
                handle: instrument.handle,
                tick: instrument.tick,
                lot: instrument.lot,
                multiplier: instrument.multiplier,
            })
            .collect();
        let venue = Venue::new(config.venue(), &specs).map_err(|problem| problem.to_string())?;
        let mut symbols: Vec<_> = instruments
            .iter()
            .map(|instrument| (instrument.handle, instrument.symbol.clone()))
            .collect();
        symbols.sort_unstable();
        let mut venues: Vec<_> = instruments
            .iter()
            .map(|instrument| instrument.venue.clone())
            .collect();
        venues.sort_unstable();
        venues.dedup();
        let state = State {
            version: STATE_VERSION,
            symbols,
            venue,
            ledger: Ledger::new(config.cash.0),
            now: None,
            settled: Vec::new(),
        };
        Ok(Paper {
            config,
            venues,
            state,
        })
    }

    fn accounts(&mut self) -> Result<Vec<Account>, Error> {
        self.settle();
        let (equity, gross) = self.state.ledger.equity_and_gross(|instrument| {
            self.spec(instrument)
                .map_or(Decimal::ONE, |spec| spec.multiplier)
        });
        Ok(vec![Account {
            id: self.config.account.clone(),
            currency: self.config.currency.clone(),
            cash: self.state.ledger.cash.normalize(),
            equity: equity.normalize(),
            buying_power: (equity - gross).max(Decimal::ZERO).normalize(),
            venues: self.venues.clone(),
            extra: vec![("simulated".to_owned(), Value::Boolean(true))],
        }])
    }

    fn positions(&mut self, account: &str) -> Result<Vec<Position>, Error> {
        self.own(account)?;
        self.settle();
        let held = self
            .state
            .ledger
            .holdings
            .iter()
            .filter(|(_, holding)| !holding.quantity.is_zero());
        Ok(held
            .map(|(instrument, holding)| Position {
                account: account.to_owned(),
                instrument: *instrument,
                quantity: holding.quantity.normalize(),
                average_price: holding.average_price().normalize(),
            })
            .collect())
    }

    fn submit(&mut self, order: Order) -> Result<Acknowledgement, Error> {
        let now = self.now();
        self.state
            .venue
            .submit(&order, now)
            .map_err(|reject| rejected(&reject))?;
        Ok(self.acknowledged(order.client_order_id))
    }

    fn replace(
        &mut self,
        account: &str,
        replacement: Replacement,
    ) -> Result<Acknowledgement, Error> {
        self.own(account)?;
        let now = self.now();
        let replacement = order::Replacement {
            client_order_id: replacement.client_order_id,
            new_client_order_id: replacement.new_client_order_id,
            quantity: replacement.quantity,
            kind: replacement.kind,
        };
        self.state
            .venue
            .replace(&replacement, now)
            .map_err(|reject| rejected(&reject))?;
        Ok(self.acknowledged(replacement.new_client_order_id))
    }

    fn cancel(&mut self, account: &str, client_order_id: &str) -> Result<(), Error> {
        self.own(account)?;
        self.state
            .venue
            .cancel(client_order_id)
            .map_err(|reject| rejected(&reject))
    }

    fn open_orders(&mut self, account: &str) -> Result<Vec<OpenOrder>, Error> {
        self.own(account)?;
        self.settle();
        Ok(self.state.venue.open_orders())
    }

    fn executions(&mut self, account: &str, cursor: &str) -> Result<ExecutionPage, Error> {
        self.own(account)?;
        self.settle();
        let all = &self.state.ledger.executions;
        let start = if cursor.is_empty() {
            Some(0)
        } else {
            cursor.parse().ok()
        };
        let Some(start) = start.filter(|start| *start <= all.len()) else {
            return Err(Error::InvalidInput(format!("no cursor `{cursor}`")));
        };
        let end = all.len().min(start + PAGE);
        let cursor = if end == 0 {
            String::new()
        } else {
            end.to_string()
        };
        Ok(ExecutionPage {
            executions: all[start..end].to_vec(),
            cursor,
        })
    }
}

impl SimulatedBroker for Paper {
    fn advance(&mut self, steps: Vec<Step>) -> Result<Vec<OrderUpdate>, String> {
        // Fills at the last close come before the actions of this bar; the venue refuses before it moves.
        self.settle();
        let mut updates = std::mem::take(&mut self.state.settled);
        let known = updates.len();
        if let Err(problem) = self.state.venue.advance_into(&steps, &mut updates) {
            self.state.settled = updates;
            return Err(problem.to_string());
        }
        for step in &steps {
            if let Some(spec) = self.state.venue.instrument(step.instrument) {
                for action in &step.actions {
                    self.state.ledger.act(spec, &action.kind);
                }
            }
        }
        self.book(known, &updates);
        for step in &steps {
            self.state.ledger.mark(step.instrument, step.bar.close);
            self.state.now = self.state.now.max(Some(step.bar.time));
        }
        Ok(updates)
    }

    fn finish(&mut self, time: Timestamp) -> Vec<OrderUpdate> {
        self.settle();
        let mut updates = std::mem::take(&mut self.state.settled);
        updates.extend(self.state.venue.finish(time));
        updates
    }
}

impl Snapshot for Paper {
    fn save(&self) -> Result<Vec<u8>, String> {
        serde_json::to_vec(&self.state).map_err(|problem| problem.to_string())
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), String> {
        let state: State = serde_json::from_slice(state)
            .map_err(|problem| format!("not a state of this broker: {problem}"))?;
        if state.version != STATE_VERSION {
            return Err(format!(
                "state of version {}, not {STATE_VERSION}",
                state.version
            ));
        }
        if state.symbols != self.state.symbols {
            return Err("the state was saved for other instruments".to_owned());
        }
        if state.venue.config() != self.state.venue.config() {
            return Err("the state was saved under another configuration".to_owned());
        }
        self.state = state;
        Ok(())
    }
}

bulkhead_sdk::export!(broker: Paper, simulated, snapshot);
