//! Falls of equity from its peaks, followed point by point in constant memory.

use super::{Drawdown, Figure, Unit};
use bulkhead_domain::time::DAY;

/// Follows a curve and keeps its deepest fall and the sum of all.
#[derive(Debug, Clone)]
pub struct Falls {
    peak: i64,
    peak_value: f64,
    worst: Fall,
    recovery: Option<i64>,
    /// Depth of the fall that has not come back.
    current: f64,
    ended: u64,
    depths: f64,
    last: Option<i64>,
    defined: bool,
}

#[derive(Debug, Clone, Copy)]
struct Fall {
    depth: f64,
    peak: i64,
    peak_value: f64,
    trough: i64,
}

impl Falls {
    /// Of a curve that was worth `base` before its first point.
    #[must_use]
    pub fn new(base: f64) -> Self {
        Falls {
            peak: 0,
            peak_value: base,
            worst: Fall {
                depth: 0.0,
                peak: 0,
                peak_value: base,
                trough: 0,
            },
            recovery: None,
            current: 0.0,
            ended: 0,
            depths: 0.0,
            last: None,
            defined: true,
        }
    }

    /// Takes the next point and gives its depth under the highest one so far, a fraction; NaN from the first value on
    /// that is not finite or under a peak that is not above zero.
    pub fn push(&mut self, time: i64, value: f64) -> f64 {
        if self.last.is_none() {
            self.peak = time;
        }
        self.last = Some(time);
        if !value.is_finite() {
            self.defined = false;
        }
        if value >= self.peak_value {
            (self.peak, self.peak_value) = (time, value);
            if self.current > 0.0 {
                self.ended += 1;
                self.depths += self.current;
                self.current = 0.0;
            }
        }
        if self.peak_value.is_nan() || self.peak_value <= 0.0 {
            self.defined = false;
        }
        if !self.defined {
            return f64::NAN;
        }
        let depth = 1.0 - value / self.peak_value;
        self.current = self.current.max(depth);
        if depth > self.worst.depth {
            self.worst = Fall {
                depth,
                peak: self.peak,
                peak_value: self.peak_value,
                trough: time,
            };
            self.recovery = None;
        } else if self.recovery.is_none()
            && self.worst.depth > 0.0
            && value >= self.worst.peak_value
        {
            self.recovery = Some(time);
        }
        depth
    }

    /// `max_t(1 - E_t / max_{s<=t} E_s)`, a positive fraction of mark-to-market equity; zero when it never falls. Of
    /// equal falls the first is taken. `None` when there is no point, a value is not finite or the peak is not above
    /// zero. `at` says where equity was looked at: `at session closes`.
    ///
    /// Source: Magdon-Ismail and Atiya, "Maximum Drawdown", Risk 17 (2004).
    #[must_use]
    pub fn deepest(&self, at: &str) -> Drawdown {
        let fall = (self.last.is_some() && self.defined).then_some(self.worst);
        let figure = Figure::new(
            fall.map(|fall| fall.depth),
            Unit::Fraction,
            format!("largest 1 - equity / highest equity so far, {at}"),
            UNDEFINED,
        );
        let fall = fall.filter(|fall| fall.depth > 0.0);
        let recovery = fall.and(self.recovery);
        Drawdown {
            figure,
            peak: fall.map(|fall| fall.peak),
            trough: fall.map(|fall| fall.trough),
            recovery,
            days: fall
                .zip(recovery.or(self.last))
                .map(|(fall, end)| (end - fall.peak) as f64 / DAY as f64),
        }
    }

    /// Mean depth of all falls from a peak until equity is back at it, the last unfinished one included: a positive
    /// fraction, zero when it never falls. `None` as for [`deepest`](Self::deepest).
    ///
    /// Source: "Avg. Drawdown" of backtesting.py.
    #[must_use]
    pub fn average(&self, at: &str) -> Figure {
        let unfinished = self.current > 0.0;
        let count = self.ended + u64::from(unfinished);
        let sum = self.depths + self.current;
        let value = (self.last.is_some() && self.defined)
            .then(|| if count == 0 { 0.0 } else { sum / count as f64 });
        Figure::new(
            value,
            Unit::Fraction,
            format!("mean of the deepest points of all falls from a peak to its recovery, {at}"),
            UNDEFINED,
        )
    }
}

const UNDEFINED: &str = "there is no close, or the peak is not above zero";

#[cfg(test)]
mod tests {
    use super::*;

    fn falls(values: &[f64]) -> Falls {
        let mut falls = Falls::new(100.0);
        for (day, value) in values.iter().enumerate() {
            falls.push(day as i64 * DAY, *value);
        }
        falls
    }

    #[test]
    fn the_average_counts_every_fall_once_and_the_unfinished_one() {
        // Falls of 20 %, 10 % and 50 %, the last still under water.
        let falls = falls(&[100.0, 90.0, 80.0, 100.0, 90.0, 120.0, 60.0, 80.0]);
        let got = falls.average("here").value.unwrap();
        assert!((got - 0.8 / 3.0).abs() < 1e-15, "{got}");
        assert_eq!(falls.deepest("here").recovery, None);
    }

    #[test]
    fn without_a_fall_the_average_is_zero_and_of_nothing_it_is_not_defined() {
        assert_eq!(falls(&[100.0, 101.0]).average("here").value, Some(0.0));
        assert_eq!(falls(&[]).average("here").value, None);
        assert_eq!(falls(&[100.0, f64::NAN, 90.0]).average("here").value, None);
        assert_eq!(falls(&[100.0, f64::NAN]).deepest("here").figure.value, None);
    }

    #[test]
    fn the_depth_of_each_point_is_told() {
        let mut falls = Falls::new(100.0);
        assert_eq!(falls.push(0, 75.0), 0.25);
        assert_eq!(falls.push(1, 200.0), 0.0);
        assert_eq!(falls.push(2, 100.0), 0.5);
    }
}
