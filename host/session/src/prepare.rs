//! Everything a session needs before its first bar: plugins loaded and checked, data fetched and cleaned.
//!
//! Nothing is traded before all of it stands: a wrong setting, a missing symbol or a plugin of the wrong
//! kind is one line here, not a surprise in the middle.

mod parts;
mod places;

pub(crate) use self::places::{Place, defaults_digest};

use self::parts::{budgets, earned, latencies, providers, source, strategies, swaps, trainers};
use self::places::{Found, plugin_input};
use crate::config::check::DATA;
use crate::config::{DataConfig, PluginConfig, SessionConfig};
use crate::data::Loaded;
use crate::learning::Trainers;
use crate::record::Input;
use crate::run::ACCOUNT;
use crate::sources::Fetching;
use crate::swap::Scheduled;
use crate::validation::Provider;
use bulkhead_domain::order::InstrumentHandle;
use bulkhead_domain::{Digest, Instrument, Problem};
use bulkhead_manifest::Kind;
use bulkhead_market::{BarSeries, Catalog};
use bulkhead_orchestrator::Candidate;
use bulkhead_orchestrator::budget::Budgets;
use bulkhead_registry::{Operator, Registry};
use bulkhead_sandbox::{Engines, Plugin, SessionClock, Setup, StrategyPlugin};
use bulkhead_store::{Store, Writer};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Handle of what is only compared with; instruments count from 1.
const NOT_TRADED: InstrumentHandle = 0;

/// What a session is prepared with.
pub struct Host<'a> {
    /// Where plugins come from.
    pub registry: &'a Registry,
    /// Where bars are kept.
    pub catalog: Catalog,
    /// Drives plugins that do I/O.
    pub runtime: &'a tokio::runtime::Runtime,
    /// Where it is kept who was asked, what they earned and what they used; nowhere when absent.
    pub store: Option<(&'a Store, Writer)>,
}

/// A session that is ready to run, as often as one likes.
pub struct Prepared {
    pub(crate) config: SessionConfig,
    /// The folder that its relative paths start from.
    pub(crate) base: PathBuf,
    pub(crate) data: Vec<Loaded>,
    pub(crate) benchmark: Option<(String, Loaded)>,
    pub(crate) trainers: BTreeMap<String, Trainers>,
    pub(crate) strategies: Vec<Arc<ReadyStrategy>>,
    pub(crate) providers: Vec<Arc<Provider>>,
    /// What calls are paid from.
    pub(crate) budgets: Option<Arc<Budgets>>,
    /// Mean latencies of the providers, where they have a say in who is asked.
    pub(crate) latencies: Option<Vec<Option<f64>>>,
    /// Versions that the configuration puts in service, in the order of time.
    pub(crate) swaps: VecDeque<Scheduled>,
    /// Where plugins are run.
    pub(crate) places: Vec<Place>,
    pub(crate) clock: SessionClock,
    pub(crate) inputs: Vec<Input>,
}

pub(crate) struct ReadyStrategy {
    pub(crate) name: String,
    /// How the configuration names its plugin.
    pub(crate) reference: String,
    /// What the session sets of its configuration.
    pub(crate) settings: Value,
    pub(crate) plugin: StrategyPlugin,
    pub(crate) setup: Setup,
    pub(crate) handles: Vec<InstrumentHandle>,
}

impl ReadyStrategy {
    /// Name and identity: code, name and settings.
    pub(crate) fn candidate(&self) -> (String, Candidate) {
        let candidate = Candidate {
            plugin: self.plugin.manifest().id.clone(),
            version: self.plugin.manifest().version.clone(),
            digest: self.plugin.digest(),
            offering: self.name.clone(),
            config: Digest::of(self.setup.config.as_bytes()),
        };
        (self.name.clone(), candidate)
    }
}

/// A TOML table as JSON.
pub(crate) fn json(table: &toml::Table) -> Result<Value, Problem> {
    serde_json::to_value(table)
        .map_err(|error| Problem::user(format!("a setting has no JSON form: {error}"), ""))
}

