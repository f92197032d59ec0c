//! Calendar days.

use bulkhead_sdk::{DAY, Timestamp};
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// The date in UTC. `None` for a moment that no calendar reaches.
#[must_use]
pub fn utc_date(time: Timestamp) -> Option<Date> {
    let instant = jiff::Timestamp::from_nanosecond(i128::from(time)).ok()?;
    Some(TimeZone::UTC.to_datetime(instant).date())
}

/// Calendar days in UTC from one moment to another: 1 from 23:59 to 00:00, below zero backwards.
#[must_use]
pub fn days_between(from: Timestamp, to: Timestamp) -> i64 {
    to.div_euclid(DAY) - from.div_euclid(DAY)
}

/// A date written `2026-01-05`, and not otherwise.
///
/// # Errors
/// One line that names the configuration's key.
pub fn parse(key: &str, text: &str) -> Result<Date, String> {
    text.parse::<Date>()
        .ok()
        .filter(|date| date.to_string() == text)
        .ok_or_else(|| format!("config key `{key}`: `{text}` is not a date such as 2026-01-05"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_change_at_midnight_in_utc() {
        assert_eq!(days_between(DAY - 1, DAY), 1);
        assert_eq!(days_between(0, DAY - 1), 0);
        assert_eq!(days_between(DAY, -1), -2);
        assert_eq!(utc_date(DAY - 1), Some(jiff::civil::date(1970, 1, 1)));
        assert_eq!(utc_date(-1), Some(jiff::civil::date(1969, 12, 31)));
        for extreme in [Timestamp::MIN, Timestamp::MAX] {
            assert!(utc_date(extreme).is_some());
        }
    }

    #[test]
    fn dates_are_written_one_way() {
        assert_eq!(
            parse("from", "2028-02-29"),
            Ok(jiff::civil::date(2028, 2, 29))
        );
        for text in ["2026-02-29", "20260105", "2026-1-5", "2026-01-05T10:00", ""] {
            let reason = parse("from", text).unwrap_err();
            assert!(reason.starts_with("config key `from`: "), "{reason}");
        }
    }
}
