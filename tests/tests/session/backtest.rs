//! The backtest's engine: that it does what a session does, what must not matter to it, that another program gets the
//! same, and what becomes of a strategy that fails in the middle.

use crate::stand::{Stand, plain, table};
use bulkhead_desk::ledger::CostBasis;
use bulkhead_desk::{CheckLimits, RiskRule};
use bulkhead_domain::order::{
    ActionKind, Bar, CorporateAction, InstrumentHandle, OrderRequest, Side,
};
use bulkhead_domain::strategy::{Delivery, Intent, Requirements, Slice, State};
use bulkhead_domain::time::DAY;
use bulkhead_domain::{Decimal, Digest, Instrument, Problem, Timestamp};
use bulkhead_market::csv::{CsvOptions, read_bars};
use bulkhead_market::{BarSeries, Calendar, Catalog, CleanOptions, clean};
use bulkhead_registry::supervise::{SupervisionLimits, Supervisor};
use bulkhead_sandbox::{Grants, RiskRulePlugin, StrategyPlugin};
use bulkhead_session::backtest::{
    Backtest, Ended, Feed, Moment, Outcome, Sandboxed, Setup, Standing, Tape, Trader, Trading,
};
use bulkhead_session::record::{FillRecord, TradeRecord};
use bulkhead_venue::carry::CarryRates;
use bulkhead_venue::{FeeModel, FillTiming, SlippageModel, VenueConfig};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

/// Keeps everything.
#[derive(Default)]
pub(crate) struct All {
    pub(crate) standings: Vec<(i64, Standing)>,
    pub(crate) fills: Vec<FillRecord>,
    trades: Vec<TradeRecord>,
    pub(crate) denied: Vec<String>,
}

impl Tape for All {
    fn moment(&mut self, moment: &Moment, account: Standing) -> Result<(), Problem> {
        self.standings.push((moment.time, account));
        Ok(())
    }

    fn fill(&mut self, fill: &FillRecord) -> Result<(), Problem> {
        self.fills.push(fill.clone());
        Ok(())
    }

    fn trade(&mut self, trade: &TradeRecord) -> Result<(), Problem> {
        self.trades.push(trade.clone());
        Ok(())
    }

    fn denied(
        &mut self,
        _: i64,
        _: &str,
        _: Option<InstrumentHandle>,
        denial: &bulkhead_domain::risk::Denial,
    ) -> Result<(), Problem> {
        self.denied.push(denial.code.clone());
        Ok(())
    }
}

pub(crate) fn setup(series: &[BarSeries]) -> Setup {
    let opened = series.iter().filter_map(|one| one.open_times.first()).min();
    Setup {
        id: Digest::of(b"test"),
        currency: "USD".to_owned(),
        cash: 100_000.into(),
        cost_basis: CostBasis::Average,
        limits: CheckLimits::default(),
        venue: VenueConfig::default(),
        carry: CarryRates::default(),
        opened: Timestamp(*opened.unwrap()),
        instruments: series.iter().map(|one| one.instrument.clone()).collect(),
        features: Vec::new(),
        models: BTreeMap::new(),
        seed: 0,
        rules: Vec::new(),
        traders: Vec::new(),
    }
}

pub(crate) fn trading(trader: impl Trader + 'static, series: &[BarSeries]) -> Trading {
    Trading {
        name: "ema-cross".to_owned(),
        handles: series.iter().map(|one| one.instrument.handle).collect(),
        sizing: None,
        trader: Box::new(trader),
    }
}

pub(crate) fn run(setup: Setup, series: &[BarSeries]) -> (Outcome, All) {
    let mut tape = All::default();
    let backtest = Backtest::new(setup, &mut tape).unwrap();
    let outcome = backtest
        .run(&mut Feed::new(series), &AtomicBool::new(false), |_, _| {})
        .unwrap();
    (outcome, tape)
}

