//! Exchange calendars: when an exchange trades, in UTC.
//!
//! Sessions are computed by rule from a date, so nothing has to be loaded and there is no last year.
//! Daylight saving comes from the time zone database compiled into the binary, never from the machine, so
//! every machine gives the same moments. `XNYS` equals the sessions of `exchange_calendars` for every
//! session of 1990 to 2030 (a test holds it); before 1990 its rules are applied without having been
//! checked. Late openings and halts inside a day are not modelled.

mod xnys;

use bulkhead_domain::{Problem, Timestamp};
use jiff::civil::{Date, Time};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use std::fmt;

/// The names that [`Calendar::named`] knows.
pub const NAMES: [&str; 2] = ["XNYS", "24/7"];

/// How many days a session is looked for; the rules give no closure as long.
const LONGEST_CLOSURE_DAYS: usize = 30;

/// One trading session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Session {
    /// The exchange's own date.
    pub date: Date,
    /// When trading opens.
    pub open: Timestamp,
    /// When trading closes: the stamp of the session's daily bar.
    pub close: Timestamp,
}

/// When an exchange trades.
#[derive(Clone)]
pub struct Calendar {
    kind: Kind,
    zone: TimeZone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Xnys,
    Always,
}

impl Calendar {
    /// The calendar of that name: `XNYS` (New York Stock Exchange, regular hours) or `24/7` (every day of
    /// the week, sessions are UTC days).
    ///
    /// # Errors
    /// An unknown name.
    pub fn named(name: &str) -> Result<Self, Problem> {
        match name {
            "XNYS" => Ok(Calendar {
                kind: Kind::Xnys,
                zone: TimeZoneDatabase::bundled()
                    .get("America/New_York")
                    .map_err(|error| {
                        Problem::host(
                            format!("the time zone America/New_York is missing: {error}"),
                            "build with the bundled time zone database",
                        )
                    })?,
            }),
            "24/7" => Ok(Calendar {
                kind: Kind::Always,
                zone: TimeZone::UTC,
            }),
            _ => Err(Problem::user(
                format!("there is no exchange calendar '{name}'"),
                format!("use one of {}", NAMES.join(", ")),
            )),
        }
    }

    /// The name it was found by.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.kind {
            Kind::Xnys => "XNYS",
            Kind::Always => "24/7",
        }
    }

    /// The session on the exchange's own date, `None` where it is closed.
    #[must_use]
    pub fn session_of(&self, date: Date) -> Option<Session> {
        match self.kind {
            Kind::Xnys => {
                let close = xnys::close(date)?;
                Some(Session {
                    date,
                    open: self.moment(date, xnys::OPEN)?,
                    close: self.moment(date, close)?,
                })
            }
            Kind::Always => Some(Session {
                date,
                open: self.moment(date, Time::midnight())?,
                close: self.moment(date.tomorrow().ok()?, Time::midnight())?,
            }),
        }
    }

    /// The session during which the moment lies, else the first one after it. A session's close is after it.
    #[must_use]
    pub fn session_at_or_after(&self, moment: Timestamp) -> Option<Session> {
        self.days_from(self.date_of(moment)?)
            .take(LONGEST_CLOSURE_DAYS)
            .filter_map(|date| self.session_of(date))
            .find(|session| moment < session.close)
    }

    /// The first session that opens at the moment or later. Asked with a session's close it gives the
    /// session after it, around the clock too.
    #[must_use]
    pub fn next_session(&self, moment: Timestamp) -> Option<Session> {
        self.days_from(self.date_of(moment)?)
            .take(LONGEST_CLOSURE_DAYS)
            .filter_map(|date| self.session_of(date))
            .find(|session| session.open >= moment)
    }

    /// The sessions of the dates `from` to `to`, both included, oldest first.
    pub fn sessions(&self, from: Date, to: Date) -> impl Iterator<Item = Session> + '_ {
        self.days_from(from)
            .take_while(move |date| *date <= to)
            .filter_map(|date| self.session_of(date))
    }

    /// The date at the exchange at that moment.
    #[must_use]
    pub fn date_of(&self, moment: Timestamp) -> Option<Date> {
        let instant = jiff::Timestamp::from_nanosecond(i128::from(moment.0)).ok()?;
        Some(self.zone.to_datetime(instant).date())
    }

    fn days_from(&self, from: Date) -> impl Iterator<Item = Date> + use<> {
        std::iter::successors(Some(from), |date| date.tomorrow().ok())
    }

    fn moment(&self, date: Date, time: Time) -> Option<Timestamp> {
        let instant = self.zone.to_timestamp(date.to_datetime(time)).ok()?;
        i64::try_from(instant.as_nanosecond()).ok().map(Timestamp)
    }
}

