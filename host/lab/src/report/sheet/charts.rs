//! The tear sheet's drawings.

use super::plot::{Plot, histogram};
use super::words::{grouped, percent};
use super::{PriceSeries, Sheet, days};
use crate::report::markup::escape;
use crate::statistics::{Bucket, Curve, Envelope};
use bulkhead_domain::number::to_f64;
use bulkhead_domain::order::Side;
use bulkhead_session::record::TradeRecord;

/// Trades drawn on one price chart; of more, those with the largest results.
const MARKED: usize = 250;
/// Price charts on a page.
pub(super) const PRICE_CHARTS: usize = 12;

/// Equity with benchmarks, and the fall from its peak under it.
pub(super) fn equity(sheet: &Sheet<'_>) -> String {
    let charts = &sheet.performance.curve.charts;
    let own = charts.equity.buckets();
    let Some(span) = span(own) else {
        return String::new();
    };
    let benchmark = sheet.performance.benchmarks.first().map(|benchmark| {
        // Brought to the run's starting equity, so that the two lines can be compared.
        scaled(&benchmark.curve, sheet.performance.starting_equity)
    });
    let mut all = range(own);
    if let Some(other) = &benchmark {
        let (low, high) = range(other.buckets());
        all = (all.0.min(low), all.1.max(high));
    }
    let mut money = Plot::new("Equity", 300.0, span, padded(all), |value| {
        grouped(value, 0)
    });
    if let Some(other) = &benchmark {
        money.line(
            other
                .buckets()
                .iter()
                .map(|bucket| (bucket.to, bucket.last)),
            "other",
        );
    }
    money.series(own, "own");
    let falls: Vec<Bucket> = charts
        .drawdown
        .buckets()
        .iter()
        .map(|bucket| negative(*bucket))
        .collect();
    let deepest = range(&falls).0.min(-1e-4);
    let mut under = Plot::new("Drawdown", 130.0, span, (deepest * 1.05, 0.0), |value| {
        percent(value, 1)
    });
    under.area(&falls, "fall");
    let key = match sheet.performance.benchmarks.first() {
        Some(benchmark) => format!(
            "<p class=\"key\"><b class=\"own\">— equity</b><b class=\"other\">- - {}</b>\
             <b class=\"bad\">■ fall from the highest equity so far</b></p>",
            escape(&benchmark.name)
        ),
        None => "<p class=\"key\"><b class=\"own\">— equity</b>\
                 <b class=\"bad\">■ fall from the highest equity so far</b></p>"
            .to_owned(),
    };
    format!(
        "<div class=\"card chart\">{key}{}{}</div>",
        money.finish(),
        under.finish()
    )
}

/// Gross exposure over equity.
pub(super) fn exposure(sheet: &Sheet<'_>) -> String {
    let buckets = sheet.performance.curve.charts.exposure.buckets();
    let Some(span) = span(buckets) else {
        return String::new();
    };
    let most = range(buckets).1.max(0.01) * 1.05;
    let mut plot = Plot::new("Gross exposure", 130.0, span, (0.0, most), |value| {
        percent(value, 0)
    });
    plot.area(buckets, "held");
    format!("<div class=\"card chart\">{}</div>", plot.finish())
}

/// Rolling Sharpe ratio; empty when the run is shorter than its window.
pub(super) fn rolling_sharpe(sheet: &Sheet<'_>) -> String {
    let annualization = sheet.result.statistics.annualization;
    let mut envelope = Envelope::default();
    for (time, value) in days::rolling_sharpe(&sheet.performance.curve.days, annualization) {
        envelope.push(time, value);
    }
    let buckets = envelope.buckets();
    let Some(span) = span(buckets) else {
        return String::new();
    };
    let (low, high) = range(buckets);
    let all = (low.min(0.0), high.max(0.0));
    let mut plot = Plot::new("Rolling Sharpe ratio", 170.0, span, padded(all), |value| {
        grouped(value, 1)
    });
    plot.series(buckets, "own");
    format!("<div class=\"card chart\">{}</div>", plot.finish())
}

