//! Everything a session does, put down as it happens: in memory for its record, in the store for later.

use crate::advisers::Verdict;
use crate::intents::Want;
use crate::learning::View;
use crate::record::{
    ChoiceRecord, EquityCurve, FillRecord, Incident, ModelView, ProposalRecord, SwapRecord,
    TradeRecord, VerdictRecord,
};
use crate::tables;
use crate::trades::{Closed, Trades};
use bulkhead_desk::orders::OrderState;
use bulkhead_desk::tables::Recorder as DeskRecorder;
use bulkhead_desk::{Applied, Desk, Disposition, GatewayError, Ruling, SendError, VerdictKind};
use bulkhead_domain::digest::DigestBuilder;
use bulkhead_domain::number::to_f64;
use bulkhead_domain::order::{Execution, InstrumentHandle, OrderRequest, Outcome, Step};
use bulkhead_domain::{Decimal, Problem, Timestamp};
use bulkhead_orchestrator::{write_decision, write_standings};
use bulkhead_store::Writer;
use std::collections::BTreeMap;

/// The desk's code for a rule that failed while it judged an order; a rule that failed in its review is an
/// incident of the review.
const RULE_FAILED: &str = "RULE_FAILED";

/// What is written to the store. Absent where a session is only compared with another.
pub(crate) struct Ink {
    /// The store's writer.
    pub writer: Writer,
    /// Names this run in the tables; unlike the session's id it is new with every run.
    pub run: String,
}

/// Puts down what a session does.
pub(crate) struct Recorder {
    session: String,
    ink: Option<Ink>,
    desk: Option<DeskRecorder>,
    /// Learners' views, per symbol and alias, for a session that repeats them.
    pub(crate) views: BTreeMap<(String, String), Vec<View>>,
    pub(crate) proposals: Vec<ProposalRecord>,
    /// Proposals by the client order ids of their orders.
    orders: BTreeMap<String, usize>,
    by_decision: BTreeMap<String, usize>,
    pub(crate) fills: Vec<FillRecord>,
    trades: Trades,
    pub(crate) equity: EquityCurve,
    pub(crate) incidents: Vec<Incident>,
    /// Versions that were put in service meanwhile.
    pub(crate) swaps: Vec<SwapRecord>,
    pub(crate) vetoed: u64,
    pub(crate) sent: u64,
    failed: Option<Problem>,
}

impl Recorder {
    /// A recorder with or without a store behind it.
    #[must_use]
    pub(crate) fn new(session: &str, ink: Option<Ink>) -> Recorder {
        let desk = ink
            .as_ref()
            .map(|ink| DeskRecorder::new(ink.writer.clone(), ink.run.clone()));
        Recorder {
            session: session.to_owned(),
            ink,
            desk,
            views: BTreeMap::new(),
            proposals: Vec::new(),
            orders: BTreeMap::new(),
            by_decision: BTreeMap::new(),
            fills: Vec::new(),
            trades: Trades::default(),
            equity: EquityCurve::default(),
            incidents: Vec::new(),
            swaps: Vec::new(),
            vetoed: 0,
            sent: 0,
            failed: None,
        }
    }

    pub(crate) fn incident(&mut self, time: i64, plugin: &str, text: &str, consequence: &str) {
        tracing::warn!(plugin, "{text}; {consequence}");
        self.incidents.push(Incident {
            time,
            plugin: plugin.to_owned(),
            text: text.to_owned(),
            consequence: consequence.to_owned(),
        });
    }

    /// Splits and dividends reach the trades in the making.
    pub(crate) fn actions(
        &mut self,
        step: &Step,
        close: Decimal,
        lot: Decimal,
        multiplier: Decimal,
    ) {
        self.trades
            .actions(step.instrument, &step.actions, close, lot, multiplier);
    }

