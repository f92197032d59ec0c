//! Calendar dates as they are written, to nanoseconds at midnight UTC.

use bulkhead_sdk::{DAY, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How dates are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DateFormat {
    /// Found from the rows; slashes that could be either are taken as month first, with a warning.
    #[default]
    Auto,
    /// 2005-02-28.
    Iso,
    /// 2/28/2005.
    MonthFirst,
    /// 28/2/2005.
    DayFirst,
}

impl DateFormat {
    /// An example, for error messages.
    pub(crate) fn example(self) -> &'static str {
        match self {
            DateFormat::Auto | DateFormat::Iso => "2005-02-28",
            DateFormat::MonthFirst => "2/28/2005 (month first)",
            DateFormat::DayFirst => "28/2/2005 (day first)",
        }
    }

    /// Midnight UTC of a date in this form; `Auto` reads the ISO form.
    pub(crate) fn parse(self, text: &str) -> Option<Timestamp> {
        let separator = match self {
            DateFormat::Auto | DateFormat::Iso => '-',
            DateFormat::MonthFirst | DateFormat::DayFirst => '/',
        };
        let mut parts = text.trim().split(separator).map(digits);
        let (a, b, c) = (parts.next()??, parts.next()??, parts.next()??);
        if parts.next().is_some() {
            return None;
        }
        let (year, month, day) = match self {
            DateFormat::Auto | DateFormat::Iso => (a, b, c),
            DateFormat::MonthFirst => (c, a, b),
            DateFormat::DayFirst => (c, b, a),
        };
        days(year, month, day).map(|days| days * DAY)
    }
}

/// What a set of dates can be.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Evidence {
    iso: bool,
    month_first: bool,
    day_first: bool,
    slashes: bool,
}

impl Evidence {
    pub(crate) fn see(&mut self, text: &str) {
        if text.contains('/') {
            self.slashes = true;
            let mut parts = text.trim().split('/').map(digits);
            if let (Some(Some(a)), Some(Some(b))) = (parts.next(), parts.next()) {
                self.day_first |= a > 12;
                self.month_first |= b > 12;
            }
        } else {
            self.iso |= text.contains('-');
        }
    }

    /// The one form that fits; the second value is whether it was guessed.
    pub(crate) fn format(self) -> Result<(DateFormat, bool), String> {
        match (self.iso, self.slashes, self.month_first, self.day_first) {
            (true, true, ..) => Err("dates in two formats, with `-` and with `/`".to_owned()),
            (_, true, true, true) => {
                Err("dates in two formats, month first and day first".to_owned())
            }
            (_, true, _, true) => Ok((DateFormat::DayFirst, false)),
            (_, true, true, _) => Ok((DateFormat::MonthFirst, false)),
            (_, true, false, false) => Ok((DateFormat::MonthFirst, true)),
            (_, false, ..) => Ok((DateFormat::Iso, false)),
        }
    }
}

fn digits(text: &str) -> Option<i64> {
    if text.is_empty() || text.len() > 4 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// Days since 1970-01-01 in the Gregorian calendar; `None` for a day that does not exist.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    // Two-digit years are not guessed at.
    if !(1_000..=9_999).contains(&year) {
        return None;
    }
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let lengths = [
        31,
        28 + i64::from(leap),
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    let index = usize::try_from(month - 1).ok()?;
    if !(1..=*lengths.get(index)?).contains(&day) {
        return None;
    }
    let before: i64 = lengths.iter().take(index).sum();
    let past = year - 1;
    // 719,162 days lie between 0001-01-01 and 1970-01-01.
    Some(past * 365 + past / 4 - past / 100 + past / 400 + before + day - 1 - 719_162)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_reads_its_own_dates_only() {
        let day = Some(11_017 * DAY);
        assert_eq!(DateFormat::Iso.parse("2000-03-01"), day);
        assert_eq!(DateFormat::MonthFirst.parse("3/1/2000"), day);
        assert_eq!(DateFormat::DayFirst.parse(" 01/03/2000 "), day);
        for (format, bad) in [
            (DateFormat::Iso, "3/1/2000"),
            (DateFormat::Iso, "2000-02-30"),
            (DateFormat::Iso, "2000-02-01-01"),
            (DateFormat::Iso, "00-02-01"),
            (DateFormat::MonthFirst, "13/1/2000"),
            (DateFormat::MonthFirst, "2000-03-01"),
            (DateFormat::DayFirst, "1/13/2000"),
            (DateFormat::Iso, ""),
        ] {
            assert_eq!(format.parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn rows_decide_between_the_slashes() {
        let format = |dates: &[&str]| {
            let mut evidence = Evidence::default();
            dates.iter().for_each(|date| evidence.see(date));
            evidence.format()
        };
        assert_eq!(
            format(&["1/2/2000", "1/31/2000"]),
            Ok((DateFormat::MonthFirst, false))
        );
        assert_eq!(
            format(&["1/2/2000", "31/1/2000"]),
            Ok((DateFormat::DayFirst, false))
        );
        assert_eq!(
            format(&["1/1/2000", "2/1/2000"]),
            Ok((DateFormat::MonthFirst, true))
        );
        assert_eq!(format(&["2000-01-31"]), Ok((DateFormat::Iso, false)));
        assert!(format(&["1/31/2000", "31/1/2000"]).is_err());
        assert!(format(&["1/31/2000", "2000-01-31"]).is_err());
    }
}
