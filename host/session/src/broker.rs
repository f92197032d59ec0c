//! A simulated broker as the desk's gateway and the session's venue, and the log it lives on by.
//!
//! Promises: a broker outside would outlive a session that is killed; this one does by its calls, which are
//! kept in the order in which they reached it, whatever it answered. [`PaperBroker::recover`] makes them
//! again on a fresh instance (a simulated broker is deterministic), after which it knows what it knew. What
//! it had said of a moment is said again when the resumed session comes to that moment.
//!
//! Bounds: the log goes through the writer of the audit log, so that of both a prefix is on disk. A call
//! that is lost with the process never reached the broker.

use crate::feed::Feed;
use bulkhead_desk::{
    BrokerAccount, BrokerPosition, Cancelled, ExecutionPage, Gateway, GatewayError, RiskApproved,
};
use bulkhead_domain::order::{OpenOrder, Order, OrderUpdate, Replacement, Step};
use bulkhead_domain::{Problem, Refusal};
use bulkhead_sandbox::{BrokerPlugin, CallError};
use bulkhead_store::{Statement, Store, StoreError, Writer, column, wait};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Where orders meet bars.
pub(crate) trait Venue: Gateway {
    /// Moves time on by one bar for each instrument in `steps`.
    ///
    /// # Errors
    /// In one line, why not; the session cannot go on.
    fn advance(&mut self, time: i64, steps: &[Step]) -> Result<Vec<OrderUpdate>, Problem>;

    /// Closes the book.
    ///
    /// # Errors
    /// As [`Venue::advance`].
    fn finish(&mut self, time: i64) -> Result<Vec<OrderUpdate>, Problem>;
}

/// One call that reached the broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "call")]
pub(crate) enum Call {
    Submit {
        order: Order,
    },
    Replace {
        account: String,
        replacement: Replacement,
    },
    Cancel {
        account: String,
        client_order_id: String,
    },
    Advance,
    Finish,
}

/// How often a fresh instance takes over in one session.
pub(crate) const RENEWALS: usize = 3;

/// Where calls are kept.
pub(crate) struct CallLog {
    store: Store,
    writer: Writer,
    run: String,
    next: i64,
}

/// Field of an account: borrow fees taken so far.
const BORROW_FEES: &str = "borrow-fees";
/// Field of an account: interest added so far.
const INTEREST: &str = "interest";

const INSERT: &str = "INSERT INTO broker_calls (run, sequence, time, call) VALUES ($1, $2, $3, $4)";
const READ: &str = "SELECT time, call FROM broker_calls WHERE run = $1 ORDER BY sequence";

impl CallLog {
    /// The log of a new run.
    pub(crate) fn new(store: Store, writer: Writer, run: &str) -> CallLog {
        CallLog {
            store,
            writer,
            run: run.to_owned(),
            next: 1,
        }
    }

    fn keep(&mut self, time: i64, call: &Call) -> Result<(), StoreError> {
        let text = serde_json::to_string(call).map_err(|error| StoreError::Column {
            column: "call".to_owned(),
            text: error.to_string(),
        })?;
        self.writer.write(
            Statement::new(INSERT)
                .bind(&self.run)
                .bind(self.next)
                .bind(time)
                .bind(text),
        )?;
        self.next += 1;
        Ok(())
    }

    fn calls(&self) -> Result<Vec<(i64, Call)>, StoreError> {
        self.writer.flush()?;
        wait(calls(&self.store, &self.run))
    }
}

/// The calls of a run, in order, with the session's time at each.
pub(crate) async fn calls(store: &Store, run: &str) -> Result<Vec<(i64, Call)>, StoreError> {
    let rows = sqlx::query(READ)
        .bind(run.to_owned())
        .fetch_all(store.pool())
        .await
        .map_err(|error| StoreError::of_statement(READ, &error))?;
    rows.iter()
        .map(|row| {
            let text: String = column(row, "call")?;
            let call = serde_json::from_str(&text).map_err(|error| StoreError::Column {
                column: "call".to_owned(),
                text: error.to_string(),
            })?;
            Ok((column(row, "time")?, call))
        })
        .collect()
}

/// The session's bars from its start, as often as they are asked for.
type Bars<'a> = Box<dyn Fn() -> Result<Feed<'a>, Problem> + 'a>;

