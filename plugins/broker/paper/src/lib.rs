//! A simulated broker: accounts whose orders fill against the bars it is shown.
//!
//! The fill rules are those of `bulkhead-venue`, which the host's sessions use natively, so the same orders
//! and bars give the same updates here and there. This crate adds the accounts: cash, positions, executions,
//! margin and carry; and, where they are asked for, the faults of a real broker. Nothing of that is on by
//! default.
//!
//! **Bounds.** Time comes only with `advance`: an order is taken at the close of the last bar, and fills from
//! the next one on (with `fill = "close"`, at that close, settled when an account is next asked about or
//! advanced). Unless `enforce-margin` is set an account is not refused what it cannot pay: buying power
//! (`margin-multiple` × equity less gross exposure) is stated, and holding orders to it is the desk's business.
//! Executions are kept for good, and a page of them is at most 1,000.
//!
//! **Extra fields of an account**: `simulated`, true; `borrow-fees` and `interest`, the totals that carry has
//! taken from and added to its cash so far, for books to follow by their differences; `margin-call`, whether
//! it is under one.
//!
//! **State** can move to another instance under the same configuration and instruments (`snapshot`). It is
//! all there is: draws are keyed, not streamed, so an instance that was moved meets the same faults.

mod config;
mod faults;
mod ledger;
mod margin;
mod requests;
#[cfg(test)]
mod tests;

pub use config::{AccountConfig, Config, Fees, Fill, Slippage};
pub use faults::Faults;

use bulkhead_sdk::broker::{
    Account, Acknowledgement, Broker, Error, ExecutionPage, Position, Rejection, Replacement,
    SimulatedBroker,
};
use bulkhead_sdk::order::{OpenOrder, Order, OrderUpdate, Step};
use bulkhead_sdk::snapshot::Snapshot;
use bulkhead_sdk::{Instrument, InstrumentHandle, Timestamp, Value};
use bulkhead_venue::carry::CarryRates;
use bulkhead_venue::{InstrumentSpec, Venue, VenueReject};
use faults::Line;
use ledger::Ledger;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most executions in one page.
const PAGE: usize = 1_000;

/// Layout of the saved state.
const STATE_VERSION: u32 = 2;

/// The plugin.
#[derive(Debug)]
pub struct Paper {
    config: Config,
    accounts: Vec<AccountConfig>,
    venues: Vec<String>,
    currencies: BTreeMap<InstrumentHandle, String>,
    state: State,
}

/// Everything that moves.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct State {
    version: u32,
    /// What it was made under.
    config: Config,
    /// Handles and the symbols they stand for; handles mean nothing in another session.
    symbols: Vec<(InstrumentHandle, String)>,
    venue: Venue,
    /// By account.
    ledgers: Vec<Ledger>,
    /// Close of the last bar.
    now: Option<Timestamp>,
    /// Already booked, and told with the next advance.
    settled: Vec<OrderUpdate>,
    line: Line,
}

fn symbol(symbols: &[(InstrumentHandle, String)], instrument: InstrumentHandle) -> &str {
    let at = symbols.binary_search_by_key(&instrument, |(handle, _)| *handle);
    at.map_or("", |at| &symbols[at].1)
}

impl Paper {
    fn symbol(&self, instrument: InstrumentHandle) -> &str {
        symbol(&self.state.symbols, instrument)
    }

    fn hard_to_borrow(&self, instrument: InstrumentHandle) -> bool {
        let symbol = self.symbol(instrument);
        self.config.hard_to_borrow.iter().any(|hard| hard == symbol)
    }

    fn multiplier(&self, instrument: InstrumentHandle) -> Decimal {
        multiplier(&self.state.venue, instrument)
    }

    fn equity_and_gross(&self, holder: usize) -> (Decimal, Decimal) {
        self.state.ledgers[holder].equity_and_gross(|instrument| self.multiplier(instrument))
    }

    fn book(&mut self, from: usize, updates: &[OrderUpdate]) {
        for execution in updates[from..]
            .iter()
            .filter_map(|update| update.execution.as_ref())
        {
            let multiplier = self.multiplier(execution.instrument);
            if let Ok(holder) = self.holder(&execution.account) {
                self.state.ledgers[holder].book(execution, multiplier);
            }
        }
    }

    /// Fills what fills at the last close, so that an account can be asked about it.
    fn settle(&mut self) {
        let mut settled = std::mem::take(&mut self.state.settled);
        let known = settled.len();
        self.state.venue.settle_close_into(&mut settled);
        self.book(known, &settled);
        self.state.settled = settled;
    }

    /// Books what every account has carried to a session's end.
    fn carry(&mut self, now: Timestamp) {
        let State { venue, ledgers, .. } = &mut self.state;
        let rates = CarryRates {
            borrow: self.config.short_borrow_rate.0,
            interest: self.config.cash_interest_rate.0,
        };
        for ledger in ledgers {
            ledger.carry(now, rates, |instrument| multiplier(venue, instrument));
        }
    }

    /// Where an account is kept.
    fn holder(&self, account: &str) -> Result<usize, Error> {
        let at = self.accounts.iter().position(|own| own.id == account);
        at.ok_or_else(|| {
            let names: Vec<&str> = self.accounts.iter().map(|own| own.id.as_str()).collect();
            rejected(&VenueReject::Account {
                observed: account.to_owned(),
                expected: names.join("`, `"),
            })
        })
    }

