//! The broker behind the gate.

use super::error::Refusal;
use super::gate::Gate;
use super::latch::Scopes;
use crate::audit::{Event, Kind};
use crate::risk::{Request, RiskApproved};
use crate::traits::{BrokerPosition, Cancelled, ExecutionPage, Gateway, GatewayError};
use bulkhead_domain::Timestamp;
use bulkhead_domain::order::{InstrumentHandle, OpenOrder, Order, Replacement};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Names of what orders belong to.
#[derive(Debug, Clone, Default)]
pub struct Book {
    /// The session's run.
    pub session: String,
    /// The account.
    pub account: String,
    /// The broker's plugin.
    pub broker: String,
    /// Symbols by handle.
    pub symbols: BTreeMap<InstrumentHandle, String>,
    /// The plugin behind each strategy, by the strategy's name.
    pub strategies: BTreeMap<String, String>,
}

impl Book {
    /// What an owner's order in an instrument belongs to.
    #[must_use]
    pub fn scopes<'a>(&'a self, owner: &'a str, instrument: InstrumentHandle) -> Scopes<'a> {
        Scopes {
            account: &self.account,
            strategy: owner,
            plugins: [
                self.strategies.get(owner).map_or("", String::as_str),
                &self.broker,
            ],
            instrument: self.symbols.get(&instrument).map_or("", String::as_str),
            session: &self.session,
        }
    }
}

/// A broker's answer as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "answer", content = "detail")]
enum Answer {
    Acknowledged,
    Cancelled,
    Requested,
    Rejected { code: String, text: String },
    Ambiguous(String),
    Unavailable(String),
    Stopped(String),
}

impl Answer {
    fn of(outcome: &Result<Option<Cancelled>, GatewayError>) -> Answer {
        match outcome {
            Ok(None) => Answer::Acknowledged,
            Ok(Some(Cancelled::Confirmed)) => Answer::Cancelled,
            Ok(Some(Cancelled::Requested)) => Answer::Requested,
            Err(GatewayError::Rejected { code, text }) => Answer::Rejected {
                code: code.clone(),
                text: text.clone(),
            },
            Err(GatewayError::Ambiguous(text)) => Answer::Ambiguous(text.clone()),
            Err(GatewayError::Unavailable(text)) => Answer::Unavailable(text.clone()),
            Err(GatewayError::Stopped(text)) => Answer::Stopped(text.clone()),
        }
    }

    fn outcome(self) -> Result<Option<Cancelled>, GatewayError> {
        match self {
            Answer::Acknowledged => Ok(None),
            Answer::Cancelled => Ok(Some(Cancelled::Confirmed)),
            Answer::Requested => Ok(Some(Cancelled::Requested)),
            Answer::Rejected { code, text } => Err(GatewayError::Rejected { code, text }),
            Answer::Ambiguous(text) => Err(GatewayError::Ambiguous(text)),
            Answer::Unavailable(text) => Err(GatewayError::Unavailable(text)),
            Answer::Stopped(text) => Err(GatewayError::Stopped(text)),
        }
    }
}

/// A gateway that asks the gate before every order, immediately before the wire, and records what was sent
/// and what was answered. In a resumed session it repeats what was recorded; what was sent and has no
/// recorded answer it looks for at the broker, and sends again only where the broker does not know it.
pub struct Gated<G> {
    inner: G,
    gate: Arc<Gate>,
    book: Book,
    now: Timestamp,
}

impl<G> Gated<G> {
    /// Puts a broker behind a gate.
    #[must_use]
    pub fn new(inner: G, gate: Arc<Gate>, book: Book) -> Self {
        Gated {
            inner,
            gate,
            book,
            now: Timestamp(0),
        }
    }

    /// Sets the time that records carry.
    pub fn set_time(&mut self, now: Timestamp) {
        self.now = now;
    }

    /// The broker itself, for what is no order.
    pub fn broker(&mut self) -> &mut G {
        &mut self.inner
    }

    /// The gate.
    #[must_use]
    pub fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    fn event(&self, kind: Kind, actor: String, subject: &str, body: String) -> Event {
        Event {
            time: self.now,
            session: self.book.session.clone(),
            actor,
            kind,
            subject: subject.to_owned(),
            body,
        }
    }

    /// Records an answer. The broker has it already, so a failure to record is not the order's: the next
    /// thing to be sent meets it.
    fn answered(
        &self,
        subject: &str,
        outcome: Result<Option<Cancelled>, GatewayError>,
    ) -> Result<Option<Cancelled>, GatewayError> {
        let body = serde_json::to_string(&Answer::of(&outcome)).unwrap_or_default();
        let actor = format!("broker:{}", self.book.broker);
        let recorded = self
            .gate
            .append(self.event(Kind::Answer, actor, subject, body));
        match recorded {
            Ok(()) => outcome,
            Err(error) => Err(GatewayError::Ambiguous(format!("not recorded: {error}"))),
        }
    }

    /// Records that the gate stopped an order. Nothing was sent, whether or not that can be recorded.
    fn stopped(&self, subject: &str, refusal: &Refusal) -> GatewayError {
        let stopped = GatewayError::Stopped(refusal.to_string());
        if matches!(refusal, Refusal::Restricted(_)) {
            // What cannot be recorded stops the next order for that reason.
            let _ = self.answered(subject, Err(stopped.clone()));
        }
        stopped
    }

