//! A new version of a plugin takes the old one's place in a session that is running.
//!
//! Promises: a version is swapped in between two moments, so that every moment sees one; everything it is to do is made
//! ready first, and where one part of it fails nothing has changed and the session says why; no bar goes without the
//! predictions and intents that it would have had. Models take over what was learnt or learn anew, strategies take over
//! their predecessor's state or are shown all that it was, AI providers answer the next question. What a predecessor
//! earned is the new version's start, shrunk.
//!
//! A swap is a record of the session: one that is resumed swaps at the same place, and one that is repeated from
//! `[[swaps]]` comes to the same digest.
//!
//! Rules and the broker keep the version that the session began with: what they hold protects the account, and is not
//! handed over here yet. A data source has done its work before the session begins. All three take their new version
//! with the next session.

use crate::advisers::Advisers;
use crate::learning::{Successor, Trainer};
use crate::past::Window;
use crate::prepare::{Prepared, ReadyStrategy};
use crate::record::SwapRecord;
use crate::session::Session;
use crate::strategies::NextVoice;
use crate::validation::Provider;
use crate::wiring::PluginTrainer;
use bulkhead_desk::audit::Kind as Record;
use bulkhead_domain::order::InstrumentHandle;
use bulkhead_domain::{Digest, Problem, Timestamp};
use bulkhead_manifest::Kind;
use bulkhead_registry::{Registry, check_config};
use bulkhead_sandbox::{
    AiProviderPlugin, History, ModelPlugin, Plugin, PoolPolicy, Setup, StrategyPlugin,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// A version that the configuration puts in service.
#[derive(Clone)]
pub(crate) struct Scheduled {
    /// The first moment at or after this sees it.
    pub(crate) at: i64,
    pub(crate) plugin: Plugin,
}

/// Where versions come from, and what drives those that do I/O.
type Host<'a> = (&'a Registry, &'a tokio::runtime::Runtime);

/// What the log says of a swap.
#[derive(Serialize, Deserialize)]
struct Body {
    version: String,
    to: Digest,
}

/// Told of a version that a session could not swap in after all: which plugin's, and why.
type Refused = Box<dyn Fn(&str, &str) + Send + Sync>;

/// Versions that are handed to a session while it runs. Shared with whoever takes an operator's commands.
#[derive(Default)]
pub struct Incoming {
    inbox: Mutex<Inbox>,
    refused: OnceLock<Refused>,
}

#[derive(Default)]
struct Inbox {
    /// What the session runs, by id.
    runs: Runs,
    queue: VecDeque<Plugin>,
}

/// What a session runs, by id: the kind, and the settings it gives it, once for every place.
pub(crate) type Runs = BTreeMap<String, (Kind, Vec<Value>)>;

impl Incoming {
    fn lock(&self) -> MutexGuard<'_, Inbox> {
        // A panic elsewhere leaves a list whole.
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has `refused` told of every version that was handed over and could not be swapped in after all.
    pub fn tell(&self, refused: impl Fn(&str, &str) + Send + Sync + 'static) {
        // Who is told is said once.
        let _ = self.refused.set(Box::new(refused));
    }

    /// Whether a running session uses this plugin and can take a new version of it now. One that runs it as something
    /// that keeps its version says so.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn accepts(&self, plugin: &Plugin) -> Result<bool, Problem> {
        let id = &plugin.manifest().id;
        match self.lock().runs.get(id) {
            None => Ok(false),
            Some((kind @ (Kind::Model | Kind::Strategy | Kind::AiProvider), settings)) => {
                plugin.expect_kind(*kind)?;
                for config in settings {
                    check_config(plugin.manifest(), config)?;
                }
                Ok(true)
            }
            Some((kind, _)) => Err(Problem::user(
                format!("{kind} {id} is at work in a session, which keeps its version to its end"),
                "swap it when the session has ended",
            )),
        }
    }

    /// Hands a version over; the next moment sees it.
    pub fn push(&self, plugin: Plugin) {
        self.lock().queue.push_back(plugin);
    }

    pub(crate) fn begin(&self, runs: Runs) {
        self.lock().runs = runs;
    }

    pub(crate) fn end(&self) {
        let mut inbox = self.lock();
        inbox.runs.clear();
        inbox.queue.clear();
    }

    fn take(&self) -> Option<Plugin> {
        self.lock().queue.pop_front()
    }
}

/// A new version that is ready in every place.
struct Ready {
    models: Vec<(InstrumentHandle, String, Successor)>,
    strategies: Vec<(ReadyStrategy, NextVoice)>,
    providers: Vec<(usize, Provider)>,
    record: SwapRecord,
}