    /// What the models said and who was chosen.
    pub(crate) fn view(&mut self, view: &View, symbol: &str) {
        let time = view.decision.time.0;
        for (candidate, reason) in &view.failures {
            let what = format!("{candidate} on {symbol}");
            self.incident(
                time,
                &what,
                reason,
                "it is no candidate until its next fit succeeds",
            );
        }
        let key = (symbol.to_owned(), view.standings.task.class.clone());
        let kept = self.views.entry(key).or_default();
        kept.push(view.clone());
        let Some(ink) = &self.ink else { return };
        // The first decision on standings brings them along.
        let first = view.fresh || kept.len() == 1;
        let written = if first {
            write_standings(&ink.writer, &ink.run, &view.standings)
        } else {
            Ok(())
        };
        let written = written.and_then(|()| write_decision(&ink.writer, &ink.run, &view.decision));
        if let Err(error) = written {
            self.failed.get_or_insert_with(|| error.into());
        }
    }

    /// Something that is wanted, before the desk judges it.
    pub(crate) fn propose(
        &mut self,
        want: &Want,
        request: &OrderRequest,
        time: i64,
        verdict: Option<&Verdict>,
        vetoed: bool,
    ) {
        let verdicts = verdict.map(|Verdict { provider, advice, .. }| VerdictRecord {
            source: format!("ai:{provider}"),
            verdict: advice.opinion.name().to_owned(),
            code: if vetoed { "AI_VETO".to_owned() } else { String::new() },
            observed: advice.confidence.map_or_else(String::new, |confidence| format!("confidence {confidence:.2}")),
            limit: String::new(),
            text: {
                let mut text = advice.reasons.join("; ");
                if advice.contaminated {
                    text.push_str(" [contaminated: the decision is dated before the provider's knowledge cutoff]");
                }
                text
            },
        });
        self.vetoed += u64::from(vetoed);
        self.add(ProposalRecord {
            decision: want.decision.clone(),
            client_order_id: None,
            time,
            owner: want.owner.clone(),
            instrument: request.instrument,
            side: request.side,
            quantity: request.quantity,
            sent: Decimal::ZERO,
            kind: request.kind,
            reason: want.reason.clone(),
            confidence: want.confidence,
            features: want.features.clone(),
            models: want
                .views
                .iter()
                .flat_map(|(view, _)| model_views(view))
                .collect(),
            choices: want
                .views
                .iter()
                .map(|(view, heeded)| choice(view, *heeded))
                .chain(verdict.and_then(asked))
                .collect(),
            verdicts: verdicts.into_iter().collect(),
            outcome: None,
        });
    }

    fn add(&mut self, proposal: ProposalRecord) {
        let decision = proposal.decision.clone();
        self.add_as(&decision, proposal);
    }

    /// Adds a proposal that the desk knows by another name.
    fn add_as(&mut self, decision: &str, proposal: ProposalRecord) -> usize {
        let index = self.proposals.len();
        self.by_decision.insert(decision.to_owned(), index);
        self.proposals.push(proposal);
        index
    }

    /// What the desk made of it.
    pub(crate) fn disposition(
        &mut self,
        desk: &Desk,
        disposition: &Disposition,
    ) -> Result<(), Problem> {
        if let Some(recorder) = &mut self.desk {
            recorder.disposition(desk, disposition)?;
        }
        // A change belongs to the proposal of the order that it changes.
        let changed = match &disposition.ruling {
            Ruling::Replace(change) => self.orders.get(&change.client_order_id),
            _ => None,
        };
        let index = match (
            changed.or_else(|| self.by_decision.get(&disposition.decision_id)),
            &disposition.requested,
        ) {
            (Some(index), _) => *index,
            // A rule's own protection has no want behind it.
            (None, Some(request)) => self.add_as(
                &disposition.decision_id,
                ProposalRecord {
                    decision: self.protection(&disposition.decision_id),
                    client_order_id: None,
                    time: disposition.time.0,
                    owner: disposition.owner.clone(),
                    instrument: request.instrument,
                    side: request.side,
                    quantity: request.quantity,
                    sent: Decimal::ZERO,
                    kind: request.kind,
                    reason: format!("{}: {}", disposition.leg.name(), request.tag),
                    confidence: None,
                    features: Vec::new(),
                    models: Vec::new(),
                    choices: Vec::new(),
                    verdicts: Vec::new(),
                    outcome: None,
                },
            ),
            (None, None) => return Ok(()),
        };
        for record in &disposition.verdicts {
            if let Some(denial) = record.denial.as_ref().filter(|it| it.code == RULE_FAILED) {
                self.incident(
                    disposition.time.0,
                    &record.source,
                    &denial.observed,
                    "the entry was denied",
                );
            }
        }
        let Some(proposal) = self.proposals.get_mut(index) else {
            return Ok(());
        };
        proposal
            .verdicts
            .extend(disposition.verdicts.iter().map(|record| {
                let denial = record.denial.as_ref();
                let text = |part: fn(&bulkhead_domain::risk::Denial) -> &String| {
                    denial.map_or_else(String::new, |denial| part(denial).clone())
                };
                VerdictRecord {
                    source: record.source.to_string(),
                    verdict: match record.verdict {
                        VerdictKind::Approved => "approve",
                        VerdictKind::Reduced | VerdictKind::Clamped => "reduce",
                        VerdictKind::Rejected | VerdictKind::Failed => "reject",
                        VerdictKind::Halted => "halt",
                        VerdictKind::Skipped => "skipped",
                    }
                    .to_owned(),
                    code: text(|denial| &denial.code),
                    observed: text(|denial| &denial.observed),
                    limit: text(|denial| &denial.limit),
                    text: text(|denial| &denial.text),
                }
            }));
        match &disposition.ruling {
            Ruling::Send(order) => {
                self.sent += 1;
                proposal.client_order_id = Some(order.client_order_id.clone());
                proposal.sent += order.request.quantity;
                self.orders.insert(order.client_order_id.clone(), index);
            }
            Ruling::Replace(change) => {
                self.orders
                    .insert(change.new_client_order_id.clone(), index);
            }
            Ruling::Cancel | Ruling::Deny(_) => {}
        }
        Ok(())
    }