impl fmt::Debug for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Calendar({})", self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn at(text: &str) -> Timestamp {
        let instant: jiff::Timestamp = text.parse().unwrap();
        Timestamp(i64::try_from(instant.as_nanosecond()).unwrap())
    }

    /// Every weekday of the fixture's years, with opening and closing time as ISO text where there is a
    /// session.
    fn fixture() -> Vec<(Date, Option<(Timestamp, Timestamp)>)> {
        let text = include_str!("../../tests/fixtures/xnys-sessions.txt");
        let mut marks = std::collections::BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let words: Vec<&str> = line.split(' ').collect();
            let hours = (words[0] == "hours").then(|| (words[2], words[3]));
            marks.insert(words[1].parse::<Date>().unwrap(), hours);
        }
        let mut hours = ("", "");
        let mut days = Vec::new();
        let mut day = date(1990, 1, 1);
        while day <= date(2030, 12, 31) {
            let open = match marks.get(&day) {
                Some(None) => false,
                Some(Some(new)) => {
                    hours = *new;
                    true
                }
                None => day.weekday().to_monday_one_offset() <= 5,
            };
            days.push((
                day,
                open.then(|| {
                    let stamp = |time: &str| at(&format!("{day}T{time}:00Z"));
                    (stamp(hours.0), stamp(hours.1))
                }),
            ));
            day = day.tomorrow().unwrap();
        }
        days
    }

    #[test]
    fn every_xnys_session_of_1990_to_2030_equals_the_reference() {
        let calendar = Calendar::named("XNYS").unwrap();
        let expected = fixture();
        let mut sessions = 0;
        for (day, hours) in &expected {
            let found = calendar.session_of(*day);
            assert_eq!(found.map(|s| (s.open, s.close)), *hours, "{day}");
            sessions += usize::from(hours.is_some());
        }
        assert_eq!(sessions, 10_322);
        let listed = calendar.sessions(date(1990, 1, 1), date(2030, 12, 31));
        assert_eq!(listed.count(), sessions);
    }

    #[test]
    fn a_close_ends_its_session_and_leads_to_the_next() {
        for name in NAMES {
            let calendar = Calendar::named(name).unwrap();
            let sessions: Vec<_> = calendar
                .sessions(date(2001, 9, 5), date(2001, 9, 20))
                .collect();
            for pair in sessions.windows(2) {
                assert_eq!(calendar.next_session(pair[0].close), Some(pair[1]));
                assert_eq!(calendar.next_session(pair[0].open), Some(pair[0]));
                let before_close = Timestamp(pair[0].close.0 - 1);
                assert_eq!(calendar.next_session(before_close), Some(pair[1]));
                for inside in [pair[0].open, before_close] {
                    assert_eq!(calendar.session_at_or_after(inside), Some(pair[0]));
                }
                assert_eq!(calendar.session_at_or_after(pair[0].close), Some(pair[1]));
            }
        }
        let calendar = Calendar::named("XNYS").unwrap();
        let closed = calendar.next_session(at("2001-09-10T20:00:00Z")).unwrap();
        assert_eq!(closed.date, date(2001, 9, 17));
        let in_closure = at("2001-09-12T15:00:00Z");
        assert_eq!(calendar.session_at_or_after(in_closure), Some(closed));
        // Midnight UTC is still the evening before in New York.
        let evening = calendar.session_at_or_after(at("2001-09-18T00:00:00Z"));
        assert_eq!(evening.unwrap().date, date(2001, 9, 18));
    }

    #[test]
    fn around_the_clock_a_session_is_a_utc_day() {
        let calendar = Calendar::named("24/7").unwrap();
        let session = calendar.session_of(date(2024, 2, 29)).unwrap();
        assert_eq!(session.open, at("2024-02-29T00:00:00Z"));
        assert_eq!(session.close, at("2024-03-01T00:00:00Z"));
    }

    #[test]
    fn an_unknown_calendar_names_those_there_are() {
        let problem = Calendar::named("XLON").unwrap_err();
        assert_eq!(
            problem.to_string(),
            "there is no exchange calendar 'XLON'; use one of XNYS, 24/7"
        );
    }
}
