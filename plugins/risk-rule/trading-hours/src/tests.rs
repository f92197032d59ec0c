use super::*;
use bulkhead_rule_common::testing::{
    AAPL, assert_refused, assess, context, cut, held, order, portfolio, refused, rule, said,
};
use bulkhead_sdk::order::Side;

const NEW_YORK: &str = r#"{
    "time-zone":"America/New_York",
    "windows":["09:30-16:00"],
    "blackout-dates":["2026-12-25"]
}"#;
const ACROSS_MIDNIGHT: &str = r#"{
    "time-zone":"America/Chicago",
    "days":["sun","mon","fri"],
    "windows":["22:00-02:00"],
    "blackout-dates":["2026-07-03"]
}"#;

/// Nanoseconds of a moment written in UTC.
fn at(utc: &str) -> Timestamp {
    let instant: jiff::Timestamp = utc.parse().unwrap();
    i64::try_from(instant.as_nanosecond()).unwrap()
}

fn verdict(config: &str, utc: &str) -> Verdict {
    let mut account = portfolio(vec![], vec![]);
    account.time = at(utc);
    assess(
        &mut rule::<TradingHours>(config),
        &order(Side::Buy, 1),
        &context(),
        &account,
    )
}

fn code(config: &str, utc: &str) -> String {
    match verdict(config, utc) {
        Verdict::Approve => "open".to_owned(),
        other => refused(other).code,
    }
}

#[test]
fn a_window_is_half_open_in_its_own_time_zone() {
    // Winter: five hours behind UTC.
    for (utc, expected) in [
        ("2026-01-14T14:29:59.999999999Z", "OUTSIDE_TRADING_HOURS"),
        ("2026-01-14T14:30:00Z", "open"),
        ("2026-01-14T20:59:59.999999999Z", "open"),
        ("2026-01-14T21:00:00Z", "OUTSIDE_TRADING_HOURS"),
    ] {
        assert_eq!(code(NEW_YORK, utc), expected, "{utc}");
    }
    let denial = refused(verdict(NEW_YORK, "2026-01-14T21:00:00Z"));
    assert_eq!(
        said(&denial),
        (
            "OUTSIDE_TRADING_HOURS",
            "Wed 2026-01-14 16:00 America/New_York",
            "09:30-16:00"
        )
    );
}

#[test]
fn daylight_saving_moves_the_window_in_utc() {
    for (utc, expected) in [
        // The Friday before and the Monday after the change of March 8, 2026.
        ("2026-03-06T13:30:00Z", "OUTSIDE_TRADING_HOURS"),
        ("2026-03-06T20:30:00Z", "open"),
        ("2026-03-09T13:30:00Z", "open"),
        ("2026-03-09T20:00:00Z", "OUTSIDE_TRADING_HOURS"),
        // And back on November 1.
        ("2026-10-30T13:30:00Z", "open"),
        ("2026-11-02T13:30:00Z", "OUTSIDE_TRADING_HOURS"),
        ("2026-11-02T20:59:00Z", "open"),
    ] {
        assert_eq!(code(NEW_YORK, utc), expected, "{utc}");
    }
}

#[test]
fn a_repeated_hour_is_inside_twice_and_a_skipped_one_never() {
    let night = r#"{"time-zone":"America/New_York","days":["sun"],"windows":["01:00-02:00"]}"#;
    for (utc, expected) in [
        ("2026-11-01T04:59:00Z", "OUTSIDE_TRADING_HOURS"),
        ("2026-11-01T05:30:00Z", "open"),
        ("2026-11-01T06:30:00Z", "open"),
        ("2026-11-01T07:00:00Z", "OUTSIDE_TRADING_HOURS"),
    ] {
        assert_eq!(code(night, utc), expected, "{utc}");
    }
    let skipped = night.replace("01:00-02:00", "02:00-03:00");
    for utc in ["2026-03-08T06:59:59Z", "2026-03-08T07:00:00Z"] {
        assert_eq!(code(&skipped, utc), "OUTSIDE_TRADING_HOURS", "{utc}");
    }
}

