//! Running a prepared session over history.

use crate::advisers::{Advisers, Panel, Verdict};
use crate::broker::{Call, PaperBroker, Venue as _};
use crate::config::check::VALIDATION;
use crate::earned::{Earned, unkept};
use crate::feed::Feed;
use crate::learning::{Learner, View};
use crate::lines::{Lines, Oracle, Tape};
use crate::outcome::{Frame, assemble, configurations, inputs_digest};
use crate::prepare::Prepared;
use crate::record::{Ending, Input, SessionRecord};
use crate::recorder::{Ink, Recorder};
use crate::resume::{Beginner, Planned};
use crate::session::{Parts, Session};
use crate::shadow::Shadows;
use crate::strategies::{Common, Running};
use crate::swap::{Floor, Incoming};
use crate::tables;
use bulkhead_desk::audit::Kind as Record;
use bulkhead_desk::switch::{Gate, Gated};
use bulkhead_desk::{Desk, DeskConfig, RiskRule};
use bulkhead_domain::digest::DigestBuilder;
use bulkhead_domain::{Digest, Problem, Timestamp};
use bulkhead_manifest::Kind;
use bulkhead_orchestrator::rewards::Rewards;
use bulkhead_registry::Registry;
use bulkhead_registry::supervise::Supervisor;
use bulkhead_sandbox::{BrokerPlugin, RiskRulePlugin};
use bulkhead_store::Store;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The account a paper session trades in.
pub(crate) const ACCOUNT: &str = "paper";

/// What the learners of a session said, for a session that repeats them.
pub type Views = BTreeMap<(String, String), Vec<View>>;

/// Told how far a session is.
pub trait Watch {
    /// `done` bars have been seen, the last one closed at `time`.
    fn progress(&mut self, done: u64, time: Timestamp);
}

/// How a prepared session is run.
pub struct Run<'a> {
    /// Where plugins come from.
    pub registry: &'a Registry,
    /// Drives plugins that do I/O.
    pub runtime: &'a tokio::runtime::Runtime,
    /// Where it is kept; nowhere when absent.
    pub store: Option<&'a Store>,
    /// Repeat what models said instead of learning again.
    pub repeat: Option<Views>,
    /// Whether a disagreement of the AI provider keeps an order back.
    pub veto: bool,
    /// What a session that is kept passes its orders through.
    pub gate: &'a Arc<Gate>,
    /// Leave an unfinished run of the same session behind and begin anew, instead of resuming it.
    pub fresh: bool,
    /// Versions handed over while it runs.
    pub incoming: Option<&'a Incoming>,
    /// What is compared with the versions that it runs.
    pub shadows: Option<&'a Arc<Shadows>>,
    /// Who runs it, and the time of the clock, for the audit log.
    pub by: (&'a str, Timestamp),
    /// Ends the session after the moment at hand when it becomes true; after its first moment when it is so
    /// from the start.
    pub interrupted: &'a AtomicBool,
}

/// What a run gives.
pub struct Ran {
    /// Its record.
    pub record: SessionRecord,
    /// What its learners said.
    pub views: Views,
    /// Names the run in the store.
    pub run: Option<String>,
    /// Whether somebody put a version in service while it ran: a session of the same configuration that nobody did so in
    /// is no comparison for it.
    pub operated: bool,
}