impl Prepared {
    /// Puts in service what is due before a moment: by the configuration, by the record of a session that is resumed,
    /// and by whoever handed it over meanwhile.
    pub(crate) fn swap_due(
        &self,
        due: &mut VecDeque<Scheduled>,
        incoming: Option<&Incoming>,
        session: &mut Session,
        mut advisers: Option<&mut Advisers>,
        host: Host<'_>,
        time: i64,
    ) -> Result<(), Problem> {
        while let Some(scheduled) = due.pop_front_if(|scheduled| scheduled.at <= time) {
            self.swap(
                scheduled.plugin,
                session,
                advisers.as_deref_mut(),
                host,
                time,
            )?;
        }
        for id in self.runs().into_keys() {
            while let Some(event) = session.gate.past(Record::Swapped, &id) {
                let body: Body = serde_json::from_str(&event.body).map_err(|error| {
                    Problem::host(
                        format!("the record of a swap of {id} cannot be read: {error}"),
                        "run `bulkhead audit verify`",
                    )
                })?;
                let plugin = host.0.load(&format!("{id}@{}", body.to))?;
                self.swap(plugin, session, advisers.as_deref_mut(), host, time)?;
            }
        }
        let Some(incoming) = incoming.filter(|_| session.gate.is_live()) else {
            return Ok(());
        };
        while let Some(plugin) = incoming.take() {
            let id = plugin.manifest().id.clone();
            let refused = self.swap(plugin, session, advisers.as_deref_mut(), host, time)?;
            if let (Some(why), Some(tell)) = (refused, incoming.refused.get()) {
                tell(&id, &why);
            }
        }
        Ok(())
    }

    /// What the session runs.
    pub(crate) fn runs(&self) -> Runs {
        let mut runs = Runs::new();
        let mut add = |id: &str, kind: Kind, settings: Option<Value>| {
            let known = runs.entry(id.to_owned()).or_insert((kind, Vec::new()));
            known.1.extend(settings);
        };
        for trainer in self.trainers.values().flat_map(|all| all.iter()) {
            add(&trainer.candidate().plugin, Kind::Model, None);
        }
        for ready in &self.strategies {
            let settings = serde_json::from_str(&ready.setup.config).ok();
            add(&ready.plugin.manifest().id, Kind::Strategy, settings);
        }
        let tables = self.config.validation.iter().flat_map(|it| it.providers());
        for (provider, table) in self.providers.iter().zip(tables) {
            let settings = crate::prepare::json(&table.config).ok();
            add(&provider.candidate().plugin, Kind::AiProvider, settings);
        }
        for (id, kind) in &self.fixed {
            add(id, *kind, None);
        }
        runs
    }

    /// Swaps a version in, or says why not.
    fn swap(
        &self,
        plugin: Plugin,
        session: &mut Session,
        advisers: Option<&mut Advisers>,
        host: Host<'_>,
        time: i64,
    ) -> Result<Option<String>, Problem> {
        let (id, version) = (
            plugin.manifest().id.clone(),
            plugin.manifest().version.clone(),
        );
        let digest = plugin.digest();
        let ready = self.make_ready(plugin, session, advisers.as_deref(), host, time);
        let ready = match ready {
            Ok(Some(ready)) => ready,
            // It runs already: asked twice, or rolled back to what is in service.
            Ok(None) => return Ok(None),
            Err(problem) => {
                session.recorder.incident(
                    time,
                    &format!("{id} {version}"),
                    &problem.to_string(),
                    "it was not swapped in; the version in service goes on",
                );
                return Ok(Some(problem.to_string()));
            }
        };
        let body = Body {
            version,
            to: digest,
        };
        let body = serde_json::to_string(&body).unwrap_or_default();
        let event = session.event_at(time, Record::Swapped, &id, body);
        session.gate.append(event)?;
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
        if let Some(advisers) = advisers {
            for (place, provider) in ready.providers {
                advisers.succeed(place, provider, &mut session.earned, Timestamp(time))?;
            }
        }
        session.recorder.swaps.push(ready.record);
        Ok(None)
    }

    fn make_ready(
        &self,
        plugin: Plugin,
        session: &mut Session,
        advisers: Option<&Advisers>,
        host: Host<'_>,
        time: i64,
    ) -> Result<Option<Ready>, Problem> {
        let manifest = plugin.manifest();
        let id = manifest.id.clone();
        let runs = self.runs();
        let Some((kind, _)) = runs.get(&id) else {
            return Err(Problem::user(
                format!("the session does not run plugin {id}"),
                "swap one that it runs",
            ));
        };
        plugin.expect_kind(*kind)?;
        let mut ready = Ready {
            models: Vec::new(),
            strategies: Vec::new(),
            providers: Vec::new(),
            record: SwapRecord {
                time,
                plugin: id.clone(),
                version: manifest.version.clone(),
                digest: plugin.digest().to_string(),
                places: Vec::new(),
            },
        };
        match kind {
            Kind::Model => self.ready_models(&id, plugin, session, host, &mut ready)?,
            Kind::Strategy => self.ready_strategies(&id, plugin, session, host, &mut ready)?,
            Kind::AiProvider => self.ready_providers(&id, &plugin, advisers, host, &mut ready)?,
            Kind::Broker | Kind::DataSource | Kind::RiskRule => {
                return Err(Problem::user(
                    format!("{kind} {id} keeps its version to the session's end"),
                    "swap it between sessions",
                ));
            }
        }
        let any = ready.models.len() + ready.strategies.len() + ready.providers.len();
        Ok((any > 0).then_some(ready))
    }

