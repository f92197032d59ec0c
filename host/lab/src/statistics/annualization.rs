//! How many returns make a year.

use bulkhead_domain::time::DAY;
use serde::{Deserialize, Serialize};

/// Daily returns in a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Annualization(pub u32);

impl Annualization {
    /// A market with trading sessions.
    pub const SESSIONS: Annualization = Annualization(252);
    /// A market that never closes.
    pub const ALWAYS: Annualization = Annualization(365);

    /// 365 when any of the closes (nanoseconds since 1970, UTC) falls on a Saturday or a Sunday, else 252.
    #[must_use]
    pub fn of(times: &[i64]) -> Self {
        // 1970-01-01 was a Thursday.
        let weekend = |time: &i64| matches!(time.div_euclid(DAY).rem_euclid(7), 2 | 3);
        if times.iter().any(weekend) {
            Self::ALWAYS
        } else {
            Self::SESSIONS
        }
    }

    /// As a number.
    #[must_use]
    pub fn periods(self) -> f64 {
        f64::from(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bulkhead_domain::time::SECOND;

    const WEDNESDAY: i64 = 951_944_400 * SECOND; // 2000-03-01T21:00:00Z

    #[test]
    fn closes_on_weekdays_only_make_252_a_year() {
        let week: Vec<i64> = (0..3).map(|day| WEDNESDAY + day * DAY).collect();
        assert_eq!(Annualization::of(&week), Annualization::SESSIONS);
    }

    #[test]
    fn a_close_on_a_saturday_or_sunday_makes_365_a_year() {
        for day in [3, 4, -3, -4] {
            assert_eq!(
                Annualization::of(&[WEDNESDAY, WEDNESDAY + day * DAY]),
                Annualization::ALWAYS,
                "{day}"
            );
        }
        assert_eq!(Annualization::of(&[-5 * DAY]), Annualization::ALWAYS);
    }
}
