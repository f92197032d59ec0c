//! Everything a session needs before its first bar: plugins loaded and checked, data fetched and cleaned.
//!
//! Nothing is traded before all of it stands: a wrong setting, a missing symbol or a plugin of the wrong
//! kind is one line here, not a surprise in the middle.

use crate::config::{DataConfig, PluginConfig, SessionConfig};
use crate::data::{Loaded, fetch};
use crate::learning::{Trainer, Trainers};
use crate::record::Input;
use crate::validation::Adviser;
use crate::wiring::PluginTrainer;
use bulkhead_domain::order::InstrumentHandle;
use bulkhead_domain::{Digest, Instrument, Problem};
use bulkhead_manifest::Kind;
use bulkhead_market::{BarSeries, Catalog};
use bulkhead_registry::{Operator, Registry};
use bulkhead_sandbox::{
    AiProviderPlugin, DataSourcePlugin, Engines, ModelPlugin, Plugin, PoolPolicy, SessionClock,
    Setup, StrategyPlugin,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
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
}

/// A session that is ready to run, as often as one likes.
pub struct Prepared {
    pub(crate) config: SessionConfig,
    pub(crate) data: Vec<Loaded>,
    pub(crate) benchmark: Option<(String, Loaded)>,
    pub(crate) trainers: BTreeMap<String, Trainers>,
    pub(crate) strategies: Vec<ReadyStrategy>,
    pub(crate) adviser: Option<Adviser>,
    pub(crate) clock: SessionClock,
    pub(crate) inputs: Vec<Input>,
}

