//! Moments.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Nanoseconds since 1970-01-01T00:00:00Z.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

/// Nanoseconds in a second.
pub const SECOND: i64 = 1_000_000_000;
/// Nanoseconds in a day of 24 hours.
pub const DAY: i64 = 86_400 * SECOND;

impl Timestamp {
    /// Midnight UTC of a date written `YYYY-MM-DD`; `None` when it is none.
    #[must_use]
    pub fn of_date(text: &str) -> Option<Timestamp> {
        let date: jiff::civil::Date = text.parse().ok()?;
        let midnight = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        i64::try_from(midnight.timestamp().as_nanosecond())
            .ok()
            .map(Timestamp)
    }

    /// The calendar date in UTC, `YYYY-MM-DD`.
    #[must_use]
    pub fn date(self) -> String {
        self.to_string().chars().take(10).collect()
    }
}

impl fmt::Display for Timestamp {
    /// ISO 8601 in UTC, to the second where there is no fraction.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(moment) => write!(f, "{moment}"),
            Err(_) => write!(f, "{} ns since 1970", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_prints_as_iso_8601() {
        assert_eq!(
            Timestamp(951_944_400 * SECOND).to_string(),
            "2000-03-01T21:00:00Z"
        );
        assert_eq!(Timestamp(951_944_400 * SECOND).date(), "2000-03-01");
    }
}
