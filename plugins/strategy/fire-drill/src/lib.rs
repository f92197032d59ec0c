//! For demonstrations only: shows what the host does when a strategy misbehaves.
//!
//! It trades nothing by itself. On the date `oversize-at` it asks once for an absurdly large order, which
//! the host must deny; on the date `trap-at` it panics, which the host must contain. A date is that of the
//! bar's close in UTC (a bar closing at midnight belongs to the day that ends); a date without a bar never
//! comes. Without either key it does nothing at all.

use bulkhead_sdk::order::{OrderRequest, Side};
use bulkhead_sdk::strategy::{Intent, Requirements, State, Strategy};
use bulkhead_sdk::{Bar, DAY, Decimal, Instrument, InstrumentHandle, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Units of the absurd order.
const OVERSIZE: i64 = 1_000_000_000;

/// What can be set.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Config {
    /// Date (YYYY-MM-DD) of the absurd order.
    #[schemars(regex(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    pub oversize_at: Option<String>,
    /// Date (YYYY-MM-DD) of the panic.
    #[schemars(regex(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    pub trap_at: Option<String>,
}

/// The strategy.
pub struct FireDrill {
    /// Days since 1970-01-01.
    oversize_at: Option<i64>,
    trap_at: Option<i64>,
    asked: bool,
}

impl Strategy for FireDrill {
    type Config = Config;

    fn new(config: Config, _instruments: &[Instrument]) -> Result<Self, String> {
        Ok(FireDrill {
            oversize_at: date("oversize-at", config.oversize_at.as_deref())?,
            trap_at: date("trap-at", config.trap_at.as_deref())?,
            asked: false,
        })
    }

    fn requirements(&self) -> Requirements {
        Requirements::bars(0)
    }

    fn on_bar(&mut self, instrument: InstrumentHandle, bar: &Bar, _state: &State) -> Vec<Intent> {
        let today = Some(day(bar.time));
        if self.trap_at == today {
            panic!("fire drill: this plugin panics today, on purpose");
        }
        if self.oversize_at == today && !self.asked {
            self.asked = true;
            let mut order = OrderRequest::market(instrument, Side::Buy, Decimal::from(OVERSIZE));
            order.tag = "fire drill: far beyond any limit, on purpose".to_owned();
            return vec![Intent::Submit(order)];
        }
        Vec::new()
    }
}

/// Day since 1970-01-01 that a close belongs to.
fn day(close: Timestamp) -> i64 {
    (close - 1).div_euclid(DAY)
}

fn date(key: &str, text: Option<&str>) -> Result<Option<i64>, String> {
    let Some(text) = text else {
        return Ok(None);
    };
    parse(text)
        .map(Some)
        .ok_or_else(|| format!("config key `{key}`: `{text}` is not a date such as 2005-02-28"))
}

/// Days since 1970-01-01 of a date in the Gregorian calendar.
fn parse(text: &str) -> Option<i64> {
    if !text.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
        return None;
    }
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || year.len() != 4 || month.len() != 2 || day.len() != 2 {
        return None;
    }
    let (year, month, day): (i64, i64, i64) =
        (year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = [
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
    let length = *days.get(usize::try_from(month - 1).ok()?)?;
    if !(1..=length).contains(&day) || year < 1 {
        return None;
    }
    let before: i64 = days.iter().take(usize::try_from(month - 1).ok()?).sum();
    let years = year - 1;
    // 719,162 days lie between 0001-01-01 and 1970-01-01.
    Some(years * 365 + years / 4 - years / 100 + years / 400 + before + day - 1 - 719_162)
}

bulkhead_sdk::export!(strategy: FireDrill);

#[cfg(test)]
mod tests {
    use super::*;
    use bulkhead_sdk::{SECOND, testing};

    fn drill(oversize_at: Option<&str>, trap_at: Option<&str>) -> Result<FireDrill, String> {
        let config = Config {
            oversize_at: oversize_at.map(str::to_owned),
            trap_at: trap_at.map(str::to_owned),
        };
        FireDrill::new(config, &[])
    }

    #[test]
    fn dates_are_days_since_1970() {
        for (text, days) in [
            ("1970-01-01", 0),
            ("1969-12-31", -1),
            ("2000-03-01", 11_017),
            ("2024-02-29", 19_782),
        ] {
            assert_eq!(parse(text), Some(days), "{text}");
        }
        for bad in [
            "2023-02-29",
            "2023-13-01",
            "2023-1-1",
            "2023-+1-01",
            "1/2/2003",
            "2023-00-10",
            "",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_close_at_midnight_belongs_to_the_day_that_ends() {
        assert_eq!(day(DAY), 0);
        assert_eq!(day(21 * 3_600 * SECOND), 0);
    }

    #[test]
    fn it_asks_once_on_its_date_and_is_quiet_otherwise() {
        let mut drill = drill(Some("1970-01-03"), None).unwrap();
        let counts: Vec<_> = (0..5)
            .flat_map(|day| [day, day])
            .map(|day| {
                drill
                    .on_bar(1, &testing::bar(day, 5.0), &State::default())
                    .len()
            })
            .collect();
        assert_eq!(counts, [0, 0, 0, 0, 1, 0, 0, 0, 0, 0]);
    }

    #[test]
    #[should_panic(expected = "on purpose")]
    fn it_panics_on_its_date() {
        let mut drill = drill(None, Some("1970-01-02")).unwrap();
        assert!(
            drill
                .on_bar(1, &testing::bar(0, 5.0), &State::default())
                .is_empty()
        );
        drill.on_bar(1, &testing::bar(1, 5.0), &State::default());
    }

    #[test]
    fn a_date_that_does_not_exist_is_refused() {
        let error = drill(Some("2023-02-30"), None).err().unwrap();
        assert!(error.contains("`oversize-at`"), "{error}");
    }
}
