use super::*;
use bulkhead_rule_common::testing::{
    AAPL, assert_refused, assess, context, cut, held, order, portfolio, refused, rule, said,
};
use bulkhead_sdk::order::Side;

const HALTING: &str = r#"{"limit":"0.03","halt-at":"0.05"}"#;

/// An account that closed the prior session at 10,000.
fn at(equity: i64) -> Portfolio {
    Portfolio {
        equity: equity.into(),
        ..portfolio(vec![held(AAPL, "ema", 10)], vec![])
    }
}

fn verdict(equity: i64, side: Side, quantity: i64) -> Verdict {
    assess(
        &mut rule::<DailyLoss>("{}"),
        &order(side, quantity),
        &context(),
        &at(equity),
    )
}

#[test]
fn after_the_days_loss_nothing_is_opened() {
    for equity in [20_000, 10_000, 9_701] {
        assert_eq!(verdict(equity, Side::Buy, 1), Verdict::Approve);
    }
    let denial = refused(verdict(9_700, Side::Buy, 1));
    assert_eq!(said(&denial), ("DAILY_LOSS_REACHED", "3%", "3%"));
    let denial = refused(verdict(-100, Side::Buy, 1));
    assert_eq!(denial.observed, "101%");
}

#[test]
fn an_exit_passes_whatever_the_loss() {
    assert_eq!(verdict(5_000, Side::Sell, 10), Verdict::Approve);
    assert_eq!(cut(verdict(5_000, Side::Sell, 11)).0, Decimal::TEN);
}

#[test]
fn a_review_halts_from_the_second_limit_on() {
    let mut halting: DailyLoss = rule(HALTING);
    assert_eq!(halting.review(&at(9_501)).unwrap(), []);
    match &halting.review(&at(9_500)).unwrap()[..] {
        [ProtectiveAction::Halt(denial)] => {
            assert_eq!(said(denial), ("DAILY_LOSS_REACHED", "5%", "5%"))
        }
        other => panic!("{other:?}"),
    }
    let mut quiet: DailyLoss = rule("{}");
    assert_eq!(quiet.review(&at(1)).unwrap(), []);
}

#[test]
fn without_a_prior_session_nothing_is_opened() {
    for prior in [0, -1] {
        let mut account = at(10_000);
        account.prior_session_equity = prior.into();
        let mut rule: DailyLoss = rule(HALTING);
        let denial = refused(assess(
            &mut rule,
            &order(Side::Buy, 1),
            &context(),
            &account,
        ));
        assert_eq!(denial.code, "MISSING_PRIOR_SESSION_EQUITY");
        assert!(matches!(
            &rule.review(&account).unwrap()[..],
            [ProtectiveAction::Halt(_)]
        ));
    }
}

#[test]
fn limits_that_cannot_work_are_refused() {
    assert_refused::<DailyLoss>(&[
        (r#"{"limit":0}"#, "limit"),
        (r#"{"limit":"1.5"}"#, "limit"),
        (r#"{"limit":"much"}"#, "limit"),
        (r#"{"halt-at":"0.02"}"#, "halt-at"),
        (r#"{"halt-at":2}"#, "halt-at"),
    ]);
}
