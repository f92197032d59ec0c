//! A curve against a benchmark: alpha, beta, tracking error and information ratio.

use super::{Annualization, Curve, Figure, Unit, deviation, mean};
use bulkhead_domain::time::DAY;
use serde::{Deserialize, Serialize};

/// Statistics against one benchmark.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RelativeStatistics {
    /// Return that the benchmark does not explain, a fraction a year.
    pub alpha: Figure,
    /// How far the curve goes with the benchmark.
    pub beta: Figure,
    /// Deviation of the difference, a fraction a year.
    pub tracking_error: Figure,
    /// Mean difference over its deviation, annualised.
    pub information_ratio: Figure,
}

/// Returns of two curves over the same spans: between days at which both have a close.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Paired {
    /// Of the curve that is judged.
    pub own: Vec<f64>,
    /// Of the benchmark.
    pub benchmark: Vec<f64>,
}

impl Paired {
    /// Of two curves. What came before the first common day is left out, since the benchmark has no return up to its
    /// first close. `None` when a value that is divided by is not above zero or one is not finite.
    #[must_use]
    pub fn of(own: &Curve, benchmark: &Curve) -> Option<Self> {
        let mut others = benchmark.day_ends().peekable();
        let mut before: Option<(f64, f64)> = None;
        let mut paired = Paired::default();
        for (time, value) in own.day_ends() {
            let day = time.div_euclid(DAY);
            while others
                .next_if(|(time, _)| time.div_euclid(DAY) < day)
                .is_some()
            {}
            let Some((_, other)) = others.next_if(|(time, _)| time.div_euclid(DAY) == day) else {
                continue;
            };
            if let Some((own_before, other_before)) = before {
                paired.own.push(change(own_before, value)?);
                paired.benchmark.push(change(other_before, other)?);
            }
            before = Some((value, other));
        }
        Some(paired)
    }

    /// `cov(r, b) / var(b)`.
    fn beta(&self) -> Option<f64> {
        deviation(&self.benchmark)?;
        let (own, other) = (mean(&self.own)?, mean(&self.benchmark)?);
        let (mut covariance, mut variance) = (0.0, 0.0);
        for (r, b) in self.own.iter().zip(&self.benchmark) {
            covariance += (r - own) * (b - other);
            variance += (b - other) * (b - other);
        }
        Some(covariance / variance)
    }
}

fn change(before: f64, value: f64) -> Option<f64> {
    (before > 0.0 && before.is_finite() && value.is_finite()).then(|| value / before - 1.0)
}

impl RelativeStatistics {
    /// Of two curves, the risk-free rate zero. All `None` below two common returns or where the benchmark does not
    /// vary; tracking error and information ratio where the difference does not.
    ///
    /// Sources: Jensen, "The Performance of Mutual Funds in the Period 1945-1964", Journal of Finance 23 (1968), for
    /// alpha and beta by least squares, alpha annualised by multiplication; Grinold and Kahn, "Active Portfolio
    /// Management", for the other two.
    #[must_use]
    pub fn of(own: &Curve, benchmark: &Curve, annualization: Annualization) -> Self {
        let paired = Paired::of(own, benchmark);
        let paired = paired.as_ref();
        let year = annualization.periods();
        let beta = paired.and_then(Paired::beta);
        let alpha = paired.zip(beta).and_then(|(pair, beta)| {
            Some((mean(&pair.own)? - beta * mean(&pair.benchmark)?) * year)
        });
        let active: Option<Vec<f64>> = paired.map(|pair| {
            let both = pair.own.iter().zip(&pair.benchmark);
            both.map(|(own, benchmark)| own - benchmark).collect()
        });
        let error = active.as_deref().and_then(deviation);
        let information = active
            .as_deref()
            .and_then(mean)
            .zip(error)
            .map(|(mean, error)| mean / error * year.sqrt());
        let days = annualization.0;
        let few = "fewer than two common returns, a benchmark that does not vary, or a value not above zero";
        let equal = "fewer than two common returns, a difference that does not vary, or a value not above zero";
        RelativeStatistics {
            alpha: Figure::new(
                alpha,
                Unit::Fraction,
                format!(
                    "(mean of daily returns - beta * the benchmark's) * {days}, risk-free rate 0"
                ),
                few,
            ),
            beta: Figure::new(
                beta,
                Unit::Ratio,
                "covariance with the benchmark's daily returns / their variance",
                few,
            ),
            tracking_error: Figure::new(
                error.map(|error| error * year.sqrt()),
                Unit::Fraction,
                format!("stdev (n - 1) of daily returns less the benchmark's * sqrt({days})"),
                equal,
            ),
            information_ratio: Figure::new(
                information,
                Unit::Ratio,
                format!(
                    "mean / stdev (n - 1) of daily returns less the benchmark's * sqrt({days})"
                ),
                equal,
            ),
        }
    }

    /// Label and figure, in the order of a table.
    #[must_use]
    pub fn rows(&self) -> Vec<(&'static str, &Figure)> {
        vec![
            ("Alpha", &self.alpha),
            ("Beta", &self.beta),
            ("Tracking error", &self.tracking_error),
            ("Information ratio", &self.information_ratio),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grown(returns: &[f64]) -> Curve {
        let mut value = 100.0;
        let mut values = vec![value];
        for change in returns {
            value *= 1.0 + change;
            values.push(value);
        }
        let times: Vec<i64> = (0..values.len() as i64).map(|day| day * DAY).collect();
        Curve::new(100.0, &times, &values)
    }

    #[test]
    fn twice_the_benchmark_and_a_bit_has_beta_two_and_the_bit_as_alpha() {
        let benchmark = [0.01, -0.02, 0.03, 0.0];
        let own: Vec<f64> = benchmark.iter().map(|b| 2.0 * b + 0.001).collect();
        let got = RelativeStatistics::of(&grown(&own), &grown(&benchmark), Annualization::SESSIONS);
        assert!((got.beta.value.unwrap() - 2.0).abs() < 1e-12);
        assert!((got.alpha.value.unwrap() - 0.252).abs() < 1e-12);
        // The difference is b + 0.001: mean 0.006, deviation that of the benchmark.
        let deviation = deviation(&benchmark).unwrap();
        let error = got.tracking_error.value.unwrap();
        assert!((error - deviation * 252.0f64.sqrt()).abs() < 1e-12);
        let information = got.information_ratio.value.unwrap();
        assert!((information - 0.006 / deviation * 252.0f64.sqrt()).abs() < 1e-9);
    }

    #[test]
    fn days_that_one_of_them_lacks_join_two_returns() {
        let own = Curve::new(100.0, &[0, DAY, 2 * DAY], &[100.0, 110.0, 121.0]);
        let other = Curve::new(50.0, &[0, 2 * DAY], &[50.0, 60.0]);
        let paired = Paired::of(&own, &other).unwrap();
        assert_eq!(paired.own.len(), 1);
        assert!((paired.own[0] - 0.21).abs() < 1e-12);
        assert!((paired.benchmark[0] - 0.2).abs() < 1e-12);
    }

    #[test]
    fn against_what_does_not_vary_nothing_is_defined() {
        let flat = grown(&[0.0, 0.0, 0.0]);
        let got = RelativeStatistics::of(&flat, &flat, Annualization::SESSIONS);
        for (label, figure) in got.rows() {
            assert_eq!(figure.value, None, "{label}");
            assert!(figure.note.is_some(), "{label}");
        }
    }
}