/// Loads a plugin of a kind. Its kind comes first: settings that were meant for another kind would be blamed
/// otherwise.
fn load(registry: &Registry, reference: &str, kind: Kind) -> Result<Plugin, Problem> {
    let plugin = registry.load(reference)?;
    plugin.expect_kind(kind)?;
    Ok(plugin)
}

impl Prepared {
    /// Loads every plugin and fetches all data. `base` is the folder that relative paths in the
    /// configuration start from.
    ///
    /// # Errors
    /// The first thing that is wrong, in one line.
    pub fn new(config: SessionConfig, base: &Path, host: &Host<'_>) -> Result<Prepared, Problem> {
        config.check()?;
        let handles = handles(&config.data)?;
        let clock = SessionClock::default();
        let mut found = Found::default();
        found.inputs.push(Input {
            kind: "engine".to_owned(),
            name: "wasmtime".to_owned(),
            digest: Engines::identity(),
        });
        let class = config.tasks.get(DATA).cloned().unwrap_or_default();
        let budgets = budgets(&config, host)?;
        let mut rewards = earned(host, &class)?;
        let mut fetched = |table: &DataConfig, handle: &dyn Fn(&str) -> InstrumentHandle| {
            let fetching = Fetching {
                class: &class,
                rewards: &mut rewards,
                writer: host.store.as_ref().map(|(_, writer)| writer.clone()),
                budgets: budgets.clone(),
                seed: config.seed,
                between: (config.from.as_deref(), config.to.as_deref()),
            };
            source(table, base, handle, host, &clock, fetching, &mut found)
        };
        let mut data = Vec::new();
        for table in &config.data {
            let handle = |symbol: &str| handles.get(symbol).copied().unwrap_or(NOT_TRADED);
            data.extend(fetched(table, &handle)?);
        }
        let benchmark = match &config.benchmark {
            Some(table) => fetched(table, &|_| NOT_TRADED)?
                .into_iter()
                .next()
                .map(|loaded| (loaded.series.instrument.symbol.clone(), loaded)),
            None => None,
        };
        for loaded in data
            .iter()
            .chain(benchmark.iter().map(|(_, loaded)| loaded))
        {
            found.inputs.push(Input {
                kind: "data".to_owned(),
                name: loaded.series.instrument.symbol.clone(),
                digest: loaded.series.digest.to_string(),
            });
        }
        let instruments = instruments(&data);
        let trainers = trainers(&config, host, &clock, &mut found)?;
        let strategies = strategies(&config, &instruments, host, &clock, &mut found)?;
        let providers = providers(&config, host, &clock, &mut found)?;
        let latencies = latencies(&config, &providers, host, &mut found)?;
        // Each rule and the broker are loaded again for every run; here they are only checked.
        let risk = config.risk.iter().map(|table| (table, Kind::RiskRule));
        for (table, kind) in risk.chain([(&config.broker, Kind::Broker)]) {
            let plugin = load(host.registry, &table.plugin, kind)?;
            let settings = match kind {
                Kind::Broker => broker_settings(&config, &plugin)?,
                _ => json(&table.config)?,
            };
            found.place(host.registry, &plugin, &table.plugin, settings)?;
        }
        let swaps = swaps(&config, host, &mut found)?;
        let Found { mut inputs, places } = found;
        inputs.push(Input {
            kind: "config".to_owned(),
            name: config.name.clone(),
            digest: config_digest(&config)?.to_string(),
        });
        inputs.sort();
        inputs.dedup();
        // The folder of a file that is named alone is no path by itself.
        let base = std::path::absolute(Path::new(".").join(base)).map_err(|error| {
            Problem::host(format!("there is no working folder: {error}"), "go to one")
        })?;
        Ok(Prepared {
            config,
            base,
            data,
            benchmark,
            trainers,
            strategies,
            providers: providers.into_iter().map(Arc::new).collect(),
            swaps,
            places,
            budgets,
            latencies,
            clock,
            inputs,
        })
    }

