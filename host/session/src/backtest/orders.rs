//! What becomes of what traders want: judged by the desk, sent to the venue, booked, and told.

use super::{Backtest, broken, trader};
use crate::intents::{Want, find_exits};
use crate::lines::correlation;
use crate::record::FillRecord;
use crate::sizing::is_calibrated;
use bulkhead_desk::orders::OrderState;
use bulkhead_desk::{Applied, Disposition, GatewayError, Proposal, Ruling, SendError, Sent};
use bulkhead_domain::order::{Execution, InstrumentHandle, Order, OrderRequest, OrderUpdate};
use bulkhead_domain::risk::{Denial, RiskContext};
use bulkhead_domain::{Decimal, Problem, Value};

/// What the venue's ids of a bracket's exits end in: target, stop.
const EXITS: [&str; 2] = ["-tp", "-sl"];

/// What is behind an order.
pub(super) struct Behind {
    decision: String,
    /// Whether it was sent by itself: the exits of a bracket come with their entry.
    sent: bool,
}

/// Writes the last so many hexadecimal digits of a number.
fn hexadecimal(text: &mut String, number: u64, digits: u32) {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    for place in (0..digits).rev() {
        let digit = (number >> (4 * place)) as usize & 0xf;
        text.extend(DIGITS.get(digit));
    }
}

