//! All statistics of a session.

use super::{
    Annualization, Curve, CurveStatistics, Figure, TradeStatistics, fees_share,
    mean_gross_exposure, time_in_market,
};
use bulkhead_domain::Timestamp;
use bulkhead_domain::number::to_f64;
use bulkhead_session::record::SessionRecord;
use serde::{Deserialize, Serialize};

/// Statistics of a session, its benchmarks beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Statistics {
    /// Returns in a year, as used in every annualised figure here.
    pub annualization: Annualization,
    /// Of the equity curve.
    pub curve: CurveStatistics,
    /// Of the trades.
    pub trades: TradeStatistics,
    /// Share of closes with a position.
    pub time_in_market: Figure,
    /// Mean gross exposure.
    pub mean_gross_exposure: Figure,
    /// Fees' share of the gross result.
    pub fees_share: Figure,
    /// Of every benchmark, from its first value on.
    pub benchmarks: Vec<BenchmarkStatistics>,
}

/// Statistics of a benchmark.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BenchmarkStatistics {
    /// What it is.
    pub name: String,
    /// Of its curve.
    pub curve: CurveStatistics,
}

impl Statistics {
    /// Computes them.
    #[must_use]
    pub fn of(session: &SessionRecord) -> Self {
        let times = &session.equity.times;
        let annualization = Annualization::of(times);
        let cash = to_f64(session.starting_cash);
        let curve = Curve::new(cash, times, &session.equity.equity);
        let net = curve.last().map_or(0.0, |last| last - cash);
        Statistics {
            annualization,
            curve: CurveStatistics::of(&curve, annualization),
            trades: TradeStatistics::of(&session.trades),
            time_in_market: time_in_market(&session.equity.gross_exposure),
            mean_gross_exposure: mean_gross_exposure(&session.equity.gross_exposure),
            fees_share: fees_share(
                net,
                to_f64(session.totals.fees + session.totals.borrow_fees),
            ),
            benchmarks: session
                .benchmarks
                .iter()
                .map(|benchmark| BenchmarkStatistics {
                    name: benchmark.name.clone(),
                    curve: of_benchmark(times, &benchmark.values, annualization),
                })
                .collect(),
        }
    }

    /// Label and figure of the session's own, in the order of a table.
    #[must_use]
    pub fn rows(&self) -> Vec<(&'static str, &Figure)> {
        let mut rows = self.curve.rows();
        rows.extend(self.trades.rows());
        rows.push(("Time in the market", &self.time_in_market));
        rows.push(("Mean gross exposure", &self.mean_gross_exposure));
        rows.push(("Fees' share of gross result", &self.fees_share));
        rows
    }
}

/// Statistics of a benchmark, which say so where it does not cover the whole session.
fn of_benchmark(
    times: &[i64],
    values: &[Option<f64>],
    annualization: Annualization,
) -> CurveStatistics {
    let curve = Curve::from_first_value(times, values);
    let statistics = CurveStatistics::of(&curve, annualization);
    let mut covered = curve.points().map(|(time, _)| time);
    let Some(first) = covered.next() else {
        return statistics;
    };
    let last = covered.last().unwrap_or(first);
    if times.first() == Some(&first) && times.last() == Some(&last) {
        return statistics;
    }
    let (first, last) = (Timestamp(first).date(), Timestamp(last).date());
    statistics.noted(&format!("from {first} to {last} only"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bulkhead_domain::time::DAY;

    #[test]
    fn a_benchmark_that_does_not_cover_the_session_says_so() {
        let times = [0, DAY, 2 * DAY];
        let total = |values: [Option<f64>; 3]| {
            of_benchmark(&times, &values, Annualization::SESSIONS).total_return
        };
        let whole = total([Some(100.0), Some(90.0), Some(110.0)]);
        assert_eq!(whole.note, None);
        let late = total([None, Some(100.0), Some(110.0)]);
        assert_eq!(
            late.note.as_deref(),
            Some("from 1970-01-02 to 1970-01-03 only")
        );
        assert!((late.value.unwrap() - 0.1).abs() < 1e-15);
        let none = total([None, None, None]);
        assert_eq!((none.value, none.note.is_some()), (None, true));
    }
}
