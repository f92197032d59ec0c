//! What a run came to, in the form that statistics, diagnoses and pages are made from.
//!
//! It holds neither a curve of every bar nor a session's record, so a backtest of millions of bars and a paper session
//! are told of by the same code.

use super::{Annualization, Curve, CurveBuilder, CurveSummary, OrderCounts};
use bulkhead_domain::Timestamp;
use bulkhead_domain::number::to_f64;
use bulkhead_domain::order::Outcome;
use bulkhead_session::record::{SessionRecord, TradeRecord};

/// A run that is over.
#[derive(Debug, Clone)]
pub struct Performance {
    /// Equity before the first bar, in the account's currency.
    pub starting_equity: f64,
    /// The equity curve.
    pub curve: CurveSummary,
    /// Which points the curve was followed at, in words: `session closes`, `bars`.
    pub points: &'static str,
    /// Positions from flat to flat, the open ones too.
    pub trades: Vec<TradeRecord>,
    /// What trading cost.
    pub costs: Costs,
    /// Counts of orders.
    pub orders: OrderCounts,
    /// What else the money could have done, the first the one that the run is judged against: as a rule buying and
    /// holding.
    pub benchmarks: Vec<BenchmarkCurve>,
}

/// What trading cost, in the account's currency.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Costs {
    /// Fees of fills.
    pub fees: f64,
    /// Fees for borrowing what was sold short.
    pub borrow_fees: f64,
    /// Quantity times distance between the price of each fill and the price without slippage. `None` when it was not
    /// recorded.
    pub slippage: Option<f64>,
    /// Notional of all fills, both sides. `None` when it was not recorded.
    pub traded: Option<f64>,
}

/// A curve to compare with.
#[derive(Debug, Clone)]
pub struct BenchmarkCurve {
    /// What it is: `buy and hold AAPL`.
    pub name: String,
    /// Its values.
    pub curve: Curve,
    /// What limits the comparison: that it covers a part of the time only.
    pub note: Option<String>,
}

impl Performance {
    /// Of a paper session.
    #[must_use]
    pub fn of(session: &SessionRecord) -> Self {
        let starting_equity = to_f64(session.starting_cash);
        let equity = &session.equity;
        let mut builder = CurveBuilder::new(starting_equity);
        for ((time, value), gross) in equity
            .times
            .iter()
            .zip(&equity.equity)
            .zip(&equity.gross_exposure)
        {
            builder.push(*time, *value, *gross);
        }
        let ended = |outcome| {
            let proposals = session.proposals.iter();
            proposals
                .filter(|proposal| proposal.outcome == Some(outcome))
                .count() as u64
        };
        Performance {
            starting_equity,
            curve: builder.finish(),
            points: "session closes",
            trades: session.trades.clone(),
            costs: Costs {
                fees: to_f64(session.totals.fees),
                borrow_fees: to_f64(session.totals.borrow_fees),
                slippage: None,
                traded: None,
            },
            orders: OrderCounts {
                sent: session.totals.orders,
                filled: ended(Outcome::Filled),
                rejected: ended(Outcome::Rejected),
                cancelled: ended(Outcome::Cancelled),
                expired: ended(Outcome::Expired),
                denied: session.totals.denied + session.totals.vetoed,
            },
            benchmarks: session
                .benchmarks
                .iter()
                .map(|benchmark| {
                    BenchmarkCurve::of(benchmark.name.clone(), &equity.times, &benchmark.values)
                })
                .collect(),
        }
    }

    /// Returns in a year: 365 when a day of the curve ends at a weekend, else 252.
    #[must_use]
    pub fn annualization(&self) -> Annualization {
        Annualization::of(self.curve.days.times())
    }

    /// Equity at the end less that before the first bar, in the account's currency.
    #[must_use]
    pub fn net_result(&self) -> f64 {
        self.curve
            .days
            .last()
            .map_or(0.0, |last| last - self.starting_equity)
    }
}

impl BenchmarkCurve {
    /// From values parallel to the equity curve's times, `None` before it begins. Says so where it does not cover the
    /// whole time.
    #[must_use]
    pub fn of(name: String, times: &[i64], values: &[Option<f64>]) -> Self {
        let curve = Curve::from_first_value(times, values);
        let covered = (curve.times().first(), curve.times().last());
        let note = match covered {
            (Some(first), Some(last)) if covered != (times.first(), times.last()) => {
                let (first, last) = (Timestamp(*first).date(), Timestamp(*last).date());
                Some(format!("from {first} to {last} only"))
            }
            _ => None,
        };
        BenchmarkCurve { name, curve, note }
    }
}