/// The broker's plugin, with the log of its calls where they are kept.
pub(crate) struct PaperBroker<'a> {
    plugin: BrokerPlugin,
    log: Option<CallLog>,
    bars: Bars<'a>,
    /// The session's time.
    now: i64,
    /// What was said of moments that a resumed session has not come to again.
    told: VecDeque<(i64, Vec<OrderUpdate>)>,
    /// Why each fresh instance took over.
    renewals: Vec<String>,
    /// How many of them were told of.
    mentioned: usize,
}

impl<'a> PaperBroker<'a> {
    /// A broker that has seen nothing.
    pub(crate) fn new(plugin: BrokerPlugin, log: Option<CallLog>, bars: Bars<'a>) -> Self {
        PaperBroker {
            plugin,
            log,
            bars,
            now: 0,
            told: VecDeque::new(),
            renewals: Vec::new(),
            mentioned: 0,
        }
    }

    /// Makes every call again that reached the broker of a session that is resumed.
    ///
    /// # Errors
    /// When a moment has other bars than it had, or the broker fails.
    pub(crate) fn recover(&mut self, calls: Vec<(i64, Call)>) -> Result<(), Problem> {
        if let Some(log) = &mut self.log {
            log.next = i64::try_from(calls.len()).unwrap_or(i64::MAX) + 1;
        }
        self.told = self.repeat(calls)?;
        Ok(())
    }

    /// Makes calls again and gives what was said of each moment.
    fn repeat(
        &mut self,
        calls: Vec<(i64, Call)>,
    ) -> Result<VecDeque<(i64, Vec<OrderUpdate>)>, Problem> {
        let mut feed = (self.bars)()?;
        let mut told = VecDeque::new();
        for (time, call) in calls {
            // What it answered is on record already, or was never heard.
            match call {
                Call::Submit { order } => drop(self.plugin.submit(&order)),
                Call::Replace {
                    account,
                    replacement,
                } => drop(self.plugin.replace(&account, &replacement)),
                Call::Cancel {
                    account,
                    client_order_id,
                } => drop(self.plugin.cancel(&account, &client_order_id)),
                Call::Advance => {
                    let moment = feed
                        .by_ref()
                        .find(|moment| moment.time >= time)
                        .filter(|moment| moment.time == time)
                        .ok_or_else(|| {
                            Problem::user(
                                format!("the data have no bars at {time}, and the session that is resumed saw some"),
                                "use the data that the session was started with, or start it anew with --fresh",
                            )
                        })?;
                    told.push_back((time, self.plugin.advance(&moment.steps)?));
                }
                Call::Finish => told.push_back((i64::MAX, self.plugin.finish(time)?)),
            }
        }
        Ok(told)
    }

    /// Lets a fresh instance that knows what was kept take over from one that failed. Where that cannot be,
    /// the failed one answers that it failed.
    fn revive(&mut self) {
        if self.plugin.is_live() || self.renewals.len() >= RENEWALS {
            return;
        }
        let Some(log) = &self.log else {
            return;
        };
        let renewed = log.calls().map_err(Problem::from).and_then(|calls| {
            self.plugin.renew()?;
            self.repeat(calls)
        });
        self.renewals.push(match renewed {
            Ok(_) => "a fresh instance took over with everything that it had been told".to_owned(),
            Err(problem) => format!("a fresh instance could not take over: {problem}"),
        });
    }

    /// What became of failed instances since it was last asked.
    pub(crate) fn take_renewals(&mut self) -> Vec<String> {
        let new = self.renewals[self.mentioned..].to_vec();
        self.mentioned = self.renewals.len();
        new
    }

    /// Whether everything it had said was said again.
    pub(crate) fn is_caught_up(&self) -> bool {
        self.told.is_empty()
    }

    /// An account as it stands; `None` where there is none of this name, or where a resumed session has not
    /// come to what the broker knows.
    ///
    /// # Errors
    /// In one line, why it cannot be asked.
    pub(crate) fn account(&mut self, name: &str) -> Result<Option<BrokerAccount>, String> {
        if !self.is_caught_up() {
            return Ok(None);
        }
        self.revive();
        let accounts = self.plugin.accounts().map_err(|error| error.to_string())?;
        let found = accounts.into_iter().find(|account| account.id == name);
        Ok(found.map(|account| BrokerAccount {
            cash: account.cash,
            equity: account.equity,
            borrow_fees: account.extra_decimal(BORROW_FEES),
            interest: account.extra_decimal(INTEREST),
        }))
    }

    /// Keeps a call, unless it took its instance with it.
    fn keep(&mut self, call: &Call) -> Result<(), StoreError> {
        match &mut self.log {
            Some(log) if self.plugin.is_live() => log.keep(self.now, call),
            _ => Ok(()),
        }
    }

