//! A plan's plugins made ready, everything that its outcome depends on, and the digest over that.

use super::{Plan, Settings};
use crate::result::{DetailInput, FORMAT, InstrumentInput, RunInputs};
use bulkhead_desk::{CheckLimits, RiskRule};
use bulkhead_domain::digest::DigestBuilder;
use bulkhead_domain::time::DAY;
use bulkhead_domain::{Digest, Instrument, Problem, Timestamp};
use bulkhead_manifest::Kind;
use bulkhead_registry::supervise::{SupervisionLimits, Supervisor};
use bulkhead_registry::{Operator, Registry};
use bulkhead_sandbox::{Engines, Plugin, RiskRulePlugin, SessionClock, StrategyPlugin};
use bulkhead_session::backtest::{Detailed, Learning, Setup, Trader, Trading};
use bulkhead_session::trainers;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The strategy made ready, and everything that goes into the digest.
pub(super) struct Inputs {
    pub(super) plugin: StrategyPlugin,
    pub(super) terms: bulkhead_sandbox::Setup,
    pub(super) rules: Vec<Box<dyn RiskRule>>,
    pub(super) learning: BTreeMap<String, Learning>,
    /// Over everything but the parameters.
    pub(super) common: Digest,
    pub(super) run: RunInputs,
}

/// # Errors
/// A strategy, parameters, rules or settings that cannot be used.
pub(super) fn inputs(plan: &Plan<'_>, instruments: &[Instrument]) -> Result<Inputs, Problem> {
    let Plan {
        registry, settings, ..
    } = plan;
    let operator = operator(settings);
    let plugin = registry.load(plan.strategy)?;
    plugin.expect_kind(Kind::Strategy)?;
    let parameters = Value::Object(plan.parameters.clone());
    let terms = registry.setup(&plugin, &parameters, instruments, &operator)?;
    let ready = ready(registry, settings, instruments)?;
    let seen = plan.data.series.iter();
    let series = seen.map(|series| (series.symbol(), series.digest(), series.span()));
    let detail = plan.data.detail.iter();
    let detail = detail.map(|series| (series.symbol(), series.digest()));
    let components = (ready.iter())
        .map(|(plugin, terms)| {
            json!({
                "id": plugin.manifest().id,
                "component": plugin.digest(),
                "config": terms.config,
            })
        })
        .collect();
    let rules = fresh(&ready)?;
    let unwritable =
        |error: serde_json::Error| Problem::host(format!("no JSON: {error}"), "report this");
    let mut config = Map::new();
    config.insert(
        "settings".to_owned(),
        serde_json::to_value(settings).map_err(unwritable)?,
    );
    config.insert("risk".to_owned(), Value::Array(components));
    let (learning, learners) = learning(registry, settings)?;
    let common = common(
        settings,
        plugin.digest(),
        &ready,
        &learners,
        (series, detail),
    )?;
    if !learning.is_empty() {
        config.insert("models".to_owned(), learners);
    }
    config.insert(
        "checks".to_owned(),
        serde_json::to_value(limits(settings)).map_err(unwritable)?,
    );
    config.insert("version".to_owned(), env!("CARGO_PKG_VERSION").into());
    let given: Value = serde_json::from_str(&terms.config).map_err(unwritable)?;
    let manifest = plugin.manifest();
    let run = RunInputs {
        strategy: manifest.id.clone(),
        version: manifest.version.clone(),
        component: plugin.digest(),
        parameters: match given {
            Value::Object(given) => given.into_iter().collect(),
            _ => Default::default(),
        },
        instruments: plan
            .data
            .series
            .iter()
            .zip(instruments)
            .map(|(series, instrument)| InstrumentInput {
                handle: instrument.handle,
                symbol: instrument.symbol.clone(),
                digest: series.digest(),
                bars: series.bars(),
                detail: (plan.data.detail.iter())
                    .find(|finer| finer.symbol() == series.symbol())
                    .map(|finer| DetailInput {
                        digest: finer.digest(),
                        told: Detailed::default(),
                    }),
            })
            .collect(),
        config: Value::Object(config),
        seed: settings.seed.to_string(),
        engine: Engines::identity(),
        source: plan.source.clone(),
    };
    Ok(Inputs {
        plugin: StrategyPlugin::new(plugin)?,
        terms,
        rules,
        learning,
        common,
        run,
    })
}

