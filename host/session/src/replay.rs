//! A session that was recorded, run again through the backtest's engine: what it decided and what filled have to be the
//! same, and where they are not the first difference is told with what both sides had before them.
//!
//! Promises: it runs on the very plugins, settings and bars that the session began with, or says what has changed; what an
//! AI provider kept back is kept back here; nothing is written. What only a session has in its middle (versions swapped,
//! restrictions that people raise, strategies started again after they failed) ends the comparison there, with the
//! reason; what it has from its beginning (restrictions, faults of a simulated broker) is refused.

mod difference;
mod venue;

pub use self::difference::Difference;

use self::difference::Part;

use crate::backtest::{Again, Ended, Learning, Sandboxed, Setup, Trader, Trading, run_again};
use crate::config::SessionConfig;
use crate::feed::Feed;
use crate::prepare::Prepared;
use crate::record::{Input, ProposalRecord};
use crate::resume::{LATENCY, beginning_with};
use crate::rules::rules;
use crate::run::ACCOUNT;
use crate::tables::{self, KeptSource};
use bulkhead_desk::RiskRule;
use bulkhead_desk::audit::{Kind as Event, Record, records_of};
use bulkhead_desk::tables::{FillRow, fills};
use bulkhead_domain::order::Side as Direction;
use bulkhead_domain::{Decimal, Digest, Problem, Timestamp};
use bulkhead_manifest::Kind;
use bulkhead_registry::Registry;
use bulkhead_registry::supervise::Supervisor;
use bulkhead_sandbox::RiskRulePlugin;
use bulkhead_store::{Store, wait};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Code of a verdict by which an AI provider kept an entry back.
const VETO: &str = "AI_VETO";

/// What a session was configured by.
#[derive(Serialize, Deserialize)]
struct Source {
    config: SessionConfig,
    folder: PathBuf,
}

/// A session that was recorded.
pub struct Recorded {
    /// Names the run.
    pub run: String,
    /// The session's configuration.
    pub config: SessionConfig,
    /// The folder that the configuration's relative paths start from.
    pub folder: PathBuf,
    session: String,
    inputs: Vec<Input>,
    proposals: Vec<ProposalRecord>,
    fills: Vec<FillRow>,
    equity: Option<Decimal>,
    /// Its last moment.
    last: i64,
    /// Where it goes beyond what a backtest does.
    beyond: Option<Beyond>,
}

/// Where a session goes beyond what a backtest does, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Beyond {
    /// The first moment that was not compared, nanoseconds UTC.
    pub time: i64,
    /// What happened.
    pub what: String,
}

/// What came of a replay.
#[derive(Debug, Clone, Serialize)]
pub struct Replayed {
    /// The run that was replayed.
    pub run: String,
    /// Bars over all instruments.
    pub bars: u64,
    /// Decisions of the session that were compared.
    pub decisions: u64,
    /// Fills of the session that were compared.
    pub fills: u64,
    /// The first difference; `None` where there is none.
    pub difference: Option<Difference>,
    /// Where the comparison ended before the session did.
    pub beyond: Option<Beyond>,
}

/// A fill as both sides know it.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Filled {
    time: i64,
    symbol: String,
    owner: String,
    order: String,
    side: Direction,
    quantity: Decimal,
    price: Decimal,
    fee: Decimal,
}

impl Prepared {
    /// What it is configured by, for whoever runs it again.
    pub(crate) fn source(&self) -> String {
        let source = Source {
            config: self.config.clone(),
            folder: self.base.clone(),
        };
        // It was read from a file of this form.
        serde_json::to_string(&source).unwrap_or_default()
    }
}

impl Recorded {
    /// Finds a run by its own name, its session's or its configuration's, of several the newest.
    ///
    /// # Errors
    /// A run that is not there, has not ended, or cannot be run again by an engine that knows no more than a backtest
    /// does.
    pub fn find(store: &Store, name: &str) -> Result<Recorded, Problem> {
        let found = wait(tables::find_run(store, name))?;
        let Some(kept) = found else {
            return Err(Problem::user(
                format!("no session {name} is kept here"),
                "name a run as `bulkhead paper` tells it, or another state folder with --state",
            ));
        };
        let no = |what: &str, mend: &str| {
            Problem::user(format!("run {} cannot be replayed: {what}", kept.run), mend)
        };
        if !matches!(kept.state.as_str(), "completed" | "interrupted") {
            let what = format!("it is {}", kept.state);
            return Err(no(&what, "replay one that has ended"));
        }
        let source: Source = serde_json::from_str(&kept.source).map_err(|_| {
            no(
                "it was kept by a version that did not keep the configuration",
                "run the session again",
            )
        })?;
        let begun = beginning_with(store, &kept.run)?;
        let (inputs, restricted) = begun.ok_or_else(|| {
            no(
                "its first record is not in the audit log",
                "run `bulkhead audit verify`",
            )
        })?;
        let records = wait(records_of(store, &kept.run))?;
        if restricted {
            let what = "trading was restricted when it began";
            return Err(no(what, "replay a session without"));
        }
        Ok(Recorded {
            last: last_moment(&records).unwrap_or(i64::MAX - 1),
            beyond: beyond(&source.config, &records),
            proposals: wait(tables::proposals_of(store, &kept.run))?,
            fills: wait(fills(store, &kept.run))?,
            equity: equity(&kept),
            config: source.config,
            folder: source.folder,
            session: kept.session,
            inputs,
            run: kept.run,
        })
    }

