//! One session.

use super::proposals::{Book, FillView, TradeView};
use crate::report::rounding::{GappedMoney, Money, Rounded, Seconds, Series, seconds};
use crate::statistics::{CurveStatistics, Drawdown, Figure, Statistics, Unit};
use bulkhead_domain::{Decimal, Digest};
use bulkhead_session::record::{
    Ending, Input, InstrumentRecord, Interval, ModelRecord, ReliabilityBin, SessionRecord, Totals,
};
use serde::Serialize;

/// How much of a session the page shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// All of it.
    Everything,
    /// What came out, not each proposal and price.
    Outcome,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SessionView<'a> {
    id: &'a str,
    ending: Ending,
    seed: String,
    currency: &'a str,
    starting_cash: Decimal,
    validation: bool,
    digest: Digest,
    inputs: &'a [Input],
    instruments: Vec<InstrumentView<'a>>,
    times: Seconds<'a>,
    equity: Money<'a>,
    exposure: Series<'a>,
    benchmarks: Vec<BenchmarkView<'a>>,
    book: Option<Book<'a>>,
    fills: Vec<FillView<'a>>,
    trades: Vec<TradeView<'a>>,
    models: Vec<ModelView<'a>>,
    incidents: Vec<IncidentView<'a>>,
    notes: &'a [String],
    totals: TotalsView<'a>,
    statistics: StatisticsView<'a>,
}

#[derive(Serialize)]
struct InstrumentView<'a> {
    handle: u32,
    symbol: &'a str,
    prices: Option<Prices<'a>>,
    cleaning: &'a [(String, String, u64)],
}

#[derive(Serialize)]
struct Prices<'a> {
    /// Absent when they are the session's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    times: Option<Seconds<'a>>,
    close: Money<'a>,
    continuous: Money<'a>,
    actions: Vec<(i64, &'a str)>,
}

#[derive(Serialize)]
struct BenchmarkView<'a> {
    name: &'a str,
    values: GappedMoney<'a>,
    statistics: CurveView<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ModelView<'a> {
    symbol: &'a str,
    candidate: &'a str,
    fits: u64,
    failures: &'a Option<(u64, String)>,
    samples: u64,
    skill: Option<[Rounded; 3]>,
    log_loss: Option<Rounded>,
    base_log_loss: Option<Rounded>,
    reliability: Vec<[Rounded; 5]>,
    eligible_bars: u64,
    gated_bars: u64,
    chosen_bars: u64,
}

#[derive(Serialize)]
struct IncidentView<'a> {
    time: i64,
    plugin: &'a str,
    text: &'a str,
    consequence: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TotalsView<'a> {
    bars: u64,
    final_equity: &'a Decimal,
    total_return: f64,
    fees: &'a Decimal,
    dividends: &'a Decimal,
    #[serde(skip_serializing_if = "is_zero")]
    borrow_fees: &'a Decimal,
    #[serde(skip_serializing_if = "is_zero")]
    interest: &'a Decimal,
    proposals: u64,
    orders: u64,
    fills: u64,
    vetoed: u64,
    denied: u64,
}

#[derive(Serialize)]
struct StatisticsView<'a> {
    annualization: u32,
    rows: Vec<Row<'a>>,
    drawdown: DrawdownView,
    trades: TradeCounts,
}

#[derive(Serialize)]
struct CurveView<'a> {
    rows: Vec<Row<'a>>,
    drawdown: DrawdownView,
}

#[derive(Serialize)]
struct Row<'a> {
    label: &'static str,
    unit: Unit,
    value: Option<f64>,
    convention: &'a str,
    note: Option<&'a str>,
}

#[derive(Serialize)]
struct DrawdownView {
    peak: Option<i64>,
    trough: Option<i64>,
    recovery: Option<i64>,
    days: Option<Rounded>,
}

#[derive(Serialize)]
struct TradeCounts {
    closed: u64,
    wins: u64,
    losses: u64,
    breakevens: u64,
    open: u64,
}

/// Estimate, lower and upper bound.
pub(super) fn interval(interval: Interval) -> [Rounded; 3] {
    [interval.value, interval.lower, interval.upper].map(Rounded)
}