    /// The answer that a resumed session has on record.
    fn recorded(&self, subject: &str) -> Option<Result<Option<Cancelled>, GatewayError>> {
        let event = self.gate.past(Kind::Answer, subject)?;
        let answer: Answer = serde_json::from_str(&event.body).ok()?;
        Some(answer.outcome())
    }
}

impl<G: Gateway> Gated<G> {
    /// Whether an order surely works no more: a cancel that was answered may be asked for again.
    fn gone(&mut self, account: &str, client_order_id: &str) -> bool {
        self.inner.open_orders(account).is_ok_and(|open| {
            open.iter()
                .all(|open| open.order.client_order_id != client_order_id)
        })
    }

    /// Whether the broker has an order, working or filled.
    fn knows(&mut self, client_order_id: &str) -> Result<bool, GatewayError> {
        let account = self.book.account.clone();
        let works = |open: &OpenOrder| open.order.client_order_id == client_order_id;
        if self.inner.open_orders(&account)?.iter().any(works) {
            return Ok(true);
        }
        let mut cursor = String::new();
        loop {
            let page = self.inner.executions(&account, &cursor)?;
            let fills = |execution: &bulkhead_domain::order::Execution| {
                execution.client_order_id == client_order_id
            };
            if page.executions.iter().any(fills) {
                return Ok(true);
            }
            if page.cursor == cursor {
                return Ok(false);
            }
            cursor = page.cursor;
        }
    }

    /// Hands one request over, once.
    fn hand_over<T: Request>(
        &mut self,
        request: RiskApproved<T>,
        submit: impl FnOnce(&mut G, RiskApproved<T>) -> Result<(), GatewayError>,
    ) -> Result<(), GatewayError> {
        let gate = Arc::clone(&self.gate);
        let proof = request.proof().clone();
        let subject = request.id().to_owned();
        if !proof.journalled && gate.is_recorded() {
            let text = "the order was not recorded before it was to be sent".to_owned();
            return Err(GatewayError::Stopped(text));
        }
        let sent = self.event(Kind::Sent, "host".to_owned(), &subject, T::WHAT.to_owned());
        let scopes = self.book.scopes(&proof.owner, proof.instrument);
        let passed = gate.pass(&scopes, proof.reducing, proof.flatten, sent);
        let mut pass = match passed {
            Ok(pass) => pass,
            Err(refusal) => return Err(self.stopped(&subject, &refusal)),
        };
        if let Some(outcome) = self.recorded(&subject) {
            return self.answered(&subject, outcome).map(|_| ());
        }
        if pass.is_repeated() || proof.repeated {
            // It was decided when the process ended, and maybe sent: what was recorded of that need not be on
            // disk. Only the broker knows.
            match self.knows(&subject) {
                Ok(true) => return self.answered(&subject, Ok(None)).map(|_| ()),
                Ok(false) => {}
                Err(error) => {
                    let text = format!("whether it arrived cannot be asked: {error}");
                    let unknown = Err(GatewayError::Ambiguous(text));
                    return self.answered(&subject, unknown).map(|_| ());
                }
            }
            let scopes = self.book.scopes(&proof.owner, proof.instrument);
            match gate.pass_again(&scopes, proof.reducing, proof.flatten) {
                Ok(again) => pass = again,
                Err(refusal) => return Err(self.stopped(&subject, &refusal)),
            }
        }
        let outcome = submit(&mut self.inner, request).map(|()| None);
        let answered = self.answered(&subject, outcome);
        drop(pass);
        answered.map(|_| ())
    }
}

impl<G: Gateway> Gateway for Gated<G> {
    fn submit(&mut self, order: RiskApproved<Order>) -> Result<(), GatewayError> {
        self.hand_over(order, |broker, order| broker.submit(order))
    }

    fn replace(
        &mut self,
        account: &str,
        change: RiskApproved<Replacement>,
    ) -> Result<(), GatewayError> {
        self.hand_over(change, |broker, change| broker.replace(account, change))
    }

    fn withheld(&mut self, client_order_id: &str, why: &str) {
        // As above: the next order meets it.
        let _ = self.answered(client_order_id, Err(GatewayError::Stopped(why.to_owned())));
    }

    fn cancel(&mut self, account: &str, client_order_id: &str) -> Result<Cancelled, GatewayError> {
        let asked = self.event(
            Kind::Sent,
            "host".to_owned(),
            client_order_id,
            "cancel".to_owned(),
        );
        // A cancel passes whatever cannot be recorded: holding it back would be failing open.
        let repeated = !self.gate.is_live();
        let recorded = self.gate.append(asked);
        if let Some(outcome) = self.recorded(client_order_id) {
            return self
                .answered(client_order_id, outcome)
                .map(|answer| answer.unwrap_or(Cancelled::Requested));
        }
        let account_known = account.to_owned();
        let outcome = if !repeated || !self.gone(&account_known, client_order_id) {
            self.inner.cancel(account, client_order_id)
        } else {
            Ok(Cancelled::Confirmed)
        };
        if recorded.is_err() {
            return outcome;
        }
        self.answered(client_order_id, outcome.map(Some))
            .map(|answer| answer.unwrap_or(Cancelled::Requested))
    }

    fn open_orders(&mut self, account: &str) -> Result<Vec<OpenOrder>, GatewayError> {
        self.inner.open_orders(account)
    }

    fn executions(&mut self, account: &str, cursor: &str) -> Result<ExecutionPage, GatewayError> {
        self.inner.executions(account, cursor)
    }

    fn positions(&mut self, account: &str) -> Result<Vec<BrokerPosition>, GatewayError> {
        self.inner.positions(account)
    }
}
