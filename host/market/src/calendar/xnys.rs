//! Trading days and closing times of the New York Stock Exchange by rule, from 1990 on.
//!
//! Sources: NYSE Rule 7.2 (holidays and their observance on neighbouring weekdays) and the exchange's
//! announcements of extraordinary closings and early closings.

use jiff::civil::{Date, Time, Weekday, date, time};

/// Regular opening, New York time.
pub(super) const OPEN: Time = time(9, 30, 0, 0);
const CLOSE: Time = time(16, 0, 0, 0);
const EARLY_CLOSE: Time = time(13, 0, 0, 0);
/// The early close in use until the end of 1992.
const EARLY_CLOSE_1992: Time = time(14, 0, 0, 0);

/// Days without trading that no rule gives: Nixon's funeral, September 2001, Reagan's and Ford's funerals,
/// hurricane Sandy, the funerals of Bush and Carter.
const EXTRAORDINARY_CLOSURES: [Date; 11] = [
    date(1994, 4, 27),
    date(2001, 9, 11),
    date(2001, 9, 12),
    date(2001, 9, 13),
    date(2001, 9, 14),
    date(2004, 6, 11),
    date(2007, 1, 2),
    date(2012, 10, 29),
    date(2012, 10, 30),
    date(2018, 12, 5),
    date(2025, 1, 9),
];

/// Early closings at 13:00 that no rule gives.
const EXTRAORDINARY_EARLY_CLOSES: [Date; 3] =
    [date(1997, 12, 26), date(1999, 12, 31), date(2003, 12, 26)];

/// Closing time in New York, `None` on a day without a session.
pub(super) fn close(day: Date) -> Option<Time> {
    let weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
    if weekend || is_holiday(day) || EXTRAORDINARY_CLOSURES.contains(&day) {
        return None;
    }
    if !closes_early(day) {
        return Some(CLOSE);
    }
    Some(if day.year() <= 1992 {
        EARLY_CLOSE_1992
    } else {
        EARLY_CLOSE
    })
}

/// Whether a weekday is a holiday or the day one is observed on.
fn is_holiday(day: Date) -> bool {
    let year = day.year();
    match day.month() {
        // New Year's Day on a Saturday is not made up for: the Friday closes the accounting year.
        1 => {
            (day.day() == 1 || is_monday_after(day, 1, 1))
                || (year >= 1998 && is_nth(day, Weekday::Monday, 3))
        }
        2 => is_nth(day, Weekday::Monday, 3),
        3 | 4 => easter(year).is_some_and(|sunday| is_days_before(day, sunday, 2)),
        5 => day.weekday() == Weekday::Monday && day.day() > 24,
        6 => year >= 2022 && is_observed(day, 6, 19),
        7 => is_observed(day, 7, 4),
        9 => is_nth(day, Weekday::Monday, 1),
        11 => is_nth(day, Weekday::Thursday, 4),
        12 => is_observed(day, 12, 25),
        _ => false,
    }
}

/// Whether a weekday with a session closes early.
fn closes_early(day: Date) -> bool {
    let year = day.year();
    let weekday = day.weekday();
    let by_rule = match (day.month(), day.day()) {
        // The eve of Independence Day; where that falls on a Thursday, the Friday after it until 2012 and
        // the Wednesday before it since.
        (7, 3) => year >= 1995 && (weekday != Weekday::Wednesday || year >= 2013),
        (7, 5) => weekday == Weekday::Friday && (1995..=2012).contains(&year),
        // The day after Thanksgiving: the only Friday of November after a fourth Thursday.
        (11, number) => weekday == Weekday::Friday && (23..=29).contains(&number) && year >= 1992,
        (12, 24) => true,
        _ => false,
    };
    by_rule || EXTRAORDINARY_EARLY_CLOSES.contains(&day)
}

/// Whether a weekday is the fixed date, the Friday before it on a Saturday or the Monday after it on a
/// Sunday.
fn is_observed(day: Date, month: i8, number: i8) -> bool {
    (day.month() == month && day.day() == number)
        || is_monday_after(day, month, number)
        || (day.weekday() == Weekday::Friday
            && day
                .tomorrow()
                .is_ok_and(|next| next.month() == month && next.day() == number))
}

fn is_monday_after(day: Date, month: i8, number: i8) -> bool {
    day.weekday() == Weekday::Monday
        && day
            .yesterday()
            .is_ok_and(|sunday| sunday.month() == month && sunday.day() == number)
}

fn is_nth(day: Date, weekday: Weekday, nth: i8) -> bool {
    day.weekday() == weekday && (day.day() - 1) / 7 + 1 == nth
}

fn is_days_before(day: Date, later: Date, days: i64) -> bool {
    later
        .checked_sub(jiff::Span::new().days(days))
        .is_ok_and(|earlier| earlier == day)
}

/// Easter Sunday of the Gregorian calendar, by the anonymous algorithm printed in Meeus, Astronomical
/// Algorithms (1991), chapter 8.
fn easter(year: i16) -> Option<Date> {
    let year_number = i32::from(year);
    let golden = year_number % 19;
    let (century, of_century) = (year_number / 100, year_number % 100);
    let skipped_leaps = century / 4;
    let lunar_shift = (century + 8) / 25;
    let lunar_correction = (century - lunar_shift + 1) / 3;
    let epact = (19 * golden + century - skipped_leaps - lunar_correction + 15) % 30;
    let weekday = (32 + 2 * (century % 4) + 2 * (of_century / 4) - epact - of_century % 4) % 7;
    let late = (golden + 11 * epact + 22 * weekday) / 451;
    let counted = epact + weekday - 7 * late + 114;
    Date::new(
        year,
        i8::try_from(counted / 31).ok()?,
        i8::try_from(counted % 31 + 1).ok()?,
    )
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn easter_falls_where_the_church_says() {
        for expected in [
            date(1999, 4, 4),
            date(2008, 3, 23),
            date(2011, 4, 24),
            date(2025, 4, 20),
        ] {
            assert_eq!(easter(expected.year()), Some(expected));
        }
    }

    #[test]
    fn new_year_on_a_saturday_is_not_made_up_for_but_christmas_is() {
        assert_eq!(close(date(2021, 12, 31)), Some(CLOSE));
        assert_eq!(close(date(2021, 12, 24)), None);
        assert_eq!(close(date(2022, 6, 20)), None);
        assert_eq!(close(date(2021, 6, 18)), Some(CLOSE));
    }
}