impl Prepared {
    /// Runs the session from its first bar to its last.
    ///
    /// # Errors
    /// When a plugin cannot be set up, the broker fails, or the books cannot follow: the session is then a
    /// non-result. A strategy, model, rule or AI provider that fails is an incident, not an error.
    pub fn run(&self, run: Run<'_>, watch: &mut dyn Watch) -> Result<Ran, Problem> {
        let veto = run.veto
            && self
                .config
                .validation
                .as_ref()
                .is_some_and(|table| table.veto);
        let mut inputs = self.inputs.clone();
        inputs.push(Input {
            kind: "config".to_owned(),
            name: "AI provider's veto".to_owned(),
            digest: if veto { "heeded" } else { "not heeded" }.to_owned(),
        });
        let id = format!("s-{}", &inputs_digest(&inputs).to_string()[..16]);
        let nonce = Digest::of(id.as_bytes());
        let beginner = run.store.map(|store| Beginner {
            store,
            gate: run.gate,
            session: (&id, &self.config.name),
            nonce: nonce.to_string(),
            source: self.source(),
            inputs: &inputs,
            opened: Timestamp(self.opened()),
            fresh: run.fresh,
            by: run.by,
        });
        let mut planned = beginner.as_ref().map(Beginner::plan).transpose()?;
        let name = planned.as_ref().map(|planned| planned.run.clone());
        let gate = match &planned {
            Some(_) => Arc::clone(run.gate),
            None => Arc::new(Gate::unrecorded()),
        };
        // Everything is set up before anything is kept of it.
        let mut advisers = self.advisers(&id, planned.as_ref())?;
        let (mut session, mut broker) = self.session(&id, &run, veto, planned.as_mut(), &gate)?;
        if let (Some(beginner), Some(planned)) = (beginner, planned) {
            beginner.begin(planned, &session.desk.book())?;
        }
        if let Some(incoming) = run.incoming {
            incoming.begin(&self.places, run.registry)?;
        }
        if let Some(shadows) = run.shadows {
            shadows.begin();
            advisers = advisers.map(|it| it.beside(Arc::clone(shadows)));
            session.shadows = Some(Arc::clone(shadows));
        }
        let driven = self.drive(&mut session, &mut broker, advisers.as_mut(), &run, watch);
        if let Some(incoming) = run.incoming {
            incoming.end();
        }
        let (ending, notes) = match driven {
            Ok(driven) => driven,
            Err(problem) => {
                // A session that did not come to what it had done is left to be resumed by one that does.
                if gate.is_live() {
                    session.give_up(&problem, &mut broker);
                }
                if let Some(ink) = session.recorder.ink().filter(|_| gate.is_live()) {
                    // What ended the session is what its caller is told; this only marks what is left of it.
                    let _ = tables::write_failed(ink);
                    let _ = gate.end(session.event(Record::Ended, "failed", problem.what.clone()));
                }
                return Err(problem);
            }
        };
        let views = std::mem::take(&mut session.recorder.views);
        let frame = Frame {
            name: &self.config.name,
            seed: self.config.seed,
            currency: &self.config.currency,
            cash: self.config.cash,
            inputs,
            series: self
                .data
                .iter()
                .map(|loaded| (&loaded.series, &loaded.report))
                .collect(),
            benchmark: self
                .benchmark
                .as_ref()
                .map(|(name, loaded)| (name.as_str(), &loaded.series)),
            notes,
            ending,
        };
        let record = assemble(&mut session, frame)?;
        if session.recorder.ink().is_some() {
            let digest = format!("{{\"digest\":\"{}\"}}", record.digest);
            gate.end(session.event(Record::Ended, "ended", digest))?;
        }
        if let Some(ink) = session.recorder.ink() {
            let configurations = configurations(&session.lines);
            tables::write_end(ink, &record, &self.config.name, &configurations)?;
        }
        Ok(Ran {
            record,
            views,
            run: name,
            operated: session.operated,
        })
    }

