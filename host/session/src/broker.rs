//! A simulated broker as the desk's gateway and the session's venue, and the log it lives on by.
//!
//! Promises: a broker outside would outlive a session that is killed; this one does by its calls, which are
//! kept in the order in which they reached it, whatever it answered. [`PaperBroker::recover`] makes them
//! again on a fresh instance (a simulated broker is deterministic), after which it knows what it knew. What
//! it had said of a moment is said again when the resumed session comes to that moment.
//!
//! Bounds: the log goes through the writer of the audit log, so that of both a prefix is on disk. A call
//! that is lost with the process never reached the broker.

mod calls;

pub(crate) use self::calls::{Call, CallLog, calls};

use self::calls::{Bars, repeat, take_over};
use crate::handed::Handed;
use bulkhead_desk::{
    BrokerAccount, BrokerPosition, Cancelled, ExecutionPage, Gateway, GatewayError, RiskApproved,
};
use bulkhead_domain::order::{OpenOrder, Order, OrderUpdate, Replacement, Step};
use bulkhead_domain::{Digest, Problem, Refusal};
use bulkhead_sandbox::{BrokerPlugin, CallError};
use bulkhead_store::StoreError;
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

/// How often a fresh instance takes over in one session.
pub(crate) const RENEWALS: usize = 3;

/// Field of an account: borrow fees taken so far.
const BORROW_FEES: &str = "borrow-fees";
/// Field of an account: interest added so far.
const INTEREST: &str = "interest";

/// The broker's plugin, with the log of its calls where they are kept.
pub(crate) struct PaperBroker<'a> {
    plugin: BrokerPlugin,
    /// The versions that served before it, oldest first.
    before: Vec<BrokerPlugin>,
    /// Successions that are on record and that a resumed session has not come to again.
    taken: VecDeque<(Digest, Handed)>,
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
            before: Vec::new(),
            taken: VecDeque::new(),
            log,
            bars,
            now: 0,
            told: VecDeque::new(),
            renewals: Vec::new(),
            mentioned: 0,
        }
    }

    /// Makes every call again that reached the broker of a session that is resumed; `successors` are the versions that
    /// came into service meanwhile.
    ///
    /// # Errors
    /// When a moment has other bars than it had, or the broker fails.
    pub(crate) fn recover(
        &mut self,
        calls: &[(i64, Call)],
        successors: Vec<BrokerPlugin>,
    ) -> Result<(), Problem> {
        if let Some(log) = &mut self.log {
            log.next = i64::try_from(calls.len()).unwrap_or(i64::MAX) + 1;
        }
        let line = std::iter::once(self.plugin.fresh().map_err(CallError::from)?);
        let repeated = repeat(&self.bars, line.chain(successors).collect(), calls)?;
        self.told = repeated.told;
        self.taken = repeated.taken;
        self.plugin = repeated.plugin;
        self.before = repeated.before;
        Ok(())
    }

    /// SHA-256 of the component that serves; in a session that is resumed, of the one that serves at the end of what it
    /// had done.
    pub(crate) fn digest(&self) -> Digest {
        self.plugin.digest()
    }

    /// How a version took over that a resumed session comes to again.
    pub(crate) fn taken(&self, digest: Digest) -> Option<&Handed> {
        let (next, handed) = self.taken.front()?;
        (*next == digest).then_some(handed)
    }

    /// Has a new version know what this one knows: its state where both have `snapshot`, else every call again. It must
    /// then hold what this one holds. Nothing changes yet.
    ///
    /// # Errors
    /// When the calls are kept nowhere, it fails, or it holds something else.
    pub(crate) fn prepare(
        &mut self,
        next: &BrokerPlugin,
    ) -> Result<(BrokerPlugin, Handed), Problem> {
        let log = self.log.as_ref();
        let calls = || match log {
            Some(log) => Ok(log.calls()?),
            None => Err(Problem::user(
                "a broker without `snapshot` is told everything again, and this session keeps nothing",
                "run it with a state folder",
            )),
        };
        take_over(&self.bars, &mut self.plugin, next, calls)
    }

    /// Puts a new version in the old one's place, together with everything that works there.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub(crate) fn succeed(&mut self, next: Option<BrokerPlugin>) -> Result<(), StoreError> {
        let Some(next) = next else {
            self.taken.pop_front();
            return Ok(());
        };
        let digest = next.digest();
        self.before.push(std::mem::replace(&mut self.plugin, next));
        match &mut self.log {
            Some(log) => log.keep(self.now, &Call::Succeeded { digest }),
            None => Ok(()),
        }
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
        let line = self.before.iter().chain([&self.plugin]);
        let renewed = log.calls().map_err(Problem::from).and_then(|calls| {
            let line = line.map(BrokerPlugin::fresh).collect::<Result<_, _>>();
            repeat(&self.bars, line.map_err(CallError::from)?, &calls)
        });
        self.renewals.push(match renewed {
            Ok(repeated) => {
                self.plugin = repeated.plugin;
                self.before = repeated.before;
                "a fresh instance took over with everything that it had been told".to_owned()
            }
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