/// Over everything that runs of one strategy on the same data under the same terms have in common, whatever their
/// parameters: with these it names a trial.
///
/// # Errors
/// The host's, where it cannot be written.
pub(crate) fn common<'a>(
    settings: &Settings,
    component: Digest,
    rules: &[(Plugin, bulkhead_sandbox::Setup)],
    learners: &Value,
    (series, detail): (
        impl Iterator<Item = (&'a str, Digest, (i64, i64))>,
        impl Iterator<Item = (&'a str, Digest)>,
    ),
) -> Result<Digest, Problem> {
    let unwritable =
        |error: serde_json::Error| Problem::host(format!("no JSON: {error}"), "report this");
    let series: Vec<(&str, Digest, (i64, i64))> = series.collect();
    let mut settings = settings.clone();
    // Where components lay changes nothing; what they are and what they were told stands below.
    settings.risk.clear();
    // Nor does a date that leaves out no bar.
    let midnight = |date: &String| Timestamp::of_date(date).map(|time| time.0);
    let spans = || series.iter().map(|(_, _, span)| *span);
    let before = |time: i64| spans().any(|(first, _)| first < time);
    let after = |time: i64| spans().any(|(_, last)| last >= time);
    (settings.from).take_if(|from| midnight(from).is_some_and(|from| !before(from)));
    (settings.to).take_if(|to| midnight(to).is_some_and(|to| !after(to.saturating_add(DAY))));
    let mut settings = serde_json::to_value(&settings).map_err(unwritable)?;
    if let Some(models) = settings.get_mut("models") {
        without_places(models);
    }
    let text = serde_json::to_vec(&settings).map_err(unwritable)?;
    let mut builder = DigestBuilder::new();
    builder.part("bulkhead trial", env!("CARGO_PKG_VERSION").as_bytes());
    builder.part("engine", Engines::identity().as_bytes());
    builder.part("component", component.bytes());
    builder.part("settings", &text);
    builder.part("models", learners.to_string().as_bytes());
    for (rule, terms) in rules {
        builder.part("rule", rule.digest().bytes());
        builder.part("told", terms.config.as_bytes());
    }
    for (symbol, digest, _) in series {
        builder.part(symbol, digest.bytes());
    }
    for (symbol, digest) in detail {
        builder.part("detail", symbol.as_bytes());
        builder.part(symbol, digest.bytes());
    }
    Ok(builder.finish())
}

/// Names a trial: what runs have in common, and what the strategy of one was told, whoever set it. What is left at the
/// schema's default is the default.
///
/// # Errors
/// The host's, where what it was told does not read.
pub(crate) fn trial_of(common: &Digest, schema: &Value, told: &str) -> Result<Digest, Problem> {
    let mut told: Map<String, Value> = serde_json::from_str(told)
        .map_err(|error| Problem::host(format!("no JSON: {error}"), "report this"))?;
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, property) in properties.into_iter().flatten() {
        if let Some(default) = property.get("default") {
            told.entry(name.clone()).or_insert_with(|| default.clone());
        }
    }
    Ok(DigestBuilder::new()
        .part("ground", common.bytes())
        .part("told", Value::Object(told).to_string().as_bytes())
        .finish())
}

/// Who learns each model, and the components that they are, for the digest.
///
/// # Errors
/// A model that is not there, or an algorithm or hyper-parameters that it has not.
pub(crate) fn learning(
    registry: &Registry,
    settings: &Settings,
) -> Result<(BTreeMap<String, Learning>, Value), Problem> {
    for (alias, model) in &settings.models {
        model.check(alias)?;
    }
    let mut components = BTreeMap::new();
    let trainers = trainers(
        &settings.models,
        registry,
        &operator(settings),
        |plugin, reference| {
            let found = json!({"id": plugin.manifest().id, "component": plugin.digest()});
            components.insert(reference.to_owned(), found);
            Ok(())
        },
    )?;
    let candidates = settings.models.iter().flat_map(|(alias, model)| {
        let components = &components;
        model.candidates.iter().map(move |candidate| {
            json!({
                "alias": alias,
                "plugin": components.get(&candidate.plugin),
                "algorithm": candidate.algorithm,
            })
        })
    });
    let candidates = candidates.collect();
    let learning = (settings.models.iter()).filter_map(|(alias, config)| {
        let learning = Learning {
            config: config.clone(),
            trainers: trainers.get(alias)?.clone(),
        };
        Some((alias.clone(), learning))
    });
    Ok((learning.collect(), Value::Array(candidates)))
}