    /// The desk numbers what rules propose within a session; a name for all sessions.
    fn protection(&self, decision: &str) -> String {
        let digest = DigestBuilder::new()
            .part("session", self.session.as_bytes())
            .part("protection", decision.as_bytes())
            .finish();
        format!("r-{}", &digest.to_string()[..16])
    }

    /// An approved order that did not go through, or may not have.
    pub(crate) fn unsent(&mut self, client_order_id: &str, quantity: Decimal, error: &SendError) {
        let Some(proposal) = self
            .orders
            .get(client_order_id)
            .and_then(|index| self.proposals.get_mut(*index))
        else {
            return;
        };
        let code = match error {
            SendError::Gateway(GatewayError::Ambiguous(_)) => "UNCONFIRMED",
            SendError::Gateway(GatewayError::Stopped(_)) => {
                proposal.sent -= quantity;
                self.sent -= 1;
                "NOT_SENT"
            }
            _ => "NOT_SENT",
        };
        proposal.verdicts.push(VerdictRecord {
            source: "broker".to_owned(),
            verdict: "reject".to_owned(),
            code: code.to_owned(),
            observed: error.to_string(),
            limit: String::new(),
            text: String::new(),
        });
    }

    /// What became of a working order.
    pub(crate) fn applied(
        &mut self,
        desk: &Desk,
        applied: &Applied,
        execution: Option<&Execution>,
        multiplier: Decimal,
    ) -> Result<(), Problem> {
        if let Some(recorder) = &mut self.desk {
            recorder.applied(desk, applied, execution)?;
        }
        let id = &applied.order.client_order_id;
        // A bracket's exits carry the entry's id in front.
        let index = self
            .orders
            .get(id)
            .or_else(|| {
                id.rsplit_once('-')
                    .and_then(|(entry, _)| self.orders.get(entry))
            })
            .copied();
        let proposal = index.and_then(|index| self.proposals.get_mut(index));
        let decision = proposal
            .as_ref()
            .map_or_else(String::new, |proposal| proposal.decision.clone());
        if let Some(proposal) = proposal
            && proposal.client_order_id.as_ref() == Some(id)
        {
            proposal.outcome = outcome(applied.state).or(proposal.outcome);
        }
        if let Some(execution) = execution {
            let fill = FillRecord {
                client_order_id: execution.client_order_id.clone(),
                decision,
                time: applied.time,
                owner: applied.order.owner.clone(),
                instrument: execution.instrument,
                side: execution.side,
                quantity: execution.quantity,
                price: execution.price,
                fee: execution.fee,
            };
            self.trades.fill(&fill, multiplier);
            self.fills.push(fill);
        }
        Ok(())
    }

