//! The triple barrier: upper, lower and time, whichever comes first.
//!
//! Barriers lie about the open that a decision is acted on, in multiples of the volatility known at the decision:
//! the sample deviation of the last [`VOLATILITY_BARS`] log returns, per bar. A bar that opens beyond a barrier
//! ends the label at its open; a bar that reaches both ends it at the lower one, as a stop that is reachable beside
//! a target wins. A barrier reached inside a bar is known at that bar's close; the vertical one is the open `bars`
//! after the entry. A series that ends before any of them leaves the sample unresolved.
//!
//! Source: López de Prado, "Advances in Financial Machine Learning" (2018), sections 3.2 to 3.5.

use super::spec::{Barrier, VOLATILITY_BARS};
use super::{Outcome, fixed};
use bulkhead_domain::Problem;
use bulkhead_domain::order::Bar;
use bulkhead_market::{BarSeries, FeatureSet, horizon};

pub(super) struct Barriers {
    barrier: Barrier,
    volatility: FeatureSet,
}

impl Barriers {
    pub(super) fn new(barrier: Barrier) -> Result<Barriers, Problem> {
        Ok(Barriers {
            barrier,
            volatility: FeatureSet::new(&[format!("volatility_{VOLATILITY_BARS}")])?,
        })
    }

    /// The label of the bar that comes next. `None` while there is no volatility, `Some(None)` where it is
    /// unresolved.
    pub(super) fn label(
        &mut self,
        series: &BarSeries,
        decision: usize,
        now: &Bar,
    ) -> Option<Option<Outcome>> {
        let volatility = self.volatility.push(now).first().copied()?;
        (volatility.is_finite() && volatility > 0.0)
            .then(|| first(series, decision, volatility, self.barrier))
    }
}

fn first(
    series: &BarSeries,
    decision: usize,
    volatility: f64,
    barrier: Barrier,
) -> Option<Outcome> {
    let entry = horizon::entry(decision);
    let vertical = horizon::exit(decision, barrier.bars);
    let start = series.bars.get(entry)?;
    let start = start.open * start.factor;
    let upper = start * (1.0 + barrier.upper * volatility);
    // A barrier below zero is never reached.
    let lower = start * (1.0 - barrier.lower * volatility);
    for index in entry..vertical {
        let bar = series.bars.get(index)?;
        let [open, high, low] = [bar.open, bar.high, bar.low].map(|price| price * bar.factor);
        let (class, price, time) = if open <= lower {
            (0, open, *series.open_times.get(index)?)
        } else if open >= upper {
            (2, open, *series.open_times.get(index)?)
        } else if low <= lower {
            (0, lower, bar.time)
        } else if high >= upper {
            (2, upper, bar.time)
        } else {
            continue;
        };
        return Some(Outcome {
            bar: index,
            time,
            class,
            value: price / start - 1.0,
        });
    }
    fixed(series, decision, barrier.bars).map(|outcome| Outcome {
        class: 1,
        ..outcome
    })
}
