//! Performance statistics, one formula a file.
//!
//! Every number carries the convention it was computed by, because the same returns give Sharpe ratios
//! that differ by a factor of two between systems that do not say what they did. A number that is not
//! defined is `None`, with the reason beside it; never infinite, never a sentinel.
//!
//! A run of any length is followed by a [`CurveBuilder`], becomes a [`Performance`] and is told of by
//! [`Statistics::of_performance`]; a paper session goes the same way.
//!
//! Returns are of mark-to-market equity, sampled at the last session's close of each day in UTC, days without
//! a change kept. The risk-free rate is zero. Transcendental functions come from `libm`, so that every machine
//! says the same.

mod all;
mod annualization;
mod builder;
mod cagr;
mod calmar;
mod curve;
mod deflated_sharpe;
mod drawdown;
mod envelope;
mod excursion;
mod expectancy;
mod expected_shortfall;
mod exposure;
mod extremes;
mod falls;
mod fees_share;
mod figure;
mod kelly;
mod moments;
mod normal;
mod performance;
mod probabilistic_sharpe;
mod profit_factor;
mod rejected;
mod relative;
mod returns;
mod sharpe;
mod slippage_share;
mod sortino;
mod sqn;
mod tail_ratio;
mod total_return;
mod trades;
mod turnover;
mod value_at_risk;
mod volatility;
mod win_rate;

pub use all::{BenchmarkStatistics, Statistics};
pub use annualization::Annualization;
pub use builder::{Charts, CurveBuilder, CurveSummary};
pub use cagr::cagr;
pub use calmar::calmar;
pub use curve::{Curve, CurveStatistics};
pub use deflated_sharpe::{Deflation, deflated_sharpe, expected_maximum_sharpe};
pub use drawdown::{Drawdown, average_drawdown, max_drawdown};
pub use envelope::{Bucket, Envelope};
pub use excursion::{adverse_excursion, expectancy_in_r, favourable_excursion};
pub use expectancy::{expectancy, expectancy_ratio};
pub use expected_shortfall::expected_shortfall;
pub use exposure::{Exposure, FlatStretch};
pub use extremes::{average_loss, average_win, best_trade, worst_trade};
pub use falls::Falls;
pub use fees_share::fees_share;
pub use figure::{Figure, Unit};
pub use kelly::kelly;
pub use moments::{kurtosis, kurtosis_of_returns, skewness, skewness_of_returns};
pub use normal::{normal_cdf, normal_quantile};
pub use performance::{BenchmarkCurve, Costs, Performance};
pub use probabilistic_sharpe::{
    probabilistic_sharpe, probabilistic_sharpe_of_returns, sharpe_per_period,
};
pub use profit_factor::profit_factor;
pub use rejected::{OrderCounts, rejected_share};
pub use relative::{Paired, RelativeStatistics};
pub use returns::ReturnStatistics;
pub use sharpe::sharpe;
pub use slippage_share::slippage_share;
pub use sortino::sortino;
pub use sqn::sqn;
pub use tail_ratio::tail_ratio;
pub use total_return::total_return;
pub use trades::TradeStatistics;
pub use turnover::turnover;
pub use value_at_risk::value_at_risk;
pub use volatility::volatility;
pub use win_rate::win_rate;

/// Arithmetic mean, `None` of nothing.
fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Sample standard deviation with `n - 1` in the denominator. `None` below two values, and where it is no
/// more than rounding: a curve that grows by the same fraction every day has no deviation, only noise in
/// the last bits, and dividing by that would give a ratio of millions of millions.
fn deviation(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let mean = mean(values)?;
    let squares: f64 = values
        .iter()
        .map(|value| (value - mean) * (value - mean))
        .sum();
    let deviation = (squares / (values.len() - 1) as f64).sqrt();
    let largest = values
        .iter()
        .fold(0.0f64, |most, value| most.max(value.abs()));
    (deviation > largest * 1e-9).then_some(deviation)
}

/// The `share` quantile of values, linear between neighbours at `(n - 1) * share`. `None` of nothing.
fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = sorted.len().checked_sub(1)? as f64 * share;
    let below = *sorted.get(at.floor() as usize)?;
    let above = *sorted.get(at.ceil() as usize)?;
    Some(below + (above - below) * (at - at.floor()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deviation_of_equal_values_is_not_defined_despite_rounding() {
        assert_eq!(deviation(&[0.1 + 0.2, 0.3, 0.3]), None);
        assert_eq!(deviation(&[1.0]), None);
        assert_eq!(deviation(&[1.0, 3.0]), Some(2.0f64.sqrt()));
    }
}
