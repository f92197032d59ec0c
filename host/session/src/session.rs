//! The loop's core: synchronous, without I/O of its own.
//!
//! One portfolio clock. At each moment a driver calls, in this order:
//!
//! 1. [`Session::open`] with the bars that have closed; it applies corporate actions to the books and gives
//!    the steps for the venue to match against.
//! 2. [`Session::matched`] with what the venue made of them; it marks to market, computes features, asks
//!    the models and the strategies, and gives the questions for the AI provider.
//! 3. [`Session::advised`] with the answers; it decides (exits, then entries, buying power shared), and
//!    sends what was approved through the gateway.
//!
//! History drives it directly; something live drives it through asynchronous parts. The order in which
//! instruments and strategies are registered changes nothing.

use crate::feed::Moment;
use crate::intents::{Want, find_exits};
use crate::learning::{Sample, View};
use crate::lines::{Lines, Oracle};
use crate::recorder::Recorder;
use crate::strategies::{Running, Sight};
use crate::validation::{Advice, Opinion, Question};
use bulkhead_desk::{Applied, Desk, Disposition, Gateway, Proposal, Ruling, SendError, Sent};
use bulkhead_domain::digest::DigestBuilder;
use bulkhead_domain::order::{Execution, InstrumentHandle, OrderUpdate, Step};
use bulkhead_domain::risk::RiskContext;
use bulkhead_domain::{Decimal, Instrument, Problem, Timestamp, number};
use std::collections::BTreeMap;

/// Decimal places of a market price as the desk sees it.
const PRICE_PLACES: u32 = 8;

/// A trading session.
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) desk: Desk,
    pub(crate) lines: Lines,
    pub(crate) strategies: Vec<Running>,
    pub(crate) recorder: Recorder,
    /// Whether entries are shown to an AI provider.
    pub(crate) validated: bool,
    /// Whether its disagreement keeps an order back.
    pub(crate) veto: bool,
    pub(crate) moment: Moment,
    wants: Vec<Want>,
    pub(crate) bars: u64,
}

/// What a session is made of.
pub(crate) struct Parts {
    /// Derived from the session's inputs.
    pub id: String,
    /// Orders, risk and books.
    pub desk: Desk,
    /// Instruments with their features and models.
    pub lines: Lines,
    /// The strategies.
    pub strategies: Vec<Running>,
    /// Where everything is kept.
    pub recorder: Recorder,
    /// Whether entries are shown to an AI provider.
    pub validated: bool,
    /// Whether its disagreement keeps an order back.
    pub veto: bool,
}

/// The nearest decimal of a price.
pub(crate) fn price(value: f64) -> Option<Decimal> {
    number::nearest_multiple(value, Decimal::new(1, PRICE_PLACES)).map(|price| price.normalize())
}

fn broken(error: impl std::fmt::Display) -> Problem {
    Problem::host(
        format!("the books cannot follow the broker: {error}"),
        "report it with the session's database",
    )
}

impl Session {
    /// A session that has seen nothing yet.
    #[must_use]
    pub(crate) fn new(parts: Parts) -> Session {
        let Parts {
            id,
            desk,
            lines,
            mut strategies,
            recorder,
            validated,
            veto,
        } = parts;
        strategies.sort_by(|a, b| a.name().cmp(b.name()));
        Session {
            id,
            desk,
            lines,
            strategies,
            recorder,
            validated,
            veto,
            moment: Moment::default(),
            wants: Vec::new(),
            bars: 0,
        }
    }

    fn instrument(&self, handle: InstrumentHandle) -> Option<&Instrument> {
        self.desk.instrument(handle)
    }

    /// A moment's bars have closed: applies corporate actions and gives the steps to match against.
    ///
    /// # Errors
    /// When the books cannot take an action.
    pub(crate) fn open(&mut self, moment: Moment) -> Result<&[Step], Problem> {
        for step in moment.steps.iter().filter(|step| !step.actions.is_empty()) {
            let Some(prior) = self.lines.last_close(step.instrument) else {
                continue;
            };
            let close = price(prior).ok_or_else(|| broken(format!("a close of {prior}")))?;
            self.desk
                .on_actions(step.instrument, &step.actions, close)
                .map_err(broken)?;
            let lot = self
                .instrument(step.instrument)
                .map_or(Decimal::ONE, |instrument| instrument.lot);
            let multiplier = self
                .instrument(step.instrument)
                .map_or(Decimal::ONE, |instrument| instrument.multiplier);
            self.recorder.actions(step, close, lot, multiplier);
        }
        self.moment = moment;
        Ok(&self.moment.steps)
    }

