//! Building what statistics need of an equity curve while a run goes on.
//!
//! Of a curve of any length it keeps one value a day, the falls and the exposure of every point, and three charts of
//! bounded size. Memory grows with days, not with bars.

use super::{Curve, Envelope, Exposure, Falls};
use bulkhead_domain::time::DAY;

/// When a day of returns ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DayEnd {
    /// With the last point of each day in UTC.
    Midnight,
    /// When [`CurveBuilder::session_closed`] says so.
    Session,
}

/// Takes an equity curve point by point.
#[derive(Debug, Clone)]
pub struct CurveBuilder {
    base: f64,
    day_end: DayEnd,
    start: Option<i64>,
    times: Vec<i64>,
    values: Vec<f64>,
    last: Option<(i64, f64)>,
    closed: bool,
    falls: Falls,
    exposure: Exposure,
    charts: Charts,
}

/// A curve's points in bounded size.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Charts {
    /// Equity.
    pub equity: Envelope,
    /// Fall from the highest equity so far, a positive fraction.
    pub drawdown: Envelope,
    /// Gross exposure over equity.
    pub exposure: Envelope,
}

/// What is left of an equity curve.
#[derive(Debug, Clone)]
pub struct CurveSummary {
    /// Equity at the end of each day, begun at the first point.
    pub days: Curve,
    /// Falls at every point.
    pub falls: Falls,
    /// Exposure at every point.
    pub exposure: Exposure,
    /// For drawing.
    pub charts: Charts,
}

impl CurveBuilder {
    /// A curve that is worth `base` before its first point, whose days end with their last point in UTC: for markets
    /// that never close, and for daily bars.
    #[must_use]
    pub fn new(base: f64) -> Self {
        CurveBuilder {
            base,
            day_end: DayEnd::Midnight,
            start: None,
            times: Vec::new(),
            values: Vec::new(),
            last: None,
            closed: false,
            falls: Falls::new(base),
            exposure: Exposure::default(),
            charts: Charts::default(),
        }
    }

    /// The same, whose days end where [`session_closed`](Self::session_closed) is called: for sessions that reach past
    /// midnight in UTC.
    #[must_use]
    pub fn by_sessions(base: f64) -> Self {
        CurveBuilder {
            day_end: DayEnd::Session,
            ..Self::new(base)
        }
    }

    /// Takes the next point: nanoseconds since 1970 (UTC), not before the last one; mark-to-market equity; the sum of
    /// absolute position values over equity. The caller keeps deposits and withdrawals out.
    pub fn push(&mut self, time: i64, equity: f64, gross_exposure: f64) {
        if self.start.is_none() {
            self.start = Some(time);
        }
        if self.day_end == DayEnd::Midnight
            && let Some((before, _)) = self.last
            && before.div_euclid(DAY) != time.div_euclid(DAY)
        {
            self.end_day();
        }
        self.last = Some((time, equity));
        self.closed = false;
        let depth = self.falls.push(time, equity);
        self.exposure.push(time, gross_exposure);
        self.charts.equity.push(time, equity);
        self.charts.drawdown.push(time, depth);
        self.charts.exposure.push(time, gross_exposure);
    }

    /// Says that the last point was a session's close. Of no effect where days end at midnight.
    pub fn session_closed(&mut self) {
        if self.day_end == DayEnd::Session && !self.closed {
            self.end_day();
        }
    }

    /// The last point ends a day of its own, where none has ended with it yet.
    #[must_use]
    pub fn finish(mut self) -> CurveSummary {
        if !self.closed {
            self.end_day();
        }
        let days = Curve::new(self.base, &self.times, &self.values);
        CurveSummary {
            days: match self.start {
                Some(start) => days.begun(start),
                None => days,
            },
            falls: self.falls,
            exposure: self.exposure,
            charts: self.charts,
        }
    }

    fn end_day(&mut self) {
        if let Some((time, equity)) = self.last {
            self.times.push(time);
            self.values.push(equity);
            self.closed = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::{max_drawdown, total_return};
    use proptest::prelude::*;

    const HOUR: i64 = DAY / 24;

    #[test]
    fn days_end_with_their_last_point() {
        let mut builder = CurveBuilder::new(100.0);
        for (hour, equity) in [(1, 90.0), (23, 110.0), (25, 50.0), (47, 121.0)] {
            builder.push(hour * HOUR, equity, 0.0);
        }
        let summary = builder.finish();
        let days: Vec<_> = summary.days.points().collect();
        assert_eq!(days, [(23 * HOUR, 110.0), (47 * HOUR, 121.0)]);
        assert_eq!(summary.days.days(), 46.0 / 24.0);
        // Within the second day it fell from 110 to 50.
        let deepest = summary.falls.deepest("at every bar").figure.value.unwrap();
        assert!((deepest - 60.0 / 110.0).abs() < 1e-15);
    }

    #[test]
    fn sessions_end_where_it_is_said_and_the_last_one_by_itself() {
        let mut builder = CurveBuilder::by_sessions(100.0);
        builder.push(23 * HOUR, 101.0, 1.0);
        builder.push(30 * HOUR, 102.0, 1.0);
        builder.session_closed();
        builder.session_closed();
        builder.push(47 * HOUR, 103.0, 1.0);
        builder.push(54 * HOUR, 104.0, 1.0);
        let summary = builder.finish();
        let days: Vec<_> = summary.days.points().collect();
        assert_eq!(days, [(30 * HOUR, 102.0), (54 * HOUR, 104.0)]);
    }

    #[test]
    fn of_nothing_there_is_an_empty_curve() {
        let summary = CurveBuilder::new(100.0).finish();
        assert_eq!(total_return(&summary.days).value, None);
        assert_eq!(summary.falls.deepest("").figure.value, None);
    }

    proptest! {
        #[test]
        fn a_daily_curve_comes_out_as_it_went_in(values in prop::collection::vec(1.0f64..1e6, 1..80)) {
            let times: Vec<i64> = (0..values.len() as i64).map(|day| day * DAY).collect();
            let whole = Curve::new(100.0, &times, &values);
            let mut builder = CurveBuilder::new(100.0);
            for (time, value) in whole.points() {
                builder.push(time, value, 0.5);
            }
            let summary = builder.finish();
            prop_assert_eq!(&summary.days, &whole);
            prop_assert_eq!(summary.falls.deepest("at session closes"), max_drawdown(&whole));
        }

        #[test]
        fn figures_of_returns_do_not_know_the_size_of_the_account(
            values in prop::collection::vec(50.0f64..200.0, 3..60),
            power in -8i32..20,
        ) {
            // A power of two scales floats without rounding, so the figures agree to the last bit.
            let scale = libm::scalbn(1.0, power);
            let figures = |scale: f64| {
                let mut builder = CurveBuilder::new(100.0 * scale);
                for (day, value) in values.iter().enumerate() {
                    builder.push(day as i64 * DAY, value * scale, 0.5);
                }
                let summary = builder.finish();
                let statistics = crate::statistics::ReturnStatistics::of(&summary.days);
                (statistics, summary.falls.deepest("").figure, summary.falls.average(""))
            };
            let (one, other) = (figures(1.0), figures(scale));
            prop_assert!(one.1.value.is_some_and(|fall| (0.0..=1.0).contains(&fall)));
            prop_assert!(one.2.value <= one.1.value);
            prop_assert_eq!(one, other);
        }
    }
}