/// Distribution of daily returns other than zero, which would dwarf the rest; empty without them.
pub(super) fn distribution(sheet: &Sheet<'_>) -> String {
    let mut returns = sheet.performance.curve.days.returns().unwrap_or_default();
    let all = returns.len();
    returns.retain(|change| *change != 0.0);
    let drawn = histogram(
        "Distribution of daily returns",
        &days::bins(&returns),
        |value| percent(value, 1),
    );
    let flat = all - returns.len();
    if flat == 0 || drawn.is_empty() {
        return drawn;
    }
    format!("{drawn}<p class=\"under\">{flat} days without a change are not drawn.</p>")
}

/// One instrument's price with the trades in it.
pub(super) fn price(sheet: &Sheet<'_>, series: &PriceSeries) -> String {
    let buckets = series.prices.buckets();
    let Some(span) = span(buckets) else {
        return String::new();
    };
    let of_instrument = |trade: &&TradeRecord| trade.instrument == series.instrument;
    let mut trades: Vec<&TradeRecord> = sheet
        .performance
        .trades
        .iter()
        .filter(of_instrument)
        .collect();
    let all = trades.len();
    trades.sort_by_key(|trade| std::cmp::Reverse(trade.profit.abs()));
    trades.truncate(MARKED);
    let title = escape(&series.symbol);
    let (low, high) = range(buckets);
    let decimals = if high < 10.0 {
        3
    } else if high < 1_000.0 {
        1
    } else {
        0
    };
    let mut plot = Plot::new(&title, 240.0, span, padded((low, high)), |value| {
        grouped(value, decimals)
    });
    plot.series(buckets, "price");
    for trade in &trades {
        let result = if trade.profit.is_sign_negative() {
            "lost"
        } else {
            "won"
        };
        let long = trade.side == Side::Buy;
        let detail = trade.detail.as_ref();
        let entry = detail.map(|detail| to_f64(detail.entry_price));
        if let Some(entry) = entry.or_else(|| seen(buckets, trade.opened)) {
            plot.mark(trade.opened, entry, long, result);
        }
        let exit = detail.and_then(|detail| detail.exit_price).map(to_f64);
        if let Some(closed) = trade.closed
            && let Some(exit) = exit.or_else(|| seen(buckets, closed))
        {
            plot.mark(closed, exit, !long, &format!("exit {result}"));
        }
    }
    let shown = if all > trades.len() {
        format!(
            "; the {} with the largest results of {all} are drawn",
            trades.len()
        )
    } else {
        String::new()
    };
    format!(
        "<div class=\"card chart\"><p class=\"key\"><b>{title}</b>filled: entry, hollow: exit; up: bought, down: sold; \
         <b class=\"good\">green: won</b><b class=\"bad\">red: lost</b>{shown}</p>{}</div>",
        plot.finish()
    )
}

/// The last price seen up to a moment, as finely as the chart knows it.
fn seen(buckets: &[Bucket], time: i64) -> Option<f64> {
    let after = buckets.partition_point(|bucket| bucket.to < time);
    let bucket = buckets.get(after).or(buckets.last())?;
    Some(bucket.last)
}

fn scaled(curve: &Curve, base: f64) -> Envelope {
    let mut envelope = Envelope::default();
    for (time, value) in curve.points() {
        envelope.push(time, value / curve.base() * base);
    }
    envelope
}

fn negative(bucket: Bucket) -> Bucket {
    Bucket {
        first: -bucket.first,
        low: -bucket.high,
        high: -bucket.low,
        last: -bucket.last,
        ..bucket
    }
}

fn span(buckets: &[Bucket]) -> Option<(i64, i64)> {
    Some((buckets.first()?.from, buckets.last()?.to))
}

/// A range with room above and below, for lines and marks at its edges.
fn padded((low, high): (f64, f64)) -> (f64, f64) {
    let room = (high - low) * 0.04;
    (low - room, high + room)
}

fn range(buckets: &[Bucket]) -> (f64, f64) {
    buckets
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), bucket| {
            (low.min(bucket.low), high.max(bucket.high))
        })
}