    /// The session's configuration.
    #[must_use]
    pub fn config(&self) -> &SessionConfig {
        &self.config
    }

    /// Bars over all instruments.
    #[must_use]
    pub fn bars(&self) -> u64 {
        self.data
            .iter()
            .map(|loaded| loaded.series.len() as u64)
            .sum()
    }

    pub(crate) fn series(&self) -> impl Iterator<Item = &BarSeries> {
        self.data.iter().map(|loaded| &loaded.series)
    }

    pub(crate) fn instruments(&self) -> Vec<Instrument> {
        instruments(&self.data)
    }

    pub(crate) fn operator(&self) -> Operator {
        Operator {
            folder: None,
            clock: self.clock.clone(),
            seed: self.config.seed,
        }
    }

    /// Loads a plugin again and draws up its terms.
    pub(crate) fn ready(
        &self,
        registry: &Registry,
        table: &PluginConfig,
        kind: Kind,
    ) -> Result<(Plugin, Setup), Problem> {
        let plugin = load(registry, &table.plugin, kind)?;
        if !self.inputs.contains(&plugin_input(&plugin)) {
            return Err(Problem::user(
                format!(
                    "plugin {} has changed since the session was prepared",
                    plugin.manifest().id
                ),
                "run it again",
            ));
        }
        let setup = self.setup(registry, &plugin, table)?;
        Ok((plugin, setup))
    }

    /// The terms of a rule or broker.
    pub(crate) fn setup(
        &self,
        registry: &Registry,
        plugin: &Plugin,
        table: &PluginConfig,
    ) -> Result<Setup, Problem> {
        let settings = match plugin.manifest().kind {
            Kind::Broker => broker_settings(&self.config, plugin)?,
            _ => json(&table.config)?,
        };
        registry.setup(plugin, &settings, &self.instruments(), &self.operator())
    }
}

/// What the session sets of its broker's configuration: account, currency and cash too, where the broker knows such
/// settings and the configuration does not say otherwise.
fn broker_settings(config: &SessionConfig, plugin: &Plugin) -> Result<Value, Problem> {
    let mut settings = json(&config.broker.config)?;
    let schema = &plugin.manifest().config_schema;
    let defaults = [
        ("account", ACCOUNT.to_owned()),
        ("currency", config.currency.clone()),
        ("cash", config.cash.to_string()),
    ];
    for (name, value) in defaults {
        let known = schema.pointer(&format!("/properties/{name}")).is_some();
        if let Some(object) = settings.as_object_mut().filter(|_| known) {
            object.entry(name).or_insert_with(|| value.into());
        }
    }
    Ok(settings)
}

/// Handles count from 1 in the order of the symbols, so that what comes by handle does not come in the order
/// of the configuration.
fn handles(data: &[DataConfig]) -> Result<BTreeMap<String, InstrumentHandle>, Problem> {
    let mut symbols: Vec<&String> = data.iter().flat_map(|table| &table.symbols).collect();
    symbols.sort_unstable();
    if let Some(pair) = symbols.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Problem::user(
            format!("symbol {} is named twice in [[data]]", pair[0]),
            "name it once",
        ));
    }
    Ok(symbols.into_iter().cloned().zip(1..).collect())
}

/// What is traded, by handle.
fn instruments(data: &[Loaded]) -> Vec<Instrument> {
    let mut all: Vec<Instrument> = data
        .iter()
        .map(|loaded| loaded.series.instrument.clone())
        .collect();
    all.sort_by_key(|instrument| instrument.handle);
    all
}

/// Digest of what the configuration says.
pub(crate) fn config_digest(config: &SessionConfig) -> Result<Digest, Problem> {
    let text = serde_json::to_vec(&canonical(config)).map_err(|error| {
        Problem::host(format!("the configuration cannot be written: {error}"), "")
    })?;
    Ok(Digest::of(&text))
}

