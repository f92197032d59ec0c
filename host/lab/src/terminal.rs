//! The report in a few rows, for a terminal. Plain data: whoever prints it draws the table.

use crate::report::{Control, Report};
use crate::statistics::{Figure, Unit};
use bulkhead_domain::number::to_f64;
use bulkhead_domain::{Decimal, Timestamp};
use bulkhead_session::record::{Ending, Interval, SessionRecord};

/// A report's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Label and value of the session.
    pub rows: Vec<(String, String)>,
    /// Every model on every instrument, in the record's order.
    pub models: Vec<ModelRow>,
    /// Every control.
    pub controls: Vec<ControlRow>,
    /// What was contained, one line each.
    pub incidents: Vec<String>,
}

/// One model on one instrument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRow {
    /// The instrument.
    pub symbol: String,
    /// Plugin and algorithm.
    pub candidate: String,
    /// Skill with its interval.
    pub skill: String,
    /// Matured labels.
    pub samples: String,
    /// Bars chosen, eligible and gated out.
    pub bars: String,
    /// Fits and failures.
    pub fits: String,
}

/// One control.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlRow {
    /// What it is.
    pub name: String,
    /// What had to come out.
    pub expectation: String,
    /// What came out.
    pub outcome: String,
    /// Whether that is right.
    pub passed: bool,
}

/// The rows of a report.
#[must_use]
pub fn summary(report: &Report) -> Summary {
    let session = &report.main;
    let models = session.models.iter().map(|model| ModelRow {
        symbol: model.symbol.clone(),
        candidate: model.candidate.clone(),
        skill: model
            .skill
            .map_or_else(|| "too few labels".to_owned(), skill),
        samples: model.samples.to_string(),
        bars: format!(
            "{} chosen, {} eligible, {} gated out",
            model.chosen_bars, model.eligible_bars, model.gated_bars
        ),
        fits: match &model.failures {
            None => model.fits.to_string(),
            Some((failures, reason)) => format!("{} ({failures} failed: {reason})", model.fits),
        },
    });
    Summary {
        rows: rows(report),
        models: models.collect(),
        controls: report.controls.iter().map(control).collect(),
        incidents: session
            .incidents
            .iter()
            .map(|incident| {
                format!(
                    "{} {}: {}; {}",
                    Timestamp(incident.time).date(),
                    incident.plugin,
                    incident.text,
                    incident.consequence
                )
            })
            .collect(),
    }
}

fn rows(report: &Report) -> Vec<(String, String)> {
    let session = &report.main;
    let totals = &session.totals;
    let statistics = &report.statistics.main;
    let mut rows = vec![
        ("Simulated".to_owned(), "historical replay".to_owned()),
        ("Period".to_owned(), period(session)),
        ("Ended".to_owned(), ending(session).to_owned()),
        (
            "Starting cash".to_owned(),
            money(session, session.starting_cash),
        ),
        (
            "Final equity".to_owned(),
            money(session, totals.final_equity),
        ),
    ];
    let mut figure = |label: &str, figure: &Figure| {
        rows.push((label.to_owned(), number(&session.currency, figure)));
    };
    figure("Total return", &statistics.curve.total_return);
    for benchmark in &statistics.benchmarks {
        figure(
            &format!("  {}", benchmark.name),
            &benchmark.curve.total_return,
        );
    }
    if let Some(without) = &report.statistics.without_validation {
        figure("  without the AI's veto", &without.curve.total_return);
    }
    figure("CAGR", &statistics.curve.cagr);
    figure("Max drawdown", &statistics.curve.max_drawdown.figure);
    figure("Sharpe ratio", &statistics.curve.sharpe);
    figure("Time in the market", &statistics.time_in_market);
    figure("Win rate", &statistics.trades.win_rate);
    rows.push(("Fees".to_owned(), money(session, totals.fees)));
    // Only where something was sold short, and where the broker pays or takes interest.
    for (label, amount) in [
        ("Borrow fees", totals.borrow_fees),
        ("Interest, net", totals.interest),
    ] {
        if !amount.is_zero() {
            rows.push((label.to_owned(), money(session, amount)));
        }
    }
    rows.extend([
        (
            "Proposals".to_owned(),
            format!(
                "{} made, {} vetoed by the AI, {} denied, {} sent, {} fills",
                totals.proposals, totals.vetoed, totals.denied, totals.orders, totals.fills
            ),
        ),
        (
            "Incidents".to_owned(),
            format!("{} contained", session.incidents.len()),
        ),
        ("Digest".to_owned(), session.digest.to_string()),
    ]);
    rows
}

fn period(session: &SessionRecord) -> String {
    let times = &session.equity.times;
    match (times.first(), times.last()) {
        (Some(first), Some(last)) => format!(
            "{} to {}, {} sessions",
            Timestamp(*first).date(),
            Timestamp(*last).date(),
            times.len()
        ),
        _ => "no session was closed".to_owned(),
    }
}

fn ending(session: &SessionRecord) -> &'static str {
    match session.ending {
        Ending::Completed => "with its feed",
        Ending::Interrupted => "stopped before its feed ended; what was done is kept",
    }
}

fn control(control: &Control) -> ControlRow {
    let totals = &control.session.totals;
    let chosen: u64 = control
        .session
        .models
        .iter()
        .map(|model| model.chosen_bars)
        .sum();
    ControlRow {
        name: control.name.clone(),
        expectation: control.expectation.text().to_owned(),
        outcome: format!(
            "{} fills, a model chosen on {chosen} bars, return {}",
            totals.fills,
            percent(totals.total_return)
        ),
        passed: control.passed,
    }
}

fn skill(interval: Interval) -> String {
    format!(
        "{} [{}, {}]",
        percent(interval.value),
        percent(interval.lower),
        percent(interval.upper)
    )
}

/// A figure in words, amounts with their currency.
#[must_use]
pub fn number(currency: &str, figure: &Figure) -> String {
    let note = figure.note.as_deref();
    let Some(value) = figure.value else {
        return format!("not defined: {}", note.unwrap_or_default());
    };
    let text = match figure.unit {
        Unit::Fraction => percent(value),
        Unit::Ratio => format!("{value:.2}"),
        Unit::Currency => format!("{} {currency}", grouped(value)),
    };
    match note {
        Some(note) => format!("{text} ({note})"),
        None => text,
    }
}

fn percent(fraction: f64) -> String {
    format!("{:.2} %", fraction * 100.0)
}

fn money(session: &SessionRecord, amount: Decimal) -> String {
    format!("{} {}", grouped(to_f64(amount)), session.currency)
}

/// Two decimals, thousands apart.
fn grouped(value: f64) -> String {
    let text = format!("{:.2}", value.abs());
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, "00"));
    let mut out = String::with_capacity(text.len() + 4);
    if value < 0.0 {
        out.push('-');
    }
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out.push('.');
    out.push_str(fraction);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        assert_eq!(grouped(1_234_567.891), "1,234,567.89");
        assert_eq!(grouped(-999.5), "-999.50");
        assert_eq!(grouped(100_000.0), "100,000.00");
        assert_eq!(grouped(0.0), "0.00");
    }
}
