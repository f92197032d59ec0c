//! A value over time, and everything that is computed from it alone.

use super::{
    Annualization, Drawdown, Figure, average_drawdown, cagr, calmar, max_drawdown, sharpe, sortino,
    total_return, volatility,
};
use bulkhead_domain::time::DAY;
use serde::{Deserialize, Serialize};

/// Values at the sessions' closes, with what was there before the first.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    base: f64,
    /// When it began: the first close, or the first look before it.
    start: Option<i64>,
    times: Vec<i64>,
    values: Vec<f64>,
}

impl Curve {
    /// A curve that was worth `base` before its first close. Times are nanoseconds since 1970 (UTC); what
    /// one column has more than the other is left out.
    #[must_use]
    pub fn new(base: f64, times: &[i64], values: &[f64]) -> Self {
        let points = times.len().min(values.len());
        Curve {
            base,
            start: times[..points].first().copied(),
            times: times[..points].to_vec(),
            values: values[..points].to_vec(),
        }
    }

    /// A curve that begins with its first defined value and goes on as long as there are values: before it
    /// nothing was held, so there is no return up to it.
    #[must_use]
    pub fn from_first_value(times: &[i64], values: &[Option<f64>]) -> Self {
        let defined = times
            .iter()
            .zip(values)
            .skip_while(|(_, value)| value.is_none())
            .map_while(|(time, value)| value.map(|value| (*time, value)));
        let (times, values): (Vec<i64>, Vec<f64>) = defined.unzip();
        Curve {
            base: values.first().copied().unwrap_or(f64::NAN),
            start: times.first().copied(),
            times,
            values,
        }
    }

    /// Value before the first close.
    #[must_use]
    pub fn base(&self) -> f64 {
        self.base
    }

    /// Value at the last close.
    #[must_use]
    pub fn last(&self) -> Option<f64> {
        self.values.last().copied()
    }

    /// Closes with their values.
    pub fn points(&self) -> impl Iterator<Item = (i64, f64)> + '_ {
        self.times.iter().copied().zip(self.values.iter().copied())
    }

    /// The same curve, begun at a moment before its first close.
    #[must_use]
    pub fn begun(self, start: i64) -> Self {
        Curve {
            start: Some(start),
            ..self
        }
    }

    /// Close times.
    #[must_use]
    pub fn times(&self) -> &[i64] {
        &self.times
    }

    /// Calendar days from its beginning to the last close.
    #[must_use]
    pub fn days(&self) -> f64 {
        match (&self.start, self.times.last()) {
            (Some(first), Some(last)) => (last - first) as f64 / DAY as f64,
            _ => 0.0,
        }
    }

    /// `r_t = E_t / E_{t-1} - 1` over the last close of each day, the first against the base. `None` when a
    /// value is not finite or one that is divided by is not above zero: a return on nothing has no meaning.
    #[must_use]
    pub fn returns(&self) -> Option<Vec<f64>> {
        let mut before = self.base;
        self.day_ends()
            .map(|(_, value)| {
                let defined = before > 0.0 && before.is_finite() && value.is_finite();
                let change = defined.then(|| value / before - 1.0);
                before = value;
                change
            })
            .collect()
    }

    /// Time and value of the last close of each day in UTC. Where markets close at different hours there are
    /// several closes a day, and a year of [`Annualization`] counts days.
    pub fn day_ends(&self) -> impl Iterator<Item = (i64, f64)> + '_ {
        let day = |time: &i64| time.div_euclid(DAY);
        self.points()
            .enumerate()
            .filter(move |(index, (time, _))| {
                let next = self.times.get(index + 1).map(day);
                next != Some(day(time))
            })
            .map(|(_, point)| point)
    }
}

/// Statistics of a curve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CurveStatistics {
    /// Growth over the whole time.
    pub total_return: Figure,
    /// The same as a yearly rate.
    pub cagr: Figure,
    /// Deviation of returns as a yearly rate.
    pub volatility: Figure,
    /// Return over deviation.
    pub sharpe: Figure,
    /// Return over downside deviation.
    pub sortino: Figure,
    /// Largest fall from a peak.
    pub max_drawdown: Drawdown,
    /// Mean of all falls.
    pub average_drawdown: Figure,
    /// Yearly growth over the largest fall.
    pub calmar: Figure,
}

