//! The loop's core: synchronous, without I/O of its own.
//!
//! One portfolio clock. At each moment a driver calls, in this order:
//!
//! 1. [`Session::open`] with the bars that have closed; it applies corporate actions to the books, cancels what
//!    a restriction no longer leaves working, and gives the steps for the venue to match against.
//! 2. [`Session::matched`] with what the venue made of them; it marks to market, computes features, asks
//!    the models and the strategies, and gives the questions for the AI provider.
//! 3. [`Session::advised`] with the answers; it obeys the restrictions, decides (exits, then entries, buying
//!    power shared), sends what was approved through the gateway, and obeys what a rule has just stopped.
//!
//! History drives it directly; something live drives it through asynchronous parts. The order in which
//! instruments and strategies are registered changes nothing.

mod asking;
mod dealings;

pub(crate) use self::asking::trade_name;

use crate::advisers::{Heard, Verdict};
use crate::earned::Earned;
use crate::feed::Moment;
use crate::intents::{Want, find_exits};
use crate::learning::{Sample, View};
use crate::lines::{Lines, Oracle};
use crate::recorder::Recorder;
use crate::rules::Rule;
use crate::shadow::Shadows;
use crate::sizing::is_calibrated;
use crate::strategies::Running;
use crate::swap::GivenUp;
use crate::validation::{Opinion, Question};
use bulkhead_desk::audit::{Event, Kind};
use bulkhead_desk::sizing::SizingMethod;
use bulkhead_desk::switch::Gate;
use bulkhead_desk::{Desk, Gateway, Proposal};
use bulkhead_domain::order::{InstrumentHandle, OrderUpdate, Step};
use bulkhead_domain::risk::RiskContext;
use bulkhead_domain::{Decimal, Instrument, Problem, Timestamp, Value, number};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Decimal places of a market price as the desk sees it.
const PRICE_PLACES: u32 = 8;

/// A trading session.
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) desk: Desk,
    pub(crate) lines: Lines,
    pub(crate) strategies: Vec<Running>,
    /// The risk rules, which the desk asks; in the configuration's order.
    pub(crate) rules: Vec<Rule>,
    /// How large the host makes positions, by strategy.
    sizing: BTreeMap<String, SizingMethod>,
    pub(crate) recorder: Recorder,
    /// What providers and strategies earn.
    pub(crate) earned: Earned,
    /// Whether entries are shown to an AI provider.
    pub(crate) validated: bool,
    /// Whether its disagreement keeps an order back.
    pub(crate) veto: bool,
    /// What may pass to the broker, and the log of everything that did.
    pub(crate) gate: Arc<Gate>,
    /// Names the run in the log.
    pub(crate) run: String,
    /// Whether it is resumed and was not compared with the broker since.
    pub(crate) unsettled: bool,
    pub(crate) moment: Moment,
    wants: Vec<Want>,
    /// Plugins that were given up and whose operator is to be told.
    given_up: Vec<GivenUp>,
    /// Whether somebody put a version in service while it ran.
    pub(crate) operated: bool,
    /// Who is told of every call.
    pub(crate) shadows: Option<Arc<Shadows>>,
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
    /// The risk rules, which the desk asks.
    pub rules: Vec<Rule>,
    /// How large the host makes positions, by strategy.
    pub sizing: BTreeMap<String, SizingMethod>,
    /// Where everything is kept.
    pub recorder: Recorder,
    /// What providers and strategies earn.
    pub earned: Earned,
    /// Whether entries are shown to an AI provider.
    pub validated: bool,
    /// Whether its disagreement keeps an order back.
    pub veto: bool,
    /// What may pass to the broker, and the log of everything that did.
    pub gate: Arc<Gate>,
    /// Names the run in the log.
    pub run: String,
    /// Whether it goes on with what a process before left.
    pub resumed: bool,
}