impl Backtest<'_> {
    /// Names a decision of a trader, the `number`-th at this moment: in a run the moment and the trader's place among
    /// those asked tell it from all others, and names sort as decisions were made.
    pub(super) fn decision(&self, trader: usize, number: usize, want: &Want) -> String {
        if let Some(again) = &self.again {
            return again.decision(self, number, want);
        }
        let mut name = String::with_capacity(24);
        name.push_str("t-");
        hexadecimal(&mut name, self.moments, 10);
        hexadecimal(&mut name, trader as u64, 4);
        hexadecimal(&mut name, number as u64, 4);
        name
    }

    /// Cancels, judges and sends.
    pub(super) fn trade(&mut self, exposed: bool, unvalued: bool) -> Result<(), Problem> {
        self.mark()?;
        if self.again.is_some() {
            find_exits(&mut self.wants, &self.desk);
        }
        if self.changed || self.restricted {
            self.changed = false;
            self.obey()?;
        }
        let wants = std::mem::take(&mut self.wants);
        let mut proposals = Vec::with_capacity(wants.len());
        for mut want in wants {
            for id in &want.cancel {
                self.cancel(id)?;
            }
            let Some(mut request) = want.request.take() else {
                continue;
            };
            if let Some(again) = &mut self.again {
                match again.heed(&mut want, request, self.now) {
                    Some(left) => request = left,
                    None => continue,
                }
            }
            let features = self.features(request.instrument);
            let extra = self.told(&want, &request);
            let heeded = want.views.iter().filter(|(_, heeded)| *heeded);
            proposals.push(Proposal {
                fitted: heeded.filter_map(|(view, _)| view.fitted).min(),
                decision_id: want.decision,
                owner: want.owner,
                request,
                context: RiskContext {
                    reference_price: Decimal::ZERO,
                    multiplier: Decimal::ONE,
                    confidence: want.confidence,
                    features,
                    extra,
                },
            });
        }
        let mut raised = false;
        if exposed {
            let review = self.desk.review();
            if let Some(failure) = review.failures.first() {
                return Err(trader::unusable(&failure.plugin, &failure.text).at(self.now));
            }
            raised |= !self.desk.take_raised().is_empty();
            self.carry_out(review.dispositions)?;
        }
        if !proposals.is_empty() || unvalued {
            let dispositions = self.desk.decide(proposals);
            raised |= !self.desk.take_raised().is_empty();
            self.carry_out(dispositions)?;
        }
        if raised {
            self.restricted = true;
            self.obey()?;
        }
        Ok(())
    }

    /// What rules are told beside an order's own context, as in a session: whether its confidence is a model's calibrated
    /// probability, and how its instrument moved with those that the account is in.
    fn told(&self, want: &Want, request: &OrderRequest) -> Vec<(String, Value)> {
        let mut told = Vec::new();
        let Some(past) = self.past.as_ref().filter(|_| self.rules) else {
            return told;
        };
        let instrument = request.instrument;
        if let Some(confidence) = want.confidence {
            let heeded = want.views.iter().filter(|(_, heeded)| *heeded);
            let up: Vec<f64> = heeded.filter_map(|(view, _)| view.chosen()).collect();
            let calibrated = is_calibrated(confidence, request.side, &up);
            told.push((
                "confidence.calibrated".to_owned(),
                Value::Boolean(calibrated),
            ));
        }
        let held = self.desk.ledger().lines().map(|(key, _)| key.instrument);
        let working = self.desk.orders().iter();
        let working = working.map(|working| working.order.request.instrument);
        let mut others: Vec<(&str, InstrumentHandle)> = held
            .chain(working)
            .filter(|other| *other != instrument)
            .filter_map(|other| {
                let line = self.lines.get(self.slot(other)?)?;
                Some((line.instrument.symbol.as_str(), other))
            })
            .collect();
        others.sort_unstable();
        others.dedup();
        for (symbol, other) in others {
            if let Some(correlation) = correlation(past, instrument, other) {
                told.push((format!("correlation.{symbol}"), Value::Real(correlation)));
            }
        }
        told
    }

    fn features(&self, handle: InstrumentHandle) -> Vec<(String, f64)> {
        let Some(line) = self.slot(handle).and_then(|slot| self.lines.get(slot)) else {
            return Vec::new();
        };
        let Some(features) = &line.features else {
            return Vec::new();
        };
        let names = features.names().iter().cloned();
        names
            .zip(line.row.iter().copied())
            .filter(|(_, value)| value.is_finite())
            .collect()
    }

    fn obey(&mut self) -> Result<(), Problem> {
        /// How often a moment asks what is left over: cancel, then close.
        const ROUNDS: usize = 2;
        for _ in 0..ROUNDS {
            let dispositions = self.desk.obey();
            if dispositions.is_empty() {
                break;
            }
            self.carry_out(dispositions)?;
        }
        Ok(())
    }

    pub(super) fn carry_out(&mut self, dispositions: Vec<Disposition>) -> Result<(), Problem> {
        for disposition in dispositions {
            if let Some(again) = &mut self.again {
                again.recorder.disposition(&self.desk, &disposition)?;
            }
            match disposition.ruling {
                Ruling::Deny(denial) => {
                    self.orders.denied += 1;
                    self.tape.denied(
                        self.now,
                        &disposition.owner,
                        disposition.instrument,
                        &denial,
                    )?;
                }
                Ruling::Cancel => self.cancel(&disposition.client_order_id)?,
                Ruling::Replace(change) => {
                    self.changed = true;
                    if let Some(instrument) = disposition.instrument {
                        self.touch(instrument);
                    }
                    if let Some(behind) = self.decisions.remove(&change.client_order_id) {
                        let id = change.new_client_order_id.clone();
                        self.decisions.insert(id, behind);
                    }
                    let Sent { applied, .. } = self.desk.send_change(change, &mut self.venue);
                    if let Some(applied) = applied {
                        self.record(&applied, None)?;
                    }
                }
                Ruling::Send(order) => {
                    self.touch(order.request.instrument);
                    self.orders.sent += 1;
                    let quantity = order.request.quantity;
                    self.note_sent(&order, disposition.decision_id);
                    let Sent { applied, outcome } = self.desk.send(order, &mut self.venue);
                    if let Some(applied) = applied {
                        self.record(&applied, None)?;
                    }
                    if let Err(error) = outcome {
                        if matches!(error, SendError::Order(_)) {
                            return Err(broken(error));
                        }
                        if let Some(again) = &mut self.again {
                            let id = &disposition.client_order_id;
                            again.recorder.unsent(id, quantity, &error);
                        }
                        self.refused(&disposition.owner, disposition.instrument, &error)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Keeps what is behind an order, and behind the exits that the venue will place for it.
    fn note_sent(&mut self, order: &Order, decision: String) {
        let id = &order.client_order_id;
        if let Some(bracket) = order.request.bracket {
            for (suffix, price) in EXITS
                .into_iter()
                .zip([bracket.take_profit, bracket.stop_loss])
            {
                if price.is_some() {
                    let behind = Behind {
                        decision: decision.clone(),
                        sent: false,
                    };
                    self.decisions.insert(format!("{id}{suffix}"), behind);
                }
            }
        }
        let behind = Behind {
            decision,
            sent: true,
        };
        self.decisions.insert(id.clone(), behind);
    }

    /// The venue, or the desk at the last moment, did not take an order.
    fn refused(
        &mut self,
        owner: &str,
        instrument: Option<InstrumentHandle>,
        error: &SendError,
    ) -> Result<(), Problem> {
        let code = if matches!(error, SendError::Gateway(GatewayError::Stopped(_))) {
            // It never left.
            self.orders.sent -= 1;
            self.orders.cancelled = self.orders.cancelled.saturating_sub(1);
            self.orders.denied += 1;
            "STOPPED"
        } else {
            "VENUE_REJECTED"
        };
        let denial = Denial {
            code: code.to_owned(),
            observed: error.to_string(),
            limit: "an order that goes through".to_owned(),
            text: String::new(),
        };
        self.tape.denied(self.now, owner, instrument, &denial)
    }

    fn cancel(&mut self, client_order_id: &str) -> Result<(), Problem> {
        self.changed = true;
        match self.desk.cancel(client_order_id, &mut self.venue) {
            Ok(Some(applied)) => self.record(&applied, None),
            // It is over already: the host and a trader may both want one order cancelled.
            Ok(None) | Err(_) => Ok(()),
        }
    }

    pub(super) fn apply(&mut self, update: &OrderUpdate) -> Result<(), Problem> {
        self.changed = true;
        match self.desk.apply(update).map_err(broken)? {
            Some(applied) => self.record(&applied, update.execution.as_ref()),
            None => Ok(()),
        }
    }

    fn record(&mut self, applied: &Applied, execution: Option<&Execution>) -> Result<(), Problem> {
        self.touch(applied.order.request.instrument);
        if let Some(again) = &mut self.again {
            let instrument = applied.order.request.instrument;
            let multiplier = self
                .desk
                .instrument(instrument)
                .map_or(Decimal::ONE, |found| found.multiplier);
            again
                .recorder
                .applied(&self.desk, applied, execution, multiplier)?;
        }
        if let Some(execution) = execution {
            self.fills += 1;
            let id = &applied.order.client_order_id;
            let fill = FillRecord {
                client_order_id: id.clone(),
                decision: self
                    .decisions
                    .get(id)
                    .map_or_else(String::new, |behind| behind.decision.clone()),
                time: applied.time,
                owner: applied.order.owner.clone(),
                instrument: execution.instrument,
                side: execution.side,
                quantity: execution.quantity,
                price: execution.price,
                fee: execution.fee,
            };
            let multiplier = self
                .desk
                .instrument(execution.instrument)
                .map_or(Decimal::ONE, |found| found.multiplier);
            self.traded += fill.quantity * fill.price * multiplier;
            self.tape.fill(&fill)?;
            let bracket = applied.order.request.bracket;
            let stop = bracket.and_then(|bracket| bracket.stop_loss);
            self.trades.fill_with(&fill, multiplier, stop);
            self.tell_closed()?;
        }
        if applied.state.is_over() {
            self.over(&applied.order, applied.state, applied.filled);
        }
        Ok(())
    }

    /// An order is over. One that never filled has no exits either.
    fn over(&mut self, order: &Order, state: OrderState, filled: Decimal) {
        let id = &order.client_order_id;
        let behind = self.decisions.remove(id);
        if order.request.bracket.is_some() && filled.is_zero() {
            EXITS
                .iter()
                .for_each(|suffix| drop(self.decisions.remove(&format!("{id}{suffix}"))));
        }
        if !behind.is_some_and(|behind| behind.sent) {
            return;
        }
        let orders = &mut self.orders;
        match state {
            OrderState::Filled => orders.filled += 1,
            OrderState::Cancelled => orders.cancelled += 1,
            OrderState::Expired => orders.expired += 1,
            OrderState::Rejected => orders.rejected += 1,
            _ => {}
        }
    }

    /// Tells of trades that have just ended, and lets them go.
    pub(super) fn tell_closed(&mut self) -> Result<(), Problem> {
        for closed in self.trades.take_closed() {
            self.tape.trade(&closed.record)?;
        }
        Ok(())
    }
}