    fn ready_models(
        &self,
        id: &str,
        plugin: Plugin,
        session: &mut Session,
        host: Host<'_>,
        ready: &mut Ready,
    ) -> Result<(), Problem> {
        let digest = plugin.digest();
        let empty = Value::Object(Default::default());
        let setup = host.0.setup(&plugin, &empty, &[], &self.operator())?;
        let plugin = Arc::new(ModelPlugin::new(plugin, setup)?);
        for (alias, model) in &self.config.models {
            for (instrument, symbol) in session.lines.instruments() {
                let Some(learner) = session.lines.learner_mut(instrument, alias) else {
                    continue;
                };
                for place in learner.places_of(id).collect::<Vec<_>>() {
                    if learner.digest(place) == Some(digest) {
                        continue;
                    }
                    let Some(config) = model.candidates.get(place) else {
                        continue;
                    };
                    let trainer: Arc<dyn Trainer> =
                        Arc::new(PluginTrainer::new(Arc::clone(&plugin), config)?);
                    let label = trainer.candidate().label();
                    let successor = learner.prepare(place, trainer).map_err(|why| {
                        Problem::user(
                            format!("{label} on {symbol} neither takes over nor learns: {why}"),
                            "look at the new version",
                        )
                    })?;
                    ready.record.places.push((
                        format!("model {alias} on {symbol}: {label}"),
                        successor.handed.name().to_owned(),
                    ));
                    ready.models.push((instrument, alias.clone(), successor));
                }
            }
        }
        Ok(())
    }

    fn ready_strategies(
        &self,
        id: &str,
        plugin: Plugin,
        session: &mut Session,
        host: Host<'_>,
        ready: &mut Ready,
    ) -> Result<(), Problem> {
        let aliases: Vec<&str> = self.config.models.keys().map(String::as_str).collect();
        let past = session.lines.past();
        let names = session.lines.names().to_vec();
        for known in &self.strategies {
            if known.plugin.manifest().id != id {
                continue;
            }
            let Some(running) = session
                .strategies
                .iter_mut()
                .find(|it| it.name() == known.name)
            else {
                continue;
            };
            if running.digest() == plugin.digest() {
                continue;
            }
            let settings: Value = serde_json::from_str(&known.setup.config).unwrap_or_default();
            let instruments = &known.setup.instruments;
            let setup = host
                .0
                .setup(&plugin, &settings, instruments, &self.operator())?;
            let next = ReadyStrategy {
                name: known.name.clone(),
                plugin: StrategyPlugin::new(plugin.clone())?,
                setup,
                handles: known.handles.clone(),
            };
            let create = |window: Window| {
                let history: Box<dyn History> = Box::new(window);
                let Setup {
                    config,
                    instruments,
                    grants,
                } = &next.setup;
                next.plugin
                    .create(config, instruments, grants, Some(history))
            };
            let digest = next.plugin.digest();
            let (voice, handed) =
                running.prepare(digest, create, &names, &aliases, past.clone())?;
            ready
                .record
                .places
                .push((format!("strategy {}", known.name), handed.name().to_owned()));
            ready.strategies.push((next, voice));
        }
        Ok(())
    }

    fn ready_providers(
        &self,
        id: &str,
        plugin: &Plugin,
        advisers: Option<&Advisers>,
        host: Host<'_>,
        ready: &mut Ready,
    ) -> Result<(), Problem> {
        let (Some(advisers), Some(table)) = (advisers, &self.config.validation) else {
            return Ok(());
        };
        for (place, config) in table.providers().iter().enumerate() {
            let known = advisers.candidate(place);
            if known.is_none_or(|it| it.plugin != id || it.digest == plugin.digest()) {
                continue;
            }
            let settings = crate::prepare::json(&config.config)?;
            let setup = host.0.setup(plugin, &settings, &[], &self.operator())?;
            let digest = Digest::of(settings.to_string().as_bytes());
            let provider = AiProviderPlugin::new(plugin.clone(), setup, PoolPolicy::default())?;
            let name = config.name.as_deref();
            let provider = Provider::new(provider, config.model.as_deref(), name, digest);
            let provider = host.1.block_on(provider)?;
            ready.record.places.push((
                format!("AI provider {}", provider.candidate().label()),
                crate::learning::Handed::Nothing.name().to_owned(),
            ));
            ready.providers.push((place, provider));
        }
        Ok(())
    }
}
