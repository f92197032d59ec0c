//! Sweeps and whole series: a thousand combinations of an EMA cross over a hundred thousand minute bars, and a million
//! bars of its whole-series form, audit included.

use super::{COUNT, MINUTE, RUNS, walk};
use crate::figure::{Figure, Spec};
use crate::measure::median;
use crate::place::Place;
use anyhow::{Context as _, Result, ensure};
use bulkhead_domain::{Decimal, Timestamp};
use bulkhead_lab::backtest::{self, Plan, Series, Settings};
use bulkhead_lab::sweep::{self, Axis, Objective, Search};
use bulkhead_lab::trials::ledger::Ledger;
use bulkhead_registry::Registry;
use bulkhead_sandbox::{AotCache, Engines, Loader};
use bulkhead_session::learning::parallel::cores;
use bulkhead_store::{Store, StoreError, wait};
use bulkhead_venue::{FeeModel, SlippageModel};
use serde_json::{Map, Value};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

static WHOLE: Spec = Spec::informative("lab.backtest.vectorised_bars_per_s", "bars/s");
static SWEEP: Spec = Spec::at_least("lab.sweep.bars_per_s_core", "bars/s/core", 3_000_000.0);
static BY_BAR: Spec = Spec::informative("lab.sweep.bar_by_bar_bars_per_s_core", "bars/s/core");

/// A run of a whole series.
pub(crate) static SERIES: [&Spec; 1] = [&WHOLE];
/// A sweep of whole-series forms, and one of strategies that are asked at each bar.
pub(crate) static COMBINATIONS: [&Spec; 2] = [&SWEEP, &BY_BAR];

/// Bars of each combination.
const BARS: usize = 100_000;
/// Forty by twenty-five combinations.
const AXES: [&str; 2] = ["fast=5..44", "slow=50..290:10"];

fn settings(vectorised: bool) -> Settings {
    Settings {
        cash: 10_000_000.into(),
        fees: FeeModel::Fraction {
            rate: Decimal::new(1, 4),
        },
        slippage: SlippageModel::Bps { bps: Decimal::ONE },
        vectorised,
        ..Settings::default()
    }
}

fn registry(place: &Place, folder: &std::path::Path) -> Result<Registry> {
    let cache = AotCache::open(folder.join("aot"))?;
    let loader = Loader::new(Arc::new(Engines::start()?), Some(cache));
    Ok(Registry::open(place.plugins(), loader)?)
}

/// A million bars, from the first call to the end: targets, their audit, and the run.
pub(crate) fn series(place: &Place) -> Result<Vec<Figure>> {
    let folder = tempfile::tempdir()?;
    let registry = registry(place, folder.path())?;
    let series = walk(1, "WALK", COUNT, MINUTE)?;
    let mut rates = Vec::new();
    for number in 0..=RUNS {
        let plan = Plan {
            registry: &registry,
            strategy: "ema-cross",
            parameters: Map::new(),
            data: vec![Series::Loaded(Box::new(series.clone()))].into(),
            settings: settings(true),
            source: Value::Null,
            folder: None,
            tried: None,
        };
        let begun = Instant::now();
        let finished = backtest::run(plan, &AtomicBool::new(false), |_, _| {})?;
        let seconds = begun.elapsed().as_secs_f64();
        ensure!(finished.result.totals.fills > 0, "it did not trade");
        if number > 0 {
            rates.push(COUNT as f64 / seconds);
        }
    }
    Ok(vec![WHOLE.is(median(rates))])
}

/// A thousand combinations on all cores.
pub(crate) fn combinations(place: &Place) -> Result<Vec<Figure>> {
    Ok(vec![
        SWEEP.is(swept(place, true)?),
        BY_BAR.is(swept(place, false)?),
    ])
}

fn swept(place: &Place, vectorised: bool) -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let registry = registry(place, folder.path())?;
    let store = wait(async {
        let store = Store::open(folder.path().join("bench.db")).await?;
        store.migrate(&[bulkhead_lab::MIGRATIONS]).await?;
        Ok::<_, StoreError>(store)
    })?;
    let ledger = Ledger::new(store);
    let settings = settings(vectorised);
    let axes = AXES
        .iter()
        .map(|text| Axis::parse(text))
        .collect::<Result<_, _>>()?;
    let plan = sweep::Plan {
        registry: &registry,
        strategy: "ema-cross",
        parameters: Map::new(),
        axes,
        settings: &settings,
        search: Search::Grid,
        combinations: None,
        objective: Objective::Sharpe,
        min_trades: 1,
        prune: false,
        walk: None,
        threads: cores(),
        family: "bench",
        ledger: &ledger,
        now: Timestamp(0),
        source: Value::Null,
        folder: &folder.path().join("out"),
    };
    let data = vec![Series::Loaded(Box::new(walk(1, "WALK", BARS, MINUTE)?))];
    let begun = Instant::now();
    let (result, _) = sweep::run(&plan, data.into(), &AtomicBool::new(false), &|_| {})?;
    let seconds = begun.elapsed().as_secs_f64();
    ensure!(
        result.counts.finished == 1_000,
        "{} finished",
        result.counts.finished
    );
    let best = result.best.first().context("no combination traded")?;
    ensure!(
        best.figures.is_some_and(|it| it.trades > 0),
        "it did not trade"
    );
    Ok(1_000.0 * BARS as f64 / (seconds * cores() as f64))
}
