//! Walk-forward: what a sweep finds best in one span, tried on the span that follows, again and again.
//!
//! The bars are divided into equal parts. Each fold searches some of them and runs the best combination on the part behind
//! them, with a fresh instance that sees its warm-up from before and trades in that part alone. Only what is earned there
//! is reported: the searched part says what a search finds, not what it is worth. Efficiency is the mean yearly return of
//! the parts that were not searched over that of those that were (Pardo 2008).

use super::ground::{Ground, Span};
use super::row::Row;
use crate::statistics::{Annualization, Curve, CurveStatistics};
use bulkhead_domain::Problem;
use serde::Serialize;

/// How a walk goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Walk {
    /// Spans that are tried.
    pub folds: usize,
    /// Parts that are searched before each.
    pub searched: usize,
    /// Whether all parts from the first on are searched.
    pub anchored: bool,
}

/// A span of bars, closes in nanoseconds UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Closes {
    /// The first.
    pub from: i64,
    /// The last.
    pub to: i64,
}

/// One fold.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Fold {
    /// Counted from 1.
    pub fold: usize,
    /// Where was searched.
    pub in_sample: Closes,
    /// Where the best was tried.
    pub out_of_sample: Closes,
    /// Combinations that were searched.
    pub combinations: u64,
    /// The best where was searched; `None` where none had an objective.
    pub best: Option<Row>,
    /// What it came to behind that.
    pub tried: Option<Row>,
}

/// What came of a walk.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct WalkForward {
    /// How it went.
    pub walk: Walk,
    /// The folds.
    pub folds: Vec<Fold>,
    /// Statistics of the spans that were tried, one behind the other, each with all that was there by then.
    pub out_of_sample: CurveStatistics,
    /// Mean yearly return where the best were tried over that where they were searched; `None` where that is not above
    /// zero.
    pub efficiency: Option<f64>,
}

/// One fold's spans.
pub(super) struct Part {
    pub(super) searched: Span,
    pub(super) tried: Span,
}

impl Walk {
    /// The folds' spans.
    ///
    /// # Errors
    /// Fewer bars than parts.
    pub(super) fn parts(&self, ground: &Ground<'_>, span: Span) -> Result<Vec<Part>, Problem> {
        let closes = ground.closes(span);
        let parts = self.folds + self.searched;
        let bars = closes.len();
        if bars < 2 * parts {
            return Err(Problem::user(
                format!("{bars} bars are too few for {parts} parts"),
                "give fewer folds, or a longer span",
            ));
        }
        let start = |part: usize| match closes.get(part * bars / parts) {
            Some(close) => *close,
            None => span.until,
        };
        Ok((0..self.folds)
            .map(|fold| {
                let first = if self.anchored { 0 } else { fold };
                let cut = start(fold + self.searched);
                Part {
                    searched: Span {
                        from: start(first),
                        until: cut,
                    },
                    tried: Span {
                        from: cut,
                        until: start(fold + self.searched + 1),
                    },
                }
            })
            .collect())
    }
}

/// The span with so many moments before it.
pub(super) fn warmed(ground: &Ground<'_>, whole: Span, tried: Span, warm_up: u32) -> Span {
    let before = ground.closes(Span {
        from: whole.from,
        until: tried.from,
    });
    let first = before.len().saturating_sub(warm_up as usize);
    Span {
        from: before.get(first).copied().unwrap_or(tried.from),
        ..tried
    }
}

/// Puts equity of several spans one behind the other: days of each from its first close on.
pub(super) fn stitched(cash: f64, spans: &[(Span, Vec<(i64, f64)>)]) -> CurveStatistics {
    let (mut times, mut values) = (Vec::new(), Vec::new());
    let mut equity = cash;
    for (span, days) in spans {
        let base = equity;
        for (time, value) in days.iter().filter(|(time, _)| *time >= span.from) {
            equity = base * value / cash;
            times.push(*time);
            values.push(equity);
        }
    }
    let annualization = Annualization::of(&times);
    CurveStatistics::of(&Curve::new(cash, &times, &values), annualization)
}

/// Mean yearly return where the best were tried, over that where they were searched.
pub(super) fn efficiency(folds: &[Fold]) -> Option<f64> {
    let cagr = |row: &Option<Row>| row.as_ref()?.figures?.cagr;
    let both: Vec<(f64, f64)> = folds
        .iter()
        .filter_map(|fold| Some((cagr(&fold.best)?, cagr(&fold.tried)?)))
        .collect();
    let searched = both.iter().map(|(searched, _)| searched).sum::<f64>();
    let tried = both.iter().map(|(_, tried)| tried).sum::<f64>();
    (searched > 0.0).then(|| tried / searched)
}