    /// Takes what the venue made of the steps, and asks models and strategies. Gives one question for each
    /// entry that the AI provider is to be asked about.
    ///
    /// # Errors
    /// When the books cannot follow the broker: the session must stop.
    pub(crate) fn matched(&mut self, updates: &[OrderUpdate]) -> Result<Vec<Question>, Problem> {
        for update in updates {
            self.apply(update)?;
        }
        let time = Timestamp(self.moment.time);
        let mut prices = Vec::with_capacity(self.moment.steps.len());
        for step in &self.moment.steps {
            let close = price(step.bar.close)
                .ok_or_else(|| broken(format!("a close of {}", step.bar.close)))?;
            prices.push((step.instrument, close));
        }
        self.desk.mark(time, &prices).map_err(broken)?;
        self.bars += self.moment.steps.len() as u64;
        let views = self.look();
        self.wants = self.ask_strategies(&views);
        find_exits(&mut self.wants, &self.desk);
        Ok(self.questions())
    }

    fn apply(&mut self, update: &OrderUpdate) -> Result<(), Problem> {
        match self.desk.apply(update).map_err(broken)? {
            Some(applied) => self.record(&applied, update.execution.as_ref()),
            None => Ok(()),
        }
    }

    fn record(&mut self, applied: &Applied, execution: Option<&Execution>) -> Result<(), Problem> {
        let multiplier = self
            .instrument(applied.order.request.instrument)
            .map_or(Decimal::ONE, |found| found.multiplier);
        self.recorder
            .applied(&self.desk, applied, execution, multiplier)
    }

    /// Features and models of every instrument that has a bar now.
    fn look(&mut self) -> BTreeMap<InstrumentHandle, BTreeMap<String, View>> {
        let mut views = BTreeMap::new();
        for step in &self.moment.steps {
            let seen = self.lines.observe(step);
            for view in seen.values() {
                self.recorder
                    .view(view, &self.lines.symbol(step.instrument));
            }
            views.insert(step.instrument, seen);
        }
        views
    }

    fn ask_strategies(
        &mut self,
        views: &BTreeMap<InstrumentHandle, BTreeMap<String, View>>,
    ) -> Vec<Want> {
        let mut wants = Vec::new();
        for index in 0..self.strategies.len() {
            let sight = Sight {
                moment: &self.moment,
                lines: &self.lines,
                views,
                desk: &self.desk,
            };
            let Some(running) = self.strategies.get_mut(index) else {
                continue;
            };
            if !running.is_live() {
                continue;
            }
            let name = running.name().to_owned();
            let asked = running.ask(&sight);
            let (handles, declared) = (running.handles().to_vec(), running.models().to_vec());
            match asked {
                Ok(intents) => {
                    for (number, intent) in intents.into_iter().enumerate() {
                        match Want::of(intent, &name, &handles, &self.desk) {
                            Ok(want) => wants.extend(
                                want.into_iter()
                                    .map(|want| self.identify(want, number, &declared, views)),
                            ),
                            Err(what) => self.recorder.incident(
                                self.moment.time,
                                &name,
                                &what,
                                "the intent was ignored; the strategy goes on",
                            ),
                        }
                    }
                }
                Err(error) => {
                    self.recorder.incident(
                        self.moment.time,
                        &name,
                        &error.to_string(),
                        "the strategy is out for the rest of the session; its working entries are cancelled and its positions stay under the risk rules",
                    );
                    wants.push(Want::withdrawal(&name, &self.desk));
                }
            }
        }
        wants
    }

    /// Names the decision behind a want, and keeps what it was made on. One owner's decisions on one
    /// instrument at one moment have names that sort as they were made: the desk takes them in that order.
    fn identify(
        &self,
        mut want: Want,
        number: usize,
        declared: &[String],
        views: &BTreeMap<InstrumentHandle, BTreeMap<String, View>>,
    ) -> Want {
        let symbol = want.request.as_ref().map_or(String::new(), |request| {
            self.lines.symbol(request.instrument)
        });
        let digest = DigestBuilder::new()
            .part("session", self.id.as_bytes())
            .part("trade", want.owner.as_bytes())
            .part("symbol", symbol.as_bytes())
            .part("time", &self.moment.time.to_le_bytes())
            .finish();
        want.decision = format!("t-{}{number:03x}", &digest.to_string()[..16]);
        if let Some(request) = &want.request {
            want.features = self.lines.features(request.instrument);
            // What all models said, and which of it the strategy goes by.
            want.views = views
                .get(&request.instrument)
                .map(|said| {
                    said.iter()
                        .map(|(alias, view)| (view.clone(), declared.contains(alias)))
                        .collect()
                })
                .unwrap_or_default();
        }
        want
    }