#[test]
fn a_window_across_midnight_belongs_to_the_day_it_began() {
    // Chicago is five hours behind UTC in summer.
    for (utc, expected) in [
        // Friday 21:59, 22:00 and Saturday 01:59, 02:00.
        ("2026-06-13T02:59:00Z", "OUTSIDE_TRADING_HOURS"),
        ("2026-06-13T03:00:00Z", "open"),
        ("2026-06-13T06:59:00Z", "open"),
        ("2026-06-13T07:00:00Z", "OUTSIDE_TRADING_HOURS"),
        // Saturday 22:30 and Sunday 01:00: began on a Saturday.
        ("2026-06-14T03:30:00Z", "CLOSED_WEEKDAY"),
        ("2026-06-14T06:00:00Z", "CLOSED_WEEKDAY"),
        // Sunday 22:30 and Monday 01:00.
        ("2026-06-15T03:30:00Z", "open"),
        ("2026-06-15T06:00:00Z", "open"),
        // Friday, July 3: its night, and the morning that still is its date's.
        ("2026-07-04T03:30:00Z", "BLACKOUT_DATE"),
        ("2026-07-04T06:00:00Z", "BLACKOUT_DATE"),
        ("2026-07-03T06:00:00Z", "BLACKOUT_DATE"),
    ] {
        assert_eq!(code(ACROSS_MIDNIGHT, utc), expected, "{utc}");
    }
    let denial = refused(verdict(ACROSS_MIDNIGHT, "2026-06-14T06:00:00Z"));
    assert_eq!(
        said(&denial),
        (
            "CLOSED_WEEKDAY",
            "Sun 2026-06-14 01:00 America/Chicago",
            "Sun Mon Fri"
        )
    );
    assert_eq!(denial.text, "the window began on a Sat");
}

#[test]
fn blackout_dates_and_weekends_are_closed() {
    assert_eq!(code(NEW_YORK, "2026-12-25T16:00:00Z"), "BLACKOUT_DATE");
    assert_eq!(code(NEW_YORK, "2026-12-24T16:00:00Z"), "open");
    assert_eq!(code(NEW_YORK, "2026-01-17T16:00:00Z"), "CLOSED_WEEKDAY");
    // 04:59 UTC on the 26th is still the 25th there, 05:00 is not.
    let always = NEW_YORK.replace("09:30-16:00", "00:00-24:00");
    assert_eq!(code(&always, "2026-12-26T04:59:00Z"), "BLACKOUT_DATE");
    assert_eq!(code(&always, "2026-12-25T04:59:00Z"), "open");
}

#[test]
fn the_default_is_every_weekday_in_utc() {
    assert_eq!(code("{}", "2026-01-16T23:59:59Z"), "open");
    assert_eq!(code("{}", "2026-01-17T00:00:00Z"), "CLOSED_WEEKDAY");
    assert_eq!(code("{}", "2026-01-19T00:00:00Z"), "open");
}

#[test]
fn one_of_several_windows_suffices() {
    let both = r#"{"windows":["09:00-10:00","15:00-24:00"]}"#;
    assert_eq!(code(both, "2026-01-14T09:30:00Z"), "open");
    assert_eq!(code(both, "2026-01-14T12:00:00Z"), "OUTSIDE_TRADING_HOURS");
    assert_eq!(code(both, "2026-01-14T23:59:59Z"), "open");
}

#[test]
fn every_moment_has_an_answer() {
    for time in [Timestamp::MIN, -1, 0, Timestamp::MAX] {
        let mut account = portfolio(vec![], vec![]);
        account.time = time;
        let mut rule: TradingHours = rule(ACROSS_MIDNIGHT);
        assert!(
            rule.assess(&order(Side::Buy, 1), &context(), &account)
                .is_ok(),
            "{time}"
        );
    }
}

#[test]
fn an_exit_passes_at_any_hour() {
    let mut account = portfolio(vec![held(AAPL, "ema", 10)], vec![]);
    account.time = at("2026-12-25T16:00:00Z");
    let mut rule: TradingHours = rule(NEW_YORK);
    let exit = order(Side::Sell, 10);
    assert_eq!(
        assess(&mut rule, &exit, &context(), &account),
        Verdict::Approve
    );
    let turn = order(Side::Sell, 11);
    assert_eq!(
        cut(assess(&mut rule, &turn, &context(), &account)).0,
        10.into()
    );
}

#[test]
fn settings_that_cannot_work_are_refused() {
    assert_refused::<TradingHours>(&[
        (r#"{"time-zone":"America/New York"}"#, "time-zone"),
        (r#"{"time-zone":""}"#, "time-zone"),
        (r#"{"days":[]}"#, "days"),
        (r#"{"days":["monday"]}"#, "days[0]"),
        (r#"{"windows":[]}"#, "windows"),
        (r#"{"windows":["9:30-16:00"]}"#, "windows[0]"),
        (r#"{"windows":["09:30"]}"#, "windows[0]"),
        (r#"{"windows":["09:30-16:60"]}"#, "windows[0]"),
        (r#"{"windows":["09:30-24:01"]}"#, "windows[0]"),
        (r#"{"windows":["24:00-08:00"]}"#, "windows[0]"),
        (r#"{"windows":["00:00-24:00","08:00-08:00"]}"#, "windows[1]"),
        (r#"{"windows":["+9:30-16:00"]}"#, "windows[0]"),
        (r#"{"blackout-dates":["12/25/2026"]}"#, "blackout-dates[0]"),
    ]);
}