    /// The components that it began with, by plugin id: what a registry has to be pinned to.
    #[must_use]
    pub fn components(&self) -> BTreeMap<String, Digest> {
        let mut versions: BTreeMap<String, Vec<Digest>> = BTreeMap::new();
        for input in self.inputs.iter().filter(|input| input.kind == "plugin") {
            let id = input.name.split(' ').next().unwrap_or_default();
            let known = versions.entry(id.to_owned()).or_default();
            known.extend(input.digest.parse::<Digest>());
        }
        // Of a plugin that the configuration itself swaps, it names both versions.
        versions.retain(|_, digests| digests.len() == 1);
        let one = |(id, digests): (String, Vec<Digest>)| Some((id, *digests.first()?));
        versions.into_iter().filter_map(one).collect()
    }

    /// The first input that is not what it was.
    fn changed(&self, prepared: &Prepared) -> Option<&Input> {
        // Latencies only chose who is asked, and what was answered is in the record.
        let of_session = |input: &&Input| {
            input.kind != LATENCY && !(input.kind == "config" && input.name.ends_with("'s veto"))
        };
        let mut inputs = self.inputs.iter().filter(of_session);
        inputs.find(|input| !prepared.inputs.contains(input))
    }
}

/// The first thing in a session that no backtest does.
fn beyond(config: &SessionConfig, records: &[Record]) -> Option<Beyond> {
    let swapped = |plugin: &str| {
        format!(
            "a version of {plugin} took another's place, and a backtest runs each plugin in one version"
        )
    };
    let planned = config.swaps.iter().filter_map(|swap| {
        Some(Beyond {
            time: Timestamp::of_date(&swap.at)?.0,
            what: swapped(&swap.plugin),
        })
    });
    // A person's deeds have the clock's time: the session's is that of the moment that they fell into.
    let mut moment = i64::MIN;
    let done = records.iter().find_map(|record| {
        let event = &record.event;
        let what = match event.kind {
            Event::Moment => {
                moment = event.time.0;
                return None;
            }
            Event::Swapped => swapped(&event.subject),
            Event::Raised | Event::Lowered if event.actor.starts_with("person:") => {
                format!(
                    "{} changed the restriction of {}",
                    event.actor, event.subject
                )
            }
            _ => return None,
        };
        Some(Beyond { time: moment, what })
    });
    planned.chain(done).min_by_key(|beyond| beyond.time)
}

fn last_moment(records: &[Record]) -> Option<i64> {
    let mut events = records.iter().rev().map(|record| &record.event);
    let last = events.find(|event| event.kind == Event::Moment)?;
    Some(last.time.0)
}

fn equity(kept: &KeptSource) -> Option<Decimal> {
    #[derive(Deserialize)]
    struct Totals {
        final_equity: Decimal,
    }
    let totals = serde_json::from_str::<Totals>(kept.totals.as_deref()?).ok()?;
    Some(totals.final_equity)
}

