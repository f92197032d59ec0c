//! Macro-economic series as they could be known at a moment.
//!
//! A value describes a period and becomes visible later: at its release where the source says when that
//! was, else after a stated lag on the safe side. [`MacroSeries::as_of`] gives nothing earlier. A value
//! whose first release (vintage) is not known is labelled `revised`: it may hold corrections that nobody
//! had at the time.

mod read;

pub use read::read_macro;

use crate::calendar::Calendar;
use crate::dates::midnight_utc;
use bulkhead_domain::data::SeriesPage;
use bulkhead_domain::{Problem, Timestamp};
use jiff::Span;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// How often a series has a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "plain words")]
pub enum Frequency {
    Daily,
    Weekly,
    Monthly,
    Quarterly,
    Annual,
}

impl Frequency {
    /// The lag assumed where neither a release nor another lag is given.
    #[must_use]
    pub fn default_lag(self) -> ReleaseLag {
        match self {
            Frequency::Daily => ReleaseLag::NextSession,
            Frequency::Weekly => ReleaseLag::Days(14),
            Frequency::Monthly => ReleaseLag::Days(45),
            Frequency::Quarterly => ReleaseLag::Days(90),
            Frequency::Annual => ReleaseLag::Days(180),
        }
    }

    /// First and last day of the period that a date lies in; a week is the seven days that begin with the
    /// date.
    fn period(self, date: Date) -> Option<(Date, Date)> {
        let first_of_month = date.first_of_month();
        let (first, months) = match self {
            Frequency::Daily => return Some((date, date)),
            Frequency::Weekly => return Some((date, date.checked_add(Span::new().days(6)).ok()?)),
            Frequency::Monthly => (first_of_month, 1),
            Frequency::Quarterly => {
                let into_quarter = i64::from((date.month() - 1) % 3);
                let first = first_of_month.checked_sub(Span::new().months(into_quarter));
                (first.ok()?, 3)
            }
            Frequency::Annual => (date.first_of_year(), 12),
        };
        let last = first
            .checked_add(Span::new().months(months))
            .ok()?
            .yesterday()
            .ok()?;
        Some((first, last))
    }

    /// By the median distance between successive dates.
    fn of(dates: &[Date]) -> Option<Self> {
        let mut sorted = dates.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        let mut distances: Vec<i32> = sorted
            .windows(2)
            .filter_map(|pair| pair[1].since(pair[0]).ok().map(|span| span.get_days()))
            .collect();
        distances.sort_unstable();
        Some(match distances.get(distances.len() / 2)? {
            ..=4 => Frequency::Daily,
            5..=20 => Frequency::Weekly,
            21..=45 => Frequency::Monthly,
            46..=180 => Frequency::Quarterly,
            _ => Frequency::Annual,
        })
    }
}

/// When a value without a known release becomes visible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReleaseLag {
    /// At the open of the first session after the period's last day.
    NextSession,
    /// When so many days after the period's last day have passed, in UTC.
    Days(u32),
}

/// How to date a series' values.
#[derive(Debug, Clone)]
pub struct MacroOptions {
    /// The calendar whose next session makes a daily value visible.
    pub calendar: Calendar,
    /// `None`: by the distance between dates.
    pub frequency: Option<Frequency>,
    /// `None`: the frequency's default.
    pub lag: Option<ReleaseLag>,
}

/// A value as read: a date of its period, the value, and when it was released where that is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MacroRow {
    /// A day of the period.
    pub date: Date,
    /// The value.
    pub value: f64,
    /// When this value was published.
    pub released: Option<Timestamp>,
}

/// One value and when it could be known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// First day of the period.
    pub period: Date,
    /// Last day of the period.
    pub period_end: Date,
    /// The value.
    pub value: f64,
    /// From when on it is visible.
    pub visible: Timestamp,
    /// Whether it may hold later corrections.
    pub revised: bool,
}

/// A macro series, point in time.
#[derive(Debug, Clone, PartialEq)]
pub struct MacroSeries {
    name: String,
    frequency: Frequency,
    /// In the order in which they become visible.
    observations: Vec<Observation>,
    /// For each of them, the newest period's observation from then on.
    newest: Vec<usize>,
}

impl MacroSeries {
    /// A series of rows in any order. Rows with a release are taken as vintages: a later row of the same
    /// period corrects it from its release on.
    ///
    /// # Errors
    /// No finite value; one date only and no stated frequency; two values of a period without releases; a
    /// date beyond the range of time stamps.
    pub fn new(name: &str, rows: &[MacroRow], options: &MacroOptions) -> Result<Self, Problem> {
        Self::build(name, rows, options, true)
    }

