mod venue;

use super::*;
use bulkhead_rule_common::testing::{AAPL, assert_refused, held, placed, portfolio, rule};
use bulkhead_sdk::order::{OrderRequest, Side, TimeInForce};
use bulkhead_sdk::risk_rule::Position;

fn position(quantity: i64, price: &str) -> Position {
    Position {
        average_price: price.parse().unwrap(),
        ..held(AAPL, "ema", quantity)
    }
}

fn request(actions: &[ProtectiveAction]) -> OrderRequest {
    match actions {
        [ProtectiveAction::Place { owner, request }] => {
            assert_eq!(owner, "ema");
            request.clone()
        }
        other => panic!("{other:?}"),
    }
}

fn review(rule: &mut TakeProfit, portfolio: &Portfolio) -> Vec<ProtectiveAction> {
    rule.review(portfolio).unwrap()
}

#[test]
fn every_position_gets_one_target_rounded_to_the_tick() {
    for (config, quantity, entry, side, target) in [
        ("{}", 100, "33.33", Side::Sell, "40"),
        ("{}", -100, "33.33", Side::Buy, "26.66"),
        (r#"{"fraction":"1.5"}"#, 100, "10", Side::Sell, "25"),
        (r#"{"fraction":"1.5"}"#, -100, "10", Side::Buy, "0.01"),
    ] {
        let order = request(&review(
            &mut rule(config),
            &portfolio(vec![position(quantity, entry)], vec![]),
        ));
        assert_eq!(order.side, side);
        assert_eq!(order.kind, OrderKind::Limit(target.parse().unwrap()));
        assert_eq!(order.quantity, Decimal::ONE_HUNDRED);
        assert!(order.reduce_only);
        assert_eq!(order.tag, "take-profit");
        assert_eq!(order.time_in_force, TimeInForce::GoodTillCancelled);
    }
}

#[test]
fn a_target_follows_its_position_and_leaves_a_stop_alone() {
    let mut rule: TakeProfit = rule("{}");
    let held = position(100, "50");
    let target = request(&review(&mut rule, &portfolio(vec![held.clone()], vec![])));
    let stop = OrderRequest {
        kind: OrderKind::Stop(45.into()),
        tag: "stop-loss".to_owned(),
        ..target.clone()
    };
    let both = vec![placed("t", "ema", target), placed("s", "ema", stop)];
    assert_eq!(review(&mut rule, &portfolio(vec![held], both.clone())), []);
    let grown = review(
        &mut rule,
        &portfolio(vec![position(150, "52")], both.clone()),
    );
    assert_eq!(grown[0], ProtectiveAction::Cancel("t".into()));
    let order = request(&grown[1..]);
    assert_eq!(order.quantity, 150.into());
    assert_eq!(order.kind, OrderKind::Limit(Decimal::new(624, 1)));
    assert_eq!(
        review(&mut rule, &portfolio(vec![], both)),
        [ProtectiveAction::Cancel("t".into())]
    );
}

#[test]
fn a_target_that_is_out_of_place_is_placed_anew() {
    let mut rule: TakeProfit = rule("{}");
    let held = position(100, "50");
    let far = |tag: &str| {
        placed(
            "far",
            "ema",
            exit(&held, OrderKind::Limit(5000.into()), tag),
        )
    };
    let actions = review(&mut rule, &portfolio(vec![held.clone()], vec![far(TAG)]));
    assert_eq!(actions[0], ProtectiveAction::Cancel("far".into()));
    let target = request(&actions[1..]);
    assert_eq!(target.kind, OrderKind::Limit(60.into()));
    // The owner's own, as the host shows it, is left alone and relied on by nobody.
    let owners = portfolio(vec![held.clone()], vec![far("owner:take-profit")]);
    assert_eq!(request(&review(&mut rule, &owners)), target);
}

#[test]
fn what_cannot_be_computed_is_an_error() {
    let huge = Position {
        average_price: Decimal::MAX,
        ..position(1, "1")
    };
    let mut rule: TakeProfit = rule("{}");
    assert!(rule.review(&portfolio(vec![huge], vec![])).is_err());
}

#[test]
fn a_fraction_that_cannot_work_is_refused() {
    assert_refused::<TakeProfit>(&[
        (r#"{"fraction":0}"#, "fraction"),
        (r#"{"fraction":"-0.1"}"#, "fraction"),
        (r#"{"fraction":"100.1"}"#, "fraction"),
        (r#"{"fractoin":1}"#, "fractoin"),
    ]);
}
