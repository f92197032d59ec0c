//! From values and times to places in a drawing, with round ticks.

use bulkhead_domain::Timestamp;
use bulkhead_domain::time::{DAY, SECOND};

/// A straight way from a range of values to a range of places.
#[derive(Debug, Clone, Copy)]
pub(super) struct Linear {
    from: f64,
    span: f64,
    start: f64,
    length: f64,
}

impl Linear {
    /// `low` lands at `start`, `high` at `end`. A range without extent lands in the middle.
    pub(super) fn new(low: f64, high: f64, start: f64, end: f64) -> Self {
        if high > low {
            Linear {
                from: low,
                span: high - low,
                start,
                length: end - start,
            }
        } else {
            Linear {
                from: low - 0.5,
                span: 1.0,
                start,
                length: end - start,
            }
        }
    }

    pub(super) fn at(&self, value: f64) -> f64 {
        self.start + (value - self.from) / self.span * self.length
    }
}

/// Multiples of 1, 2 or 5 times a power of ten within a range, about four of them.
pub(super) fn ticks(low: f64, high: f64) -> Vec<f64> {
    let span = high - low;
    if !(span.is_finite() && span > 0.0) {
        return vec![low];
    }
    let rough = span / 4.0;
    let power = libm::pow(10.0, libm::log10(rough).floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= rough)
        .unwrap_or(10.0 * power);
    let first = (low / step - 1e-9).ceil() as i64;
    let last = (high / step + 1e-9).floor() as i64;
    (first..=last).map(|index| index as f64 * step).collect()
}

/// Moments to mark on an axis of time, each with its text: years, months, days or hours, at most about ten.
pub(super) fn moments(from: i64, to: i64) -> Vec<(i64, String)> {
    const MOST: i64 = 10;
    let days = (to - from) / DAY;
    if days > 3 * 365 {
        let every = days / 365 / MOST + 1;
        return starts(from, to, |year, month| month == 1 && year % every == 0, 4);
    }
    if days > 90 {
        let every = match days / 30 / MOST {
            0 => 1,
            1 => 2,
            2 => 3,
            _ => 6,
        };
        return starts(from, to, |_, month| (month - 1) % every == 0, 7);
    }
    if days > 3 {
        let every = (days / MOST + 1) * DAY;
        return stepped(from, to, every)
            .map(|time| (time, Timestamp(time).date()))
            .collect();
    }
    const HOUR: i64 = 3_600 * SECOND;
    let hours = (to - from) / HOUR;
    let every = match hours / MOST {
        0 => HOUR,
        1 | 2 => 3 * HOUR,
        _ => 12 * HOUR,
    };
    stepped(from, to, every)
        .map(|time| {
            let date = Timestamp(time).date();
            let day = date.get(5..).unwrap_or_default();
            (time, format!("{day} {:02}:00", time.rem_euclid(DAY) / HOUR))
        })
        .collect()
}

fn stepped(from: i64, to: i64, every: i64) -> impl Iterator<Item = i64> {
    let first = from.div_euclid(every) + i64::from(from.rem_euclid(every) != 0);
    (first..=to.div_euclid(every)).map(move |index| index * every)
}

/// First days of months that are wanted, with so many characters of their date.
fn starts(
    from: i64,
    to: i64,
    wanted: impl Fn(i64, i64) -> bool,
    text: usize,
) -> Vec<(i64, String)> {
    let year = |time| {
        Timestamp(time)
            .date()
            .get(..4)
            .and_then(|year| year.parse::<i64>().ok())
    };
    let (Some(first), Some(last)) = (year(from), year(to)) else {
        return Vec::new();
    };
    (first..=last)
        .flat_map(|year| (1..=12).map(move |month| (year, month)))
        .filter(|(year, month)| wanted(*year, *month))
        .filter_map(|(year, month)| {
            let date = format!("{year:04}-{month:02}-01");
            let time = Timestamp::of_date(&date)?.0;
            let text = date.get(..text)?.to_owned();
            (from..=to).contains(&time).then_some((time, text))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(ticks(0.0, 10.0), [0.0, 5.0, 10.0]);
        assert_eq!(ticks(-1.0, 3.0), [-1.0, 0.0, 1.0, 2.0, 3.0]);
        assert_eq!(ticks(7.0, 7.0), [7.0]);
    }

    #[test]
    fn moments_suit_the_span() {
        let day = |text: &str| Timestamp::of_date(text).unwrap().0;
        let texts = |from: &str, to: &str| -> Vec<String> {
            let all = moments(day(from), day(to));
            all.into_iter().map(|(_, text)| text).collect()
        };
        assert_eq!(
            texts("2004-06-01", "2008-02-01"),
            ["2005", "2006", "2007", "2008"]
        );
        assert_eq!(texts("2004-01-01", "2004-05-01").len(), 5);
        assert_eq!(texts("2004-01-01", "2004-01-06")[1], "2004-01-02");
        assert_eq!(texts("2004-01-01", "2004-01-02")[1], "01-01 03:00");
        for years in [1, 2, 3, 5, 20, 100] {
            let count = moments(0, years * 365 * DAY).len();
            assert!((3..=13).contains(&count), "{years}: {count}");
        }
    }

    #[test]
    fn a_range_without_extent_lands_in_the_middle() {
        assert_eq!(Linear::new(5.0, 5.0, 0.0, 10.0).at(5.0), 5.0);
        assert_eq!(Linear::new(0.0, 10.0, 100.0, 0.0).at(2.5), 75.0);
    }
}