impl Stand {
    pub(crate) fn ema_cross(&self, config: &str, series: &[BarSeries]) -> Sandboxed {
        let instruments: Vec<Instrument> =
            series.iter().map(|one| one.instrument.clone()).collect();
        let plugin = StrategyPlugin::new(self.load("ema-cross")).unwrap();
        Sandboxed::new(&plugin, config, &instruments, &Grants::default()).unwrap()
    }

    pub(crate) fn rules(&self, series: &[BarSeries]) -> Vec<Box<dyn RiskRule>> {
        let instruments: Vec<Instrument> =
            series.iter().map(|one| one.instrument.clone()).collect();
        let rule = |id: &str, config: serde_json::Value| {
            let setup = bulkhead_sandbox::Setup {
                config: config.to_string(),
                instruments: instruments.clone(),
                grants: Grants::default(),
            };
            RiskRulePlugin::new(self.load(id), setup).unwrap()
        };
        let rules = vec![
            rule(
                "limits",
                json!({"max-position-notional": "40000", "max-gross-exposure": "1"}),
            ),
            rule("stop-loss", json!({"fraction": "0.08"})),
        ];
        let supervisor = Supervisor::new(SupervisionLimits::default(), Timestamp(0)).unwrap();
        let rules = bulkhead_session::rules(rules, &supervisor).into_iter();
        rules
            .map(|rule| Box::new(rule) as Box<dyn RiskRule>)
            .collect()
    }
}

/// What filled, without what names only one run.
pub(crate) fn told(fills: &[FillRecord]) -> Vec<String> {
    let line = |fill: &FillRecord| {
        format!(
            "{} {} {:?} {} at {} for {}",
            Timestamp(fill.time),
            fill.instrument,
            fill.side,
            fill.quantity.normalize(),
            fill.price.normalize(),
            fill.fee.normalize()
        )
    };
    fills.iter().map(line).collect()
}

