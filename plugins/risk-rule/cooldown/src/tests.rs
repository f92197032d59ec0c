use super::*;
use bulkhead_rule_common::testing::{
    AAPL, assert_refused, assess, context, cut, held, order, portfolio, refused, rule, said,
};
use bulkhead_sdk::order::Side;
use bulkhead_sdk::{DAY, Timestamp};

const CONFIG: &str = r#"{"losses":2,"days":3}"#;
/// A minute before the end of the tenth day.
const LAST: Timestamp = 11 * DAY - 60_000_000_000;

fn told(scope: &str, losses: i64, last: Option<Timestamp>) -> Context {
    let mut context = context();
    context
        .extra
        .push((format!("{scope}.consecutive-losses"), losses.into()));
    if let Some(last) = last {
        context
            .extra
            .push((format!("{scope}.last-loss-time"), last.into()));
    }
    context
}

fn verdict(config: &str, context: &Context, time: Timestamp) -> Verdict {
    let mut account = portfolio(vec![], vec![]);
    account.time = time;
    assess(
        &mut rule::<Cooldown>(config),
        &order(Side::Buy, 1),
        context,
        &account,
    )
}

#[test]
fn a_row_of_losses_is_followed_by_days_without_entries() {
    let context = told("owner", 2, Some(LAST));
    for (time, seen) in [(LAST, 0), (11 * DAY, 1), (13 * DAY - 1, 2)] {
        let denial = refused(verdict(CONFIG, &context, time));
        assert_eq!(
            (denial.code.as_str(), denial.observed, denial.limit.as_str()),
            ("COOLDOWN", format!("{seen} days"), "3 days")
        );
        assert_eq!(denial.text, "2 losses in a row, the last on 1970-01-11");
    }
    assert_eq!(verdict(CONFIG, &context, 13 * DAY), Verdict::Approve);
}

#[test]
fn fewer_losses_do_not_pause() {
    for losses in [0, 1] {
        let context = told("owner", losses, Some(LAST));
        assert_eq!(verdict(CONFIG, &context, LAST), Verdict::Approve);
    }
    refused(verdict(CONFIG, &told("owner", 3, Some(LAST)), LAST));
}

#[test]
fn the_scope_says_whose_losses_count() {
    let config = r#"{"scope":"instrument","losses":1,"days":1}"#;
    refused(verdict(config, &told("instrument", 1, Some(LAST)), LAST));
    let denial = refused(verdict(config, &told("owner", 1, Some(LAST)), LAST));
    assert_eq!(
        said(&denial),
        (
            "MISSING_CONSECUTIVE_LOSSES",
            "none",
            "instrument.consecutive-losses"
        )
    );
}

#[test]
fn what_the_host_did_not_tell_denies() {
    assert_eq!(
        refused(verdict(CONFIG, &context(), 0)).code,
        "MISSING_CONSECUTIVE_LOSSES"
    );
    let denial = refused(verdict(CONFIG, &told("owner", 2, None), 0));
    assert_eq!(
        said(&denial),
        ("MISSING_LAST_LOSS_TIME", "none", "owner.last-loss-time")
    );
    let denial = refused(verdict(CONFIG, &told("owner", -1, None), 0));
    assert_eq!(denial.code, "INVALID_CONSECUTIVE_LOSSES");
    let mut worded = context();
    worded
        .extra
        .push(("owner.consecutive-losses".to_owned(), "0".into()));
    assert_eq!(
        refused(verdict(CONFIG, &worded, 0)).code,
        "MISSING_CONSECUTIVE_LOSSES"
    );
    // A loss that has not happened yet ends no pause.
    let denial = refused(verdict(CONFIG, &told("owner", 2, Some(Timestamp::MAX)), 0));
    assert_eq!(
        (denial.code.as_str(), denial.observed.as_str()),
        ("COOLDOWN", "0 days")
    );
}

#[test]
fn an_exit_passes_during_the_pause() {
    let mut account = portfolio(vec![held(AAPL, "ema", 10)], vec![]);
    account.time = LAST;
    let mut rule: Cooldown = rule(CONFIG);
    let context = told("owner", 5, Some(LAST));
    let exit = order(Side::Sell, 10);
    assert_eq!(
        assess(&mut rule, &exit, &context, &account),
        Verdict::Approve
    );
    let turn = order(Side::Sell, 15);
    assert_eq!(
        cut(assess(&mut rule, &turn, &context, &account)).0,
        10.into()
    );
}

#[test]
fn settings_that_cannot_work_are_refused() {
    assert_refused::<Cooldown>(&[
        (r#"{"losses":0}"#, "losses"),
        (r#"{"days":0}"#, "days"),
        (r#"{"days":3651}"#, "days"),
        (r#"{"scope":"account"}"#, "scope"),
    ]);
}
