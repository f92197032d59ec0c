//! Going on with a session whose process ended before it did.
//!
//! A session is a function of its inputs and of what it was told from outside: the broker's answers and
//! updates, an AI provider's advice, restrictions. All of that is in the audit log, in order. So a session is
//! resumed by running it again: what it was told it is told again from the log, what it does is compared with
//! the log, nothing reaches the broker twice; where the log ends it has become the session that was killed,
//! compares its books with the broker, and goes on.

use crate::broker::{self, Call, CallLog};
use crate::config::SessionConfig;
use crate::prepare::config_digest;
use crate::record::Input;
use crate::recorder::Ink;
use crate::tables;
use bulkhead_desk::audit::{Event, Kind, Record, beginning_of, records_of};
use bulkhead_desk::switch::{Book, Gate, Known, Latches};
use bulkhead_desk::tables as desk_tables;
use bulkhead_domain::{Digest, Problem, Timestamp};
use bulkhead_orchestrator::rewards::Rewards;
use bulkhead_store::{Store, Writer, wait};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the first record of a session says.
#[derive(Serialize, Deserialize)]
struct Beginning {
    session: String,
    name: String,
    /// Distinguishes the client order ids of sessions at one broker; outside every digest.
    nonce: String,
    /// What it runs with: plugins, data, configuration and engine, each with its digest. The session's id
    /// follows from them, so a run that is resumed has the very same.
    inputs: Vec<Input>,
    /// The restrictions that held when it began.
    restrictions: Latches,
    /// What its orders belong to, for whoever restricts by name.
    #[serde(default)]
    known: Known,
}

/// A run that is about to begin, or to go on.
pub(crate) struct Planned {
    /// Names the run.
    pub(crate) run: String,
    /// Whether it is resumed.
    pub(crate) resumed: bool,
    /// What had reached the broker.
    pub(crate) calls: Vec<(i64, Call)>,
    /// Unfinished runs that are left behind.
    abandoned: Vec<String>,
    past: Vec<Record>,
    restrictions: Latches,
    store: Store,
    writer: Writer,
}

impl Planned {
    /// The broker's log.
    pub(crate) fn call_log(&self) -> CallLog {
        CallLog::new(self.store.clone(), self.writer.clone(), &self.run)
    }

    /// Where the run is kept.
    pub(crate) fn ink(&self) -> Ink {
        Ink {
            writer: self.writer.clone(),
            run: self.run.clone(),
        }
    }
}

/// How a run is begun.
pub(crate) struct Beginner<'a> {
    pub(crate) store: &'a Store,
    pub(crate) gate: &'a Gate,
    /// The session's id and name.
    pub(crate) session: (&'a str, &'a str),
    pub(crate) nonce: String,
    /// What it is configured by, for whoever runs it again.
    pub(crate) source: String,
    /// What it runs with.
    pub(crate) inputs: &'a [Input],
    /// When its books open.
    pub(crate) opened: Timestamp,
    /// Leave every unfinished run of the configuration behind, whatever versions it began with, and begin anew.
    pub(crate) fresh: bool,
    /// Who runs it, and at what time of the clock.
    pub(crate) by: (&'a str, Timestamp),
}

