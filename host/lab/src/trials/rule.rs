//! What predictions would have earned: one simple rule, after costs.
//!
//! The position that bar `n` asks for is taken at the next open and held until the open after it, when the next bar's
//! is taken. So returns do not overlap, however long the labels are: one a bar, not compounded, as a fraction of the
//! stake. Every change of position costs its size times `cost`; where bars are missing between two samples, and at
//! the end, the position is closed.

use crate::labels::Sample;
use crate::statistics::{kurtosis, probabilistic_sharpe, sharpe_per_period, skewness};
use bulkhead_domain::Problem;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How a prediction becomes a position between -1 and 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// The sign of the probability of the highest class less that of the lowest, or of the predicted return.
    Sign,
    /// That difference itself, or the predicted return over the deviation of those learnt from, at most 1 in size.
    Scaled,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Rule::Sign => "sign",
            Rule::Scaled => "scaled",
        })
    }
}

impl FromStr for Rule {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        match text {
            "sign" => Ok(Rule::Sign),
            "scaled" => Ok(Rule::Scaled),
            _ => Err(Problem::user(
                format!("'{text}' is no rule"),
                "use one of: sign, scaled",
            )),
        }
    }
}

impl Rule {
    /// The position of a lean that is positive for up.
    pub(super) fn position(self, lean: f64) -> f64 {
        match self {
            Rule::Scaled => lean.clamp(-1.0, 1.0),
            Rule::Sign if lean > 0.0 => 1.0,
            Rule::Sign if lean < 0.0 => -1.0,
            Rule::Sign => 0.0,
        }
    }
}

/// What the rule earned along one path.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RuleFigures {
    /// Returns, one a bar.
    pub periods: usize,
    /// Their mean, after costs.
    pub mean: Option<f64>,
    /// Sharpe ratio **per period**: mean over sample deviation, no risk-free rate.
    pub sharpe: Option<f64>,
    /// Skewness of the returns, moments over n.
    pub skewness: Option<f64>,
    /// Raw kurtosis of the returns, 3 of a normal distribution.
    pub kurtosis: Option<f64>,
    /// Probability that the true Sharpe ratio is above zero.
    pub psr: Option<f64>,
    /// Mean size of the change of position, each period.
    pub turnover: Option<f64>,
}

/// Returns of a path's positions after a cost, and how much was traded.
pub(super) fn earned(path: &[(&Sample, f64)], cost: f64) -> (Vec<f64>, f64) {
    let mut returns: Vec<f64> = Vec::with_capacity(path.len());
    let mut traded = 0.0;
    let mut held = (0.0f64, None);
    for (sample, position) in path {
        let (mut before, expected) = held;
        if expected != Some(sample.span.decision) {
            traded += close(&mut returns, before, cost);
            before = 0.0;
        }
        let change = (position - before).abs();
        traded += change;
        returns.push(position * sample.next - cost * change);
        held = (*position, Some(sample.span.decision + 1));
    }
    traded += close(&mut returns, held.0, cost);
    (returns, traded)
}

fn close(returns: &mut [f64], position: f64, cost: f64) -> f64 {
    if let Some(last) = returns.last_mut() {
        *last -= cost * position.abs();
    }
    position.abs()
}

/// Figures of such returns.
#[expect(clippy::cast_precision_loss, reason = "counts")]
pub(super) fn figures(returns: &[f64], traded: f64) -> RuleFigures {
    let count = returns.len() as f64;
    let some = !returns.is_empty();
    let sharpe = sharpe_per_period(returns);
    let (skewness, kurtosis) = (skewness(returns), kurtosis(returns));
    RuleFigures {
        periods: returns.len(),
        mean: some.then(|| returns.iter().sum::<f64>() / count),
        sharpe,
        skewness,
        kurtosis,
        psr: (|| {
            let count = returns.len() as u64;
            probabilistic_sharpe(sharpe?, 0.0, count, skewness?, kurtosis?)
        })(),
        turnover: some.then(|| traded / count),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validation::Span;

    fn sample(decision: usize, next: f64) -> Sample {
        Sample {
            span: Span {
                decision,
                end: decision + 2,
            },
            time: 0,
            label_end: 0,
            row: Vec::new(),
            class: 0,
            value: 0.0,
            close: 1.0,
            price: 1.0,
            next,
        }
    }

    #[test]
    fn every_change_of_position_is_paid_for_and_a_gap_closes_it() {
        let samples = [sample(0, 0.1), sample(1, -0.1), sample(5, 0.2)];
        let path: Vec<_> = samples.iter().zip([1.0, -1.0, 0.5]).collect();
        let (returns, traded) = earned(&path, 0.01);
        let expected = [0.1 - 0.01, 0.1 - 0.02 - 0.01, 0.1 - 0.005 - 0.005];
        for (given, expected) in returns.iter().zip(expected) {
            assert!((given - expected).abs() < 1e-15, "{returns:?}");
        }
        assert_eq!((returns.len(), traded), (3, 1.0 + 2.0 + 1.0 + 0.5 + 0.5));
        assert_eq!(figures(&[], 0.0).sharpe, None);
    }

    #[test]
    fn a_sign_is_whole_and_a_scaled_position_is_bounded() {
        assert_eq!(
            [0.1, -0.1, 0.0].map(|it| Rule::Sign.position(it)),
            [1.0, -1.0, 0.0]
        );
        assert_eq!([0.1, -7.0].map(|it| Rule::Scaled.position(it)), [0.1, -1.0]);
    }
}
