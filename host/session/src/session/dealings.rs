//! The session's dealings with its broker: what is sent and cancelled, what comes back, and what is compared
//! where an answer is missing.

use super::{Session, broken};
use bulkhead_desk::audit::Kind;
use bulkhead_desk::switch::TradingState;
use bulkhead_desk::{
    Applied, BrokerAccount, BrokerView, Disposition, Gateway, GatewayError, Ruling, SendError,
    Sent, leading_cancels,
};
use bulkhead_domain::number::to_f64;
use bulkhead_domain::order::{Execution, OrderUpdate};
use bulkhead_domain::risk::Denial;
use bulkhead_domain::{Decimal, Problem, Timestamp};

/// What is settled with the broker, in the audit log.
const SETTLED: &str = "broker";
/// How often a moment asks what the restrictions want: cancel, then close.
const ROUNDS: usize = 2;

impl Session {
    /// Books what the broker took for borrowing and added as interest up to a session's close; `ask` gives the
    /// account there. Where there is something to book it is recorded with the account as the broker sees it,
    /// so that a session that is resumed books the same.
    ///
    /// # Errors
    /// When the books cannot follow the broker, or it cannot be recorded.
    pub(crate) fn carry(
        &mut self,
        ask: impl FnOnce() -> Result<Option<BrokerAccount>, String>,
    ) -> Result<(), Problem> {
        const SUBJECT: &str = "account";
        if !self.moment.steps.iter().any(|step| step.session_end) {
            return Ok(());
        }
        let said: Result<BrokerAccount, String> = match self.gate.past(Kind::Reconciled, SUBJECT) {
            Some(event) => serde_json::from_str(&event.body).map_err(broken)?,
            None if !self.gate.is_live() => return Ok(()),
            None => match ask() {
                Ok(Some(account)) if self.desk.is_carry_due(&account) => Ok(account),
                Ok(_) => return Ok(()),
                Err(why) => Err(why),
            },
        };
        let body = serde_json::to_string(&said).map_err(broken)?;
        self.gate
            .append(self.event(Kind::Reconciled, SUBJECT, body))?;
        match said {
            Ok(account) => self
                .desk
                .on_carry(Timestamp(self.moment.time), &account)
                .map_err(broken),
            Err(why) => {
                self.recorder.incident(
                    self.moment.time,
                    "broker",
                    &why,
                    "borrow fees and interest are booked when it can be asked again",
                );
                Ok(())
            }
        }
    }

    /// Takes note of what became of instances of the broker that failed.
    pub(crate) fn renewed(&mut self, renewals: Vec<String>) {
        for consequence in renewals {
            let text = "its instance failed";
            self.recorder
                .incident(self.moment.time, "broker", text, &consequence);
        }
    }

    /// Once a resumed session has come to the end of what it had done, nothing is sent before its books were
    /// compared with the broker, be that in the middle of a moment.
    pub(crate) fn settle_first(&mut self, gateway: &mut dyn Gateway) -> Result<(), Problem> {
        if !self.unsettled {
            return Ok(());
        }
        let live = self.gate.is_live();
        if live || self.gate.past(Kind::Reconciled, SETTLED).is_some() {
            let settled = self.settle(true, gateway)?;
            self.unsettled = !(live && settled);
        }
        Ok(())
    }

    /// Compares the books with the broker: where an answer is missing, and where `wanted`. False when the
    /// broker did not say what it holds.
    ///
    /// # Errors
    /// When the books cannot follow the broker, or it cannot be recorded.
    pub(crate) fn settle(
        &mut self,
        wanted: bool,
        gateway: &mut dyn Gateway,
    ) -> Result<bool, Problem> {
        let recorded = self.gate.past(Kind::Reconciled, SETTLED);
        if recorded.is_none() && !wanted && !self.desk.has_unanswered() {
            return Ok(true);
        }
        let view: Result<BrokerView, String> = match recorded {
            Some(event) => serde_json::from_str(&event.body).map_err(broken)?,
            None => self
                .desk
                .ask_broker(gateway)
                .map_err(|error| error.to_string()),
        };
        let body = serde_json::to_string(&view).map_err(broken)?;
        self.gate
            .append(self.event(Kind::Reconciled, SETTLED, body))?;
        let view = match view {
            Ok(view) => view,
            Err(why) => {
                self.recorder.incident(
                    self.moment.time,
                    "broker",
                    &why,
                    "until it answers, positions can be reduced only, and what was sent without an answer counts as working",
                );
                self.desk.cannot_reconcile();
                return Ok(false);
            }
        };
        let found = self.desk.reconcile(view);
        for finding in &found.findings {
            let consequence = if finding.is_settled() {
                "the books follow the broker"
            } else {
                "trading is halted until a person has looked"
            };
            let text = serde_json::to_string(finding).map_err(broken)?;
            self.recorder
                .incident(self.moment.time, "reconciliation", &text, consequence);
        }
        for (applied, execution) in &found.applied {
            self.record(applied, execution.as_ref())?;
        }
        self.keep_raised()?;
        Ok(true)
    }

    /// Hands restrictions that the desk raised to the gate, which keeps them. Tells whether there were any.
    pub(super) fn keep_raised(&mut self) -> Result<bool, Problem> {
        let raised = self.desk.take_raised();
        let any = !raised.is_empty();
        for latch in raised {
            self.gate.raise(latch)?;
        }
        Ok(any)
    }