/// The nearest decimal of a price.
pub(crate) fn price(value: f64) -> Option<Decimal> {
    number::to_places(value, PRICE_PLACES)
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
            rules,
            sizing,
            recorder,
            earned,
            validated,
            veto,
            gate,
            run,
            resumed,
        } = parts;
        strategies.sort_by(|a, b| a.name().cmp(b.name()));
        Session {
            id,
            desk,
            lines,
            strategies,
            rules,
            sizing,
            recorder,
            earned,
            validated,
            veto,
            gate,
            run,
            unsettled: resumed,
            moment: Moment::default(),
            wants: Vec::new(),
            given_up: Vec::new(),
            operated: false,
            shadows: None,
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
    pub(crate) fn open(
        &mut self,
        moment: Moment,
        gateway: &mut dyn Gateway,
    ) -> Result<&[Step], Problem> {
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
        let bars = format!("{{\"bars\":{}}}", self.moment.steps.len());
        let restrictions = self
            .gate
            .observe(self.event(Kind::Moment, "moment", bars))?;
        self.desk.observe(restrictions);
        // Nothing of this moment may fill what was stopped before it.
        let withdrawn = self.desk.withdraw();
        self.carry_out(withdrawn, gateway)?;
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
        for step in &self.moment.steps {
            self.earned.observe(step)?;
        }
        let views = self.look();
        self.wants = self.ask_strategies(&views);
        find_exits(&mut self.wants, &self.desk);
        Ok(self.questions())
    }

    /// Something to be recorded of this moment.
    pub(crate) fn event(&self, kind: Kind, subject: &str, body: String) -> Event {
        self.event_at(self.moment.time, kind, subject, body)
    }

    /// Something to be recorded of another time.
    pub(crate) fn event_at(&self, time: i64, kind: Kind, subject: &str, body: String) -> Event {
        Event {
            time: Timestamp(time),
            session: self.run.clone(),
            actor: "session".to_owned(),
            kind,
            subject: subject.to_owned(),
            body,
        }
    }

    /// What was heard about this moment's entries, in a session that is resumed and heard it already.
    ///
    /// # Errors
    /// When the record of it cannot be read.
    pub(crate) fn recorded_advice(&self) -> Result<Option<Vec<Vec<Heard>>>, Problem> {
        let Some(event) = self.gate.past(Kind::Advice, "advice") else {
            return Ok(None);
        };
        serde_json::from_str(&event.body)
            .map(Some)
            .map_err(|error| {
                Problem::host(
                    format!("the record of an AI provider's advice cannot be read: {error}"),
                    "run `bulkhead audit verify`",
                )
            })
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
                    instrument: request.instrument,
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

    /// Takes the verdicts, one a question, then decides and sends.
    ///
    /// # Errors
    /// When the books cannot follow.
    pub(crate) fn advised(
        &mut self,
        verdicts: &[Verdict],
        gateway: &mut dyn Gateway,
    ) -> Result<(), Problem> {
        if !verdicts.is_empty() {
            let heard: Vec<&[Heard]> = verdicts.iter().map(|one| one.heard.as_slice()).collect();
            let body = serde_json::to_string(&heard).map_err(broken)?;
            self.gate.append(self.event(Kind::Advice, "advice", body))?;
        }
        self.obey(gateway)?;
        let mut verdicts = verdicts.iter();
        let mut proposals = Vec::new();
        for want in std::mem::take(&mut self.wants) {
            for id in &want.cancel {
                self.cancel(id, gateway)?;
            }
            let Some(request) = want.request.clone() else {
                continue;
            };
            let asked = self.validated && want.is_entry();
            let verdict = if asked { verdicts.next() } else { None };
            if let Some((verdict, why)) =
                verdict.and_then(|verdict| Some((verdict, verdict.failure.as_ref()?)))
            {
                self.recorder.incident(
                    self.moment.time,
                    &verdict.provider,
                    why,
                    "it abstains; the entry is judged without it",
                );
            }
            let vetoed = self.veto
                && verdict.is_some_and(|verdict| verdict.advice.opinion == Opinion::Disagree);
            self.recorder
                .propose(&want, &request, self.moment.time, verdict, vetoed);
            let intent = serde_json::json!({
                "owner": want.owner, "request": request, "reason": want.reason,
                "confidence": want.confidence, "vetoed": vetoed,
            });
            let event = self.event(Kind::Intent, &want.decision, intent.to_string());
            self.gate.append(event)?;
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
                    extra: self.told(&want, request.instrument),
                };
                let heeded = want.views.iter().filter(|(_, heeded)| *heeded);
                proposals.push(Proposal {
                    fitted: heeded.filter_map(|(view, _)| view.fitted).min(),
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
        let reviewed = self.keep_raised()?;
        self.carry_out(review.dispositions, gateway)?;
        let dispositions = self.desk.decide(proposals);
        let decided = self.keep_raised()?;
        self.carry_out(dispositions, gateway)?;
        if reviewed || decided {
            self.obey(gateway)?;
        }
        let session_end = self.moment.steps.iter().any(|step| step.session_end);
        if session_end {
            self.desk
                .session_close(Timestamp(self.moment.time))
                .map_err(broken)?;
        }
        self.recorder
            .close(&mut self.desk, self.moment.time, session_end)
    }

    /// What rules are told beside an order's own context: whether its confidence is a model's calibrated
    /// probability of the side that it takes, and how its instrument moved with those that the account is in.
    fn told(&self, want: &Want, instrument: InstrumentHandle) -> Vec<(String, Value)> {
        let mut told = Vec::new();
        if let Some(confidence) = want.confidence {
            let heeded = want.views.iter().filter(|(_, heeded)| *heeded);
            let up: Vec<f64> = heeded.filter_map(|(view, _)| view.chosen()).collect();
            let calibrated = (want.request.as_ref())
                .is_some_and(|request| is_calibrated(confidence, request.side, &up));
            told.push((
                "confidence.calibrated".to_owned(),
                Value::Boolean(calibrated),
            ));
        }
        let held = self.desk.ledger().lines().map(|(key, _)| key.instrument);
        let working = self
            .desk
            .orders()
            .iter()
            .map(|working| working.order.request.instrument);
        let mut others: Vec<(String, InstrumentHandle)> = held
            .chain(working)
            .filter(|other| *other != instrument)
            .map(|other| (self.lines.symbol(other), other))
            .collect();
        others.sort();
        others.dedup();
        for (symbol, other) in others {
            if let Some(correlation) = self.lines.correlation(instrument, other) {
                told.push((format!("correlation.{symbol}"), Value::Real(correlation)));
            }
        }
        told
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
