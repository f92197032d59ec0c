//! What the sandbox costs, beside the bare engine with the same component (`ema-cross`).

use crate::bare::{self, Bare};
use crate::figure::{Figure, Spec};
use crate::measure::{compared, median_of};
use crate::place::Place;
use crate::series;
use anyhow::{Context as _, Result, ensure};
use bulkhead_domain::Instrument;
use bulkhead_domain::strategy::{Columns, State};
use bulkhead_sandbox::{AotCache, Engines, Grants, Loader, Origin, Plugin, StrategyPlugin};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

pub(crate) static CALL_RATIO: Spec = Spec::at_most("sandbox.call.ratio", "ratio", 1.5);
pub(crate) static CALL: Spec = Spec::informative("sandbox.call.ns", "ns");
pub(crate) static CALL_BARE: Spec = Spec::informative("sandbox.call.bare_ns", "ns");
pub(crate) static INSTANTIATE: Spec = Spec::at_most("sandbox.instantiate.us", "us", 5.0);
pub(crate) static INSTANTIATE_BARE: Spec = Spec::informative("sandbox.instantiate.bare_us", "us");
pub(crate) static AOT_LOAD: Spec = Spec::at_most("sandbox.aot_load.ms", "ms", 1.0);
pub(crate) static BATCH: Spec = Spec::at_most("sandbox.batch.ns_per_bar", "ns", 50.0);
pub(crate) static BATCH_BARE: Spec = Spec::informative("sandbox.batch.bare_ns_per_bar", "ns");
pub(crate) static COMPILE: Spec = Spec::informative("sandbox.compile.ms", "ms");

const COMPONENT: &str = "ema-cross.wasm";

/// Averages that cross about once in thirty bars of the walk.
const CONFIG: &str = r#"{"fast":10,"slow":30,"size":"100"}"#;

const INSTRUMENT: u32 = 1;

/// Bars of one round, and of one batch.
const BARS: usize = 100_000;

const INSTANCES: u32 = 1_000;

fn engines() -> Result<Arc<Engines>> {
    Ok(Arc::new(Engines::start()?))
}

/// The engine's own error, which is of a type of its own, as one of this program.
fn engine(error: wasmtime::Error) -> anyhow::Error {
    anyhow::anyhow!("{error:#}")
}

fn load(wasm: &[u8]) -> Result<Plugin> {
    Ok(Loader::new(engines()?, None).load(wasm)?)
}

fn strategy(wasm: &[u8]) -> Result<StrategyPlugin> {
    Ok(StrategyPlugin::new(load(wasm)?)?)
}

/// Seconds of one of `count` operations that began at `begun`.
fn each(begun: Instant, count: f64) -> f64 {
    begun.elapsed().as_secs_f64() / count
}

/// One call of a strategy on one bar: the host's types in and out, the limits armed, against typed bindings.
/// Both see the same bars and must want the same number of changes.
pub(crate) fn call(place: &Place) -> Result<Vec<Figure>> {
    let wasm = place.component(COMPONENT)?;
    let instrument = Instrument::us_equity(INSTRUMENT, "WALK");
    let bars = series::bars(BARS);
    let state = State {
        cash: 1e6,
        equity: 1e6,
        ..State::default()
    };
    let mut ours = strategy(&wasm)?.create(CONFIG, &[instrument], &Grants::default(), None)?;
    let bare_bars: Vec<_> = bars.iter().map(bare_bar).collect();
    let bare_state = bare::State {
        position: state.position,
        entry_price: state.entry_price,
        working: state.working,
        cash: state.cash,
        equity: state.equity,
    };
    let mut bare = Bare::new(&wasm)
        .and_then(|bare| bare.create(CONFIG, &[bare_instrument()]))
        .map_err(engine)?;

    let (mut changes, mut bare_changes) = (0, 0);
    let compared = compared(
        || {
            let begun = Instant::now();
            for bar in &bars {
                changes += black_box(ours.on_bar(INSTRUMENT, bar, &state)?).len();
            }
            Ok(each(begun, bars.len() as f64))
        },
        || {
            let begun = Instant::now();
            for bar in &bare_bars {
                bare_changes +=
                    black_box(bare.on_bar(INSTRUMENT, *bar, bare_state).map_err(engine)?).len();
            }
            Ok(each(begun, bare_bars.len() as f64))
        },
    )?;
    ensure!(
        changes > 0 && changes == bare_changes,
        "the two did different work: {changes} changes of the target against {bare_changes}"
    );
    Ok(vec![
        CALL_RATIO.is(compared.ratio),
        CALL.is(compared.ours * 1e9),
        CALL_BARE.is(compared.bare * 1e9),
    ])
}