/// The risk rules' plugins with what they are told.
///
/// # Errors
/// A rule that is not there, or settings that it does not take.
pub(crate) fn ready(
    registry: &Registry,
    settings: &Settings,
    instruments: &[Instrument],
) -> Result<Vec<(Plugin, bulkhead_sandbox::Setup)>, Problem> {
    let operator = operator(settings);
    let rules = settings.risk.iter().map(|rule| {
        let plugin = registry.load(&rule.plugin)?;
        plugin.expect_kind(Kind::RiskRule)?;
        let config = Value::Object(rule.config.clone());
        let terms = registry.setup(&plugin, &config, instruments, &operator)?;
        Ok((plugin, terms))
    });
    rules.collect()
}

/// Fresh instances of rules that are ready, for one run.
///
/// # Errors
/// A rule that cannot be instantiated.
pub(crate) fn fresh(
    ready: &[(Plugin, bulkhead_sandbox::Setup)],
) -> Result<Vec<Box<dyn RiskRule>>, Problem> {
    let supervisor = Supervisor::new(SupervisionLimits::default(), Timestamp(0))
        .map_err(|error| Problem::host(error.to_string(), "report this"))?;
    let rules = ready
        .iter()
        .map(|(plugin, terms)| RiskRulePlugin::new(plugin.clone(), terms.clone()))
        .collect::<Result<Vec<_>, _>>()?;
    let rules = bulkhead_session::rules(rules, &supervisor).into_iter();
    Ok(rules
        .map(|rule| Box::new(rule) as Box<dyn RiskRule>)
        .collect())
}

/// What every plugin of a run is granted.
pub(crate) fn operator(settings: &Settings) -> Operator {
    Operator {
        folder: None,
        clock: SessionClock::default(),
        seed: settings.seed,
    }
}

/// Over everything that changes the outcome.
pub(super) fn digest_of(run: &RunInputs) -> Result<Digest, Problem> {
    let unwritable =
        |error: serde_json::Error| Problem::host(format!("no JSON: {error}"), "report this");
    let mut builder = DigestBuilder::new();
    builder.part("bulkhead backtest", &FORMAT.to_le_bytes());
    builder.part("engine", run.engine.as_bytes());
    builder.part("component", run.component.bytes());
    let parameters = serde_json::to_vec(&run.parameters).map_err(unwritable)?;
    builder.part("parameters", &parameters);
    let mut config = run.config.clone();
    // Where a rule's component lay changes nothing; what it is and what it was told stand beside.
    if let Some(settings) = config
        .pointer_mut("/settings")
        .and_then(Value::as_object_mut)
    {
        settings.remove("risk");
        if let Some(models) = settings.get_mut("models") {
            without_places(models);
        }
    }
    builder.part("config", &serde_json::to_vec(&config).map_err(unwritable)?);
    builder.part("seed", run.seed.as_bytes());
    for instrument in &run.instruments {
        builder.part(&instrument.symbol, instrument.digest.bytes());
        if let Some(detail) = &instrument.detail {
            builder.part("detail", detail.digest.bytes());
        }
    }
    Ok(builder.finish())
}

/// Takes out of models' settings where their components lay.
pub(crate) fn without_places(models: &mut Value) {
    let models = models.as_object_mut().into_iter().flatten();
    for candidate in models
        .filter_map(|(_, model)| model.get_mut("candidates")?.as_array_mut())
        .flatten()
    {
        if let Some(candidate) = candidate.as_object_mut() {
            candidate.remove("plugin");
        }
    }
}

/// The host's checks under these settings; the rest is usual.
fn limits(settings: &Settings) -> CheckLimits {
    CheckLimits {
        max_leverage: settings.leverage,
        buying_power_multiple: settings.leverage,
        ..CheckLimits::default()
    }
}

/// The engine's setup for one run, with who trades.
pub(crate) fn setup(
    settings: &Settings,
    (rules, models): (Vec<Box<dyn RiskRule>>, BTreeMap<String, Learning>),
    id: Digest,
    instruments: &[Instrument],
    opened: Timestamp,
    (name, trader): (String, Box<dyn Trader>),
) -> Setup {
    Setup {
        id,
        currency: settings.currency.clone(),
        cash: settings.cash,
        cost_basis: settings.cost_basis,
        limits: limits(settings),
        venue: settings.venue(),
        carry: settings.carry,
        opened,
        instruments: instruments.to_vec(),
        features: settings.features.clone(),
        models,
        seed: settings.seed,
        rules,
        traders: vec![Trading {
            name,
            handles: instruments.iter().map(|one| one.handle).collect(),
            sizing: None,
            trader,
        }],
    }
}
