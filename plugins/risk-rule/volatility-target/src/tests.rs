use super::*;
use bulkhead_rule_common::testing::{
    AAPL, assert_refused, assess, context, cut, held, order, portfolio, refused, rule, said,
    working,
};
use bulkhead_sdk::order::Side;

/// 4 bars a year double the deviation a bar.
const CONFIG: &str = r#"{"target":"0.1","feature":"volatility_5","periods-per-year":4}"#;

fn with(volatility: f64) -> Context {
    Context {
        features: vec![("volatility_5".to_owned(), volatility)],
        ..context()
    }
}

/// An order in an account of 10,000 at a price of 10: 1,000 of it may be at risk.
fn verdict(context: &Context, portfolio: &Portfolio, side: Side, quantity: i64) -> Verdict {
    assess(
        &mut rule::<VolatilityTarget>(CONFIG),
        &order(side, quantity),
        context,
        portfolio,
    )
}

#[test]
fn a_position_is_cut_to_the_target() {
    let flat = portfolio(vec![], vec![]);
    // 200 units at 10 with a deviation of 0.5 a year: 1,000.
    assert_eq!(
        verdict(&with(0.25), &flat, Side::Buy, 200),
        Verdict::Approve
    );
    for side in [Side::Buy, Side::Sell] {
        let (quantity, denial) = cut(verdict(&with(0.25), &flat, side, 300));
        assert_eq!(quantity, 200.into());
        assert_eq!(said(&denial), ("VOLATILITY_ABOVE_TARGET", "1500", "1000"));
    }
    // Towards zero: 1,000 / (10 x 0.6) is 166.7.
    assert_eq!(
        cut(verdict(&with(0.3), &flat, Side::Buy, 300)).0,
        166.into()
    );
}

#[test]
fn the_multiplier_counts() {
    let future = Context {
        multiplier: Decimal::TEN,
        ..with(0.25)
    };
    let flat = portfolio(vec![], vec![]);
    assert_eq!(cut(verdict(&future, &flat, Side::Buy, 300)).0, 20.into());
}

#[test]
fn what_is_held_and_asked_for_counts() {
    let busy = portfolio(
        vec![held(AAPL, "ema", 100), held(AAPL, "other", 20)],
        vec![working("w", AAPL, Side::Buy, 50)],
    );
    assert_eq!(verdict(&with(0.25), &busy, Side::Buy, 30), Verdict::Approve);
    assert_eq!(cut(verdict(&with(0.25), &busy, Side::Buy, 31)).0, 30.into());
    let full = portfolio(vec![held(AAPL, "ema", 200)], vec![]);
    assert_eq!(
        refused(verdict(&with(0.25), &full, Side::Buy, 1)).code,
        "VOLATILITY_ABOVE_TARGET"
    );
    assert_eq!(
        verdict(&with(9.0), &full, Side::Sell, 200),
        Verdict::Approve
    );
    // Through zero: what closes passes, what opens is cut to the target.
    assert_eq!(
        cut(verdict(&with(0.25), &full, Side::Sell, 500)).0,
        400.into()
    );
}

#[test]
fn without_a_usable_volatility_nothing_is_opened() {
    let long = portfolio(vec![held(AAPL, "ema", 10)], vec![]);
    let denial = refused(verdict(&context(), &long, Side::Buy, 1));
    assert_eq!(
        said(&denial),
        ("MISSING_VOLATILITY", "none", "volatility_5")
    );
    for absurd in [0.0, -0.1, f64::NAN, f64::INFINITY, 1e30] {
        let denial = refused(verdict(&with(absurd), &long, Side::Buy, 1));
        assert_eq!(denial.code, "INVALID_VOLATILITY", "{absurd}");
    }
    assert_eq!(verdict(&context(), &long, Side::Sell, 10), Verdict::Approve);
    assert_eq!(
        cut(verdict(&context(), &long, Side::Sell, 11)).0,
        Decimal::TEN
    );
}

#[test]
fn without_equity_nothing_is_opened() {
    for equity in [0, -5] {
        let mut broke = portfolio(vec![], vec![]);
        broke.equity = equity.into();
        let denial = refused(verdict(&with(0.1), &broke, Side::Buy, 1));
        assert_eq!(denial.code, "EQUITY_NOT_POSITIVE");
    }
}

#[test]
fn what_is_no_price_is_an_error() {
    let mut rule: VolatilityTarget = rule(CONFIG);
    let unpriced = Context {
        reference_price: Decimal::ZERO,
        ..with(0.1)
    };
    let flat = portfolio(vec![], vec![]);
    assert!(rule.assess(&order(Side::Buy, 1), &unpriced, &flat).is_err());
}

#[test]
fn settings_that_cannot_work_are_refused() {
    assert_refused::<VolatilityTarget>(&[
        (r#"{"target":0}"#, "target"),
        (r#"{"target":"10.5"}"#, "target"),
        (r#"{"feature":" "}"#, "feature"),
        (r#"{"periods-per-year":0}"#, "periods-per-year"),
        (r#"{"periods-per-year":600000}"#, "periods-per-year"),
    ]);
}
