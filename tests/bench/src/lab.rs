//! Backtests: one strategy over minute bars, through the sandbox and as native code in the same engine, and a
//! portfolio of daily bars. Fees and books are on; data is in memory.

mod memory;
mod native;
mod sweep;

pub(crate) use memory::{MEMORY, memory};
pub(crate) use sweep::{COMBINATIONS, SERIES, combinations, series};

use crate::desk::{VOLATILITY, four_rules};
use crate::figure::{Figure, Spec};
use crate::measure::median;
use crate::place::Place;
use crate::series as market;
use anyhow::{Context as _, Result, ensure};
use bulkhead_desk::ledger::CostBasis;
use bulkhead_desk::{CheckLimits, RiskRule};
use bulkhead_domain::order::InstrumentHandle;
use bulkhead_domain::{Decimal, Digest, Instrument, Problem, Timestamp};
use bulkhead_market::{BarColumns, BarSeries, CleanBars};
use bulkhead_sandbox::{Engines, Grants, Loader, StrategyPlugin};
use bulkhead_session::backtest::{
    Backtest, Ended, Feed, Moment, Outcome, Sandboxed, Setup, Standing, Tape, Trader, Trading,
};
use bulkhead_venue::carry::CarryRates;
use bulkhead_venue::{FeeModel, SlippageModel, VenueConfig};
use native::EmaCross;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

static BARS: Spec = Spec::at_least("lab.backtest.bars_per_s", "bars/s", 2_000_000.0);
static NATIVE: Spec = Spec::informative("lab.backtest.native_bars_per_s", "bars/s");
static RATIO: Spec = Spec::informative("lab.backtest.native_ratio", "ratio");
static ORDERS: Spec = Spec::informative("lab.backtest.orders", "orders");
static RISK: Spec = Spec::informative("lab.backtest.with_risk_bars_per_s", "bars/s");
static PORTFOLIO: Spec = Spec::at_least("lab.portfolio.bars_per_s", "bars/s", 1_000_000.0);

/// One strategy and one instrument.
pub(crate) static SINGLE: [&Spec; 4] = [&BARS, &NATIVE, &RATIO, &ORDERS];
/// The same with four risk plugins.
pub(crate) static WITH_RISK: [&Spec; 1] = [&RISK];
/// Twenty instruments in one portfolio.
pub(crate) static MANY: [&Spec; 1] = [&PORTFOLIO];

const MINUTE: i64 = 60_000_000_000;
const DAY: i64 = 86_400_000_000_000;
/// Minute bars of one run.
const COUNT: usize = 1_000_000;
/// The same with rules, which are asked while a position is held.
const RISK_COUNT: usize = 100_000;
const RUNS: usize = 5;

/// A tape that keeps what must not be optimised away.
#[derive(Default)]
struct Sum {
    equity: f64,
    closed: u64,
}

impl Tape for Sum {
    fn moment(&mut self, _moment: &Moment, account: Standing) -> Result<(), Problem> {
        self.equity = account.equity;
        Ok(())
    }

    fn trade(&mut self, _trade: &bulkhead_session::record::TradeRecord) -> Result<(), Problem> {
        self.closed += 1;
        Ok(())
    }
}

fn always(handle: InstrumentHandle, symbol: &str) -> Instrument {
    Instrument {
        calendar: "24/7".to_owned(),
        ..Instrument::us_equity(handle, symbol)
    }
}

fn walk(handle: InstrumentHandle, symbol: &str, count: usize, interval: i64) -> Result<BarSeries> {
    let mut clean = CleanBars {
        interval_ns: interval,
        bars: BarColumns::with_capacity(count),
        ..CleanBars::default()
    };
    for (mut bar, number) in market::bars_from(u64::from(handle), count)
        .into_iter()
        .zip(0_i64..)
    {
        bar.time = (number + 1) * interval;
        clean.open_times.push(number * interval);
        clean.bars.push(bar);
    }
    Ok(BarSeries::new(always(handle, symbol), clean)?)
}