impl<'a> SessionView<'a> {
    pub(super) fn new(
        session: &'a SessionRecord,
        statistics: &'a Statistics,
        depth: Depth,
    ) -> Self {
        let whole = depth == Depth::Everything;
        SessionView {
            id: &session.id,
            ending: session.ending,
            seed: session.seed.to_string(),
            currency: &session.currency,
            starting_cash: session.starting_cash,
            validation: session.validation,
            digest: session.digest,
            inputs: &session.inputs,
            instruments: session
                .instruments
                .iter()
                .map(|instrument| InstrumentView {
                    handle: instrument.handle,
                    symbol: &instrument.symbol,
                    prices: whole.then(|| prices(instrument, &session.equity.times)),
                    cleaning: &instrument.cleaning,
                })
                .collect(),
            times: Seconds(&session.equity.times),
            equity: Money(&session.equity.equity),
            exposure: Series(&session.equity.gross_exposure),
            benchmarks: session
                .benchmarks
                .iter()
                .zip(&statistics.benchmarks)
                .map(|(benchmark, statistics)| BenchmarkView {
                    name: &benchmark.name,
                    values: GappedMoney(&benchmark.values),
                    statistics: CurveView::new(&statistics.curve),
                })
                .collect(),
            book: whole.then(|| Book::new(session)),
            fills: if whole {
                session.fills.iter().map(FillView::new).collect()
            } else {
                Vec::new()
            },
            trades: if whole {
                session.trades.iter().map(TradeView::new).collect()
            } else {
                Vec::new()
            },
            models: session.models.iter().map(ModelView::new).collect(),
            incidents: session
                .incidents
                .iter()
                .map(|incident| IncidentView {
                    time: seconds(incident.time),
                    plugin: &incident.plugin,
                    text: &incident.text,
                    consequence: &incident.consequence,
                })
                .collect(),
            notes: &session.notes,
            totals: TotalsView::new(&session.totals),
            statistics: StatisticsView::new(statistics),
        }
    }
}

fn prices<'a>(instrument: &'a InstrumentRecord, session_times: &[i64]) -> Prices<'a> {
    Prices {
        times: (instrument.times != session_times).then_some(Seconds(&instrument.times)),
        close: Money(&instrument.close),
        continuous: Money(&instrument.continuous),
        actions: instrument
            .actions
            .iter()
            .map(|(time, text)| (seconds(*time), text.as_str()))
            .collect(),
    }
}

impl<'a> ModelView<'a> {
    fn new(model: &'a ModelRecord) -> Self {
        let bin = |bin: &ReliabilityBin| {
            [
                bin.from,
                bin.to,
                bin.count as f64,
                bin.predicted,
                bin.observed,
            ]
            .map(Rounded)
        };
        ModelView {
            symbol: &model.symbol,
            candidate: &model.candidate,
            fits: model.fits,
            failures: &model.failures,
            samples: model.samples,
            skill: model.skill.map(interval),
            log_loss: model.log_loss.map(Rounded),
            base_log_loss: model.base_log_loss.map(Rounded),
            reliability: model.reliability.iter().map(bin).collect(),
            eligible_bars: model.eligible_bars,
            gated_bars: model.gated_bars,
            chosen_bars: model.chosen_bars,
        }
    }
}

fn is_zero(amount: &&Decimal) -> bool {
    amount.is_zero()
}

impl<'a> TotalsView<'a> {
    fn new(totals: &'a Totals) -> Self {
        TotalsView {
            bars: totals.bars,
            final_equity: &totals.final_equity,
            total_return: totals.total_return,
            fees: &totals.fees,
            dividends: &totals.dividends,
            borrow_fees: &totals.borrow_fees,
            interest: &totals.interest,
            proposals: totals.proposals,
            orders: totals.orders,
            fills: totals.fills,
            vetoed: totals.vetoed,
            denied: totals.denied,
        }
    }
}

impl<'a> StatisticsView<'a> {
    fn new(statistics: &'a Statistics) -> Self {
        let trades = &statistics.trades;
        StatisticsView {
            annualization: statistics.annualization.0,
            rows: rows(statistics.rows()),
            drawdown: DrawdownView::new(&statistics.curve.max_drawdown),
            trades: TradeCounts {
                closed: trades.closed,
                wins: trades.wins,
                losses: trades.losses,
                breakevens: trades.breakevens,
                open: trades.open,
            },
        }
    }
}

impl<'a> CurveView<'a> {
    fn new(statistics: &'a CurveStatistics) -> Self {
        CurveView {
            rows: rows(statistics.rows()),
            drawdown: DrawdownView::new(&statistics.max_drawdown),
        }
    }
}

impl DrawdownView {
    fn new(drawdown: &Drawdown) -> Self {
        DrawdownView {
            peak: drawdown.peak.map(seconds),
            trough: drawdown.trough.map(seconds),
            recovery: drawdown.recovery.map(seconds),
            days: drawdown.days.map(Rounded),
        }
    }
}

fn rows<'a>(rows: Vec<(&'static str, &'a Figure)>) -> Vec<Row<'a>> {
    rows.into_iter()
        .map(|(label, figure)| Row {
            label,
            unit: figure.unit,
            value: figure.value,
            convention: &figure.convention,
            note: figure.note.as_deref(),
        })
        .collect()
}
