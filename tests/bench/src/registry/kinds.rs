//! From a command to the first answer, by kind: load from the cache, start, configure, one call.

use super::load::Shelf;
use super::{rule, strategy};
use crate::figure::{Figure, Spec};
use crate::measure::median_of;
use crate::place::Place;
use anyhow::Result;
use bulkhead_domain::Instrument;
use bulkhead_sandbox::{
    AiProviderPlugin, BrokerPlugin, DataSourcePlugin, ModelPlugin, PoolPolicy, Setup,
};
use std::time::Instant;

static STRATEGY: Spec = Spec::informative("registry.first_answer.strategy_ms", "ms");
static RISK_RULE: Spec = Spec::informative("registry.first_answer.risk_rule_ms", "ms");
static MODEL: Spec = Spec::informative("registry.first_answer.model_ms", "ms");
static BROKER: Spec = Spec::informative("registry.first_answer.broker_ms", "ms");
static AI_PROVIDER: Spec = Spec::informative("registry.first_answer.ai_provider_ms", "ms");
static DATA_SOURCE: Spec = Spec::informative("registry.first_answer.data_source_ms", "ms");

/// The figures.
pub(crate) static SPECS: [&Spec; 6] = [
    &STRATEGY,
    &RISK_RULE,
    &MODEL,
    &BROKER,
    &AI_PROVIDER,
    &DATA_SOURCE,
];

/// All figures.
pub(crate) fn kinds(place: &Place) -> Result<Vec<Figure>> {
    let shelf = Shelf::new(place)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let setup = || Setup {
        instruments: vec![Instrument::us_equity(1, "WALK")],
        ..Setup::default()
    };
    let question = rule::Question::new();
    let measure = |spec: &'static Spec, name: &str, answer: &dyn Fn() -> Result<()>| {
        shelf.warm(name)?;
        let seconds = median_of(|| {
            let begun = Instant::now();
            answer()?;
            Ok(begun.elapsed().as_secs_f64())
        })?;
        anyhow::Ok(spec.is(seconds * 1e3))
    };
    Ok(vec![
        measure(&STRATEGY, strategy::COMPONENT, &|| {
            let mut one = strategy::instance(&shelf.load(strategy::COMPONENT)?)?;
            strategy::on_bar(&mut one, 0)?;
            Ok(())
        })?,
        measure(&RISK_RULE, rule::COMPONENT, &|| {
            let mut one = rule::instance(&shelf.load(rule::COMPONENT)?)?;
            Ok(rule::assess(&mut one, &question)?)
        })?,
        measure(&MODEL, "baseline", &|| {
            let one = ModelPlugin::new(shelf.load("baseline")?, setup())?;
            one.algorithms()?;
            Ok(())
        })?,
        measure(&BROKER, "paper", &|| {
            let mut one = BrokerPlugin::new(shelf.load("paper")?, setup())?;
            one.accounts()?;
            Ok(())
        })?,
        measure(&AI_PROVIDER, "rulebook", &|| {
            let policy = PoolPolicy::default();
            let one = AiProviderPlugin::new(shelf.load("rulebook")?, setup(), policy)?;
            runtime.block_on(one.models())?;
            Ok(())
        })?,
        measure(&DATA_SOURCE, "synthetic", &|| {
            let policy = PoolPolicy::default();
            let one = DataSourcePlugin::new(shelf.load("synthetic")?, setup(), policy)?;
            runtime.block_on(one.datasets())?;
            Ok(())
        })?,
    ])
}