impl Beginner<'_> {
    /// Finds out whether there is an unfinished run to resume, and what it left. Changes nothing.
    pub(crate) fn plan(&self) -> Result<Planned, Problem> {
        let (id, name) = self.session;
        let Some(writer) = self.gate.writer() else {
            return Err(Problem::host(
                "a session that is kept needs an audit log",
                "please report it",
            ));
        };
        let (abandoned, unfinished) = if self.fresh {
            let is_it = |input: &&Input| input.kind == CONFIG && input.name == name;
            let config = self.inputs.iter().find(is_it);
            let digest = config.map_or("", |input| input.digest.as_str());
            let runs = unfinished_runs(self.store, name, digest)?;
            (runs.into_iter().map(|(run, _)| run).collect(), None)
        } else {
            (Vec::new(), wait(tables::unfinished(self.store, id))?)
        };
        let mut planned = Planned {
            resumed: unfinished.is_some(),
            run: match unfinished {
                Some(run) => run,
                None => wait(tables::next_run(self.store, id))?,
            },
            calls: Vec::new(),
            abandoned,
            past: Vec::new(),
            restrictions: self.gate.latches(),
            store: self.store.clone(),
            writer,
        };
        if planned.resumed {
            planned.past = wait(records_of(self.store, &planned.run))?;
            if let Some(beginning) = planned.past.first().and_then(beginning) {
                planned.restrictions = beginning.restrictions;
            }
            planned.calls = wait(broker::calls(self.store, &planned.run))?;
        }
        Ok(planned)
    }

    /// Begins a run, or makes the gate repeat what it left; `book` says what its orders belong to. Its beginning is on
    /// disk when this returns.
    pub(crate) fn begin(self, planned: Planned, book: &Book) -> Result<(), Problem> {
        let (id, name) = self.session;
        let ink = planned.ink();
        let Planned {
            run,
            resumed,
            abandoned,
            past,
            restrictions,
            writer,
            ..
        } = planned;
        for run in abandoned {
            tables::write_abandoned(&writer, &run)?;
            let (person, time) = self.by;
            self.gate.abandon(Event {
                time,
                session: run,
                actor: format!("person:{person}"),
                kind: Kind::Ended,
                subject: "abandoned".to_owned(),
                body: "{}".to_owned(),
            })?;
        }
        if resumed {
            desk_tables::forget(&writer, &run)?;
            tables::forget_derived(&writer, &run)?;
            Rewards::forget(&writer, &run)?;
            self.gate.repeat(past, restrictions);
        }
        self.note(if resumed { "resumed" } else { "started" }, &run)?;
        let (_, started) = self.by;
        let mode = "simulated: historical replay";
        tables::write_start(&ink, (id, name), mode, started, &self.source)?;
        self.gate.append_under(|restrictions| {
            let beginning = Beginning {
                session: id.to_owned(),
                name: name.to_owned(),
                nonce: self.nonce.clone(),
                inputs: self.inputs.to_vec(),
                restrictions: restrictions.clone(),
                known: book.into(),
            };
            Event {
                time: self.opened,
                session: run.clone(),
                actor: "session".to_owned(),
                kind: Kind::Session,
                subject: run.clone(),
                // Names, digests and a table keyed by names: nothing of it cannot be written.
                body: serde_json::to_string(&beginning).unwrap_or_default(),
            }
        })?;
        Ok(self.gate.sync()?)
    }

    /// Who did what with which run.
    fn note(&self, what: &str, run: &str) -> Result<(), Problem> {
        let (person, time) = self.by;
        Ok(self.gate.note(Event {
            time,
            session: String::new(),
            actor: format!("person:{person}"),
            kind: Kind::Configuration,
            subject: run.to_owned(),
            body: format!("{{\"run\":\"{what}\"}}"),
        })?)
    }
}

/// The components that an unfinished run of a configuration began with, by plugin id: a session that is resumed runs
/// on these, whatever was swapped in since. Empty where there is none to resume.
///
/// # Errors
/// When the store cannot be read.
pub fn began_with(
    store: &Store,
    config: &SessionConfig,
) -> Result<BTreeMap<String, Digest>, Problem> {
    let mut versions: BTreeMap<String, Vec<Digest>> = BTreeMap::new();
    for input in inputs_of_unfinished(store, config)?.unwrap_or_default() {
        if input.kind == "plugin" {
            let id = input.name.split(' ').next().unwrap_or_default();
            let known = versions.entry(id.to_owned()).or_default();
            known.extend(input.digest.parse::<Digest>());
        }
    }
    // Of a plugin that the configuration itself swaps, it names both versions.
    let one = |(id, digests): (String, Vec<Digest>)| match digests.as_slice() {
        [digest] => Some((id, *digest)),
        _ => None,
    };
    Ok(versions.into_iter().filter_map(one).collect())
}

