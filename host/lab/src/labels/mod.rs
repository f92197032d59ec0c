//! Labelled samples of one series.
//!
//! Promises: the features of bar `n` know nothing after its close; its label runs from the next bar's open, where
//! a decision on `n` is acted on, to an end that is kept with the sample, on prices that are continuous across
//! splits and dividends ([`bulkhead_market::horizon`]). Only ratios of prices enter, so neither the level nor an
//! adjustment after a label's end changes it. A bar whose features are not defined yet is dropped, and so is one
//! whose label has not ended when the series does: half a label would be a guess.
//!
//! For callers: times are nanoseconds UTC, spans are in bars of the series and go to [`crate::validation`].

mod barriers;
mod spec;

pub use spec::{LabelSpec, TargetKind, VOLATILITY_BARS};

use crate::validation::Span;
use barriers::Barriers;
use bulkhead_domain::Problem;
use bulkhead_market::{BarSeries, FeatureSet, horizon};

/// One bar that was decided on, and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// From the decision to the end of the label, in bars.
    pub span: Span,
    /// Close of the bar that was decided on.
    pub time: i64,
    /// When the label was known.
    pub label_end: i64,
    /// Features as of the close.
    pub row: Vec<f64>,
    /// The class: 0 down and 1 up of a fixed horizon; 0 lower barrier, 1 neither and 2 upper barrier of three.
    pub class: u32,
    /// Return from the entry to the label's end, as a fraction.
    pub value: f64,
    /// Raw close of the bar that was decided on.
    pub close: f64,
    /// Price at the label's end in the terms of that close: adjusted for what came between.
    pub price: f64,
    /// Return of the one bar from the entry's open to the next open, as a fraction.
    pub next: f64,
}

/// The samples of a series, oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Samples {
    /// One name a column.
    pub names: Vec<String>,
    /// The samples.
    pub samples: Vec<Sample>,
    /// Bars without all features, or without a volatility to set barriers by.
    pub undefined: usize,
    /// Bars whose label had not ended.
    pub unresolved: usize,
}

/// Labels every bar of a series that can be labelled.
///
/// # Errors
/// An unknown feature, a label that is longer than the series, or a price that is not above zero.
pub fn label(
    series: &BarSeries,
    features: &[String],
    spec: &LabelSpec,
) -> Result<Samples, Problem> {
    spec.check()?;
    let bars = &series.bars;
    let symbol = &series.instrument.symbol;
    if horizon::exit(0, spec.longest()) >= bars.len() {
        return Err(Problem::user(
            format!(
                "a label of {} bars does not fit into the {} bars of {symbol}",
                spec.longest(),
                bars.len()
            ),
            "shorten the label or give more bars",
        ));
    }
    if let Some(bad) = bars.iter().find(|bar| {
        [bar.open, bar.high, bar.low, bar.close, bar.factor]
            .iter()
            .any(|price| !price.is_finite() || *price <= 0.0)
    }) {
        return Err(Problem::user(
            format!(
                "{symbol} has a price that is no number above zero in the bar closed at {}",
                bulkhead_domain::Timestamp(bad.time)
            ),
            "clean the data before a trial",
        ));
    }
    let mut set = FeatureSet::new(features)?;
    let mut barriers = spec.barriers().map(Barriers::new).transpose()?;
    let mut out = Samples {
        names: features.to_vec(),
        samples: Vec::with_capacity(bars.len()),
        undefined: 0,
        unresolved: 0,
    };
    let open = |bar: usize| Some(bars.open.get(bar)? * bars.factor.get(bar)?);
    for (bar, now) in bars.iter().enumerate() {
        let row = set.push(&now).to_vec();
        let defined = row.iter().all(|value| value.is_finite());
        let outcome = match &mut barriers {
            Some(barriers) => barriers.label(series, bar, &now),
            None => Some(fixed(series, bar, spec.longest())),
        };
        let Some(outcome) = outcome.filter(|_| defined) else {
            out.undefined += 1;
            continue;
        };
        let entry = horizon::entry(bar);
        let (Some(outcome), Some(from), Some(to)) = (outcome, open(entry), open(entry + 1)) else {
            out.unresolved += 1;
            continue;
        };
        out.samples.push(Sample {
            span: Span {
                decision: bar,
                // The rule of a trial holds until the open after the entry, so that counts as seen too.
                end: outcome.bar.max(entry + 1),
            },
            time: now.time,
            label_end: outcome.time,
            row,
            class: outcome.class,
            value: outcome.value,
            close: now.close,
            price: from * (1.0 + outcome.value) / now.factor,
            next: to / from - 1.0,
        });
    }
    Ok(out)
}

/// What came of a decision.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Outcome {
    bar: usize,
    time: i64,
    class: u32,
    value: f64,
}

/// From the open after the decision to the open `bars` later; `None` where the series ends before.
fn fixed(series: &BarSeries, decision: usize, bars: usize) -> Option<Outcome> {
    let (entry, exit) = (horizon::entry(decision), horizon::exit(decision, bars));
    let open = |bar: usize| Some(series.bars.open.get(bar)? * series.bars.factor.get(bar)?);
    let value = open(exit)? / open(entry)? - 1.0;
    Some(Outcome {
        bar: exit,
        time: *series.open_times.get(exit)?,
        class: u32::from(value > 0.0),
        value,
    })
}

#[cfg(test)]
mod tests;