    fn questions(&self) -> Vec<Question> {
        if !self.validated {
            return Vec::new();
        }
        self.wants
            .iter()
            .filter(|want| want.is_entry())
            .filter_map(|want| {
                let request = want.request.as_ref()?;
                Some(Question {
                    time: Timestamp(self.moment.time),
                    symbol: self.lines.symbol(request.instrument),
                    side: request.side,
                    quantity: request.quantity.to_string(),
                    price: self
                        .lines
                        .last_close(request.instrument)
                        .unwrap_or(f64::NAN),
                    confidence: want.confidence,
                    reason: want.reason.clone(),
                    features: want.features.clone(),
                })
            })
            .collect()
    }

    /// Takes the answers, one a question, then decides and sends. `adviser` names who answered.
    ///
    /// # Errors
    /// When the books cannot follow.
    pub(crate) fn advised(
        &mut self,
        answers: &[Advice],
        adviser: &str,
        gateway: &mut dyn Gateway,
    ) -> Result<(), Problem> {
        let mut answers = answers.iter();
        let mut proposals = Vec::new();
        for want in std::mem::take(&mut self.wants) {
            for id in &want.cancel {
                self.cancel(id, gateway)?;
            }
            let Some(request) = want.request.clone() else {
                continue;
            };
            let asked = self.validated && want.is_entry();
            let advice = if asked { answers.next() } else { None };
            if let Some(why) = advice.and_then(|advice| advice.failure.as_ref()) {
                self.recorder.incident(
                    self.moment.time,
                    adviser,
                    why,
                    "it abstains; the entry is judged without it",
                );
            }
            let vetoed =
                self.veto && advice.is_some_and(|advice| advice.opinion == Opinion::Disagree);
            self.recorder
                .propose(&want, &request, self.moment.time, advice, adviser, vetoed);
            let request = if vetoed {
                want.exit_alone()
            } else {
                Some(request)
            };
            if let Some(request) = request {
                let features = want
                    .features
                    .iter()
                    .filter_map(|(name, value)| Some((name.clone(), (*value)?)))
                    .collect();
                let context = RiskContext {
                    reference_price: Decimal::ZERO,
                    multiplier: Decimal::ONE,
                    confidence: want.confidence,
                    features,
                    extra: Vec::new(),
                };
                proposals.push(Proposal {
                    decision_id: want.decision,
                    owner: want.owner,
                    request,
                    context,
                });
            }
        }
        let review = self.desk.review();
        for failure in &review.failures {
            self.recorder.incident(
                self.moment.time,
                &failure.plugin,
                &failure.text,
                "entries are denied until its next review succeeds",
            );
        }
        if let Some((rule, denial)) = &review.halt {
            self.recorder.incident(
                self.moment.time,
                rule,
                &denial.to_string(),
                "all trading was halted",
            );
        }
        self.carry_out(review.dispositions, gateway)?;
        let decided = self.desk.decide(proposals);
        self.carry_out(decided, gateway)?;
        let session_end = self.moment.steps.iter().any(|step| step.session_end);
        if session_end {
            self.desk
                .session_close(Timestamp(self.moment.time))
                .map_err(broken)?;
        }
        self.recorder
            .close(&mut self.desk, self.moment.time, session_end)
    }

    fn carry_out(
        &mut self,
        dispositions: Vec<Disposition>,
        gateway: &mut dyn Gateway,
    ) -> Result<(), Problem> {
        for disposition in dispositions {
            self.recorder.disposition(&self.desk, &disposition)?;
            match disposition.ruling {
                Ruling::Deny(_) => {}
                Ruling::Cancel => self.cancel(&disposition.client_order_id, gateway)?,
                Ruling::Send(order) => {
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
    fn cancel(&mut self, client_order_id: &str, gateway: &mut dyn Gateway) -> Result<(), Problem> {
        match self.desk.cancel(client_order_id, gateway) {
            Ok(Some(applied)) => self.record(&applied, None),
            // It only works on until the broker says so, or it is over already: the host and a rule may
            // both want one order cancelled.
            Ok(None) | Err(SendError::Order(_)) => Ok(()),
            // The broker says why not; nothing changed here.
            Err(error) => {
                self.recorder.incident(
                    self.moment.time,
                    "broker",
                    &error.to_string(),
                    "the order was not cancelled",
                );
                Ok(())
            }
        }
    }

    /// Takes the venue's last word when the session ends.
    ///
    /// # Errors
    /// When the books cannot follow the broker.
    pub(crate) fn finish(&mut self, updates: &[OrderUpdate]) -> Result<(), Problem> {
        updates.iter().try_for_each(|update| self.apply(update))
    }
}

/// Shows a bar to an instrument's oracles.
pub(crate) fn consult(
    oracles: &mut BTreeMap<String, Box<dyn Oracle>>,
    sample: &Sample<'_>,
) -> BTreeMap<String, View> {
    oracles
        .iter_mut()
        .map(|(alias, oracle)| (alias.clone(), oracle.observe(sample)))
        .collect()
}