    /// Trades that have closed since the last call, numbered through the session.
    pub(crate) fn closed(&mut self) -> impl Iterator<Item = (usize, &Closed)> {
        self.trades.news()
    }

    /// The end of a moment: a point of equity where a trading session ended.
    pub(crate) fn close(
        &mut self,
        desk: &mut Desk,
        time: i64,
        session_end: bool,
    ) -> Result<(), Problem> {
        self.entries(desk)?;
        if session_end {
            if let Some(recorder) = &mut self.desk {
                recorder.close(desk, Timestamp(time))?;
            }
            let portfolio = desk.portfolio();
            let equity = to_f64(portfolio.equity);
            // Summed exactly: a sum of floats would depend on the order of the instruments.
            let gross: Decimal = portfolio
                .positions
                .iter()
                .map(|position| {
                    let price = position.market_price.unwrap_or(position.average_price);
                    let multiplier = desk
                        .instrument(position.instrument)
                        .map_or(Decimal::ONE, |instrument| instrument.multiplier);
                    position.quantity.abs() * price * multiplier
                })
                .fold(Decimal::ZERO, Decimal::saturating_add);
            let gross = to_f64(gross);
            self.equity.times.push(time);
            self.equity.equity.push(equity);
            self.equity.cash.push(to_f64(portfolio.cash));
            self.equity
                .gross_exposure
                .push(if equity > 0.0 { gross / equity } else { 0.0 });
            if let Some(ink) = &self.ink {
                tables::write_equity(ink, time, &portfolio)?;
            }
        }
        match self.failed.take() {
            Some(problem) => Err(problem),
            None => Ok(()),
        }
    }

    /// The end of the session, with what the venue's last word did to the books: a close, whatever the hour.
    pub(crate) fn end(&mut self, desk: &mut Desk) -> Result<(), Problem> {
        self.entries(desk)?;
        if let Some(recorder) = &mut self.desk {
            recorder.close(desk, desk.now())?;
        }
        Ok(())
    }

    /// Keeps what was booked since the last call.
    fn entries(&mut self, desk: &mut Desk) -> Result<(), Problem> {
        let entries = desk.take_entries();
        if let Some(recorder) = &mut self.desk {
            recorder.entries(desk, &entries)?;
        }
        Ok(())
    }

    pub(crate) fn ink(&self) -> Option<&Ink> {
        self.ink.as_ref()
    }

    pub(crate) fn take_trades(
        &mut self,
        price: impl Fn(InstrumentHandle) -> Option<Decimal>,
        multiplier: impl Fn(InstrumentHandle) -> Decimal,
    ) -> Vec<TradeRecord> {
        std::mem::take(&mut self.trades).finish(price, multiplier)
    }
}

/// The choice of who judged an entry.
fn asked(verdict: &Verdict) -> Option<ChoiceRecord> {
    Some(ChoiceRecord {
        decision: verdict.choice.clone()?,
        task: "validate".to_owned(),
        reason: format!("{} answered", verdict.provider),
        heeded: true,
    })
}

fn choice(view: &View, heeded: bool) -> ChoiceRecord {
    ChoiceRecord {
        decision: view.decision.id.clone(),
        task: view.standings.task.to_string(),
        reason: view.decision.choice.reason.clone(),
        heeded,
    }
}

fn model_views(view: &View) -> Vec<ModelView> {
    view.standings
        .candidates
        .iter()
        .enumerate()
        .map(|(index, standing)| ModelView {
            candidate: standing.candidate.clone(),
            probability: view.probabilities.get(index).copied().flatten(),
            skill: standing.skill,
            eligible: view.standings.policy.eligible(standing),
            chosen: view.decision.choice.winner == Some(index),
        })
        .collect()
}

/// What a report says of an order in this state; nothing while it has only begun.
fn outcome(state: OrderState) -> Option<Outcome> {
    match state {
        OrderState::PartiallyFilled => Some(Outcome::PartiallyFilled),
        OrderState::Filled => Some(Outcome::Filled),
        OrderState::Cancelled => Some(Outcome::Cancelled),
        OrderState::Expired => Some(Outcome::Expired),
        OrderState::Rejected => Some(Outcome::Rejected),
        _ => None,
    }
}
