use super::*;
use bulkhead_rule_common::testing::{
    AAPL, assert_refused, assess, context, cut, held, order, portfolio, refused, rule, said,
};
use bulkhead_sdk::order::Side;

const HALTING: &str = r#"{"reduce-from":"0.1","halt-at":"0.2","halt":true}"#;

/// An account that peaked at 10,000.
fn at(equity: i64) -> Portfolio {
    Portfolio {
        equity: equity.into(),
        ..portfolio(vec![], vec![])
    }
}

fn verdict(equity: i64, quantity: i64) -> Verdict {
    assess(
        &mut rule::<DrawdownGuard>("{}"),
        &order(Side::Buy, quantity),
        &context(),
        &at(equity),
    )
}

#[test]
fn entries_shrink_linearly_between_the_two_drawdowns() {
    assert_eq!(verdict(12_000, 100), Verdict::Approve);
    assert_eq!(verdict(9_000, 100), Verdict::Approve);
    for (equity, left) in [(8_900, 90), (8_500, 50), (8_010, 1)] {
        let (quantity, denial) = cut(verdict(equity, 100));
        assert_eq!(
            (quantity, denial.code.as_str()),
            (left.into(), "DRAWDOWN_REDUCES")
        );
    }
    let (_, denial) = cut(verdict(8_500, 100));
    assert_eq!(said(&denial), ("DRAWDOWN_REDUCES", "15%", "10%"));
    // A tenth of 5 units is less than a lot.
    assert_eq!(refused(verdict(8_100, 5)).code, "DRAWDOWN_REDUCES");
}

#[test]
fn nothing_is_opened_from_the_limit_on() {
    for equity in [8_000, 1, 0, -500] {
        let denial = refused(verdict(equity, 100));
        assert_eq!(
            (denial.code.as_str(), denial.limit.as_str()),
            ("DRAWDOWN_REACHED", "20%")
        );
    }
    assert_eq!(refused(verdict(8_000, 100)).observed, "20%");
}

#[test]
fn the_equity_of_the_moment_is_a_peak_too() {
    let mut account = at(9_000);
    account.peak_equity = 1_000.into();
    let mut rule: DrawdownGuard = rule(HALTING);
    let verdict = assess(&mut rule, &order(Side::Buy, 1), &context(), &account);
    assert_eq!(verdict, Verdict::Approve);
    assert_eq!(rule.review(&account).unwrap(), []);
}

#[test]
fn an_exit_passes_whatever_the_drawdown() {
    let mut account = at(5_000);
    account.positions.push(held(AAPL, "ema", 40));
    let mut rule: DrawdownGuard = rule("{}");
    let exit = order(Side::Sell, 40);
    assert_eq!(
        assess(&mut rule, &exit, &context(), &account),
        Verdict::Approve
    );
    let (quantity, _) = cut(assess(
        &mut rule,
        &order(Side::Sell, 50),
        &context(),
        &account,
    ));
    assert_eq!(quantity, 40.into());
}

#[test]
fn a_review_halts_where_it_is_told_to() {
    let mut halting: DrawdownGuard = rule(HALTING);
    assert_eq!(halting.review(&at(8_001)).unwrap(), []);
    match &halting.review(&at(8_000)).unwrap()[..] {
        [ProtectiveAction::Halt(denial)] => {
            assert_eq!(said(denial), ("DRAWDOWN_REACHED", "20%", "20%"))
        }
        other => panic!("{other:?}"),
    }
    let mut quiet: DrawdownGuard = rule("{}");
    assert_eq!(quiet.review(&at(8_000)).unwrap(), []);
}

#[test]
fn without_a_peak_nothing_is_opened() {
    let mut account = at(0);
    account.peak_equity = Decimal::ZERO;
    let mut rule: DrawdownGuard = rule(HALTING);
    let denial = refused(assess(
        &mut rule,
        &order(Side::Buy, 1),
        &context(),
        &account,
    ));
    assert_eq!(said(&denial), ("MISSING_PEAK_EQUITY", "0", "above 0"));
    assert!(matches!(
        &rule.review(&account).unwrap()[..],
        [ProtectiveAction::Halt(_)]
    ));
}

#[test]
fn bounds_that_cannot_work_are_refused() {
    assert_refused::<DrawdownGuard>(&[
        (r#"{"halt-at":0}"#, "halt-at"),
        (r#"{"halt-at":"1.01"}"#, "halt-at"),
        (r#"{"reduce-from":"-0.01"}"#, "reduce-from"),
        (r#"{"reduce-from":"0.2","halt-at":"0.2"}"#, "reduce-from"),
        (r#"{"halt":"yes"}"#, "halt"),
    ]);
}
