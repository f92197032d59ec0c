use super::*;
use bulkhead_rule_common::testing::{
    AAPL, assert_refused, assess, context, cut, order, placed, portfolio, refused, rule, said,
    working,
};
use bulkhead_sdk::DAY;
use bulkhead_sdk::order::{OpenOrder, OrderRequest, Side, TimeInForce, Trail};

const TRAILING: &str = r#"{"mode":"trailing","fraction":"0.05"}"#;
const ATR: &str = r#"{"mode":"atr","fraction":"0.2","multiple":2}"#;
const TIME: &str = r#"{"mode":"time","days":2}"#;

fn position(quantity: i64, price: &str) -> Position {
    Position {
        owner: "ema".into(),
        instrument: AAPL,
        quantity: quantity.into(),
        average_price: price.parse().unwrap(),
        market_price: None,
        opened: 0,
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

fn price(request: &OrderRequest) -> String {
    match request.kind {
        OrderKind::Stop(price) => price.to_string(),
        other => panic!("{other:?}"),
    }
}

fn review(
    rule: &mut StopLoss,
    positions: &[Position],
    open: &[OpenOrder],
) -> Vec<ProtectiveAction> {
    rule.review(&portfolio(positions.to_vec(), open.to_vec()))
        .unwrap()
}

fn cancel(id: &str) -> ProtectiveAction {
    ProtectiveAction::Cancel(id.into())
}

/// A price of 10 and a range of that fraction of it.
fn ranging(range: f64) -> Context {
    Context {
        features: vec![("atr_14".to_owned(), range)],
        ..context()
    }
}

// ---- fixed

#[test]
fn every_position_gets_one_stop_rounded_to_the_tick() {
    for (quantity, entry, side, stop) in [
        (100, "33.37", Side::Sell, "30.03"),
        (-100, "33.37", Side::Buy, "36.71"),
        (100, "0.001", Side::Sell, "0.01"),
    ] {
        let order = request(&review(&mut rule("{}"), &[position(quantity, entry)], &[]));
        assert_eq!(order.side, side);
        assert_eq!(price(&order), stop);
        assert_eq!(order.quantity, Decimal::ONE_HUNDRED);
        assert!(order.reduce_only);
        assert_eq!(order.tag, "stop-loss");
        assert_eq!(order.time_in_force, TimeInForce::GoodTillCancelled);
    }
}

#[test]
fn a_stop_that_fits_is_left_alone() {
    let mut rule = rule("{}");
    let held = position(100, "50");
    let order = request(&review(&mut rule, std::slice::from_ref(&held), &[]));
    assert_eq!(
        review(&mut rule, &[held], &[placed("s1", "ema", order)]),
        []
    );
}

#[test]
fn a_changed_quantity_replaces_the_stop() {
    let mut rule = rule("{}");
    let order = request(&review(&mut rule, &[position(100, "50")], &[]));
    let actions = review(
        &mut rule,
        &[position(150, "52")],
        &[placed("s1", "ema", order)],
    );
    assert_eq!(actions[0], cancel("s1"));
    let order = request(&actions[1..]);
    assert_eq!((order.quantity, price(&order)), (150.into(), "46.8".into()));
}

#[test]
fn a_stop_that_is_out_of_place_is_placed_anew() {
    for (config, tag, far) in [
        ("{}", "stop-loss", OrderKind::Stop(Decimal::new(1, 2))),
        (ATR, "stop-loss:atr", OrderKind::Stop(Decimal::new(1, 2))),
        (
            TRAILING,
            "stop-loss:trailing",
            OrderKind::TrailingStop(Trail::Fraction(Decimal::new(99, 2))),
        ),
    ] {
        let mut rule: StopLoss = rule(config);
        let flat = portfolio(vec![], vec![]);
        assess(&mut rule, &order(Side::Buy, 100), &ranging(0.03), &flat);
        let held = position(100, "50");
        let resting = placed("far", "ema", exit(&held, far, tag));
        let actions = review(
            &mut rule,
            std::slice::from_ref(&held),
            std::slice::from_ref(&resting),
        );
        assert_eq!(actions[0], cancel("far"), "{config}");
        let wanted = request(&actions[1..]);
        assert_ne!(wanted.kind, far);
        // The owner's own, as the host shows it, is left alone and relied on by nobody.
        let mut owners = resting;
        owners.order.request.tag = format!("owner:{tag}");
        assert_eq!(request(&review(&mut rule, &[held], &[owners])), wanted);
    }
}

#[test]
fn a_flat_or_turned_position_loses_its_stop_and_nobody_elses_order_is_touched() {
    let mut rule = rule("{}");
    let stop = request(&review(&mut rule, &[position(100, "50")], &[]));
    let exit = OrderRequest::market(AAPL, Side::Sell, Decimal::TEN);
    let resting = placed("s1", "ema", stop);
    let both = [resting.clone(), placed("x", "ema", exit)];
    assert_eq!(review(&mut rule, &[], &both), [cancel("s1")]);
    let actions = review(
        &mut rule,
        &[position(-100, "50")],
        std::slice::from_ref(&resting),
    );
    assert_eq!(actions[0], cancel("s1"));
    assert_eq!(request(&actions[1..]).side, Side::Buy);
    // The same instrument held by somebody else is not protected by this owner's stop.
    let theirs = Position {
        owner: "other".into(),
        ..position(100, "50")
    };
    let actions = review(&mut rule, &[theirs], &[resting]);
    assert_eq!(actions.len(), 2, "{actions:?}");
}

#[test]
fn doubled_stops_are_cut_to_one() {
    let mut rule = rule("{}");
    let held = position(100, "50");
    let order = request(&review(&mut rule, std::slice::from_ref(&held), &[]));
    let twice = [
        placed("s1", "ema", order.clone()),
        placed("s2", "ema", order),
    ];
    assert_eq!(review(&mut rule, &[held], &twice), [cancel("s2")]);
}

#[test]
fn the_other_modes_judge_no_order() {
    let flat = portfolio(vec![], vec![]);
    for config in ["{}", TRAILING, TIME] {
        let verdict = assess(
            &mut rule::<StopLoss>(config),
            &order(Side::Buy, 1),
            &context(),
            &flat,
        );
        assert_eq!(verdict, Verdict::Approve, "{config}");
    }
}

#[test]
fn a_price_out_of_range_is_an_error() {
    let huge = Position {
        average_price: Decimal::MAX,
        ..position(-1, "1")
    };
    for config in ["{}", ATR] {
        let mut rule: StopLoss = rule(config);
        assert!(
            rule.review(&portfolio(vec![huge.clone()], vec![])).is_err(),
            "{config}"
        );
    }
}

// ---- trailing

fn trailing(id: &str, units: i64, accepted: i64) -> OpenOrder {
    let kind = OrderKind::TrailingStop(Trail::Fraction(Decimal::new(5, 2)));
    let mut order = placed(
        "",
        "ema",
        exit(&position(units, "50"), kind, "stop-loss:trailing"),
    );
    order.order.client_order_id = id.to_owned();
    order.accepted = accepted;
    order
}

#[test]
fn a_trailing_stop_follows_by_fraction_or_amount() {
    for (config, quantity, side, trail) in [
        (
            TRAILING,
            100,
            Side::Sell,
            Trail::Fraction(Decimal::new(5, 2)),
        ),
        (
            r#"{"mode":"trailing","amount":"1.254"}"#,
            -100,
            Side::Buy,
            Trail::Amount(Decimal::new(125, 2)),
        ),
        (
            r#"{"mode":"trailing","amount":"0.001"}"#,
            100,
            Side::Sell,
            Trail::Amount(Decimal::new(1, 2)),
        ),
    ] {
        let order = request(&review(&mut rule(config), &[position(quantity, "50")], &[]));
        assert_eq!(order.kind, OrderKind::TrailingStop(trail));
        assert_eq!((order.side, order.quantity), (side, Decimal::ONE_HUNDRED));
        assert!(order.reduce_only);
        assert_eq!(order.tag, "stop-loss:trailing");
    }
}

#[test]
fn a_grown_position_keeps_the_level_of_its_older_stop() {
    let mut rule: StopLoss = rule(TRAILING);
    let first = trailing("a", 100, 1);
    assert_eq!(
        review(
            &mut rule,
            &[position(100, "50")],
            std::slice::from_ref(&first)
        ),
        []
    );
    let grown = review(
        &mut rule,
        &[position(200, "55")],
        std::slice::from_ref(&first),
    );
    assert_eq!(request(&grown).quantity, 200.into());
    let both = [trailing("b", 200, 2), first];
    assert_eq!(review(&mut rule, &[position(200, "55")], &both), []);
    // Back at 100 the older one covers all there is.
    assert_eq!(
        review(&mut rule, &[position(100, "55")], &both),
        [cancel("b")]
    );
    // Of two that came together the larger covers.
    let together = [trailing("c", 100, 2), trailing("d", 200, 2)];
    assert_eq!(
        review(&mut rule, &[position(200, "55")], &together),
        [cancel("c")]
    );
}

#[test]
fn a_shrunken_position_keeps_its_stop_and_a_flat_one_does_not() {
    let mut rule: StopLoss = rule(TRAILING);
    let stop = [trailing("a", 100, 1)];
    assert_eq!(review(&mut rule, &[position(40, "50")], &stop), []);
    assert_eq!(review(&mut rule, &[], &stop), [cancel("a")]);
    let turned = review(&mut rule, &[position(-40, "50")], &stop);
    assert_eq!(turned[0], cancel("a"));
    assert_eq!(request(&turned[1..]).side, Side::Buy);
}

#[test]
fn a_trail_of_another_configuration_is_replaced_and_a_restated_one_kept() {
    let stop = [trailing("a", 100, 1)];
    let mut wider: StopLoss = rule(r#"{"mode":"trailing","fraction":"0.08"}"#);
    let actions = review(&mut wider, &[position(100, "50")], &stop);
    assert_eq!((actions.len(), &actions[0]), (2, &cancel("a")));
    let mut split = trailing("a", 100, 1);
    split.order.request.kind = OrderKind::TrailingStop(Trail::Amount(Decimal::new(25, 2)));
    let mut by_amount: StopLoss = rule(r#"{"mode":"trailing","amount":"0.5"}"#);
    assert_eq!(review(&mut by_amount, &[position(100, "50")], &[split]), []);
}

// ---- atr

#[test]
fn the_range_at_the_entry_sets_the_stop() {
    for (side, quantity, stop) in [(Side::Buy, 100, "47"), (Side::Sell, -100, "53")] {
        let mut rule: StopLoss = rule(ATR);
        let flat = portfolio(vec![], vec![]);
        let verdict = assess(&mut rule, &order(side, 100), &ranging(0.03), &flat);
        assert_eq!(verdict, Verdict::Approve);
        let order = request(&review(&mut rule, &[position(quantity, "50")], &[]));
        assert_eq!(price(&order), stop);
        assert_eq!(order.tag, "stop-loss:atr");
        // The position keeps it, whatever the range becomes.
        let held = portfolio(vec![position(quantity, "50")], vec![]);
        assess(&mut rule, &self::order(side, 10), &ranging(0.2), &held);
        let order = request(&review(&mut rule, &[position(quantity, "50")], &[]));
        assert_eq!(price(&order), stop);
    }
}

#[test]
fn a_new_position_takes_the_range_of_its_own_entry() {
    let mut rule: StopLoss = rule(ATR);
    let flat = portfolio(vec![], vec![]);
    for (range, stop) in [(0.03, "47"), (0.1, "40")] {
        assess(&mut rule, &order(Side::Buy, 100), &ranging(range), &flat);
        let order = request(&review(&mut rule, &[position(100, "50")], &[]));
        assert_eq!(price(&order), stop);
    }
    // Turned around without having been seen: the fallback of a fifth.
    let order = request(&review(&mut rule, &[position(-100, "50")], &[]));
    assert_eq!(price(&order), "60");
}

#[test]
fn what_was_never_seen_to_enter_falls_back_to_the_fraction() {
    let mut rule: StopLoss = rule(ATR);
    let flat = portfolio(vec![], vec![]);
    assess(&mut rule, &order(Side::Buy, 100), &ranging(0.03), &flat);
    let theirs = Position {
        owner: "other".into(),
        ..position(100, "50")
    };
    match &review(&mut rule, &[theirs], &[])[..] {
        [ProtectiveAction::Place { request, .. }] => assert_eq!(price(request), "40"),
        other => panic!("{other:?}"),
    }
    // An entry that neither works nor filled is forgotten.
    assess(&mut rule, &order(Side::Buy, 100), &ranging(0.03), &flat);
    review(&mut rule, &[], &[working("w", AAPL, Side::Buy, 100)]);
    let waited = request(&review(&mut rule, &[position(100, "50")], &[]));
    assert_eq!(price(&waited), "47");
    review(&mut rule, &[], &[]);
    let unseen = request(&review(&mut rule, &[position(100, "50")], &[]));
    assert_eq!(price(&unseen), "40");
}

#[test]
fn a_fresh_instance_keeps_the_stop_that_a_failed_one_placed() {
    let mut failed: StopLoss = rule(ATR);
    let flat = portfolio(vec![], vec![]);
    assess(&mut failed, &order(Side::Buy, 100), &ranging(0.03), &flat);
    let held = position(100, "50");
    let stop = request(&review(&mut failed, std::slice::from_ref(&held), &[]));
    let resting = [placed("s", "ema", stop)];
    let mut fresh: StopLoss = rule(ATR);
    assert_eq!(review(&mut fresh, &[held], &resting), []);
    let grown = review(&mut fresh, &[position(150, "52")], &resting);
    assert_eq!(grown[0], cancel("s"));
    let grown = request(&grown[1..]);
    assert_eq!((grown.quantity, price(&grown)), (150.into(), "47".into()));
    // A turned position has no stop yet.
    let turned = review(&mut fresh, &[position(-100, "50")], &resting);
    assert_eq!(price(&request(&turned[1..])), "60");
}

#[test]
fn an_entry_without_a_usable_range_is_denied() {
    let mut rule: StopLoss = rule(ATR);
    let long = portfolio(vec![position(100, "50")], vec![]);
    let buy = order(Side::Buy, 1);
    let denial = refused(assess(&mut rule, &buy, &context(), &long));
    assert_eq!(said(&denial), ("MISSING_ATR", "none", "atr_14"));
    for absurd in [0.0, -0.01, f64::NAN, f64::INFINITY] {
        let denial = refused(assess(&mut rule, &buy, &ranging(absurd), &long));
        assert_eq!(denial.code, "INVALID_ATR", "{absurd}");
    }
    assert_eq!(
        assess(&mut rule, &buy, &ranging(0.499), &long),
        Verdict::Approve
    );
    let denial = refused(assess(&mut rule, &buy, &ranging(0.5), &long));
    assert_eq!(said(&denial), ("ATR_TOO_WIDE", "1", "below 1"));
    refused(assess(&mut rule, &buy, &ranging(5e28), &long));
    // Exits need no range.
    let exit = order(Side::Sell, 100);
    assert_eq!(
        assess(&mut rule, &exit, &context(), &long),
        Verdict::Approve
    );
    let turn = order(Side::Sell, 150);
    assert_eq!(
        cut(assess(&mut rule, &turn, &context(), &long)).0,
        Decimal::ONE_HUNDRED
    );
}

#[test]
fn what_was_seen_moves_to_another_instance() {
    let mut first: StopLoss = rule(ATR);
    let flat = portfolio(vec![], vec![]);
    assess(&mut first, &order(Side::Buy, 100), &ranging(0.03), &flat);
    let state = first.save().unwrap();
    let mut second: StopLoss = rule(ATR);
    second.restore(&state).unwrap();
    let order = request(&review(&mut second, &[position(100, "50")], &[]));
    assert_eq!(price(&order), "47");
    // A multiple with which the saved range makes no stop, and bytes that are none of this rule's.
    let mut wide: StopLoss = rule(r#"{"mode":"atr","multiple":40}"#);
    assert!(wide.restore(&state).is_err());
    assert!(second.restore(b"[\"stop-loss/1\",7]").is_err());
    assert!(second.restore(b"").is_err());
}

// ---- time

#[test]
fn a_position_is_left_at_market_when_its_days_are_over() {
    let mut rule: StopLoss = rule(TIME);
    let held = Position {
        opened: DAY - 1,
        ..position(100, "50")
    };
    let at = |rule: &mut StopLoss, time: i64, open: Vec<OpenOrder>| {
        let account = Portfolio {
            time,
            ..portfolio(vec![held.clone()], open)
        };
        rule.review(&account).unwrap()
    };
    assert_eq!(at(&mut rule, 2 * DAY - 1, vec![]), []);
    let order = request(&at(&mut rule, 2 * DAY, vec![]));
    assert_eq!(order.kind, OrderKind::Market);
    assert_eq!(order.time_in_force, TimeInForce::Day);
    assert_eq!(
        (order.side, order.quantity),
        (Side::Sell, Decimal::ONE_HUNDRED)
    );
    assert!(order.reduce_only);
    assert_eq!(order.tag, "stop-loss:time");
    // While it works no second one is sent.
    let leaving = placed("t", "ema", order);
    assert_eq!(at(&mut rule, 2 * DAY, vec![leaving.clone()]), []);
    // A position that has become younger, because it was opened anew, is not left.
    assert_eq!(at(&mut rule, DAY, vec![leaving]), [cancel("t")]);
}

// ---- configuration

#[test]
fn settings_that_cannot_work_are_refused() {
    assert_refused::<StopLoss>(&[
        (r#"{"fraction":0}"#, "fraction"),
        (r#"{"fraction":1}"#, "fraction"),
        (r#"{"fraction":"-1"}"#, "fraction"),
        (r#"{"mode":"loose"}"#, "mode"),
        (r#"{"amount":1}"#, "amount"),
        (r#"{"mode":"trailing","amount":0}"#, "amount"),
        (r#"{"mode":"trailing","amount":1000000001}"#, "amount"),
        (r#"{"mode":"atr","multiple":0}"#, "multiple"),
        (r#"{"mode":"atr","multiple":101}"#, "multiple"),
        (r#"{"mode":"atr","feature":""}"#, "feature"),
        (r#"{"mode":"atr","days":3}"#, "days"),
        (r#"{"mode":"time"}"#, "days"),
        (r#"{"mode":"time","days":0}"#, "days"),
        (r#"{"mode":"time","days":36501}"#, "days"),
    ]);
}