/// The configuration without where things are on this machine (plugins and data have digests of their own),
/// and with everything whose order changes nothing in one order: a session has the same id, and so the same
/// ids of decisions and orders, however its instruments and strategies are arranged.
fn canonical(config: &SessionConfig) -> SessionConfig {
    let mut config = config.clone();
    // Controls are sessions of their own.
    config.controls.clear();
    for data in config.data.iter_mut().chain(&mut config.benchmark) {
        data.folder = None;
        unplaced(&mut data.plugin);
        for other in &mut data.alternatives {
            other.folder = None;
            unplaced(&mut other.plugin);
        }
        data.symbols.sort();
    }
    // No symbol is named twice.
    config.data.sort_by(|a, b| a.symbols.cmp(&b.symbols));
    for swap in &mut config.swaps {
        unplaced(&mut swap.to);
    }
    for strategy in &mut config.strategies {
        unplaced(&mut strategy.plugin);
        strategy
            .symbols
            .iter_mut()
            .for_each(|symbols| symbols.sort());
    }
    config.strategies.sort_by(|a, b| a.name.cmp(&b.name));
    for table in config.risk.iter_mut().chain([&mut config.broker]) {
        unplaced(&mut table.plugin);
    }
    if let Some(table) = &mut config.validation {
        table.plugin.iter_mut().for_each(unplaced);
        let candidates = table.candidates.iter_mut();
        candidates.for_each(|candidate| unplaced(&mut candidate.plugin));
    }
    for candidate in config
        .models
        .values_mut()
        .flat_map(|model| &mut model.candidates)
    {
        unplaced(&mut candidate.plugin);
    }
    config
}

fn unplaced(reference: &mut String) {
    if reference.ends_with(".wasm") {
        reference.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = r#"
name = "two"
cash = "1000"
[[data]]
plugin = "csv"
folder = "here"
dataset = "d"
symbols = ["C", "A"]
[[data]]
plugin = "csv"
dataset = "e"
symbols = ["B"]
[[strategies]]
name = "one"
plugin = "elsewhere/x.wasm"
symbols = ["B", "A"]
[[strategies]]
name = "two"
plugin = "ema-cross"
[[risk]]
plugin = "limits"
[[risk]]
plugin = "stop-loss"
[broker]
plugin = "paper"
"#;

    #[test]
    fn handles_follow_the_symbols_not_the_configuration() {
        let mut config = SessionConfig::parse(TWO).unwrap();
        let expected =
            [("A", 1), ("B", 2), ("C", 3)].map(|(symbol, handle)| (symbol.to_owned(), handle));
        assert_eq!(
            handles(&config.data).unwrap(),
            BTreeMap::from(expected.clone())
        );
        config.data.reverse();
        assert_eq!(handles(&config.data).unwrap(), BTreeMap::from(expected));
        config.data[0].symbols.push("A".to_owned());
        let problem = handles(&config.data).unwrap_err();
        assert!(
            problem.to_string().contains("symbol A is named twice"),
            "{problem}"
        );
    }

    #[test]
    fn a_session_is_the_same_however_its_configuration_is_arranged() {
        let config = SessionConfig::parse(TWO).unwrap();
        let digest = |change: &dyn Fn(&mut SessionConfig)| {
            let mut config = config.clone();
            change(&mut config);
            config_digest(&config).unwrap()
        };
        let same = digest(&|_| ());
        let arranged = digest(&|config| {
            config.data.reverse();
            config.data[1].symbols.reverse();
            config.data[1].folder = None;
            config.strategies.reverse();
            config.strategies[1].symbols.as_mut().unwrap().reverse();
            config.strategies[1].plugin = "x.wasm".to_owned();
        });
        assert_eq!(same, arranged);
        // The order in which rules are asked is no matter of taste.
        assert_ne!(same, digest(&|config| config.risk.reverse()));
        assert_ne!(same, digest(&|config| config.seed = 1));
    }
}
