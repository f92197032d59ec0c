//! A stretch of every day's wall-clock time.

use jiff::civil::{Date, DateTime};

/// Minutes in a day.
const DAY: u16 = 24 * 60;

/// From a minute of the day up to another, that one not included; across midnight where it ends first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    from: u16,
    until: u16,
}

impl Window {
    /// Reads `09:30-16:00`.
    pub(crate) fn parse(key: &str, text: &str) -> Result<Self, String> {
        let window = text
            .split_once('-')
            .and_then(|(from, until)| Some((minute(from)?, minute(until)?)));
        match window {
            Some((from, _)) if from == DAY => Err(format!(
                "config key `{key}`: `{text}` begins at 24:00, which is the next day's 00:00"
            )),
            Some((from, until)) if from == until => Err(format!(
                "config key `{key}`: `{text}` is empty; a whole day is 00:00-24:00"
            )),
            Some((from, until)) => Ok(Window { from, until }),
            None => Err(format!(
                "config key `{key}`: `{text}` is no window such as 09:30-16:00"
            )),
        }
    }

    /// The date on which the window that is open at `local` began.
    pub(crate) fn began(self, local: DateTime) -> Option<Date> {
        // Whole minutes suffice: both ends lie on one.
        let now =
            u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs());
        if self.from < self.until {
            return (self.from..self.until).contains(&now).then(|| local.date());
        }
        if now >= self.from {
            return Some(local.date());
        }
        (now < self.until)
            .then(|| local.date().yesterday().ok())
            .flatten()
    }
}

/// Minute of the day of `HH:MM`, two digits each; 24:00 included.
fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |text: &str, most: u16| {
        let plain = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        let value = text.parse::<u16>().ok().filter(|_| plain)?;
        (value <= most).then_some(value)
    };
    let of_day = number(hours, 24)? * 60 + number(minutes, 59)?;
    (of_day <= DAY).then_some(of_day)
}