    pub(super) fn apply(&mut self, update: &OrderUpdate) -> Result<(), Problem> {
        let body = serde_json::to_string(update).map_err(broken)?;
        self.gate
            .append(self.event(Kind::Update, &update.client_order_id, body))?;
        match self.desk.apply(update).map_err(broken)? {
            Some(applied) => self.record(&applied, update.execution.as_ref()),
            None => Ok(()),
        }
    }

    pub(super) fn record(
        &mut self,
        applied: &Applied,
        execution: Option<&Execution>,
    ) -> Result<(), Problem> {
        let multiplier = self
            .instrument(applied.order.request.instrument)
            .map_or(Decimal::ONE, |found| found.multiplier);
        self.recorder
            .applied(&self.desk, applied, execution, multiplier)?;
        self.reward_trades()
    }

    /// Credits strategies with the trades that have just ended.
    fn reward_trades(&mut self) -> Result<(), Problem> {
        let Session {
            recorder,
            earned,
            lines,
            ..
        } = self;
        for (number, closed) in recorder.closed() {
            let symbol = lines.symbol(closed.record.instrument);
            earned.traded(&closed.record, number, &symbol, to_f64(closed.notional))?;
        }
        Ok(())
    }

    /// Cancels and closes what the restrictions want cancelled and closed: positions once nothing of theirs
    /// works any more. What is not confirmed at once is asked for again at the next moment.
    pub(super) fn obey(&mut self, gateway: &mut dyn Gateway) -> Result<(), Problem> {
        for _ in 0..ROUNDS {
            let dispositions = self.desk.obey();
            if dispositions.is_empty() {
                break;
            }
            self.carry_out(dispositions, gateway)?;
            if self.desk.has_unanswered() {
                break;
            }
        }
        Ok(())
    }

    /// Does what was decided, in its order. Cancellations at its head are on their way before it is recorded why.
    pub(super) fn carry_out(
        &mut self,
        mut dispositions: Vec<Disposition>,
        gateway: &mut dyn Gateway,
    ) -> Result<(), Problem> {
        let leading = leading_cancels(&dispositions);
        for disposition in dispositions.iter().take(leading) {
            self.cancel(&disposition.client_order_id, gateway)?;
        }
        self.gate.journal(&self.run, &mut dispositions)?;
        for (index, disposition) in dispositions.into_iter().enumerate() {
            self.recorder.disposition(&self.desk, &disposition)?;
            match disposition.ruling {
                Ruling::Deny(_) => {}
                Ruling::Cancel if index < leading => {}
                Ruling::Cancel => self.cancel(&disposition.client_order_id, gateway)?,
                Ruling::Replace(change) => {
                    self.settle_first(gateway)?;
                    let Sent { applied, .. } = self.desk.send_change(change, gateway);
                    if let Some(applied) = applied {
                        self.record(&applied, None)?;
                    }
                }
                Ruling::Send(order) => {
                    self.settle_first(gateway)?;
                    let quantity = order.request.quantity;
                    let Sent { applied, outcome } = self.desk.send(order, gateway);
                    if let Some(applied) = applied {
                        self.record(&applied, None)?;
                    }
                    if let Err(error) = outcome {
                        self.recorder
                            .unsent(&disposition.client_order_id, quantity, &error);
                        if matches!(error, SendError::Order(_)) {
                            return Err(broken(error));
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Cancels an order. What the broker confirms at once is off the books at once.
    pub(super) fn cancel(
        &mut self,
        client_order_id: &str,
        gateway: &mut dyn Gateway,
    ) -> Result<(), Problem> {
        match self.desk.cancel(client_order_id, gateway) {
            Ok(Some(applied)) => self.record(&applied, None),
            // It only works on until the broker says so, or it is over already: the host and a rule may
            // both want one order cancelled.
            Ok(None) | Err(SendError::Order(_)) => Ok(()),
            // The broker says why not; nothing changed here.
            Err(error) => {
                let consequence = match &error {
                    SendError::Gateway(GatewayError::Ambiguous(_)) => {
                        "the cancellation is unconfirmed; the order counts as working and is asked about again"
                    }
                    _ => "the order was not cancelled",
                };
                self.recorder
                    .incident(self.moment.time, "broker", &error.to_string(), consequence);
                Ok(())
            }
        }
    }

    /// The session cannot go on: whatever may still open a position is cancelled, as far as the broker and the
    /// log still do what they are asked.
    pub(crate) fn give_up(&mut self, why: &Problem, gateway: &mut dyn Gateway) {
        let cause = Denial {
            code: "SESSION_FAILED".to_owned(),
            observed: why.what.clone(),
            limit: "a session that can go on".to_owned(),
            text: String::new(),
        };
        self.desk.raise(TradingState::Halted, "host", &cause);
        // It holds in this process even where it cannot be kept.
        let _ = self.keep_raised();
        for asked in self.desk.withdraw() {
            match self.desk.cancel(&asked.client_order_id, gateway) {
                Ok(Some(applied)) => drop(self.record(&applied, None)),
                Ok(None) => {}
                Err(error) => tracing::error!(
                    "order {} of a session that failed may still work: {error}",
                    asked.client_order_id
                ),
            }
        }
    }

    /// Takes the venue's last word when the session ends.
    ///
    /// # Errors
    /// When the books cannot follow the broker.
    pub(crate) fn finish(&mut self, updates: &[OrderUpdate]) -> Result<(), Problem> {
        updates.iter().try_for_each(|update| self.apply(update))?;
        self.earned.finish()?;
        self.recorder.end(&mut self.desk)
    }
}