    /// A series from a data source's page.
    ///
    /// # Errors
    /// As [`MacroSeries::new`], and columns of unequal length.
    pub fn from_page(
        name: &str,
        page: &SeriesPage,
        options: &MacroOptions,
    ) -> Result<Self, Problem> {
        let count = page.periods.len();
        let releases_fit = page.released.is_empty() || page.released.len() == count;
        if page.values.len() != count || !releases_fit {
            return Err(Problem::user(
                format!("the data source's page of {name} has columns of unequal length"),
                "report it to the data source's author",
            ));
        }
        let rows = page.periods.iter().enumerate().map(|(row, period)| {
            let instant = jiff::Timestamp::from_nanosecond(i128::from(*period)).ok()?;
            Some(MacroRow {
                date: jiff::tz::TimeZone::UTC.to_datetime(instant).date(),
                value: page.values[row],
                released: page.released.get(row).copied().map(Timestamp),
            })
        });
        let rows = rows
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| out_of_range(name))?;
        Self::build(name, &rows, options, page.vintages)
    }

    fn build(
        name: &str,
        rows: &[MacroRow],
        options: &MacroOptions,
        vintages: bool,
    ) -> Result<Self, Problem> {
        let dates: Vec<Date> = rows.iter().map(|row| row.date).collect();
        let frequency = options
            .frequency
            .or_else(|| Frequency::of(&dates))
            .ok_or_else(|| {
                Problem::user(
                    format!(
                        "the frequency of {name} cannot be told from {} dates",
                        dates.len()
                    ),
                    "state the frequency",
                )
            })?;
        let lag = options.lag.unwrap_or_else(|| frequency.default_lag());
        let mut observations = Vec::with_capacity(rows.len());
        for row in rows.iter().filter(|row| row.value.is_finite()) {
            let (period, period_end) = frequency
                .period(row.date)
                .ok_or_else(|| out_of_range(name))?;
            let lagged = || visible(period_end, lag, &options.calendar);
            observations.push(Observation {
                period,
                period_end,
                value: row.value,
                visible: row
                    .released
                    .or_else(lagged)
                    .ok_or_else(|| out_of_range(name))?,
                revised: row.released.is_none() || !vintages,
            });
        }
        observations.sort_by_key(|observation| (observation.visible, observation.period));
        let same = |pair: &[Observation]| {
            (pair[0].visible, pair[0].period) == (pair[1].visible, pair[1].period)
        };
        if let Some(pair) = observations.windows(2).find(|pair| same(pair)) {
            return Err(Problem::user(
                format!("{name} has two values for {}", pair[0].period),
                "keep one, or give each its release date in a column 'Released'",
            ));
        }
        if observations.is_empty() {
            return Err(Problem::user(
                format!("{name} has no value"),
                "give it rows of values",
            ));
        }
        let mut newest: Vec<usize> = Vec::with_capacity(observations.len());
        for (index, observation) in observations.iter().enumerate() {
            let best = newest.last().copied().unwrap_or(index);
            newest.push(if observation.period >= observations[best].period {
                index
            } else {
                best
            });
        }
        Ok(MacroSeries {
            name: name.to_owned(),
            frequency,
            observations,
            newest,
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How often it has a value.
    #[must_use]
    pub fn frequency(&self) -> Frequency {
        self.frequency
    }

    /// Every value, in the order in which they become visible.
    #[must_use]
    pub fn observations(&self) -> &[Observation] {
        &self.observations
    }

    /// What was known at the moment about the latest period of which anything was known.
    #[must_use]
    pub fn as_of(&self, moment: Timestamp) -> Option<Observation> {
        let visible = self
            .observations
            .partition_point(|observation| observation.visible <= moment);
        let newest = *self.newest.get(visible.checked_sub(1)?)?;
        self.observations.get(newest).copied()
    }
}

fn visible(period_end: Date, lag: ReleaseLag, calendar: &Calendar) -> Option<Timestamp> {
    match lag {
        ReleaseLag::NextSession => {
            let after = midnight_utc(period_end.tomorrow().ok()?)?;
            Some(calendar.next_session(after)?.open)
        }
        ReleaseLag::Days(days) => {
            let days = Span::new().try_days(i64::from(days) + 1).ok()?;
            midnight_utc(period_end.checked_add(days).ok()?)
        }
    }
}

fn out_of_range(name: &str) -> Problem {
    Problem::user(
        format!("{name} has a date outside 1677 to 2262"),
        "leave such rows out",
    )
}

#[cfg(test)]
mod tests;
