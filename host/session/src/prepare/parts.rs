//! The plugins of a session, one sort after the other: loaded, held against their settings, and put down as inputs.

use super::{Found, Host, ReadyStrategy, json, load};
use crate::advisers::{check_slate, wall};
use crate::config::check::{DATA, VALIDATION};
use crate::config::{DataConfig, ProviderConfig, SessionConfig, SourceConfig};
use crate::data::Loaded;
use crate::earned::unkept;
use crate::learning::Trainers;
use crate::record::Input;
use crate::resume::{LATENCY, began_with_latencies};
use crate::sources::{Fetching, Source};
use crate::swap::Scheduled;
use crate::validation::Provider;
use crate::wiring;
use bulkhead_domain::order::InstrumentHandle;
use bulkhead_domain::{Digest, Instrument, Problem, Timestamp};
use bulkhead_manifest::Kind;
use bulkhead_orchestrator::Candidate;
use bulkhead_orchestrator::budget::{Budgets, Limits};
use bulkhead_orchestrator::dispatch::ClassConfig;
use bulkhead_orchestrator::rewards::{Rewards, measured_latencies};
use bulkhead_registry::Operator;
use bulkhead_sandbox::{
    AiProviderPlugin, DataSourcePlugin, PoolPolicy, SessionClock, StrategyPlugin,
};
use bulkhead_store::{StoreError, wait};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::Arc;

/// Budgets of the task classes, where there is a store that keeps them and anything is limited.
pub(super) fn budgets(
    config: &SessionConfig,
    host: &Host<'_>,
) -> Result<Option<Arc<Budgets>>, Problem> {
    let limits: BTreeMap<String, Limits> = config
        .tasks
        .iter()
        .flat_map(|(class, table)| table.limits(class))
        .collect();
    if limits.is_empty() {
        return Ok(None);
    }
    let Some((store, writer)) = &host.store else {
        return Err(Problem::user(
            "a session that is kept nowhere has a budget under [tasks]",
            "remove it: only what is kept can be held to",
        ));
    };
    let budgets = wait(Budgets::load(store, writer.clone(), limits, wall()))?;
    Ok(Some(Arc::new(budgets)))
}

/// What sources earned so far.
pub(super) fn earned(host: &Host<'_>, class: &ClassConfig) -> Result<Rewards, Problem> {
    let learning = BTreeMap::from([(DATA.to_owned(), class.learning.clone())]);
    let Some((store, writer)) = &host.store else {
        return Rewards::new("", None, learning).map_err(unkept);
    };
    // What was earned a moment ago is read back too.
    writer.flush()?;
    let loaded = Rewards::load(store, Some(writer.clone()), "", learning);
    wait(async { Ok::<_, StoreError>(loaded.await) })?.map_err(unkept)
}

pub(super) fn source(
    table: &DataConfig,
    base: &Path,
    handle: &dyn Fn(&str) -> InstrumentHandle,
    host: &Host<'_>,
    clock: &SessionClock,
    mut fetching: Fetching<'_>,
    found: &mut Found,
) -> Result<Vec<Loaded>, Problem> {
    let mut sources = Vec::new();
    let mut plugins = Vec::new();
    for SourceConfig {
        name,
        plugin: reference,
        config,
        folder,
        dataset,
    } in table.sources()
    {
        let plugin = load(host.registry, &reference, Kind::DataSource)?;
        plugins.push(plugin.clone());
        let operator = Operator {
            folder: folder.as_ref().map(|folder| base.join(folder)),
            clock: clock.clone(),
            seed: fetching.seed,
        };
        let setup = host
            .registry
            .setup(&plugin, &json(&config)?, &[], &operator)?;
        let candidate = Candidate {
            plugin: plugin.manifest().id.clone(),
            version: plugin.manifest().version.clone(),
            digest: plugin.digest(),
            offering: name.as_ref().unwrap_or(&dataset).clone(),
            config: Digest::of(setup.config.as_bytes()),
        };
        let table = DataConfig {
            name,
            plugin: reference,
            config,
            folder,
            dataset,
            alternatives: Vec::new(),
            ..table.clone()
        };
        sources.push(Source {
            plugin: DataSourcePlugin::new(plugin, setup, PoolPolicy::default())?,
            candidate,
            table,
        });
    }
    let fetched = fetching.fetch(&sources, handle, &host.catalog);
    let (place, loaded) = host.runtime.block_on(fetched)?;
    // Who only could have been asked is no input of the session.
    if let Some(plugin) = plugins.get(place) {
        found.runs(host.registry, plugin)?;
    }
    Ok(loaded)
}

pub(super) fn trainers(
    config: &SessionConfig,
    host: &Host<'_>,
    clock: &SessionClock,
    found: &mut Found,
) -> Result<BTreeMap<String, Trainers>, Problem> {
    let operator = Operator {
        folder: None,
        clock: clock.clone(),
        seed: config.seed,
    };
    wiring::trainers(
        &config.models,
        host.registry,
        &operator,
        |plugin, reference| {
            let settings = Value::Object(Default::default());
            found.place(host.registry, plugin, reference, settings)
        },
    )
}