    /// When what is sent now is sent: before everything, while there was no bar.
    fn sent(&self) -> Timestamp {
        self.state.now.unwrap_or(Timestamp::MIN)
    }

    fn now_or_zero(&self) -> Timestamp {
        self.state.now.unwrap_or(0)
    }

    /// The broker's own id is the client's: there is one broker and one client. Time is 0 before any bar.
    fn acknowledged(&self, client_order_id: String) -> Acknowledgement {
        Acknowledgement {
            broker_order_id: client_order_id,
            time: self.now_or_zero(),
        }
    }
}

fn multiplier(venue: &Venue, instrument: InstrumentHandle) -> Decimal {
    venue
        .instrument(instrument)
        .map_or(Decimal::ONE, |spec| spec.multiplier)
}

fn refused(code: &str, text: String) -> Error {
    Error::Rejected(Rejection {
        code: code.to_owned(),
        text,
    })
}

fn rejected(reject: &VenueReject) -> Error {
    refused(reject.code(), reject.to_string())
}

impl Broker for Paper {
    type Config = Config;

    fn new(config: Config, instruments: &[Instrument]) -> Result<Self, String> {
        config.check()?;
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
        let accounts = config.all_accounts();
        let state = State {
            version: STATE_VERSION,
            config: config.clone(),
            symbols,
            venue,
            ledgers: accounts
                .iter()
                .map(|account| Ledger::new(account.cash.0))
                .collect(),
            now: None,
            settled: Vec::new(),
            line: Line::new(accounts.len()),
        };
        let currencies = instruments
            .iter()
            .map(|instrument| (instrument.handle, instrument.currency.clone()))
            .collect();
        Ok(Paper {
            config,
            accounts,
            venues,
            currencies,
            state,
        })
    }

    fn accounts(&mut self) -> Result<Vec<Account>, Error> {
        self.settle();
        let account = |(holder, own): (usize, &AccountConfig)| {
            let ledger = &self.state.ledgers[holder];
            let (equity, gross) = self.equity_and_gross(holder);
            let power = equity.saturating_mul(self.config.margin_multiple.0) - gross;
            let call = self.margin_call(holder).is_some();
            Account {
                id: own.id.clone(),
                currency: own.currency.clone(),
                cash: ledger.cash.normalize(),
                equity: equity.normalize(),
                buying_power: power.max(Decimal::ZERO).normalize(),
                venues: self.venues.clone(),
                extra: vec![
                    ("simulated".to_owned(), Value::Boolean(true)),
                    (
                        "borrow-fees".to_owned(),
                        Value::from(ledger.carry.borrow_fees.normalize()),
                    ),
                    (
                        "interest".to_owned(),
                        Value::from(ledger.carry.interest.normalize()),
                    ),
                    ("margin-call".to_owned(), Value::Boolean(call)),
                ],
            }
        };
        Ok(self.accounts.iter().enumerate().map(account).collect())
    }

    fn positions(&mut self, account: &str) -> Result<Vec<Position>, Error> {
        let holder = self.holder(account)?;
        self.settle();
        let held = self.state.ledgers[holder]
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
        self.submit_order(order)
    }

    fn replace(
        &mut self,
        account: &str,
        replacement: Replacement,
    ) -> Result<Acknowledgement, Error> {
        self.replace_order(account, replacement)
    }

    fn cancel(&mut self, account: &str, client_order_id: &str) -> Result<(), Error> {
        self.cancel_order(account, client_order_id)
    }

    fn open_orders(&mut self, account: &str) -> Result<Vec<OpenOrder>, Error> {
        self.holder(account)?;
        self.settle();
        let mut open = self.state.venue.open_orders();
        open.retain(|open| open.order.account == account);
        Ok(open)
    }

    fn executions(&mut self, account: &str, cursor: &str) -> Result<ExecutionPage, Error> {
        let holder = self.holder(account)?;
        self.settle();
        let all = &self.state.ledgers[holder].executions;
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
        let State { venue, symbols, .. } = &mut self.state;
        let faults = &self.config.faults;
        let stale = |step: &Step| {
            faults.stale_quotes > 0.0
                && faults.stale(symbol(symbols, step.instrument), step.bar.time)
        };
        if let Err(problem) = venue.advance_withholding_into(&steps, stale, &mut updates) {
            self.state.settled = updates;
            return Err(problem.to_string());
        }
        for step in &steps {
            if let Some(spec) = self.state.venue.instrument(step.instrument) {
                for action in &step.actions {
                    for ledger in &mut self.state.ledgers {
                        ledger.act(spec, &action.kind);
                    }
                }
            }
        }
        self.book(known, &updates);
        for step in &steps {
            for ledger in &mut self.state.ledgers {
                ledger.mark(step.instrument, step.bar.close);
            }
            self.state.now = self.state.now.max(Some(step.bar.time));
        }
        if !steps.is_empty() {
            let now = self.now_or_zero();
            if steps.iter().any(|step| step.session_end) {
                self.carry(now);
            }
            self.call_margins(now, &mut updates);
            self.state.line.advance(&self.config.faults, now);
        }
        // A change before the first bar came at no time.
        for update in &mut updates[..] {
            update.time = if update.time == Timestamp::MIN {
                0
            } else {
                update.time
            };
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
        if state.config != self.state.config {
            return Err("the state was saved under another configuration".to_owned());
        }
        self.state = state;
        Ok(())
    }
}

bulkhead_sdk::export!(broker: Paper, simulated, snapshot);
