//! What daily returns look like: by month, in a rolling window, and how they are distributed.

use super::words::percent;
use crate::statistics::{Annualization, Curve, sharpe_per_period};
use bulkhead_domain::Timestamp;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Daily returns of a rolling Sharpe ratio: half a year.
pub(super) fn window(annualization: Annualization) -> usize {
    (annualization.0 / 2) as usize
}

/// Sharpe ratio of the latest [`window`] of daily returns at each day; empty when there are fewer.
pub(super) fn rolling_sharpe(curve: &Curve, annualization: Annualization) -> Vec<(i64, f64)> {
    let Some(returns) = curve.returns() else {
        return Vec::new();
    };
    let times: Vec<i64> = curve.day_ends().map(|(time, _)| time).collect();
    let window = window(annualization);
    let root = annualization.periods().sqrt();
    let ends = times.iter().skip(window.saturating_sub(1));
    returns
        .windows(window.max(2))
        .zip(ends)
        .filter_map(|(part, time)| Some((*time, sharpe_per_period(part)? * root)))
        .collect()
}

/// Returns in bins of equal width, from the lowest to the highest; one bin's edge is zero. Empty without returns.
pub(super) fn bins(returns: &[f64]) -> Vec<(f64, f64, u64)> {
    const BINS: f64 = 40.0;
    let (low, high) = returns.iter().fold((0.0f64, 0.0f64), |(low, high), r| {
        (low.min(*r), high.max(*r))
    });
    let width = (high - low) / BINS;
    if !(width.is_finite() && width > 0.0) {
        return Vec::new();
    }
    let place = |value: f64| (value / width).floor() as i64;
    let mut counts: BTreeMap<i64, u64> = (place(low)..=place(high)).map(|at| (at, 0)).collect();
    for value in returns {
        *counts.entry(place(*value)).or_default() += 1;
    }
    let edges = |at: i64| (at as f64 * width, (at + 1) as f64 * width);
    counts
        .into_iter()
        .map(|(at, count)| (edges(at).0, edges(at).1, count))
        .collect()
}

/// Return of every month and year, compounded from day ends: by year, then month 1 to 12, 0 for the whole year.
fn months(curve: &Curve) -> BTreeMap<i64, BTreeMap<u32, f64>> {
    let mut table: BTreeMap<i64, BTreeMap<u32, f64>> = BTreeMap::new();
    let mut before = curve.base();
    for (time, value) in curve.day_ends() {
        let growth = value / before;
        before = value;
        let date = Timestamp(time).date();
        let parts = (
            date.get(..4).map(str::parse),
            date.get(5..7).map(str::parse),
        );
        let (Some(Ok(year)), Some(Ok(month))) = parts else {
            continue;
        };
        let row = table.entry(year).or_default();
        for cell in [month, 0] {
            *row.entry(cell).or_insert(1.0) *= growth;
        }
    }
    table
}

/// The months as a table whose colours deepen with the return. Empty where returns have no meaning.
pub(super) fn heat_map(curve: &Curve) -> String {
    const NAMES: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    if curve.returns().is_none_or(|returns| returns.is_empty()) {
        return String::new();
    }
    let mut html = "<table class=\"months\"><thead><tr><th>Year</th>".to_owned();
    for name in NAMES {
        let _ = write!(html, "<th>{name}</th>");
    }
    html.push_str("<th>Whole</th></tr></thead><tbody>");
    for (year, row) in months(curve) {
        let _ = write!(html, "<tr><th>{year}</th>");
        for month in (1..=12).chain([0]) {
            let whole = if month == 0 { "whole " } else { "" };
            match row.get(&month) {
                Some(growth) => {
                    let change = growth - 1.0;
                    let _ = write!(
                        html,
                        "<td class=\"{whole}{}\">{}</td>",
                        shade(change, month == 0),
                        percent(change, 1)
                    );
                }
                None => html.push_str("<td></td>"),
            }
        }
        html.push_str("</tr>");
    }
    html.push_str("</tbody></table>");
    html
}

/// How deep a return's colour is; a year's needs three times as much.
fn shade(change: f64, year: bool) -> &'static str {
    let size = change.abs() / if year { 3.0 } else { 1.0 };
    let step = [0.0005, 0.02, 0.04, 0.08]
        .iter()
        .filter(|edge| size >= **edge)
        .count();
    match (change > 0.0, step) {
        (_, 0) => "",
        (true, 1) => "u1",
        (true, 2) => "u2",
        (true, 3) => "u3",
        (true, _) => "u4",
        (false, 1) => "d1",
        (false, 2) => "d2",
        (false, 3) => "d3",
        (false, _) => "d4",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bulkhead_domain::time::DAY;

    #[test]
    fn months_compound_to_the_year() {
        // 1970-01-30 to 1970-02-02: +10 % in January, -50 % and +20 % in February.
        let times = [29 * DAY, 31 * DAY, 32 * DAY];
        let curve = Curve::new(100.0, &times, &[110.0, 55.0, 66.0]);
        let table = months(&curve);
        let row = &table[&1970];
        assert!((row[&1] - 1.1).abs() < 1e-12);
        assert!((row[&2] - 0.6).abs() < 1e-12);
        assert!((row[&0] - 0.66).abs() < 1e-12);
        assert!(heat_map(&curve).contains("<td class=\"d4\">-40.0 %</td>"));
    }

    #[test]
    fn every_return_is_in_one_bin_and_zero_is_an_edge() {
        let returns = [-0.02, -0.01, 0.0, 0.005, 0.03];
        let bins = bins(&returns);
        assert_eq!(bins.iter().map(|bin| bin.2).sum::<u64>(), 5);
        assert!(bins.iter().any(|bin| bin.0 == 0.0));
        for value in returns {
            assert!(
                bins.iter()
                    .any(|bin| bin.0 <= value && value < bin.1 && bin.2 > 0),
                "{value}"
            );
        }
        assert!(super::bins(&[0.0, 0.0]).is_empty());
    }

    #[test]
    fn a_rolling_ratio_begins_when_its_window_is_full() {
        let times: Vec<i64> = (0..200).map(|day| day * DAY).collect();
        let values: Vec<f64> = (0..200).map(|day| 100.0 + f64::from(day % 3)).collect();
        let curve = Curve::new(100.0, &times, &values);
        let rolling = rolling_sharpe(&curve, Annualization::SESSIONS);
        assert_eq!(rolling.len(), 200 - 126 + 1);
        assert_eq!(rolling[0].0, 125 * DAY);
        let short = Curve::new(100.0, &times[..20], &values[..20]);
        assert!(rolling_sharpe(&short, Annualization::SESSIONS).is_empty());
    }
}