pub(super) fn strategies(
    config: &SessionConfig,
    instruments: &[Instrument],
    host: &Host<'_>,
    clock: &SessionClock,
    found: &mut Found,
) -> Result<Vec<Arc<ReadyStrategy>>, Problem> {
    let operator = Operator {
        folder: None,
        clock: clock.clone(),
        seed: config.seed,
    };
    let mut ready = Vec::new();
    for table in &config.strategies {
        let plugin = load(host.registry, &table.plugin, Kind::Strategy)?;
        let settings = json(&table.config)?;
        found.place(host.registry, &plugin, &table.plugin, settings.clone())?;
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
        chosen.sort_by_key(|instrument| instrument.handle);
        chosen.dedup_by_key(|instrument| instrument.handle);
        let setup = host
            .registry
            .setup(&plugin, &settings, &chosen, &operator)?;
        ready.push(Arc::new(ReadyStrategy {
            name: table.name.clone(),
            reference: table.plugin.clone(),
            settings,
            handles: chosen.iter().map(|instrument| instrument.handle).collect(),
            plugin: StrategyPlugin::new(plugin)?,
            setup,
        }));
    }
    Ok(ready)
}

/// Versions that come into service at some date.
pub(super) fn swaps(
    config: &SessionConfig,
    host: &Host<'_>,
    found: &mut Found,
) -> Result<VecDeque<Scheduled>, Problem> {
    let mut swaps = Vec::new();
    for swap in &config.swaps {
        let plugin = host.registry.load(&swap.to)?;
        if plugin.manifest().id != swap.plugin {
            return Err(Problem::user(
                format!(
                    "[[swaps]] puts {} in the place of {}",
                    plugin.manifest().id,
                    swap.plugin
                ),
                "name another version of the same plugin in `to`",
            ));
        }
        let Some(place) = found
            .places
            .iter()
            .find(|place| place.follows(&swap.plugin))
        else {
            let mut ids: Vec<&str> = (found.places.iter())
                .filter(|place| place.follows(&place.id))
                .map(|place| place.id.as_str())
                .collect();
            ids.sort_unstable();
            ids.dedup();
            return Err(Problem::user(
                format!(
                    "[[swaps]] swaps {}, and nothing in this session is named so",
                    swap.plugin
                ),
                format!("swap one of: {}", ids.join(", ")),
            ));
        };
        plugin.expect_kind(place.kind)?;
        found.runs(host.registry, &plugin)?;
        // Its date was checked when the configuration was.
        let at = Timestamp::of_date(&swap.at).map_or(i64::MAX, |at| at.0);
        swaps.push(Scheduled { at, plugin });
    }
    swaps.sort_by_key(|swap| swap.at);
    Ok(swaps.into())
}

pub(super) fn providers(
    config: &SessionConfig,
    host: &Host<'_>,
    clock: &SessionClock,
    found: &mut Found,
) -> Result<Vec<Provider>, Problem> {
    let Some(table) = &config.validation else {
        return Ok(Vec::new());
    };
    let operator = Operator {
        folder: None,
        clock: clock.clone(),
        seed: config.seed,
    };
    let mut providers = Vec::new();
    for ProviderConfig {
        name,
        plugin,
        config,
        model,
    } in table.providers()
    {
        let reference = plugin;
        let plugin = load(host.registry, &reference, Kind::AiProvider)?;
        let settings = json(&config)?;
        let setup = host.registry.setup(&plugin, &settings, &[], &operator)?;
        found.place(host.registry, &plugin, &reference, settings)?;
        let digest = Digest::of(setup.config.as_bytes());
        let plugin = AiProviderPlugin::new(plugin, setup, PoolPolicy::default())?;
        let provider = Provider::new(plugin, model.as_deref(), name.as_deref(), digest);
        providers.push(host.runtime.block_on(provider)?);
    }
    let class = config.tasks.get(VALIDATION).cloned().unwrap_or_default();
    let candidates = providers.iter().map(|one| one.candidate().clone());
    check_slate(&candidates.collect::<Vec<_>>(), &class, VALIDATION)?;
    Ok(providers)
}

/// How long providers were seen to take, where that decides who is asked: a session that is repeated must not depend
/// on how busy the machine is. They are inputs of the session then.
pub(super) fn latencies(
    config: &SessionConfig,
    providers: &[Provider],
    host: &Host<'_>,
    found: &mut Found,
) -> Result<Option<Vec<Option<f64>>>, Problem> {
    if !config
        .tasks
        .get(VALIDATION)
        .is_some_and(ClassConfig::heeds_latency)
    {
        return Ok(None);
    }
    let Some((store, writer)) = &host.store else {
        return Ok(Some(vec![None; providers.len()]));
    };
    writer.flush()?;
    // A session that is resumed goes on with those that it began with: its own have been measured since.
    let known = match began_with_latencies(store, config, &found.inputs)? {
        Some(began) => began,
        None => {
            let measured = wait(measured_latencies(store, VALIDATION))?;
            let of = |candidate: &Candidate| {
                let latency = measured.get(&candidate.identity())?;
                Some((candidate.label(), *latency))
            };
            let candidates = providers.iter().map(Provider::candidate);
            candidates.filter_map(of).collect()
        }
    };
    let latency = |provider: &Provider| known.get(&provider.candidate().label()).copied();
    let latencies = providers.iter().map(latency).collect();
    found
        .inputs
        .extend(known.into_iter().map(|(label, latency)| Input {
            kind: LATENCY.to_owned(),
            name: label,
            digest: format!("{latency} s"),
        }));
    Ok(Some(latencies))
}
