//! Series merged into one portfolio clock: at each moment the bars of every instrument that has one.

use bulkhead_domain::order::{InstrumentHandle, Step};
use bulkhead_domain::time::DAY;
use bulkhead_domain::{Problem, Timestamp};
use bulkhead_market::BarSeries;

/// All bars that close at one time.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Moment {
    /// The close.
    pub time: i64,
    /// The bars, by instrument handle.
    pub steps: Vec<Step>,
}

/// Walks several series at once.
pub(crate) struct Feed<'a> {
    lines: Vec<(&'a BarSeries, usize)>,
    until: i64,
}

impl<'a> Feed<'a> {
    /// A feed over series; their order changes nothing.
    #[must_use]
    pub(crate) fn new(series: impl IntoIterator<Item = &'a BarSeries>) -> Feed<'a> {
        let mut lines: Vec<(&BarSeries, usize)> =
            series.into_iter().map(|series| (series, 0)).collect();
        lines.sort_by_key(|(series, _)| series.instrument.handle);
        Feed {
            lines,
            until: i64::MAX,
        }
    }

    /// Leaves out bars that close before a date or after another (UTC dates, `YYYY-MM-DD`, both included).
    ///
    /// # Errors
    /// When a date cannot be read.
    pub(crate) fn between(
        mut self,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<Feed<'a>, Problem> {
        let midnight = |text: &str| {
            Timestamp::of_date(text).ok_or_else(|| {
                Problem::user(format!("'{text}' is not a date"), "write it as YYYY-MM-DD")
            })
        };
        if let Some(from) = from {
            let from = midnight(from)?.0;
            for (series, next) in &mut self.lines {
                *next = series.bars.times.partition_point(|time| *time < from);
            }
        }
        if let Some(to) = to {
            self.until = midnight(to)?.0.saturating_add(DAY);
        }
        Ok(self)
    }

    fn step(series: &BarSeries, row: usize) -> Option<(InstrumentHandle, Step)> {
        let bar = series.bars.get(row)?;
        let handle = series.instrument.handle;
        let open_time = *series.open_times.get(row)?;
        let step = Step {
            instrument: handle,
            open_time,
            bar,
            // A bar of a day or longer ends its session by definition.
            session_end: series.interval_ns >= DAY,
            actions: series.actions_before(row).to_vec(),
        };
        Some((handle, step))
    }
}

impl Iterator for Feed<'_> {
    type Item = Moment;

    fn next(&mut self) -> Option<Moment> {
        let time = self
            .lines
            .iter()
            .filter_map(|(series, next)| series.bars.times.get(*next).copied())
            .min()?;
        if time >= self.until {
            return None;
        }
        let mut moment = Moment {
            time,
            steps: Vec::with_capacity(self.lines.len()),
        };
        for (series, next) in &mut self.lines {
            if series.bars.times.get(*next) == Some(&time)
                && let Some((_, step)) = Feed::step(series, *next)
            {
                moment.steps.push(step);
                *next += 1;
            }
        }
        Some(moment)
    }
}
