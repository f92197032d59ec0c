//! Everything that is computed from the shape of daily returns.

use super::{
    Curve, Figure, Unit, expected_shortfall, kurtosis_of_returns, probabilistic_sharpe_of_returns,
    sharpe_per_period, skewness_of_returns, tail_ratio, value_at_risk,
};
use serde::{Deserialize, Serialize};

/// Statistics of daily returns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReturnStatistics {
    /// Daily returns; zero when one of them cannot be built.
    pub observations: u64,
    /// Sharpe ratio of a day, which the deflated one and the ledger of trials take.
    pub sharpe_per_period: Figure,
    /// How sure it is that the true one is above zero.
    pub probabilistic_sharpe: Figure,
    /// Loss of one day in twenty.
    pub value_at_risk: Figure,
    /// Mean loss of such days.
    pub expected_shortfall: Figure,
    /// Lean of the distribution.
    pub skewness: Figure,
    /// Weight of its tails.
    pub kurtosis: Figure,
    /// Good tail over bad tail.
    pub tail_ratio: Figure,
}

impl ReturnStatistics {
    /// Of a curve.
    #[must_use]
    pub fn of(curve: &Curve) -> Self {
        let returns = curve.returns();
        let returns = returns.as_deref();
        ReturnStatistics {
            observations: returns.map_or(0, |returns| returns.len() as u64),
            sharpe_per_period: Figure::new(
                returns.and_then(sharpe_per_period),
                Unit::Ratio,
                "mean / stdev (n - 1) of daily returns, not annualised",
                "fewer than two returns, returns that do not vary, or equity not above zero",
            ),
            probabilistic_sharpe: probabilistic_sharpe_of_returns(returns),
            value_at_risk: value_at_risk(returns),
            expected_shortfall: expected_shortfall(returns),
            skewness: skewness_of_returns(returns),
            kurtosis: kurtosis_of_returns(returns),
            tail_ratio: tail_ratio(returns),
        }
    }

    /// Label and figure, in the order of a table.
    #[must_use]
    pub fn rows(&self) -> Vec<(&'static str, &Figure)> {
        vec![
            ("Sharpe ratio per day", &self.sharpe_per_period),
            ("Probabilistic Sharpe ratio", &self.probabilistic_sharpe),
            ("Value at risk, 95 %, one day", &self.value_at_risk),
            (
                "Expected shortfall, 95 %, one day",
                &self.expected_shortfall,
            ),
            ("Skewness", &self.skewness),
            ("Kurtosis", &self.kurtosis),
            ("Tail ratio", &self.tail_ratio),
        ]
    }
}
