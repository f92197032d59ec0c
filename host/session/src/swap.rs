//! A new version of a plugin takes the old one's place in a session that is running.
//!
//! Promises: a version is swapped in between two moments, so that every moment sees one; everything it is to do is made
//! ready first, and where one part of it fails nothing has changed and the session says why; no bar goes without the
//! predictions and intents that it would have had. Models take over what was learnt or learn anew; strategies, rules and
//! the broker take over their predecessor's state or are shown all that it was, and the broker then has to hold what
//! its predecessor held; AI providers answer the next question. What a predecessor earned is the new version's start,
//! shrunk.
//!
//! A swap is a record of the session, and so is one that was refused: one that is resumed swaps at the same place, and
//! one that is repeated from `[[swaps]]` comes to the same digest.
//!
//! Only what a session names by its id alone is swapped. A data source has done its work before the session begins; its
//! new version serves the next one.

mod incoming;

pub use self::incoming::{GivenUp, Incoming, Operator, Refused, Ticket};

use crate::advisers::Advisers;
use crate::broker::PaperBroker;
use crate::handed::Handed;
use crate::learning::{Successor, Trainer};
use crate::prepare::{Prepared, ReadyStrategy, defaults_digest};
use crate::record::SwapRecord;
use crate::session::Session;
use crate::strategies::NextVoice;
use crate::validation::Provider;
use crate::wiring::PluginTrainer;
use bulkhead_desk::audit::Kind as Record;
use bulkhead_desk::switch::Gated;
use bulkhead_domain::order::InstrumentHandle;
use bulkhead_domain::{Digest, Problem, Timestamp};
use bulkhead_manifest::Kind;
use bulkhead_registry::Registry;
use bulkhead_sandbox::{
    AiProviderPlugin, BrokerPlugin, ModelPlugin, Plugin, PoolPolicy, RiskRulePlugin, StrategyPlugin,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::Arc;

/// A version that the configuration puts in service.
#[derive(Clone)]
pub(crate) struct Scheduled {
    /// The first moment at or after this sees it.
    pub(crate) at: i64,
    pub(crate) plugin: Plugin,
}

/// A session with everything in which plugins are replaced.
pub(crate) struct Floor<'a, 'b> {
    pub(crate) session: &'a mut Session,
    pub(crate) broker: &'a mut Gated<PaperBroker<'b>>,
    pub(crate) advisers: Option<&'a mut Advisers>,
    pub(crate) registry: &'a Registry,
    pub(crate) runtime: &'a tokio::runtime::Runtime,
}

/// What the log says of a swap.
#[derive(Serialize, Deserialize)]
struct Body {
    version: String,
    to: Digest,
    /// Of the default configuration that was installed for it, where there was any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    settings: Option<Digest>,
    /// Why it was not swapped in, where it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
}

/// What became of a version.
enum Came {
    /// It serves.
    In,
    /// It served already.
    Already,
    /// The one in service goes on.
    Refused(String),
}

/// A new version that is ready in every place.
#[derive(Default)]
struct Ready {
    models: Vec<(InstrumentHandle, String, Successor)>,
    strategies: Vec<(Arc<ReadyStrategy>, NextVoice)>,
    providers: Vec<(usize, Provider)>,
    rules: Vec<(usize, RiskRulePlugin)>,
    /// The broker; none of its own where a session that is resumed has it already.
    broker: Option<Option<BrokerPlugin>>,
    /// Every place, and how it took over.
    places: Vec<(String, String)>,
}

impl Ready {
    fn place(&mut self, place: String, handed: &Handed) {
        self.places.push((place, handed.to_string()));
    }
}

impl Prepared {
    /// Puts in service what is due before a moment: by the configuration, by the record of a session that is resumed,
    /// and by whoever handed it over meanwhile.
    pub(crate) fn swap_due(
        &self,
        due: &mut VecDeque<Scheduled>,
        incoming: Option<&Incoming>,
        floor: &mut Floor<'_, '_>,
        time: i64,
    ) -> Result<(), Problem> {
        while let Some(scheduled) = due.pop_front_if(|scheduled| scheduled.at <= time) {
            self.swap(scheduled.plugin, floor, time)?;
        }
        while let Some(event) = floor.session.gate.past_of(Record::Swapped) {
            let cannot = |why: &str| {
                Problem::host(
                    format!(
                        "the recorded swap of {} cannot be repeated: {why}",
                        event.subject
                    ),
                    "restore what it was made with, or begin anew with --fresh",
                )
            };
            let body = read(&event.subject, &event.body)?;
            let plugin = (floor.registry).load(&format!("{}@{}", event.subject, body.to))?;
            if defaults_digest(floor.registry, &plugin)? != body.settings {
                return Err(cannot("its default configuration was changed since"));
            }
            match self.swap(plugin, floor, time)? {
                Came::In => floor.session.operated = true,
                Came::Refused(_) if body.refused.is_some() => {}
                Came::Refused(why) => return Err(cannot(&why)),
                Came::Already => return Err(cannot("it serves already")),
            }
        }
        let Some(incoming) = incoming.filter(|_| floor.session.gate.is_live()) else {
            return Ok(());
        };
        while let Some(plugin) = incoming.take() {
            let (id, digest) = (plugin.manifest().id.clone(), plugin.digest());
            match self.swap(plugin, floor, time)? {
                Came::In => {
                    floor.session.operated = true;
                    incoming.serves(&id, digest);
                }
                Came::Already => {}
                Came::Refused(why) => incoming.refused(&id, digest, &why),
            }
        }
        Ok(())
    }

    /// Swaps a version in, or says why not.
    fn swap(&self, plugin: Plugin, floor: &mut Floor<'_, '_>, time: i64) -> Result<Came, Problem> {
        let manifest = plugin.manifest();
        let (id, version, digest) = (
            manifest.id.clone(),
            manifest.version.clone(),
            plugin.digest(),
        );
        let mut body = Body {
            version: version.clone(),
            to: digest,
            settings: defaults_digest(floor.registry, &plugin)?,
            refused: None,
        };
        let recorded = match floor.session.gate.past(Record::Swapped, &id) {
            Some(event) => read(&id, &event.body)?.refused,
            None => None,
        };
        let ready = match recorded {
            Some(why) => Err(why),
            None => (self.make_ready(plugin, floor)).map_err(|problem| problem.to_string()),
        };
        let ready = match ready {
            // Asked twice, or rolled back to what is in service.
            Ok(ready) if ready.places.is_empty() => return Ok(Came::Already),
            Ok(ready) => ready,
            Err(why) => {
                body.refused = Some(why.clone());
                self.record(floor.session, time, &id, &body)?;
                floor.session.recorder.incident(
                    time,
                    &format!("{id} {version}"),
                    &why,
                    "it was not swapped in; the version in service goes on",
                );
                return Ok(Came::Refused(why));
            }
        };
        self.record(floor.session, time, &id, &body)?;
        let record = SwapRecord {
            time,
            plugin: id,
            version,
            digest: digest.to_string(),
            places: ready.places.clone(),
        };
        put_in_service(ready, floor, time)?;
        floor.session.recorder.swaps.push(record);
        Ok(Came::In)
    }

    fn record(
        &self,
        session: &mut Session,
        time: i64,
        id: &str,
        body: &Body,
    ) -> Result<(), Problem> {
        let body = serde_json::to_string(body).map_err(|error| {
            Problem::host(
                format!("a swap cannot be written: {error}"),
                "please report it",
            )
        })?;
        let event = session.event_at(time, Record::Swapped, id, body);
        Ok(session.gate.append(event)?)
    }

    fn make_ready(&self, plugin: Plugin, floor: &mut Floor<'_, '_>) -> Result<Ready, Problem> {
        let id = plugin.manifest().id.clone();
        let Some(place) = self.places.iter().find(|place| place.follows(&id)) else {
            return Err(Problem::user(
                format!("the session names no plugin {id} by its id alone"),
                "swap one that it does",
            ));
        };
        plugin.expect_kind(place.kind)?;
        let mut ready = Ready::default();
        match place.kind {
            Kind::Model => self.ready_models(&id, plugin, floor, &mut ready)?,
            Kind::Strategy => self.ready_strategies(&id, &plugin, floor, &mut ready)?,
            Kind::AiProvider => self.ready_providers(&id, &plugin, floor, &mut ready)?,
            Kind::RiskRule => self.ready_rules(&id, &plugin, floor, &mut ready)?,
            Kind::Broker => self.ready_broker(plugin, floor, &mut ready)?,
            // None has a place.
            Kind::DataSource => {}
        }
        Ok(ready)
    }

    fn ready_models(
        &self,
        id: &str,
        plugin: Plugin,
        floor: &mut Floor<'_, '_>,
        ready: &mut Ready,
    ) -> Result<(), Problem> {
        let digest = plugin.digest();
        let empty = Value::Object(Default::default());
        let setup = (floor.registry).setup(&plugin, &empty, &[], &self.operator())?;
        let plugin = Arc::new(ModelPlugin::new(plugin, setup)?);
        let lines = &mut floor.session.lines;
        for (alias, model) in &self.config.models {
            for (instrument, symbol) in lines.instruments() {
                let Some(learner) = lines.learner_mut(instrument, alias) else {
                    continue;
                };
                for (place, config) in model.candidates.iter().enumerate() {
                    if config.plugin != id || learner.digest(place) == Some(digest) {
                        continue;
                    }
                    let trainer: Arc<dyn Trainer> =
                        Arc::new(PluginTrainer::new(Arc::clone(&plugin), config)?);
                    let label = trainer.candidate().label();
                    let successor = learner.prepare(place, trainer).map_err(|why| {
                        Problem::user(
                            format!("{label} on {symbol} neither takes over nor learns: {why}"),
                            "look at the new version",
                        )
                    })?;
                    ready.place(
                        format!("model {alias} on {symbol}: {label}"),
                        &successor.handed,
                    );
                    ready.models.push((instrument, alias.clone(), successor));
                }
            }
        }
        Ok(())
    }

    fn ready_strategies(
        &self,
        id: &str,
        plugin: &Plugin,
        floor: &mut Floor<'_, '_>,
        ready: &mut Ready,
    ) -> Result<(), Problem> {
        for running in &mut floor.session.strategies {
            let known = running.ready();
            if known.reference != id || running.digest() == plugin.digest() {
                continue;
            }
            let setup = floor.registry.setup(
                plugin,
                &known.settings,
                &known.setup.instruments,
                &self.operator(),
            )?;
            let next = Arc::new(ReadyStrategy {
                name: known.name.clone(),
                reference: known.reference.clone(),
                settings: known.settings.clone(),
                handles: known.handles.clone(),
                plugin: StrategyPlugin::new(plugin.clone())?,
                setup,
            });
            let (voice, handed) = running.prepare(&next)?;
            ready.place(format!("strategy {}", next.name), &handed);
            ready.strategies.push((next, voice));
        }
        Ok(())
    }

    fn ready_providers(
        &self,
        id: &str,
        plugin: &Plugin,
        floor: &mut Floor<'_, '_>,
        ready: &mut Ready,
    ) -> Result<(), Problem> {
        let (Some(advisers), Some(table)) = (&floor.advisers, &self.config.validation) else {
            return Ok(());
        };
        for (place, config) in table.providers().iter().enumerate() {
            let known = advisers.candidate(place);
            if config.plugin != id || known.is_none_or(|it| it.digest == plugin.digest()) {
                continue;
            }
            let settings = crate::prepare::json(&config.config)?;
            let setup = (floor.registry).setup(plugin, &settings, &[], &self.operator())?;
            let digest = Digest::of(setup.config.as_bytes());
            let provider = AiProviderPlugin::new(plugin.clone(), setup, PoolPolicy::default())?;
            let name = config.name.as_deref();
            // It is asked for what its predecessor was: another model would bear another label.
            let provider = Provider::new(provider, advisers.model(place), name, digest);
            let provider = floor.runtime.block_on(provider)?;
            ready.place(
                format!("AI provider {}", provider.candidate().label()),
                &Handed::Nothing,
            );
            ready.providers.push((place, provider));
        }
        Ok(())
    }

    fn ready_rules(
        &self,
        id: &str,
        plugin: &Plugin,
        floor: &mut Floor<'_, '_>,
        ready: &mut Ready,
    ) -> Result<(), Problem> {
        let tables = self.config.risk.iter().zip(&floor.session.rules);
        for (place, (table, rule)) in tables.enumerate() {
            if table.plugin != id || rule.digest() == plugin.digest() {
                continue;
            }
            let setup = self.setup(floor.registry, plugin, table)?;
            let make = || RiskRulePlugin::new(plugin.clone(), setup.clone());
            let (next, handed) = rule.prepare(make)?;
            ready.place(format!("risk rule {id}"), &handed);
            ready.rules.push((place, next));
        }
        Ok(())
    }

    fn ready_broker(
        &self,
        plugin: Plugin,
        floor: &mut Floor<'_, '_>,
        ready: &mut Ready,
    ) -> Result<(), Problem> {
        let name = format!("broker {}", plugin.manifest().id);
        let broker = floor.broker.broker();
        if let Some(handed) = broker.taken(plugin.digest()) {
            ready.place(name, handed);
            ready.broker = Some(None);
        } else if broker.digest() != plugin.digest() {
            let setup = self.setup(floor.registry, &plugin, &self.config.broker)?;
            let next = BrokerPlugin::new(plugin, setup)?;
            let (next, handed) = broker.prepare(&next)?;
            ready.place(name, &handed);
            ready.broker = Some(Some(next));
        }
        Ok(())
    }
}

fn read(id: &str, body: &str) -> Result<Body, Problem> {
    serde_json::from_str(body).map_err(|error| {
        Problem::host(
            format!("the record of a swap of {id} cannot be read: {error}"),
            "run `bulkhead audit verify`",
        )
    })
}

/// From here on the new version serves. What can fail is only what is kept of it.
fn put_in_service(ready: Ready, floor: &mut Floor<'_, '_>, time: i64) -> Result<(), Problem> {
    let session = &mut *floor.session;
    for (instrument, alias, successor) in ready.models {
        if let Some(learner) = session.lines.learner_mut(instrument, &alias) {
            learner.succeed(successor);
        }
    }
    for (next, voice) in ready.strategies {
        let (name, candidate) = next.candidate();
        if let Some(running) = session.strategies.iter_mut().find(|it| it.name() == name) {
            running.succeed(voice);
        }
        session
            .earned
            .succeeded(&name, candidate, Timestamp(time))?;
    }
    if let Some(advisers) = &mut floor.advisers {
        for (place, provider) in ready.providers {
            advisers.succeed(place, provider, &mut session.earned, Timestamp(time))?;
        }
    }
    for (place, next) in ready.rules {
        if let Some(rule) = session.rules.get(place) {
            rule.succeed(next);
        }
    }
    if let Some(next) = ready.broker {
        floor.broker.broker().succeed(next)?;
    }
    Ok(())
}