    fn feed(&self) -> Result<Feed<'_>, Problem> {
        Feed::new(self.series()).between(self.config.from.as_deref(), self.config.to.as_deref())
    }

    /// When the first bar opened.
    pub(crate) fn opened(&self) -> i64 {
        self.series()
            .filter_map(|series| series.open_times.first())
            .min()
            .copied()
            .unwrap_or(0)
    }

    fn session(
        &self,
        id: &str,
        run: &Run<'_>,
        veto: bool,
        planned: Option<&mut Planned>,
        gate: &Arc<Gate>,
    ) -> Result<(Session, Gated<PaperBroker<'_>>), Problem> {
        let ink = planned.as_ref().map(|planned| planned.ink());
        let earned = self.earned(ink.as_ref())?;
        let name = ink.as_ref().map_or_else(String::new, |ink| ink.run.clone());
        let resumed = planned.as_ref().is_some_and(|planned| planned.resumed);
        let mut rules = Vec::new();
        for table in &self.config.risk {
            let (plugin, setup) = self.ready(run.registry, table, Kind::RiskRule)?;
            rules.push(RiskRulePlugin::new(plugin, setup)?);
        }
        let supervisor = self.config.supervision;
        let supervisor = Supervisor::new(supervisor, Timestamp(self.opened()))
            .map_err(|error| Problem::user(format!("[supervision] {error}"), "correct it"))?;
        let rules = crate::rules::beside(rules, &supervisor, run.shadows);
        let chain = rules.iter().cloned();
        let chain = chain.map(|rule| Box::new(rule) as Box<dyn RiskRule>);
        let (plugin, setup) = self.ready(run.registry, &self.config.broker, Kind::Broker)?;
        let broker_name = plugin.manifest().id.clone();
        let plugin = BrokerPlugin::new(plugin, setup)?;
        let config = DeskConfig {
            account: ACCOUNT.to_owned(),
            currency: self.config.currency.clone(),
            basis: self.config.cost_basis,
            capital: self.config.cash,
            opened: Timestamp(self.opened()),
            limits: self.config.checks.clone(),
            // A simulated broker is the session's own: ids that are equal in a replay meet no others there.
            nonce: *Digest::of(id.as_bytes()).bytes(),
            session: name.clone(),
            broker: broker_name,
            plugins: self
                .strategies
                .iter()
                .map(|ready| (ready.name.clone(), ready.plugin.manifest().id.clone()))
                .collect(),
        };
        let desk = Desk::new(config, self.instruments(), chain.collect()).map_err(|error| {
            Problem::user(error.to_string(), "correct the session's configuration")
        })?;
        let bars = Box::new(|| self.feed());
        let broker = match planned {
            Some(planned) => {
                let mut broker = PaperBroker::new(plugin, Some(planned.call_log()), bars);
                let successors = self.successors(run.registry, &planned.calls)?;
                broker.recover(&planned.calls, successors)?;
                broker
            }
            None => PaperBroker::new(plugin, None, bars),
        };
        let broker = Gated::new(broker, Arc::clone(gate), desk.book());
        let lines = self.lines(id, run)?;
        let common = Common {
            past: lines.past(),
            features: lines.names().to_vec(),
            models: self.config.models.keys().cloned().collect(),
        };
        let strategies = self.strategies.iter();
        let strategies = strategies
            .map(|ready| Running::new(ready, common.clone(), supervisor.clone()))
            .collect::<Result<_, _>>()?;
        let parts = Parts {
            id: id.to_owned(),
            desk,
            lines,
            strategies,
            rules,
            sizing: self
                .config
                .strategies
                .iter()
                .filter_map(|strategy| Some((strategy.name.clone(), strategy.sizing.clone()?)))
                .collect(),
            recorder: Recorder::new(id, ink),
            earned,
            validated: !self.providers.is_empty(),
            veto,
            gate: Arc::clone(gate),
            run: name,
            resumed,
        };
        Ok((Session::new(parts), broker))
    }

    /// The versions of the broker that served after the first one.
    fn successors(
        &self,
        registry: &Registry,
        calls: &[(i64, Call)],
    ) -> Result<Vec<BrokerPlugin>, Problem> {
        let mut successors = Vec::new();
        for (_, call) in calls {
            let Call::Succeeded { digest } = call else {
                continue;
            };
            let id = (self.places.iter()).find(|place| place.kind == Kind::Broker);
            let id = id.map_or("", |place| place.id.as_str());
            let plugin = registry.load(&format!("{id}@{digest}"))?;
            let setup = self.setup(registry, &plugin, &self.config.broker)?;
            successors.push(BrokerPlugin::new(plugin, setup)?);
        }
        Ok(successors)
    }

    /// What the session's tasks have in common: whatever is earned in it is kept under its run.
    fn earned(&self, ink: Option<&Ink>) -> Result<Earned, Problem> {
        let learning = self
            .config
            .tasks
            .get(VALIDATION)
            .map(|class| &class.learning);
        let learning =
            BTreeMap::from([(VALIDATION.to_owned(), learning.cloned().unwrap_or_default())]);
        let (scope, writer) = match ink {
            Some(ink) => (ink.run.as_str(), Some(ink.writer.clone())),
            None => ("", None),
        };
        let rewards = Rewards::new(scope, writer, learning).map_err(unkept)?;
        let judged_after = self
            .config
            .validation
            .as_ref()
            .map_or(1, |it| it.judged_after);
        let traders = self.strategies.iter().map(|ready| ready.candidate());
        Earned::new(rewards, judged_after, traders.collect())
    }

    fn advisers(&self, id: &str, planned: Option<&Planned>) -> Result<Option<Advisers>, Problem> {
        let Some(validation) = &self.config.validation else {
            return Ok(None);
        };
        let class = self
            .config
            .tasks
            .get(VALIDATION)
            .cloned()
            .unwrap_or_default();
        let seed = DigestBuilder::new()
            .part("session", id.as_bytes())
            .part("seed", &self.config.seed.to_le_bytes())
            .finish();
        let panel = Panel {
            providers: self.providers.clone(),
            validation,
            class: &class,
            seed: seed.seed(),
            opened: Timestamp(self.opened()),
            writer: planned.map(|planned| planned.ink().writer),
            budgets: self.budgets.clone(),
            latencies: self.latencies.clone(),
        };
        Advisers::new(panel).map(Some)
    }

    fn lines(&self, id: &str, run: &Run<'_>) -> Result<Lines, Problem> {
        let mut lines = Lines::new(&self.config.features);
        for series in self.series() {
            let symbol = &series.instrument.symbol;
            let mut oracles: BTreeMap<String, Box<dyn Oracle>> = BTreeMap::new();
            for (alias, config) in &self.config.models {
                let oracle: Box<dyn Oracle> = match &run.repeat {
                    Some(views) => {
                        let said = views
                            .get(&(symbol.clone(), alias.clone()))
                            .cloned()
                            .unwrap_or_default();
                        Box::new(Tape(VecDeque::from(said)))
                    }
                    None => {
                        let trainers = self.trainers.get(alias).cloned().unwrap_or_default();
                        let names = &self.config.features;
                        Box::new(Learner::new(
                            id,
                            self.config.seed,
                            alias,
                            symbol,
                            config,
                            names,
                            trainers,
                        ))
                    }
                };
                oracles.insert(alias.clone(), oracle);
            }
            lines.add(series.instrument.handle, symbol, oracles)?;
        }
        Ok(lines)
    }

    fn drive(
        &self,
        session: &mut Session,
        broker: &mut Gated<PaperBroker<'_>>,
        mut advisers: Option<&mut Advisers>,
        run: &Run<'_>,
        watch: &mut dyn Watch,
    ) -> Result<(Ending, Vec<String>), Problem> {
        let mut due = self.swaps.clone();
        let mut last = None;
        let mut ending = Ending::Completed;
        for moment in self.feed()? {
            // One moment at least: a session that was interrupted while it was prepared has a record too.
            if last.is_some() && run.interrupted.load(Ordering::Relaxed) {
                ending = Ending::Interrupted;
                break;
            }
            let time = moment.time;
            let mut floor = Floor {
                session: &mut *session,
                broker: &mut *broker,
                advisers: advisers.as_deref_mut(),
                registry: run.registry,
                runtime: run.runtime,
            };
            self.swap_due(&mut due, run.incoming, &mut floor, time)?;
            if let Some(shadows) = run.shadows {
                self.shadow_due(shadows, session, advisers.as_deref(), run.registry);
            }
            self.clock.set(time);
            broker.set_time(Timestamp(time));
            let steps = session.open(moment, broker)?;
            let updates = broker.broker().advance(time, steps)?;
            session.renewed(broker.broker().take_renewals());
            session.carry(|| broker.broker().account(ACCOUNT))?;
            let questions = session.matched(&updates)?;
            if let Some(shadows) = run.shadows {
                shadows.observe(&session.moment.steps, &session.earned);
            }
            // Nothing is sent before the books of a resumed session agree with the broker.
            let caught_up =
                session.unsettled && session.gate.is_live() && broker.broker().is_caught_up();
            let settled = session.settle(caught_up, broker)?;
            session.unsettled &= !(caught_up && settled);
            let verdicts: Vec<Verdict> = match advisers.as_deref_mut() {
                Some(advisers) if !questions.is_empty() => {
                    let recorded = session.recorded_advice()?;
                    let asked = advisers.ask(&questions, recorded, &mut session.earned);
                    run.runtime.block_on(asked)?
                }
                _ => Vec::new(),
            };
            session.advised(&verdicts, broker)?;
            let given_up = session.take_given_up();
            if let Some(incoming) = run.incoming.filter(|_| session.gate.is_live()) {
                given_up.iter().for_each(|one| incoming.given_up(one));
            }
            watch.progress(session.bars, Timestamp(time));
            last = Some(time);
        }
        let Some(last) = last else {
            return Err(Problem::user(
                "no bar lies between the session's first and last date",
                "widen `from` and `to`, or correct the data",
            ));
        };
        let updates = broker.broker().finish(last)?;
        session.finish(&updates)?;
        Ok((ending, self.notes(session)))
    }

    /// What a reader has to know.
    fn notes(&self, session: &Session) -> Vec<String> {
        let mut notes = vec![
            "Simulated: a replay of history. No order reached a market; fills follow the venue's rules against daily bars.".to_owned(),
            "The instruments are companies that are known today to have survived: results on them flatter.".to_owned(),
            "Orders, fills, fees and the books use raw prices; features and labels use prices adjusted only for splits and dividends up to the decision.".to_owned(),
        ];
        for provider in self.providers.iter().filter(|it| !it.is_language_model()) {
            notes.push(format!(
                "{} is a set of rules, not a language model.",
                provider.candidate().label()
            ));
        }
        for swap in &session.recorder.swaps {
            notes.push(swap.to_string());
        }
        for (alias, symbol, learner) in session.lines.learners() {
            let chosen: u64 = learner
                .candidates()
                .map(|judged| judged.tally.chosen_bars)
                .sum();
            if chosen == 0 {
                notes.push(format!(
                    "No model was ever eligible for {alias} on {symbol}: strategies that rest on it stayed flat there."
                ));
            }
        }
        if self
            .config
            .models
            .values()
            .any(|model| model.shuffle_labels)
        {
            notes.push("Control: the labels that models learnt from and were judged by were shuffled; whatever they found is chance.".to_owned());
        }
        notes
    }
}