impl CurveStatistics {
    /// All of them, drawdowns at the curve's own closes.
    #[must_use]
    pub fn of(curve: &Curve, annualization: Annualization) -> Self {
        let falls = (max_drawdown(curve), average_drawdown(curve));
        Self::with_falls(curve, annualization, falls)
    }

    /// All of them, with drawdowns that were followed at a finer step than the curve's.
    #[must_use]
    pub fn with_falls(
        curve: &Curve,
        annualization: Annualization,
        (deepest, average): (Drawdown, Figure),
    ) -> Self {
        let growth = cagr(curve);
        CurveStatistics {
            total_return: total_return(curve),
            volatility: volatility(curve, annualization),
            sharpe: sharpe(curve, annualization),
            sortino: sortino(curve, annualization),
            calmar: calmar(&growth, &deepest.figure),
            cagr: growth,
            max_drawdown: deepest,
            average_drawdown: average,
        }
    }

    /// Says of every figure what limits its meaning, unless it says already why it is not defined.
    #[must_use]
    pub fn noted(self, note: &str) -> Self {
        let noted = |figure: Figure| figure.noted(Some(note));
        CurveStatistics {
            total_return: noted(self.total_return),
            cagr: noted(self.cagr),
            volatility: noted(self.volatility),
            sharpe: noted(self.sharpe),
            sortino: noted(self.sortino),
            max_drawdown: Drawdown {
                figure: noted(self.max_drawdown.figure),
                ..self.max_drawdown
            },
            average_drawdown: noted(self.average_drawdown),
            calmar: noted(self.calmar),
        }
    }

    /// Label and figure, in the order of a table.
    #[must_use]
    pub fn rows(&self) -> Vec<(&'static str, &Figure)> {
        vec![
            ("Total return", &self.total_return),
            ("CAGR", &self.cagr),
            ("Annualised volatility", &self.volatility),
            ("Sharpe ratio", &self.sharpe),
            ("Sortino ratio", &self.sortino),
            ("Max drawdown", &self.max_drawdown.figure),
            ("Average drawdown", &self.average_drawdown),
            ("Calmar ratio", &self.calmar),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_return_a_day() {
        let curve = Curve::new(100.0, &[0, DAY, 2 * DAY], &[100.0, 110.0, 99.0]);
        let returns = curve.returns().unwrap();
        assert_eq!(returns.len(), 3);
        for (got, want) in returns.iter().zip([0.0, 0.1, -0.1]) {
            assert!((got - want).abs() < 1e-15, "{got} {want}");
        }
        assert_eq!(curve.days(), 2.0);
    }

    #[test]
    fn closes_of_two_markets_on_one_day_make_one_return() {
        let hour = DAY / 24;
        let times = [0, 21 * hour, DAY, DAY + 21 * hour, 2 * DAY];
        let curve = Curve::new(100.0, &times, &[90.0, 100.0, 130.0, 110.0, 99.0]);
        let returns = curve.returns().unwrap();
        assert_eq!(returns.len(), 3);
        for (got, want) in returns.iter().zip([0.0, 0.1, -0.1]) {
            assert!((got - want).abs() < 1e-15, "{got} {want}");
        }
    }

    #[test]
    fn a_return_on_nothing_has_no_meaning() {
        let ruined = Curve::new(100.0, &[0, DAY, 2 * DAY], &[100.0, 0.0, 10.0]);
        assert_eq!(ruined.returns(), None);
        let unknown = Curve::new(100.0, &[0], &[f64::NAN]);
        assert_eq!(unknown.returns(), None);
    }

    #[test]
    fn a_benchmark_begins_with_its_first_value() {
        let curve = Curve::from_first_value(&[0, DAY, 2 * DAY], &[None, Some(50.0), Some(55.0)]);
        assert_eq!(curve.base(), 50.0);
        assert_eq!(curve.days(), 1.0);
        let growth = total_return(&curve).value.unwrap();
        assert!((growth - 0.1).abs() < 1e-15);
    }

    #[test]
    fn nothing_is_defined_on_an_empty_curve() {
        let statistics =
            CurveStatistics::of(&Curve::from_first_value(&[], &[]), Annualization::SESSIONS);
        for (label, figure) in statistics.rows() {
            assert_eq!(figure.value, None, "{label}");
            assert!(figure.note.is_some(), "{label}");
        }
    }
}