pub(crate) struct ReadyStrategy {
    pub(crate) name: String,
    pub(crate) plugin: StrategyPlugin,
    pub(crate) setup: Setup,
    pub(crate) handles: Vec<InstrumentHandle>,
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

fn plugin_input(plugin: &Plugin) -> Input {
    let manifest = plugin.manifest();
    Input {
        kind: "plugin".to_owned(),
        name: format!("{} {}", manifest.id, manifest.version),
        digest: plugin.digest().to_string(),
    }
}

impl Prepared {
    /// Loads every plugin and fetches all data. `base` is the folder that relative paths in the
    /// configuration start from.
    ///
    /// # Errors
    /// The first thing that is wrong, in one line.
    pub fn new(config: SessionConfig, base: &Path, host: &Host<'_>) -> Result<Prepared, Problem> {
        let clock = SessionClock::default();
        let mut inputs = vec![Input {
            kind: "engine".to_owned(),
            name: "wasmtime".to_owned(),
            digest: Engines::identity(),
        }];
        let mut data = Vec::new();
        for table in &config.data {
            let first = InstrumentHandle::try_from(data.len() + 1).unwrap_or(InstrumentHandle::MAX);
            data.extend(source(
                table,
                base,
                first,
                host,
                &clock,
                config.seed,
                &mut inputs,
            )?);
        }
        let mut symbols: Vec<&str> = data
            .iter()
            .map(|loaded| loaded.series.instrument.symbol.as_str())
            .collect();
        symbols.sort_unstable();
        if let Some(pair) = symbols.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Problem::user(
                format!("symbol {} is named twice in [[data]]", pair[0]),
                "name it once",
            ));
        }
        let benchmark = match &config.benchmark {
            Some(table) => source(
                table,
                base,
                NOT_TRADED,
                host,
                &clock,
                config.seed,
                &mut inputs,
            )?
            .into_iter()
            .next()
            .map(|loaded| (loaded.series.instrument.symbol.clone(), loaded)),
            None => None,
        };
        for loaded in data
            .iter()
            .chain(benchmark.iter().map(|(_, loaded)| loaded))
        {
            inputs.push(Input {
                kind: "data".to_owned(),
                name: loaded.series.instrument.symbol.clone(),
                digest: loaded.series.digest.to_string(),
            });
        }
        let instruments: Vec<Instrument> = data
            .iter()
            .map(|loaded| loaded.series.instrument.clone())
            .collect();
        let trainers = trainers(&config, host, &clock, &mut inputs)?;
        let strategies = strategies(&config, &instruments, host, &clock, &mut inputs)?;
        let adviser = adviser(&config, host, &clock, &mut inputs)?;
        // Each rule and the broker are loaded again for every run; here they are only checked.
        let risk = config.risk.iter().map(|table| (table, Kind::RiskRule));
        for (table, kind) in risk.chain([(&config.broker, Kind::Broker)]) {
            inputs.push(plugin_input(&load(host.registry, &table.plugin, kind)?));
        }
        inputs.push(Input {
            kind: "config".to_owned(),
            name: config.name.clone(),
            digest: config_digest(&config)?.to_string(),
        });
        inputs.sort_by(|a, b| (&a.kind, &a.name).cmp(&(&b.kind, &b.name)));
        inputs.dedup();
        Ok(Prepared {
            config,
            data,
            benchmark,
            trainers,
            strategies,
            adviser,
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
        self.series()
            .map(|series| series.instrument.clone())
            .collect()
    }

    pub(crate) fn operator(&self) -> Operator {
        Operator {
            folder: None,
            clock: self.clock.clone(),
            seed: self.config.seed,
        }
    }

    /// Loads a plugin and draws up its terms.
    pub(crate) fn ready(
        &self,
        registry: &Registry,
        table: &PluginConfig,
        kind: Kind,
        defaults: &[(&str, Value)],
    ) -> Result<(Plugin, Setup), Problem> {
        let plugin = load(registry, &table.plugin, kind)?;
        let mut config = json(&table.config)?;
        let schema = &plugin.manifest().config_schema;
        for (name, value) in defaults {
            let known = schema.pointer(&format!("/properties/{name}")).is_some();
            if let Some(object) = config.as_object_mut().filter(|_| known) {
                object.entry(*name).or_insert_with(|| value.clone());
            }
        }
        let setup = registry.setup(&plugin, &config, &self.instruments(), &self.operator())?;
        Ok((plugin, setup))
    }
}

fn source(
    table: &DataConfig,
    base: &Path,
    first: InstrumentHandle,
    host: &Host<'_>,
    clock: &SessionClock,
    seed: u64,
    inputs: &mut Vec<Input>,
) -> Result<Vec<Loaded>, Problem> {
    let plugin = load(host.registry, &table.plugin, Kind::DataSource)?;
    inputs.push(plugin_input(&plugin));
    let operator = Operator {
        folder: table.folder.as_ref().map(|folder| base.join(folder)),
        clock: clock.clone(),
        seed,
    };
    let setup = host
        .registry
        .setup(&plugin, &json(&table.config)?, &[], &operator)?;
    let source = DataSourcePlugin::new(plugin, setup, PoolPolicy::default())?;
    host.runtime
        .block_on(fetch(&source, table, first, &host.catalog))
}

fn trainers(
    config: &SessionConfig,
    host: &Host<'_>,
    clock: &SessionClock,
    inputs: &mut Vec<Input>,
) -> Result<BTreeMap<String, Trainers>, Problem> {
    let operator = Operator {
        folder: None,
        clock: clock.clone(),
        seed: config.seed,
    };
    let mut loaded: BTreeMap<String, Arc<ModelPlugin>> = BTreeMap::new();
    let mut all = BTreeMap::new();
    for (alias, model) in &config.models {
        let mut trainers: Vec<Box<dyn Trainer>> = Vec::new();
        for candidate in &model.candidates {
            let plugin = match loaded.get(&candidate.plugin) {
                Some(plugin) => Arc::clone(plugin),
                None => {
                    let plugin = load(host.registry, &candidate.plugin, Kind::Model)?;
                    inputs.push(plugin_input(&plugin));
                    let setup = host.registry.setup(
                        &plugin,
                        &Value::Object(Default::default()),
                        &[],
                        &operator,
                    )?;
                    let plugin = Arc::new(ModelPlugin::new(plugin, setup)?);
                    loaded.insert(candidate.plugin.clone(), Arc::clone(&plugin));
                    plugin
                }
            };
            trainers.push(Box::new(PluginTrainer::new(plugin, candidate)?));
        }
        all.insert(alias.clone(), Arc::new(trainers));
    }
    Ok(all)
}

fn strategies(
    config: &SessionConfig,
    instruments: &[Instrument],
    host: &Host<'_>,
    clock: &SessionClock,
    inputs: &mut Vec<Input>,
) -> Result<Vec<ReadyStrategy>, Problem> {
    let operator = Operator {
        folder: None,
        clock: clock.clone(),
        seed: config.seed,
    };
    let mut ready = Vec::new();
    for table in &config.strategies {
        let plugin = load(host.registry, &table.plugin, Kind::Strategy)?;
        inputs.push(plugin_input(&plugin));
        let mut chosen = Vec::new();
        match &table.symbols {
            None => chosen.extend_from_slice(instruments),
            Some(symbols) => {
                for symbol in symbols {
                    let Some(found) = instruments
                        .iter()
                        .find(|instrument| instrument.symbol == *symbol)
                    else {
                        let names: Vec<&str> =
                            instruments.iter().map(|i| i.symbol.as_str()).collect();
                        return Err(Problem::user(
                            format!(
                                "strategy {} trades {symbol}, which no [[data]] table has",
                                table.name
                            ),
                            format!("use one of: {}", names.join(", ")),
                        ));
                    };
                    chosen.push(found.clone());
                }
            }
        }
        let setup = host
            .registry
            .setup(&plugin, &json(&table.config)?, &chosen, &operator)?;
        ready.push(ReadyStrategy {
            name: table.name.clone(),
            handles: chosen.iter().map(|instrument| instrument.handle).collect(),
            plugin: StrategyPlugin::new(plugin)?,
            setup,
        });
    }
    Ok(ready)
}

fn adviser(
    config: &SessionConfig,
    host: &Host<'_>,
    clock: &SessionClock,
    inputs: &mut Vec<Input>,
) -> Result<Option<Adviser>, Problem> {
    let Some(table) = &config.validation else {
        return Ok(None);
    };
    let plugin = load(host.registry, &table.plugin, Kind::AiProvider)?;
    inputs.push(plugin_input(&plugin));
    let operator = Operator {
        folder: None,
        clock: clock.clone(),
        seed: config.seed,
    };
    let setup = host
        .registry
        .setup(&plugin, &json(&table.config)?, &[], &operator)?;
    let provider = AiProviderPlugin::new(plugin, setup, PoolPolicy::default())?;
    host.runtime
        .block_on(Adviser::new(provider, table.model.as_deref()))
        .map(Some)
}

/// Digest of what the configuration says, without where things are on this machine: plugins and data have
/// digests of their own.
fn config_digest(config: &SessionConfig) -> Result<Digest, Problem> {
    let mut config = config.clone();
    // Controls are sessions of their own.
    config.controls.clear();
    for data in config.data.iter_mut().chain(&mut config.benchmark) {
        data.folder = None;
    }
    let name = |reference: &mut String| {
        if reference.ends_with(".wasm") {
            reference.clear();
        }
    };
    config
        .data
        .iter_mut()
        .for_each(|table| name(&mut table.plugin));
    config
        .strategies
        .iter_mut()
        .for_each(|table| name(&mut table.plugin));
    config
        .risk
        .iter_mut()
        .for_each(|table| name(&mut table.plugin));
    config
        .benchmark
        .iter_mut()
        .for_each(|table| name(&mut table.plugin));
    config
        .validation
        .iter_mut()
        .for_each(|table| name(&mut table.plugin));
    config
        .models
        .values_mut()
        .flat_map(|model| &mut model.candidates)
        .for_each(|candidate| name(&mut candidate.plugin));
    name(&mut config.broker.plugin);
    let text = serde_json::to_vec(&config).map_err(|error| {
        Problem::host(format!("the configuration cannot be written: {error}"), "")
    })?;
    Ok(Digest::of(&text))
}
