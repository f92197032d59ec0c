//! Refuses entries outside the hours in which a market, or its trader, is awake.
//!
//! The portfolio's time is read as wall-clock time in `time-zone`, whose rules (daylight saving included)
//! come with the rule. An order may open exposure inside one of `windows`, on one of `days`, and on none of
//! `blackout-dates`. A window `09:30-16:00` begins at 09:30 and ends before 16:00. One that ends before it
//! begins, such as `22:00-02:00`, runs across midnight and belongs to the day on which it began: with
//! Friday among the days it is open at 01:00 on Saturday. A blackout date closes both the windows that began
//! on it and all of the date itself. An hour that daylight saving repeats is inside twice, one that it skips
//! never comes.
//!
//! | code | when |
//! | --- | --- |
//! | `BLACKOUT_DATE` | the date is blacked out |
//! | `CLOSED_WEEKDAY` | a window is open, but not on this weekday |
//! | `OUTSIDE_TRADING_HOURS` | no window is open |
//!
//! An order decided on a daily bar carries the time of the session's close. A window for such orders has to
//! reach past the close: `09:30-16:01`, not `09:30-16:00`.

mod window;

use bulkhead_rule_common::dates::parse;
use bulkhead_rule_common::{Entry, Whose, denial};
use bulkhead_sdk::order::Order;
use bulkhead_sdk::risk_rule::{Context, Denial, Error, Portfolio, RiskRule, Verdict};
use bulkhead_sdk::{Instrument, Timestamp};
use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use window::Window;

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Day {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

impl Day {
    fn weekday(self) -> Weekday {
        match self {
            Day::Mon => Weekday::Monday,
            Day::Tue => Weekday::Tuesday,
            Day::Wed => Weekday::Wednesday,
            Day::Thu => Weekday::Thursday,
            Day::Fri => Weekday::Friday,
            Day::Sat => Weekday::Saturday,
            Day::Sun => Weekday::Sunday,
        }
    }
}

/// What can be set.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Config {
    /// IANA name of the time zone, such as America/New_York.
    pub time_zone: String,
    /// Weekdays on which a window may begin; at least one.
    pub days: Vec<Day>,
    /// Windows such as 09:30-16:00, the end not included; at least one. 24:00 is the end of a day.
    pub windows: Vec<String>,
    /// Dates in the time zone, such as 2026-12-25, on which nothing is opened.
    pub blackout_dates: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            time_zone: "UTC".to_owned(),
            days: vec![Day::Mon, Day::Tue, Day::Wed, Day::Thu, Day::Fri],
            windows: vec!["00:00-24:00".to_owned()],
            blackout_dates: Vec::new(),
        }
    }
}

/// The rule.
pub struct TradingHours {
    zone: TimeZone,
    zone_name: String,
    days: Vec<Weekday>,
    windows: Vec<Window>,
    blackout: BTreeSet<Date>,
    /// The windows as they were written, for denials.
    written: String,
}

impl TradingHours {
    fn closed(&self, time: Timestamp) -> Result<Option<Denial>, Error> {
        let instant = jiff::Timestamp::from_nanosecond(i128::from(time))
            .map_err(|_| Error::InvalidInput(format!("no calendar reaches the time {time}")))?;
        let local = self.zone.to_datetime(instant);
        Ok(self.closed_at(local))
    }

    fn closed_at(&self, local: DateTime) -> Option<Denial> {
        let seen = || {
            format!(
                "{} {} {}",
                local.strftime("%a"),
                local.strftime("%Y-%m-%d %H:%M"),
                self.zone_name
            )
        };
        let blackout = |date: Date| {
            denial(
                "BLACKOUT_DATE",
                seen(),
                format!("not on {date}"),
                "a date without entries",
            )
        };
        if self.blackout.contains(&local.date()) {
            return Some(blackout(local.date()));
        }
        let mut why = None;
        for window in &self.windows {
            let Some(began) = window.began(local) else {
                continue;
            };
            if self.blackout.contains(&began) {
                why = Some(blackout(began));
            } else if self.days.contains(&began.weekday()) {
                return None;
            } else {
                let days: Vec<&str> = self.days.iter().map(|day| abbreviation(*day)).collect();
                why.get_or_insert_with(|| {
                    denial(
                        "CLOSED_WEEKDAY",
                        seen(),
                        days.join(" "),
                        format!("the window began on a {}", abbreviation(began.weekday())),
                    )
                });
            }
        }
        Some(why.unwrap_or_else(|| {
            denial(
                "OUTSIDE_TRADING_HOURS",
                seen(),
                &self.written,
                "no window is open",
            )
        }))
    }
}

fn abbreviation(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "Mon",
        Weekday::Tuesday => "Tue",
        Weekday::Wednesday => "Wed",
        Weekday::Thursday => "Thu",
        Weekday::Friday => "Fri",
        Weekday::Saturday => "Sat",
        Weekday::Sunday => "Sun",
    }
}

impl RiskRule for TradingHours {
    type Config = Config;

    fn new(config: Config, _: &[Instrument]) -> Result<Self, String> {
        let name = &config.time_zone;
        // The rules that are part of this component, never those of a file or of the host's setting.
        let zone = TimeZoneDatabase::bundled().get(name).map_err(|_| {
            format!(
                "config key `time-zone`: `{name}` is no IANA time zone such as America/New_York"
            )
        })?;
        for (key, empty) in [
            ("days", config.days.is_empty()),
            ("windows", config.windows.is_empty()),
        ] {
            if empty {
                return Err(format!(
                    "config key `{key}`: it is empty, so nothing could ever be opened"
                ));
            }
        }
        let windows = (config.windows.iter().enumerate())
            .map(|(index, text)| Window::parse(&format!("windows[{index}]"), text))
            .collect::<Result<_, _>>()?;
        let blackout = (config.blackout_dates.iter().enumerate())
            .map(|(index, text)| parse(&format!("blackout-dates[{index}]"), text))
            .collect::<Result<_, _>>()?;
        Ok(TradingHours {
            zone,
            zone_name: config.time_zone,
            days: config.days.into_iter().map(Day::weekday).collect(),
            windows,
            blackout,
            written: config.windows.join(", "),
        })
    }

    fn assess(
        &mut self,
        order: &Order,
        _: &Context,
        portfolio: &Portfolio,
    ) -> Result<Verdict, Error> {
        let Some(entry) = Entry::of(order, portfolio, Whose::Owner)? else {
            return Ok(Verdict::Approve);
        };
        Ok(match self.closed(portfolio.time)? {
            None => Verdict::Approve,
            Some(why) => entry.withhold(why),
        })
    }
}

bulkhead_sdk::export!(risk_rule: TradingHours);

#[cfg(test)]
mod tests;