fn setup(
    instruments: &[Instrument],
    rules: Vec<Box<dyn RiskRule>>,
    traders: Vec<Trading>,
) -> Setup {
    Setup {
        id: Digest::of(b"bench"),
        currency: "USD".to_owned(),
        cash: 10_000_000.into(),
        cost_basis: CostBasis::Average,
        limits: CheckLimits::default(),
        venue: VenueConfig {
            fees: FeeModel::Fraction {
                rate: Decimal::new(1, 4),
            },
            slippage: SlippageModel::Bps { bps: Decimal::ONE },
            ..VenueConfig::default()
        },
        carry: CarryRates::default(),
        opened: Timestamp(0),
        instruments: instruments.to_vec(),
        // One of the rules goes by it.
        features: match rules.is_empty() {
            true => Vec::new(),
            false => vec![VOLATILITY.to_owned()],
        },
        models: BTreeMap::new(),
        seed: 0,
        rules,
        traders,
    }
}

struct Bench {
    plugin: StrategyPlugin,
}

impl Bench {
    fn new(place: &Place) -> Result<Bench> {
        let loader = Loader::new(Arc::new(Engines::start()?), None);
        let plugin = StrategyPlugin::new(loader.load(&place.component("ema-cross.wasm")?)?)?;
        Ok(Bench { plugin })
    }

    fn trading(&self, instruments: &[Instrument], native: bool) -> Result<Trading> {
        let trader: Box<dyn Trader> = if native {
            Box::new(EmaCross::new(instruments))
        } else {
            Box::new(Sandboxed::new(
                &self.plugin,
                "{}",
                instruments,
                &Grants::default(),
            )?)
        };
        Ok(Trading {
            name: "ema-cross".to_owned(),
            handles: instruments.iter().map(|one| one.handle).collect(),
            sizing: None,
            trader,
        })
    }

    /// Bars a second, and what came out.
    fn run(
        &self,
        series: &[BarSeries],
        native: bool,
        rules: Vec<Box<dyn RiskRule>>,
    ) -> Result<(f64, Outcome)> {
        let instruments: Vec<Instrument> =
            series.iter().map(|one| one.instrument.clone()).collect();
        let trading = self.trading(&instruments, native)?;
        let mut tape = Sum::default();
        let backtest = Backtest::new(setup(&instruments, rules, vec![trading]), &mut tape)?;
        let begun = Instant::now();
        let outcome = backtest.run(&mut Feed::new(series), &AtomicBool::new(false), |_, _| {})?;
        let seconds = begun.elapsed().as_secs_f64();
        ensure!(
            outcome.ended == Ended::Completed,
            "ended as {:?}",
            outcome.ended
        );
        ensure!(
            tape.closed > 0 && outcome.fills > 0 && tape.equity.is_finite(),
            "it did not trade"
        );
        Ok((outcome.bars as f64 / seconds, outcome))
    }
}

pub(crate) fn single(place: &Place) -> Result<Vec<Figure>> {
    let bench = Bench::new(place)?;
    let series = [walk(1, "WALK", COUNT, MINUTE)?];
    let (mut ours, mut natives, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let mut last = None;
    for number in 0..=RUNS {
        let (sandboxed, outcome) = bench.run(&series, false, Vec::new())?;
        let (native, same) = bench.run(&series, true, Vec::new())?;
        ensure!(outcome == same, "the native strategy did something else");
        // The first one warms up.
        if number > 0 {
            ours.push(sandboxed);
            natives.push(native);
            ratios.push(native / sandboxed);
        }
        last = Some(outcome);
    }
    let last = last.context("no run")?;
    Ok(vec![
        BARS.is(median(ours)),
        NATIVE.is(median(natives)),
        RATIO.is(median(ratios)),
        ORDERS.is(last.orders.sent as f64),
    ])
}

pub(crate) fn with_risk(place: &Place) -> Result<Vec<Figure>> {
    let bench = Bench::new(place)?;
    let series = [walk(1, "WALK", RISK_COUNT, MINUTE)?];
    let mut rates = Vec::new();
    for _ in 0..3 {
        let rules = four_rules(place, &[series[0].instrument.clone()])?;
        rates.push(bench.run(&series, false, rules)?.0);
    }
    Ok(vec![RISK.is(median(rates))])
}

pub(crate) fn portfolio(place: &Place) -> Result<Vec<Figure>> {
    let bench = Bench::new(place)?;
    let series = (1..=20)
        .map(|handle| walk(handle, &format!("W{handle:02}"), 5_000, DAY))
        .collect::<Result<Vec<_>>>()?;
    let mut rates = Vec::new();
    for number in 0..=RUNS {
        let (rate, _) = bench.run(&series, false, Vec::new())?;
        if number > 0 {
            rates.push(rate);
        }
    }
    Ok(vec![PORTFOLIO.is(median(rates))])
}