/// The same strategy, rules, costs and bars through a session with the paper broker's plugin, and through the engine.
#[test]
fn a_backtest_does_what_the_session_does() {
    let stand = Stand::new();
    let mut config = plain();
    config.validation = None;
    config
        .broker
        .config
        .insert("cash-interest-rate".to_owned(), toml::Value::from("0.03"));
    config.strategies[0].config = table("fast = 5\nslow = 20\nsize = \"150\"");
    let session = stand.record(&config);
    let series = vec![stand.bars("AAA"), stand.bars("BBB")];
    let series: Vec<BarSeries> = series
        .into_iter()
        .zip(1..)
        .map(|(mut one, handle)| {
            one.instrument.handle = handle;
            one
        })
        .collect();
    let mut setup = setup(&series);
    setup.rules = stand.rules(&series);
    setup.venue.fees = FeeModel::PerShare {
        rate: Decimal::new(5, 3),
        minimum: Decimal::ONE,
    };
    setup.venue.slippage = SlippageModel::Bps { bps: Decimal::TWO };
    setup.carry.interest = Decimal::new(3, 2);
    let trader = stand.ema_cross(r#"{"fast": 5, "slow": 20, "size": "150"}"#, &series);
    setup.traders = vec![trading(trader, &series)];
    let (outcome, tape) = run(setup, &series);

    assert_eq!(outcome.ended, Ended::Completed);
    assert!(session.fills.len() > 40, "{}", session.fills.len());
    assert!(session.totals.interest > Decimal::ZERO);
    assert_eq!(told(&tape.fills), told(&session.fills));
    assert_eq!(outcome.equity, session.totals.final_equity);
    assert_eq!(outcome.interest, session.totals.interest);
    assert_eq!(outcome.fees, session.totals.fees);
    assert_eq!(
        tape.standings
            .iter()
            .map(|(time, _)| *time)
            .collect::<Vec<_>>(),
        session.equity.times
    );
    for ((_, ours), theirs) in tape.standings.iter().zip(&session.equity.equity) {
        assert!((ours.equity - theirs).abs() < 1e-6, "{ours:?} {theirs}");
    }
    // The trades are the same, and were watched on the way.
    let closed: Vec<&TradeRecord> = session
        .trades
        .iter()
        .filter(|one| one.closed.is_some())
        .collect();
    assert_eq!(tape.trades.len(), closed.len());
    assert!(tape.trades.iter().all(|trade| trade.detail.is_some()));
}

/// Three artificial markets, from the session's data source by way of the catalog.
pub(crate) fn markets(stand: &Stand) -> Vec<BarSeries> {
    stand.record(&plain());
    numbered(stand, &["AAA", "BBB"])
}

/// What a session that was recorded traded on.
pub(crate) fn numbered(stand: &Stand, symbols: &[&str]) -> Vec<BarSeries> {
    symbols
        .iter()
        .zip(1..)
        .map(|(symbol, handle)| {
            let mut series = stand.bars(symbol);
            series.instrument.handle = handle;
            series
        })
        .collect()
}

pub(crate) const CROSS: &str = r#"{"fast": 5, "slow": 20, "size": "50"}"#;

fn cross(stand: &Stand, series: &[BarSeries], trades: &[BarSeries]) -> (Outcome, All) {
    let trader = stand.ema_cross(CROSS, trades);
    run(
        Setup {
            traders: vec![trading(trader, trades)],
            ..setup(series)
        },
        series,
    )
}

#[test]
fn the_order_of_instruments_and_those_nobody_trades_change_nothing() {
    let stand = Stand::new();
    let series = markets(&stand);
    let (one, first) = cross(&stand, &series, &series);
    assert!(one.fills > 40, "{}", one.fills);
    let (again, second) = cross(&stand, &series, &series);
    assert_eq!((&one, told(&first.fills)), (&again, told(&second.fills)));
    let turned: Vec<BarSeries> = series.iter().rev().cloned().collect();
    let (other, third) = cross(&stand, &turned, &turned);
    assert_eq!((&one, told(&first.fills)), (&other, told(&third.fills)));
    assert_eq!(first.standings, third.standings);

    let alone = series[..1].to_vec();
    let (_, without) = cross(&stand, &alone, &alone);
    let (_, beside) = cross(&stand, &series, &alone);
    assert_eq!(told(&without.fills), told(&beside.fills));
}

#[test]
fn later_bars_change_nothing_of_what_was_before() {
    let stand = Stand::new();
    let series = markets(&stand);
    let (_, whole) = cross(&stand, &series, &series);
    let until = series[0].bars.times[400];
    let date = Timestamp(until).date();
    let trader = stand.ema_cross(CROSS, &series);
    let mut tape = All::default();
    let setup = Setup {
        traders: vec![trading(trader, &series)],
        ..setup(&series)
    };
    let mut feed = Feed::new(&series).between(None, Some(&date)).unwrap();
    let never = AtomicBool::new(false);
    Backtest::new(setup, &mut tape)
        .unwrap()
        .run(&mut feed, &never, |_, _| {})
        .unwrap();
    assert_eq!(tape.standings.len(), 401);
    assert_eq!(tape.standings, whole.standings[..401]);
    let earlier: Vec<FillRecord> = whole
        .fills
        .iter()
        .filter(|fill| fill.time <= until)
        .cloned()
        .collect();
    assert!(earlier.len() > 10);
    assert_eq!(told(&tape.fills), told(&earlier));
}

#[test]
fn bars_that_are_streamed_from_the_catalog_give_the_same() {
    let stand = Stand::new();
    let series = markets(&stand);
    let (loaded, first) = cross(&stand, &series, &series);
    let catalog = Catalog::open(stand.catalog_folder()).unwrap();
    let readers = [("BBB", 2), ("AAA", 1)]
        .map(|(symbol, handle)| (handle, catalog.read(symbol, DAY).unwrap()));
    let mut feed = Feed::mixed([], readers).unwrap();
    assert_eq!(feed.opened(), series[0].open_times.first().copied());
    let trader = stand.ema_cross(CROSS, &series);
    let setup = Setup {
        traders: vec![trading(trader, &series)],
        ..setup(&series)
    };
    let mut tape = All::default();
    let streamed = Backtest::new(setup, &mut tape)
        .unwrap()
        .run(&mut feed, &AtomicBool::new(false), |_, _| {})
        .unwrap();
    assert_eq!(loaded, streamed);
    assert_eq!(first.standings, tape.standings);
}

/// Equity as backtesting.py has it: `tests/tests/fixtures/README.md` says how.
#[test]
fn another_program_comes_to_the_same_equity() {
    let stand = Stand::new();
    let file = bulkhead_tests::root().join("examples/data/sp500-daily.csv");
    let raw = read_bars(&file, &CsvOptions::symbol("SPX"))
        .unwrap()
        .remove(0);
    let (bars, _) = clean(
        raw,
        &Calendar::named("XNYS").unwrap(),
        &CleanOptions::default(),
    );
    let series = vec![BarSeries::new(Instrument::us_equity(1, "SPX"), bars).unwrap()];
    let setup = Setup {
        cash: 1_000_000.into(),
        venue: VenueConfig {
            fees: FeeModel::Fraction {
                rate: Decimal::new(1, 3),
            },
            max_volume_share: None,
            round_to_tick: false,
            ..VenueConfig::default()
        },
        traders: vec![trading(
            stand.ema_cross(r#"{"size": "10"}"#, &series),
            &series,
        )],
        ..setup(&series)
    };
    let (outcome, tape) = run(setup, &series);
    assert_eq!(outcome.ended, Ended::Completed);
    let fixture = include_str!("../fixtures/ema-cross-sp500.csv");
    let mut compared = 0;
    for row in fixture.lines().skip(1) {
        let (bar, equity) = row.split_once(',').unwrap();
        let ours = tape.standings[bar.parse::<usize>().unwrap()].1.equity;
        let theirs: f64 = equity.parse().unwrap();
        assert!(
            (ours / theirs - 1.0).abs() < 1e-9,
            "bar {bar}: {ours}, not {theirs}"
        );
        compared += 1;
    }
    assert_eq!((compared, tape.standings.len()), (102, 5031));
    assert_eq!(tape.trades.len(), 88);
}

/// A strategy that does at each bar what it is told to.
pub(crate) struct Scripted<F> {
    requirements: Requirements,
    act: F,
}

pub(crate) fn scripted<F>(act: F) -> Scripted<F>
where
    F: FnMut(&Bar, &State) -> Result<Vec<Intent>, Problem>,
{
    Scripted {
        requirements: Requirements {
            delivery: Delivery::Bar,
            warm_up: 0,
            features: Vec::new(),
            models: Vec::new(),
            extra: Vec::new(),
        },
        act,
    }
}

impl<F: FnMut(&Bar, &State) -> Result<Vec<Intent>, Problem>> Trader for Scripted<F> {
    fn requirements(&self) -> &Requirements {
        &self.requirements
    }

    fn on_bar(
        &mut self,
        _: InstrumentHandle,
        bar: &Bar,
        state: &State,
    ) -> Result<Vec<Intent>, Problem> {
        (self.act)(bar, state)
    }

    fn on_slice(&mut self, _: &Slice) -> Result<Vec<Intent>, Problem> {
        unreachable!("it asked for bars")
    }
}

fn ends(series: &[BarSeries], at: usize, intent: Intent) -> (String, Outcome, All) {
    let time = series[0].bars.times[at];
    let trader = scripted(move |bar: &Bar, _: &State| {
        Ok(match bar.time == time {
            true => vec![intent.clone()],
            false => Vec::new(),
        })
    });
    let setup = Setup {
        traders: vec![trading(trader, series)],
        ..setup(series)
    };
    let (outcome, tape) = run(setup, series);
    let Ended::Failed {
        time: failed,
        problem,
    } = &outcome.ended
    else {
        panic!("{:?}", outcome.ended);
    };
    assert_eq!(*failed, time);
    (problem.to_string(), outcome, tape)
}

#[test]
fn what_cannot_be_wanted_ends_the_run_at_its_bar_and_keeps_the_rest() {
    let stand = Stand::new();
    let series = markets(&stand)[..1].to_vec();
    let target = |instrument, quantity: i64| Intent::Target {
        instrument,
        quantity: quantity.into(),
        confidence: None,
        reason: String::new(),
    };
    for (intent, says) in [
        (target(9, 10), "instrument 9 is not one of its own"),
        (
            Intent::Submit(OrderRequest::market(1, Side::Buy, Decimal::from(-5))),
            "an order of -5 units",
        ),
        (
            Intent::Submit(OrderRequest::market(1, Side::Buy, Decimal::ZERO)),
            "an order of 0 units",
        ),
        (Intent::Cancel("nobody's".to_owned()), "order nobody's"),
    ] {
        let (line, outcome, tape) = ends(&series, 300, intent);
        assert!(line.contains(says), "{line}");
        assert!(line.starts_with("at the bar of "), "{line}");
        assert_eq!((outcome.moments, tape.standings.len()), (300, 300));
    }
}

#[test]
fn a_trap_ends_the_run_with_what_was_done_until_then() {
    let stand = Stand::new();
    let series = markets(&stand)[..1].to_vec();
    let fails = series[0].bars.times[200];
    let trader = scripted(move |bar: &Bar, state: &State| {
        if bar.time == fails {
            return Err(Problem::user(
                "wasm trap: unreachable",
                "correct the plugin",
            ));
        }
        Ok(match state.position == 0.0 && state.working == 0.0 {
            true => vec![Intent::Target {
                instrument: 1,
                quantity: 10.into(),
                confidence: None,
                reason: "enter".to_owned(),
            }],
            false => Vec::new(),
        })
    });
    let (outcome, tape) = run(
        Setup {
            traders: vec![trading(trader, &series)],
            ..setup(&series)
        },
        &series,
    );
    assert!(matches!(&outcome.ended, Ended::Failed { time, .. } if *time == fails));
    assert_eq!((outcome.fills, outcome.moments), (1, 200));
    assert_eq!(outcome.open.len(), 1);
    assert_eq!(tape.standings.len(), 200);
    assert!(outcome.open[0].detail.as_ref().unwrap().favourable > Decimal::ZERO);
}

#[test]
fn what_the_desk_refuses_is_told_and_the_run_goes_on() {
    let stand = Stand::new();
    let series = markets(&stand)[..1].to_vec();
    let trader = scripted(|_: &Bar, _: &State| {
        Ok(vec![Intent::Target {
            instrument: 1,
            quantity: 1_000_000_000.into(),
            confidence: None,
            reason: "all of it".to_owned(),
        }])
    });
    let (outcome, tape) = run(
        Setup {
            traders: vec![trading(trader, &series)],
            ..setup(&series)
        },
        &series,
    );
    assert_eq!(outcome.ended, Ended::Completed);
    assert!(outcome.orders.denied > 0);
    assert_eq!(outcome.orders.denied, tape.denied.len() as u64);
}

#[test]
fn data_without_a_bar_in_its_span_is_refused() {
    let stand = Stand::new();
    let series = markets(&stand)[..1].to_vec();
    let mut tape = All::default();
    let backtest = Backtest::new(setup(&series), &mut tape).unwrap();
    let mut feed = Feed::new(&series)
        .between(Some("2150-01-01"), None)
        .unwrap();
    let line = backtest
        .run(&mut feed, &AtomicBool::new(false), |_, _| {})
        .unwrap_err()
        .to_string();
    assert!(line.starts_with("no bar lies between"), "{line}");
}

/// Bars of one price each, a split and a dividend before the third.
pub(crate) fn eventful() -> Vec<BarSeries> {
    let day = |number: i64| number * DAY;
    let mut clean = bulkhead_market::CleanBars {
        interval_ns: DAY,
        ..Default::default()
    };
    for (number, price) in (0..).zip([100.0, 100.0, 49.0, 50.0, 51.0]) {
        clean.open_times.push(day(number));
        clean.bars.push(Bar {
            time: day(number + 1),
            open: price,
            high: price,
            low: price,
            close: price,
            volume: 1e6,
            factor: 1.0,
        });
    }
    let action = |kind| CorporateAction { time: day(2), kind };
    clean.actions = vec![
        action(ActionKind::Split {
            numerator: 2,
            denominator: 1,
        }),
        action(ActionKind::Dividend(Decimal::ONE)),
    ];
    let instrument = Instrument {
        calendar: "24/7".to_owned(),
        ..Instrument::us_equity(1, "X")
    };
    vec![BarSeries::new(instrument, clean).unwrap()]
}

/// An order that fills at the close it was sent at is held over the night, through a split and a dividend.
#[test]
fn what_fills_at_the_close_is_there_when_the_actions_of_the_night_come() {
    let series = eventful();
    let bought_at = series[0].bars.times[1];
    let trader = scripted(move |bar: &Bar, _: &State| {
        Ok(match bar.time == bought_at {
            true => vec![Intent::Submit(OrderRequest::market(
                1,
                Side::Buy,
                100.into(),
            ))],
            false => Vec::new(),
        })
    });
    let mut setup = setup(&series);
    setup.venue.fill = FillTiming::Close;
    setup.traders = vec![trading(trader, &series)];
    let (outcome, tape) = run(setup, &series);
    assert_eq!(outcome.ended, Ended::Completed);
    assert_eq!(tape.fills.len(), 1);
    assert_eq!(tape.fills[0].time, bought_at);
    // 200 units after the split, a dividend of 1 each, worth 51 in the end.
    assert_eq!(outcome.dividends, Decimal::from(200));
    assert_eq!(
        outcome.equity,
        Decimal::from(100_000 - 10_000 + 200 + 200 * 51)
    );
    assert_eq!(tape.standings[1].1.gross, 10_000.0);
    let detail = outcome.open[0].detail.as_ref().unwrap();
    assert_eq!(detail.adverse, Decimal::ZERO);
    assert_eq!(detail.favourable, Decimal::from(400));
}

#[test]
fn the_exits_of_a_bracket_are_of_its_decision_and_no_orders_of_their_own() {
    let series = eventful();
    let first = series[0].bars.times[0];
    let trader = scripted(move |bar: &Bar, _: &State| {
        let bracket = bulkhead_domain::order::Bracket {
            take_profit: Some(200.into()),
            stop_loss: Some(90.into()),
        };
        let request = OrderRequest {
            bracket: Some(bracket),
            time_in_force: bulkhead_domain::order::TimeInForce::GoodTillCancelled,
            ..OrderRequest::market(1, Side::Buy, 100.into())
        };
        Ok(match bar.time == first {
            true => vec![Intent::Submit(request)],
            false => Vec::new(),
        })
    });
    let mut series = series;
    // Without the split, the fall to 49 meets the stop.
    series[0].actions.clear();
    let mut setup = setup(&series);
    setup.traders = vec![trading(trader, &series)];
    let (outcome, tape) = run(setup, &series);
    assert_eq!((outcome.orders.sent, outcome.orders.filled), (1, 1));
    assert_eq!(outcome.orders.cancelled, 0);
    assert_eq!(tape.fills.len(), 2);
    assert!(!tape.fills[0].decision.is_empty());
    assert_eq!(tape.fills[0].decision, tape.fills[1].decision);
    let detail = tape.trades[0].detail.as_ref().unwrap();
    // The gap that ended it was seen: bought at 100, out at 49, stopped at 90 as it was meant.
    assert_eq!(detail.adverse, Decimal::from(5_100));
    assert_eq!(detail.initial_risk, Some(Decimal::from(1_000)));
}
