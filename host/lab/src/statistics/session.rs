//! All statistics of a session.

use super::{
    Annualization, Curve, CurveStatistics, Figure, TradeStatistics, fees_share,
    mean_gross_exposure, time_in_market,
};
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
            fees_share: fees_share(net, to_f64(session.totals.fees)),
            benchmarks: session
                .benchmarks
                .iter()
                .map(|benchmark| BenchmarkStatistics {
                    name: benchmark.name.clone(),
                    curve: CurveStatistics::of(
                        &Curve::from_first_value(times, &benchmark.values),
                        annualization,
                    ),
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
