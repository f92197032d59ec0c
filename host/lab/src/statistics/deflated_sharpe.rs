//! Deflated Sharpe ratio: what is left of the best of many trials.

use super::{normal_quantile, probabilistic_sharpe};

/// Euler's and Mascheroni's constant.
const EULER_MASCHERONI: f64 = 0.577_215_664_901_532_9;

/// The largest Sharpe ratio to expect of `trials` strategies of no skill, where `variance` is that of the trials'
/// **per-period** Sharpe ratios: `sqrt(V) * ((1 - g) * Z^-1(1 - 1/N) + g * Z^-1(1 - 1/(N e)))`, per period as well.
/// Zero of a single trial, of which nothing was picked. `None` without a trial or when the variance is negative or
/// not finite.
///
/// Source: Bailey and López de Prado, "The Deflated Sharpe Ratio", Journal of Portfolio Management 40 (2014), eq. 1,
/// with a mean of zero.
#[must_use]
pub fn expected_maximum_sharpe(trials: u64, variance: f64) -> Option<f64> {
    if trials == 0 || !variance.is_finite() || variance < 0.0 {
        return None;
    }
    if trials == 1 {
        return Some(0.0);
    }
    // By symmetry -Z^-1(1/N), which does not round 1 - 1/N.
    let upper = |share: f64| normal_quantile(share).map(|quantile| -quantile);
    let count = trials as f64;
    let first = upper(1.0 / count)?;
    let second = upper(1.0 / (count * std::f64::consts::E))?;
    Some(variance.sqrt() * ((1.0 - EULER_MASCHERONI) * first + EULER_MASCHERONI * second))
}

/// What a deflated Sharpe ratio is computed from. Ratios are per period, the kurtosis is raw.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Deflation {
    /// Of the trial that is judged, per period.
    pub sharpe: f64,
    /// Number of its returns.
    pub observations: u64,
    /// Of its returns.
    pub skewness: f64,
    /// Of its returns; 3 of a normal distribution.
    pub kurtosis: f64,
    /// Trials that were made, this one included.
    pub trials: u64,
    /// Variance of the trials' per-period Sharpe ratios, `n - 1` in it.
    pub trials_variance: f64,
}

/// The probability that the true Sharpe ratio is above what the best of so many trials would show by chance: the
/// [`probabilistic_sharpe`] with [`expected_maximum_sharpe`] as its threshold. `None` where either is not defined.
///
/// Source: Bailey and López de Prado (2014), eq. 2.
#[must_use]
pub fn deflated_sharpe(of: &Deflation) -> Option<f64> {
    let threshold = expected_maximum_sharpe(of.trials, of.trials_variance)?;
    probabilistic_sharpe(
        of.sharpe,
        threshold,
        of.observations,
        of.skewness,
        of.kurtosis,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The paper's example: 100 trials whose annual ratios have variance 1/2, the best at 2.5 over 1,250 days.
    fn paper(trials: u64) -> Deflation {
        Deflation {
            sharpe: 2.5 / 250.0f64.sqrt(),
            observations: 1_250,
            skewness: -3.0,
            kurtosis: 10.0,
            trials,
            trials_variance: 0.5 / 250.0,
        }
    }

    #[test]
    fn it_agrees_with_the_papers_example() {
        let threshold = expected_maximum_sharpe(100, 0.5 / 250.0).unwrap();
        assert!((threshold - 0.1132).abs() < 5e-5, "{threshold}");
        let got = deflated_sharpe(&paper(100)).unwrap();
        assert!((got - 0.9004).abs() < 5e-4, "{got}");
        // With 46 trials it would have been significant at 95 %.
        let fewer = deflated_sharpe(&paper(46)).unwrap();
        assert!((fewer - 0.9505).abs() < 5e-4, "{fewer}");
    }

    #[test]
    fn more_trials_never_help() {
        let mut last = 1.0;
        for trials in [1, 2, 3, 10, 1_000, 1_000_000] {
            let got = deflated_sharpe(&paper(trials)).unwrap();
            assert!(got < last, "{trials}: {got}");
            last = got;
        }
    }

    #[test]
    fn of_one_trial_nothing_was_picked_and_of_none_there_is_nothing() {
        assert_eq!(expected_maximum_sharpe(1, 0.3), Some(0.0));
        assert_eq!(expected_maximum_sharpe(7, 0.0), Some(0.0));
        assert_eq!(expected_maximum_sharpe(0, 0.3), None);
        assert_eq!(expected_maximum_sharpe(5, -0.1), None);
        assert_eq!(expected_maximum_sharpe(5, f64::NAN), None);
    }
}