/// The kind of an input that is a latency: `0.25 s`.
pub(crate) const LATENCY: &str = "latency";

/// The latencies, in seconds by label, that an unfinished run of a configuration began with, if it had these inputs
/// too; `None` where there is none to resume.
pub(crate) fn began_with_latencies(
    store: &Store,
    config: &SessionConfig,
    others: &[Input],
) -> Result<Option<BTreeMap<String, f64>>, Problem> {
    let latency = |input: Input| {
        let seconds = input.digest.strip_suffix(" s")?.parse().ok()?;
        Some((input.name, seconds))
    };
    let inputs = inputs_of_unfinished(store, config)?;
    let inputs = inputs.filter(|inputs| others.iter().all(|other| inputs.contains(other)));
    Ok(inputs.map(|inputs| {
        let latencies = inputs.into_iter().filter(|input| input.kind == LATENCY);
        latencies.filter_map(latency).collect()
    }))
}

/// What the newest unfinished run of a configuration began with.
fn inputs_of_unfinished(
    store: &Store,
    config: &SessionConfig,
) -> Result<Option<Vec<Input>>, Problem> {
    let digest = config_digest(config)?.to_string();
    let runs = unfinished_runs(store, &config.name, &digest)?;
    Ok(runs.into_iter().next().map(|(_, inputs)| inputs))
}

/// The kind of an input that is the configuration.
pub(crate) const CONFIG: &str = "config";

/// The unfinished runs of a configuration, the newest first, and what each began with.
fn unfinished_runs(
    store: &Store,
    name: &str,
    config: &str,
) -> Result<Vec<(String, Vec<Input>)>, Problem> {
    let mut found = Vec::new();
    for run in wait(tables::unfinished_of(store, name))? {
        let first = wait(beginning_of(store, &run))?;
        let Some(beginning) = first.as_ref().and_then(beginning) else {
            continue;
        };
        let is_it = |input: &Input| input.kind == CONFIG && input.digest == config;
        if beginning.inputs.iter().any(is_it) {
            found.push((run, beginning.inputs));
        }
    }
    Ok(found)
}

/// The components that runs which have not ended began with, or swapped in: without them these are not resumed. Each
/// with such a run.
///
/// # Errors
/// When the store cannot be read.
pub fn needed(store: &Store) -> Result<BTreeMap<Digest, String>, Problem> {
    #[derive(Deserialize)]
    struct Swapped {
        to: String,
    }
    let mut needed = BTreeMap::new();
    for run in wait(tables::all_unfinished(store))? {
        let records = wait(records_of(store, &run))?;
        let began = records.first().and_then(beginning);
        let inputs = began.into_iter().flat_map(|began| began.inputs);
        let plugins = inputs.filter(|input| input.kind == "plugin");
        let swaps = (records.iter())
            .filter(|record| record.event.kind == Kind::Swapped)
            .filter_map(|record| serde_json::from_str::<Swapped>(&record.event.body).ok());
        let digests = (plugins.map(|input| input.digest)).chain(swaps.map(|swap| swap.to));
        let digests = digests.filter_map(|digest| digest.parse::<Digest>().ok());
        needed.extend(digests.map(|digest| (digest, run.clone())));
    }
    Ok(needed)
}

/// What a run began with, and whether trading was restricted then; nothing where its first record is not there.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn beginning_with(
    store: &Store,
    run: &str,
) -> Result<Option<(Vec<Input>, bool)>, Problem> {
    let first = wait(beginning_of(store, run))?;
    let beginning = first.as_ref().and_then(beginning);
    Ok(beginning.map(|it| (it.inputs, !it.restrictions.is_empty())))
}

fn beginning(record: &Record) -> Option<Beginning> {
    (record.event.kind == Kind::Session)
        .then(|| serde_json::from_str(&record.event.body).ok())
        .flatten()
}
