//! The tear sheet's tables.

use super::Sheet;
use super::words::{date, figure, grouped};
use crate::diagnoses::Severity;
use crate::report::markup::escape;
use crate::result::DetailInput;
use crate::statistics::Figure;
use bulkhead_domain::number::to_f64;
use bulkhead_domain::order::Side;
use bulkhead_session::record::TradeRecord;
use std::fmt::Write;

/// Trades listed on the page; the rest are in `trades.csv`.
const LISTED: usize = 200;

/// What the result is to be doubted for.
pub(super) fn diagnoses(sheet: &Sheet<'_>) -> String {
    if sheet.result.diagnoses.is_empty() {
        return "<p class=\"card\">No rule objects. That is no proof that the result holds.</p>"
            .to_owned();
    }
    let mut html = "<div class=\"card\"><table><thead><tr><th>Severity</th><th>What, why it matters, what to do</th>\
                    <th>Rule</th></tr></thead><tbody>"
        .to_owned();
    for diagnosis in &sheet.result.diagnoses {
        let (class, word) = match diagnosis.severity {
            Severity::Serious => ("serious", "Serious"),
            Severity::Warning => ("warning", "Warning"),
            Severity::Note => ("", "Note"),
        };
        let _ = write!(
            html,
            "<tr><td class=\"{class}\">{word}</td><td>{}</td><td class=\"note\">{}</td></tr>",
            escape(&diagnosis.text),
            escape(&diagnosis.rule)
        );
    }
    html.push_str("</tbody></table></div>");
    html
}

/// All statistics with their conventions, the first benchmark's beside them.
pub(super) fn statistics(sheet: &Sheet<'_>) -> String {
    let statistics = &sheet.result.statistics;
    let benchmark = statistics.benchmarks.first();
    let others: Vec<(&str, &Figure)> = benchmark.map(|b| b.curve.rows()).unwrap_or_default();
    let mut rows = statistics.rows();
    if let Some(benchmark) = benchmark {
        rows.extend(benchmark.relative.rows());
    }
    let mut html =
        "<div class=\"card\"><table><thead><tr><th>Figure</th><th class=\"n\">Run</th>".to_owned();
    if let Some(benchmark) = benchmark {
        let _ = write!(html, "<th class=\"n\">{}</th>", escape(&benchmark.name));
    }
    html.push_str("<th>How it is computed</th></tr></thead><tbody>");
    for (label, own) in rows {
        let convention = escape(&own.convention);
        let _ = write!(
            html,
            "<tr><td>{label}</td><td class=\"n\" title=\"{convention}\">{}</td>",
            figure(own)
        );
        if benchmark.is_some() {
            let other = others.iter().find(|(name, _)| *name == label);
            let text = other.map_or_else(String::new, |(_, other)| figure(other));
            let _ = write!(html, "<td class=\"n\">{text}</td>");
        }
        let _ = write!(html, "<td class=\"how\">{convention}");
        if let Some(note) = &own.note {
            let lead = if own.value.is_none() {
                "not defined: "
            } else {
                ""
            };
            let _ = write!(html, " <b>({lead}{})</b>", escape(note));
        }
        html.push_str("</td></tr>");
    }
    html.push_str("</tbody></table></div>");
    let fall = &statistics.curve.max_drawdown;
    if let (Some(peak), Some(trough)) = (fall.peak, fall.trough) {
        let end = match fall.recovery {
            Some(recovery) => format!("recovered on {}", date(recovery)),
            None => "not recovered".to_owned(),
        };
        let _ = write!(
            html,
            "<p class=\"under\">The largest fall went from {} to {} and was {end}, {} days in all. A year has {} returns. \
             “–” means not defined.</p>",
            date(peak),
            date(trough),
            grouped(
                fall.days.unwrap_or(0.0),
                usize::from(fall.days < Some(10.0))
            ),
            statistics.annualization.0
        );
    }
    html
}

/// The trades, the largest results first.
pub(super) fn trades(sheet: &Sheet<'_>) -> String {
    let all = &sheet.performance.trades;
    if all.is_empty() {
        return "<p class=\"card\">Nothing was traded.</p>".to_owned();
    }
    let mut shown: Vec<&TradeRecord> = all.iter().collect();
    shown.sort_by_key(|trade| std::cmp::Reverse(trade.profit.abs()));
    shown.truncate(LISTED);
    let mut html = "<div class=\"card\"><table><thead><tr><th>Instrument</th><th>Side</th><th>Opened</th><th>Closed</th>\
                    <th class=\"n\">Quantity</th><th class=\"n\">Entry</th><th class=\"n\">Exit</th>\
                    <th class=\"n\">Result</th><th class=\"n\">Fees</th></tr></thead><tbody>"
        .to_owned();
    for trade in &shown {
        let detail = trade.detail.as_ref();
        let text = |value: Option<_>| {
            value.map_or_else(
                || "–".to_owned(),
                |value: bulkhead_domain::Decimal| value.normalize().to_string(),
            )
        };
        let class = if trade.profit.is_sign_negative() {
            "down"
        } else {
            "up"
        };
        let _ = write!(
            html,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td><td class=\"n {class}\">{}</td><td class=\"n\">{}</td></tr>",
            escape(sheet.symbol(trade.instrument)),
            match trade.side {
                Side::Buy => "long",
                Side::Sell => "short",
            },
            date(trade.opened),
            trade.closed.map_or_else(|| "open".to_owned(), date),
            trade.quantity.normalize(),
            text(detail.map(|detail| detail.entry_price)),
            text(detail.and_then(|detail| detail.exit_price)),
            grouped(to_f64(trade.profit), 2),
            grouped(to_f64(trade.fees), 2)
        );
    }
    html.push_str("</tbody></table></div>");
    if all.len() > shown.len() {
        let _ = write!(
            html,
            "<p class=\"under\">The {} trades with the largest results of {}; <code>trades.csv</code> has all.</p>",
            shown.len(),
            all.len()
        );
    }
    html
}

/// What went into the run.
pub(super) fn inputs(sheet: &Sheet<'_>) -> String {
    let run = &sheet.result.run;
    let mut rows: Vec<(String, String)> = vec![
        (
            "Result's digest".to_owned(),
            sheet.result.digest.to_string(),
        ),
        (
            format!("{} {}", run.strategy, run.version),
            run.component.to_string(),
        ),
        ("Seed".to_owned(), run.seed.clone()),
        ("Engine".to_owned(), run.engine.clone()),
    ];
    for (name, value) in &run.parameters {
        rows.push((format!("Parameter {name}"), value.to_string()));
    }
    for instrument in &run.instruments {
        let name = format!(
            "{}, {} bars",
            instrument.symbol,
            grouped(instrument.bars as f64, 0)
        );
        rows.push((name, instrument.digest.to_string()));
        if let Some(DetailInput { digest, told }) = &instrument.detail {
            let name = format!(
                "{}, finer bars within {} of them ({} without, {} beyond)",
                instrument.symbol,
                grouped(told.resolved as f64, 0),
                grouped(told.without as f64, 0),
                grouped(told.beyond as f64, 0)
            );
            rows.push((name, digest.to_string()));
        }
    }
    rows.push(("Configuration".to_owned(), run.config.to_string()));
    let mut html = "<div class=\"card\"><table><tbody>".to_owned();
    for (name, value) in rows {
        let _ = write!(
            html,
            "<tr><td>{}</td><td><code>{}</code></td></tr>",
            escape(&name),
            escape(&value)
        );
    }
    html.push_str("</tbody></table></div>");
    html
}
