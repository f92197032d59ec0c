//! All statistics of a run.

use super::{
    Annualization, BenchmarkCurve, CurveStatistics, Figure, OrderCounts, Performance,
    RelativeStatistics, ReturnStatistics, TradeStatistics, fees_share, rejected_share,
    slippage_share, turnover,
};
use bulkhead_session::record::SessionRecord;
use serde::{Deserialize, Serialize};

/// Statistics of a run, its benchmarks beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Statistics {
    /// Returns in a year, as used in every annualised figure here.
    pub annualization: Annualization,
    /// Of the equity curve.
    pub curve: CurveStatistics,
    /// Of daily returns.
    pub returns: ReturnStatistics,
    /// Of the trades.
    pub trades: TradeStatistics,
    /// Share of closes with a position.
    pub time_in_market: Figure,
    /// Mean gross exposure.
    pub mean_gross_exposure: Figure,
    /// How often the account was bought and sold in a year.
    pub turnover: Figure,
    /// Fees' share of the gross result.
    pub fees_share: Figure,
    /// Slippage's share of the gross result.
    pub slippage_share: Figure,
    /// Counts of orders.
    pub orders: OrderCounts,
    /// Share of orders that were refused.
    pub rejected_share: Figure,
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
    /// Of the run against it.
    pub relative: RelativeStatistics,
}

impl Statistics {
    /// Of a paper session.
    #[must_use]
    pub fn of(session: &SessionRecord) -> Self {
        Self::of_performance(&Performance::of(session))
    }

    /// Of anything that was run.
    #[must_use]
    pub fn of_performance(run: &Performance) -> Self {
        let annualization = run.annualization();
        let days = &run.curve.days;
        let at = format!("at {}", run.points);
        let falls = (run.curve.falls.deepest(&at), run.curve.falls.average(&at));
        let (net, costs) = (run.net_result(), &run.costs);
        let fees = costs.fees + costs.borrow_fees;
        Statistics {
            annualization,
            curve: CurveStatistics::with_falls(days, annualization, falls),
            returns: ReturnStatistics::of(days),
            trades: TradeStatistics::of(&run.trades),
            time_in_market: run.curve.exposure.time_in_market(run.points),
            mean_gross_exposure: run.curve.exposure.mean_gross(run.points),
            turnover: turnover(days, costs.traded),
            fees_share: fees_share(net, fees),
            slippage_share: slippage_share(net, fees, costs.slippage),
            orders: run.orders,
            rejected_share: rejected_share(&run.orders),
            benchmarks: run
                .benchmarks
                .iter()
                .map(|benchmark| BenchmarkStatistics {
                    name: benchmark.name.clone(),
                    curve: of_benchmark(benchmark, annualization),
                    relative: RelativeStatistics::of(days, &benchmark.curve, annualization),
                })
                .collect(),
        }
    }

    /// Label and figure of the run's own, in the order of a table.
    #[must_use]
    pub fn rows(&self) -> Vec<(&'static str, &Figure)> {
        let mut rows = self.curve.rows();
        rows.extend(self.returns.rows());
        rows.extend(self.trades.rows());
        rows.push(("Time in the market", &self.time_in_market));
        rows.push(("Mean gross exposure", &self.mean_gross_exposure));
        rows.push(("Turnover a year", &self.turnover));
        rows.push(("Fees' share of gross result", &self.fees_share));
        rows.push(("Slippage's share of gross result", &self.slippage_share));
        rows.push(("Orders refused", &self.rejected_share));
        rows
    }
}

/// Statistics of a benchmark, which say so where it does not cover the whole time.
fn of_benchmark(benchmark: &BenchmarkCurve, annualization: Annualization) -> CurveStatistics {
    let statistics = CurveStatistics::of(&benchmark.curve, annualization);
    match &benchmark.note {
        Some(note) => statistics.noted(note),
        None => statistics,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bulkhead_domain::time::DAY;

    #[test]
    fn a_benchmark_that_does_not_cover_the_session_says_so() {
        let times = [0, DAY, 2 * DAY];
        let total = |values: [Option<f64>; 3]| {
            let benchmark = BenchmarkCurve::of("held".to_owned(), &times, &values);
            of_benchmark(&benchmark, Annualization::SESSIONS).total_return
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