impl Prepared {
    /// Runs a recorded session of this configuration through the backtest's engine and compares. `progress` is told of bars
    /// done and the time they are at.
    ///
    /// # Errors
    /// Inputs that are not what they were, or a broker that the engine does not know the rules of.
    pub fn replay(
        &self,
        registry: &Registry,
        recorded: &Recorded,
        progress: impl FnMut(u64, i64),
    ) -> Result<Replayed, Problem> {
        if let Some(input) = recorded.changed(self) {
            return Err(Problem::user(
                format!(
                    "{} {} is not what run {} began with ({})",
                    input.kind, input.name, recorded.run, input.digest
                ),
                "put it back, or run the session again",
            ));
        }
        let vetoed = recorded.proposals.iter().filter(|proposal| {
            let mut verdicts = proposal.verdicts.iter();
            verdicts.any(|verdict| verdict.code == VETO)
        });
        let vetoed: BTreeSet<String> = vetoed.map(|proposal| proposal.decision.clone()).collect();
        let setup = self.setup_again(registry, &recorded.session)?;
        let config = &self.config;
        let whole = Feed::new(self.series());
        let begun = whole.between(config.from.as_deref(), config.to.as_deref())?;
        let mut beyond = recorded.beyond.clone();
        let end = recorded.last.saturating_add(1);
        let until = beyond.as_ref().map_or(end, |beyond| beyond.time.min(end));
        let mut feed = begun.until(until);
        let again = Again::new(&recorded.session, vetoed);
        let repeated = run_again(setup, again, &mut feed, progress)?;
        if let Ended::Failed { time, problem } = &repeated.outcome.ended {
            beyond = Some(Beyond {
                time: *time,
                what: format!("{}; a backtest ends there", problem.what),
            });
        }
        let symbols: BTreeMap<u32, String> = self
            .instruments()
            .into_iter()
            .map(|instrument| (instrument.handle, instrument.symbol))
            .collect();
        let symbol = |handle: u32| symbols.get(&handle).cloned().unwrap_or_default();
        // Of what lies at the last moment that both went through, either side may know more.
        let before = |time: i64| beyond.as_ref().is_none_or(|beyond| time < beyond.time);
        let at_last = beyond.as_ref().map(|_| repeated.last);
        let filled = |fill: &Filled| at_last.is_none_or(|last| fill.time < last);
        let theirs = recorded.fills.iter().map(Filled::of);
        let theirs: Vec<Filled> = theirs.filter(filled).collect();
        let ours = repeated.fills.iter().map(|fill| Filled {
            time: fill.time,
            symbol: symbol(fill.instrument),
            owner: fill.owner.clone(),
            order: fill.client_order_id.clone(),
            side: fill.side,
            quantity: fill.quantity.normalize(),
            price: fill.price.normalize(),
            fee: fill.fee.normalize(),
        });
        let ours: Vec<Filled> = ours.filter(filled).collect();
        let decided = |proposals: &[ProposalRecord]| {
            let proposals = proposals.iter().filter(|one| before(one.time));
            proposals.cloned().collect::<Vec<_>>()
        };
        let (session, backtest) = (decided(&recorded.proposals), decided(&repeated.proposals));
        let sides = (session.as_slice(), backtest.as_slice());
        let fills = theirs.len() as u64;
        let mut found = vec![
            difference::of_decisions(sides, symbol, Part::Decided)?,
            difference::of_fills(theirs, ours)?,
        ];
        if beyond.is_none() && found.iter().all(Option::is_none) {
            let equity = (recorded.equity, repeated.outcome.equity);
            found.push(difference::of_decisions(sides, symbol, Part::Outcome)?);
            found.push(difference::of_equity(recorded.last, equity));
        }
        Ok(Replayed {
            run: recorded.run.clone(),
            bars: repeated.outcome.bars,
            decisions: session.len() as u64,
            fills,
            difference: found.into_iter().flatten().min_by_key(|one| one.time),
            beyond,
        })
    }

    /// The session as the engine's setup.
    fn setup_again(&self, registry: &Registry, session: &str) -> Result<Setup, Problem> {
        let config = &self.config;
        let opened = Timestamp(self.opened());
        let mut plugins = Vec::new();
        for table in &config.risk {
            let (plugin, setup) = self.ready(registry, table, Kind::RiskRule)?;
            plugins.push(RiskRulePlugin::new(plugin, setup)?);
        }
        let supervisor = Supervisor::new(config.supervision, opened)
            .map_err(|error| Problem::user(format!("[supervision] {error}"), "correct it"))?;
        let rules = rules(plugins, &supervisor).into_iter();
        let mut traders = Vec::new();
        for ready in &self.strategies {
            let terms = &ready.setup;
            let trader = Sandboxed::new(
                &ready.plugin,
                &terms.config,
                &terms.instruments,
                &terms.grants,
            )?;
            let mut tables = config.strategies.iter();
            traders.push(Trading {
                name: ready.name.clone(),
                handles: ready.handles.clone(),
                sizing: tables
                    .find(|table| table.name == ready.name)
                    .and_then(|table| table.sizing.clone()),
                trader: Box::new(trader) as Box<dyn Trader>,
            });
        }
        let models = (config.models.iter()).filter_map(|(alias, config)| {
            let learning = Learning {
                config: config.clone(),
                trainers: self.trainers.get(alias)?.clone(),
            };
            Some((alias.clone(), learning))
        });
        let (plugin, terms) = self.ready(registry, &config.broker, Kind::Broker)?;
        let id = &plugin.manifest().id;
        let acts = self.series().any(|series| !series.actions.is_empty());
        let (venue, carry) = venue::of_paper(id, &terms.config, (ACCOUNT, config.cash), acts)?;
        Ok(Setup {
            id: Digest::of(session.as_bytes()),
            currency: config.currency.clone(),
            cash: config.cash,
            cost_basis: config.cost_basis,
            limits: config.checks.clone(),
            venue,
            carry,
            opened,
            instruments: self.instruments(),
            features: config.features.clone(),
            models: models.collect(),
            seed: config.seed,
            rules: rules
                .map(|rule| Box::new(rule) as Box<dyn RiskRule>)
                .collect(),
            traders,
        })
    }
}

impl Filled {
    fn of(row: &FillRow) -> Filled {
        Filled {
            time: row.time.0,
            symbol: row.symbol.clone(),
            owner: row.owner.clone(),
            order: row.client_order_id.clone(),
            side: row.side,
            quantity: row.quantity.normalize(),
            price: row.price.normalize(),
            fee: row.fee.normalize(),
        }
    }
}