/// One instance in a store of its own, made and dropped.
pub(crate) fn instantiate(place: &Place) -> Result<Vec<Figure>> {
    let wasm = place.component(COMPONENT)?;
    let ours = load(&wasm)?;
    let bare = Bare::new(&wasm).map_err(engine)?;
    let grants = Grants::default();
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let compared = compared(
        || {
            runtime.block_on(async {
                let begun = Instant::now();
                for _ in 0..INSTANCES {
                    ours.start(&grants).await?;
                }
                Ok(each(begun, f64::from(INSTANCES)))
            })
        },
        || {
            let begun = Instant::now();
            for _ in 0..INSTANCES {
                bare.start().map_err(engine)?;
            }
            Ok(each(begun, f64::from(INSTANCES)))
        },
    )?;
    Ok(vec![
        INSTANTIATE.is(compared.ours * 1e6),
        INSTANTIATE_BARE.is(compared.bare * 1e6),
    ])
}

/// From a component's bytes to a plugin that can be instantiated, with its machine code in the cache.
pub(crate) fn aot_load(place: &Place) -> Result<Vec<Figure>> {
    let wasm = place.component(COMPONENT)?;
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let cache = AotCache::open(folder.path().join("aot"))?;
    let loader = Loader::new(engines()?, Some(cache));
    loader.load(&wasm)?;
    let seconds = median_of(|| {
        let begun = Instant::now();
        let plugin = loader.load(&wasm)?;
        let seconds = each(begun, 1.0);
        ensure!(
            plugin.origin() == Origin::Cached,
            "the cache was not used: {:?}",
            plugin.origin()
        );
        Ok(seconds)
    })?;
    Ok(vec![AOT_LOAD.is(seconds * 1e3)])
}

/// The whole series in one call.
pub(crate) fn batch(place: &Place) -> Result<Vec<Figure>> {
    let wasm = place.component(COMPONENT)?;
    let columns = series::columns(&series::bars(BARS));
    let bars = columns.times.len() as f64;
    let mut ours = strategy(&wasm)?
        .vectorised(&Grants::default())?
        .with_context(|| format!("{COMPONENT} does not export `vectorised`"))?;
    let mut bare = Bare::new(&wasm)
        .and_then(|bare| bare.vectorised())
        .map_err(engine)?;
    let (warm_up, chunk) = (
        bare_columns(Columns::default()),
        bare_columns(columns.clone()),
    );
    ensure!(
        ours.targets(CONFIG, Columns::default(), columns.clone())?
            == bare.targets(CONFIG, &warm_up, &chunk).map_err(engine)?,
        "the two came to different targets"
    );
    let compared = compared(
        || {
            // The call takes its columns; the copy is this benchmark's own.
            let chunk = columns.clone();
            let begun = Instant::now();
            black_box(ours.targets(CONFIG, Columns::default(), chunk)?);
            Ok(each(begun, bars))
        },
        || {
            let begun = Instant::now();
            black_box(bare.targets(CONFIG, &warm_up, &chunk).map_err(engine)?);
            Ok(each(begun, bars))
        },
    )?;
    Ok(vec![
        BATCH.is(compared.ours * 1e9),
        BATCH_BARE.is(compared.bare * 1e9),
    ])
}

/// From a component's bytes to a plugin that can be instantiated, compiled anew.
pub(crate) fn compile(place: &Place) -> Result<Vec<Figure>> {
    let wasm = place.component(COMPONENT)?;
    let loader = Loader::new(engines()?, None);
    let seconds = median_of(|| {
        let begun = Instant::now();
        black_box(loader.load(&wasm)?);
        Ok(each(begun, 1.0))
    })?;
    Ok(vec![COMPILE.is(seconds * 1e3)])
}

fn bare_bar(bar: &bulkhead_domain::order::Bar) -> bare::Bar {
    bare::Bar {
        time: bar.time,
        open: bar.open,
        high: bar.high,
        low: bar.low,
        close: bar.close,
        volume: bar.volume,
        factor: bar.factor,
    }
}

fn bare_columns(columns: Columns) -> bare::BarColumns {
    bare::BarColumns {
        times: columns.times,
        open: columns.open,
        high: columns.high,
        low: columns.low,
        close: columns.close,
        volume: columns.volume,
        factor: columns.factor,
    }
}

/// What [`Instrument::us_equity`] is on the bare engine's side.
fn bare_instrument() -> bare::Instrument {
    let decimal = |lo, scale| bare::Decimal { lo, hi: 0, scale };
    bare::Instrument {
        handle: INSTRUMENT,
        symbol: "WALK".to_owned(),
        venue: "XNYS".to_owned(),
        currency: "USD".to_owned(),
        asset_class: bare::AssetClass::Equity,
        tick: decimal(1, 2),
        lot: decimal(1, 0),
        multiplier: decimal(1, 0),
        expiry: None,
        calendar: "XNYS".to_owned(),
        extra: Vec::new(),
    }
}
