//! A made-up run over real closes: long while the last close is above the mean of the fifty before it.

use bulkhead_domain::number::from_f64;
use bulkhead_domain::order::Side;
use bulkhead_domain::{Decimal, Digest, Timestamp};
use bulkhead_lab::diagnoses::{Subject, diagnose};
use bulkhead_lab::report::PriceSeries;
use bulkhead_lab::result::{
    FORMAT, InstrumentInput, Label, RunInputs, RunResult, RunTotals, Status,
};
use bulkhead_lab::statistics::{
    BenchmarkCurve, Costs, Curve, CurveBuilder, Envelope, OrderCounts, Performance, Statistics,
};
use bulkhead_session::record::{TradeDetail, TradeRecord};

const CLOSES: &str = include_str!("../reference/closes.csv");
const CASH: f64 = 100_000.0;
const FEE: f64 = 0.000_5;
const MEAN_OF: usize = 50;

/// What a run leaves.
pub(crate) struct Made {
    pub(crate) result: RunResult,
    pub(crate) performance: Performance,
    pub(crate) prices: Vec<PriceSeries>,
}

/// Close times of the index with its closes.
#[expect(clippy::unwrap_used, reason = "tests")]
pub(crate) fn closes() -> Vec<(i64, f64)> {
    CLOSES
        .lines()
        .skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            let close = cells[2].parse().unwrap();
            (Timestamp::of_date(cells[0]).unwrap().0, close)
        })
        .collect()
}

/// The run over these closes.
pub(crate) fn run(closes: &[(i64, f64)]) -> Made {
    let mut builder = CurveBuilder::new(CASH);
    let mut prices = Envelope::default();
    let (mut cash, mut units, mut fees, mut traded) = (CASH, 0.0, 0.0, 0.0);
    let mut trades: Vec<TradeRecord> = Vec::new();
    let mut best = (0.0, 0.0);
    let mut sum = 0.0;
    for (index, (time, close)) in closes.iter().copied().enumerate() {
        let before = &closes[index.saturating_sub(MEAN_OF)..index];
        let mean = if before.len() == MEAN_OF {
            sum / MEAN_OF as f64
        } else {
            f64::INFINITY
        };
        let wanted = close > mean;
        if wanted != (units > 0.0) {
            let count = if wanted {
                (cash.min(CASH) * 0.95 / close).floor()
            } else {
                units
            };
            let fee = count * close * FEE;
            fees += fee;
            traded += count * close;
            let price = money(close);
            if wanted {
                (cash, units, best) = (cash - count * close - fee, count, (close, close));
                trades.push(opened(time, price, count, fee));
            } else if let Some(trade) = trades.last_mut() {
                (cash, units) = (cash + count * close - fee, 0.0);
                close_trade(trade, time, price, money(fee), best, count);
            }
        }
        best = (f64::min(best.0, close), f64::max(best.1, close));
        let equity = cash + units * close;
        builder.push(time, equity, units * close / equity);
        prices.push(time, close);
        sum += close
            - if before.len() == MEAN_OF {
                before[0].1
            } else {
                0.0
            };
    }
    let held = Curve::new(
        closes[0].1,
        &closes.iter().map(|(time, _)| *time).collect::<Vec<_>>(),
        &closes.iter().map(|(_, close)| *close).collect::<Vec<_>>(),
    );
    let fills = trades
        .iter()
        .map(|trade| 1 + u64::from(trade.closed.is_some()))
        .sum();
    let performance = Performance {
        starting_equity: CASH,
        curve: builder.finish(),
        points: "bars",
        trades,
        costs: Costs {
            fees,
            borrow_fees: 0.0,
            slippage: Some(0.0),
            traded: Some(traded),
        },
        orders: OrderCounts {
            sent: fills,
            filled: fills,
            ..OrderCounts::default()
        },
        benchmarks: vec![BenchmarkCurve {
            name: "buy and hold SPX".into(),
            curve: held,
            note: None,
        }],
    };
    Made {
        result: result(&performance, closes, fees, fills),
        prices: vec![PriceSeries {
            instrument: 0,
            symbol: "SPX".into(),
            prices,
        }],
        performance,
    }
}

fn result(performance: &Performance, closes: &[(i64, f64)], fees: f64, fills: u64) -> RunResult {
    let statistics = Statistics::of_performance(performance);
    let diagnoses = diagnose(&Subject {
        performance,
        statistics: &statistics,
        parameters: 1,
        fills: None,
        seed: 7,
        speed: None,
    });
    RunResult {
        format: FORMAT,
        run: RunInputs {
            strategy: "mean-cross".into(),
            version: "0.1.0".into(),
            component: Digest::of(b"component"),
            parameters: [("mean_of".to_owned(), MEAN_OF.into())].into(),
            instruments: vec![InstrumentInput {
                handle: 0,
                symbol: "SPX".into(),
                digest: Digest::of(CLOSES.as_bytes()),
                bars: closes.len() as u64,
                detail: None,
            }],
            config: serde_json::json!({ "fill": "close", "fees": FEE }),
            seed: "7".into(),
            engine: "none".into(),
            source: serde_json::Value::Null,
        },
        label: Label::ByConstruction,
        status: Status::Complete,
        currency: "USD".into(),
        digest: Digest::of(b"result"),
        totals: RunTotals {
            bars: closes.len() as u64,
            from: closes.first().map(|(time, _)| *time),
            to: closes.last().map(|(time, _)| *time),
            starting_equity: money(CASH),
            final_equity: money(CASH + performance.net_result()),
            fees: money(fees),
            slippage: Some(Decimal::ZERO),
            borrow_fees: Decimal::ZERO,
            interest: Decimal::ZERO,
            dividends: Decimal::ZERO,
            fills,
        },
        statistics,
        deflation: None,
        diagnoses,
    }
}

fn opened(time: i64, price: Decimal, count: f64, fee: f64) -> TradeRecord {
    TradeRecord {
        owner: "mean-cross".into(),
        instrument: 0,
        side: Side::Buy,
        opened: time,
        closed: None,
        quantity: money(count),
        profit: -money(fee),
        fees: money(fee),
        decisions: Vec::new(),
        detail: Some(TradeDetail {
            entry_price: price,
            exit_price: None,
            adverse: Decimal::ZERO,
            favourable: Decimal::ZERO,
            initial_risk: None,
        }),
    }
}

fn close_trade(
    trade: &mut TradeRecord,
    time: i64,
    price: Decimal,
    fee: Decimal,
    (low, high): (f64, f64),
    count: f64,
) {
    trade.closed = Some(time);
    trade.fees += fee;
    if let Some(detail) = &mut trade.detail {
        trade.profit = (price - detail.entry_price) * trade.quantity - trade.fees;
        detail.exit_price = Some(price);
        detail.adverse = (detail.entry_price - money(low)).max(Decimal::ZERO) * money(count);
        detail.favourable = (money(high) - detail.entry_price).max(Decimal::ZERO) * money(count);
    }
}

fn money(value: f64) -> Decimal {
    from_f64(value).unwrap_or_default().round_dp(4)
}