    /// What was said of a moment before; `None` when it is a new one.
    fn said(&mut self, time: i64) -> Option<Vec<OrderUpdate>> {
        if self.told.front()?.0 == time {
            self.told.pop_front().map(|(_, updates)| updates)
        } else {
            None
        }
    }
}

fn gateway_error(error: &CallError) -> GatewayError {
    match error.refusal() {
        Some(Refusal::Rejected { code, text }) => GatewayError::Rejected {
            code: code.clone(),
            text: text.clone(),
        },
        Some(refusal @ (Refusal::InvalidInput(_) | Refusal::Unsupported(_))) => {
            GatewayError::Rejected {
                code: "refused".to_owned(),
                text: refusal.to_string(),
            }
        }
        Some(
            refusal
            @ (Refusal::Unavailable(_) | Refusal::RateLimited(_) | Refusal::Unauthorized(_)),
        ) => GatewayError::Unavailable(refusal.to_string()),
        _ => GatewayError::Ambiguous(error.to_string()),
    }
}

/// What the broker took and the log did not: it may be lost with the process, so it is not certain.
fn unkept(error: &StoreError) -> GatewayError {
    GatewayError::Ambiguous(format!("the broker's log cannot be written: {error}"))
}

impl Gateway for PaperBroker<'_> {
    fn submit(&mut self, order: RiskApproved<Order>) -> Result<(), GatewayError> {
        let order = order.into_inner();
        self.revive();
        let answer = self.plugin.submit(&order);
        self.keep(&Call::Submit { order })
            .map_err(|error| unkept(&error))?;
        answer.map(drop).map_err(|error| gateway_error(&error))
    }

    fn replace(
        &mut self,
        account: &str,
        change: RiskApproved<Replacement>,
    ) -> Result<(), GatewayError> {
        let replacement = change.into_inner();
        self.revive();
        let answer = self.plugin.replace(account, &replacement);
        self.keep(&Call::Replace {
            account: account.to_owned(),
            replacement,
        })
        .map_err(|error| unkept(&error))?;
        answer.map(drop).map_err(|error| gateway_error(&error))
    }

    fn cancel(&mut self, account: &str, client_order_id: &str) -> Result<Cancelled, GatewayError> {
        self.revive();
        let mut answer = self.plugin.cancel(account, client_order_id);
        if !self.plugin.is_live() {
            self.revive();
            answer = self.plugin.cancel(account, client_order_id);
        }
        self.keep(&Call::Cancel {
            account: account.to_owned(),
            client_order_id: client_order_id.to_owned(),
        })
        .map_err(|error| unkept(&error))?;
        // A simulated broker's book is its own: what it says is off it, is.
        answer
            .map(|()| Cancelled::Confirmed)
            .map_err(|error| gateway_error(&error))
    }

    fn open_orders(&mut self, account: &str) -> Result<Vec<OpenOrder>, GatewayError> {
        self.revive();
        self.plugin
            .open_orders(account)
            .map_err(|error| gateway_error(&error))
    }

    fn executions(&mut self, account: &str, cursor: &str) -> Result<ExecutionPage, GatewayError> {
        self.revive();
        self.plugin
            .executions(account, cursor)
            .map(|(executions, cursor)| ExecutionPage { executions, cursor })
            .map_err(|error| gateway_error(&error))
    }

    fn positions(&mut self, account: &str) -> Result<Vec<BrokerPosition>, GatewayError> {
        self.revive();
        let held = self
            .plugin
            .positions(account)
            .map_err(|error| gateway_error(&error))?;
        Ok(held
            .into_iter()
            .map(|held| BrokerPosition {
                instrument: held.instrument,
                quantity: held.quantity,
            })
            .collect())
    }
}

impl Venue for PaperBroker<'_> {
    fn advance(&mut self, time: i64, steps: &[Step]) -> Result<Vec<OrderUpdate>, Problem> {
        self.now = time;
        if let Some(updates) = self.said(time) {
            return Ok(updates);
        }
        self.revive();
        let updates = self.plugin.advance(steps)?;
        self.keep(&Call::Advance)?;
        Ok(updates)
    }

    fn finish(&mut self, time: i64) -> Result<Vec<OrderUpdate>, Problem> {
        self.now = time;
        if let Some(updates) = self.said(i64::MAX) {
            return Ok(updates);
        }
        self.revive();
        let updates = self.plugin.finish(time)?;
        self.keep(&Call::Finish)?;
        Ok(updates)
    }
}
