use super::*;

fn with(kind: OrderKind) -> impl FnOnce(&mut OrderRequest) {
    move |request| request.kind = kind
}

#[test]
fn buying_power_is_the_multiple_of_equity_less_exposure() {
    let mut desk = Desk::new(r#"{"cash": 1000, "margin-multiple": 2}"#);
    desk.send("b", Side::Buy, "15").unwrap();
    desk.bar(100.0, Vec::new());
    assert_eq!(desk.account().buying_power, dec("500"));
    assert_eq!(desk.account().cash, dec("-500"));
}

#[test]
fn an_order_beyond_buying_power_is_rejected_counting_what_works() {
    let mut desk = Desk::new(r#"{"cash": 1000, "margin-multiple": 2, "enforce-margin": true}"#);
    let over = |refusal: Result<Acknowledgement, Error>| code(refusal.unwrap_err());
    assert_eq!(over(desk.send("a", Side::Buy, "21")), "insufficient-margin");
    desk.send("b", Side::Buy, "15").unwrap();
    assert_eq!(over(desk.send("c", Side::Buy, "6")), "insufficient-margin");
    // A sale that works beside it is another worst case, and not a worse one.
    desk.send_as(
        "paper",
        "d",
        Side::Sell,
        "20",
        with(OrderKind::Limit(dec("100"))),
    )
    .unwrap();
    let dear = OrderKind::Limit(dec("101"));
    let refusal = desk.send_as("paper", "e", Side::Buy, "5", with(dear));
    assert_eq!(over(refusal), "insufficient-margin");
    desk.paper.cancel("paper", "d").unwrap();
    desk.bar(100.0, Vec::new());
    // Long 15 of at most 20.
    assert_eq!(
        over(desk.send("f", Side::Sell, "36")),
        "insufficient-margin"
    );
    desk.send("g", Side::Sell, "35").unwrap();
}

#[test]
fn orders_that_do_not_raise_the_worst_case_pass_even_beyond_the_margin() {
    let mut desk = Desk::new(r#"{"cash": 1000, "enforce-margin": true}"#);
    desk.send("b", Side::Buy, "10").unwrap();
    desk.bar(100.0, Vec::new());
    let slippery = OrderKind::Limit(dec("200"));
    let refusal = desk.send_as("paper", "x", Side::Buy, "1", with(slippery));
    assert_eq!(code(refusal.unwrap_err()), "insufficient-margin");
    desk.send("out", Side::Sell, "10").unwrap();
    desk.send_as("paper", "ro", Side::Sell, "99", |request| {
        request.reduce_only = true
    })
    .unwrap();
}

#[test]
fn a_replacement_is_held_to_the_margin_without_what_it_replaces() {
    let mut desk = Desk::new(r#"{"cash": 1000, "enforce-margin": true}"#);
    let kind = OrderKind::Limit(dec("90"));
    desk.send_as("paper", "a", Side::Buy, "10", with(kind))
        .unwrap();
    desk.change("a", "b", "9", OrderKind::Limit(dec("100")))
        .unwrap();
    let refusal = desk.change("b", "c", "11", OrderKind::Limit(dec("100")));
    assert_eq!(code(refusal.unwrap_err()), "insufficient-margin");
    assert_eq!(
        desk.paper.open_orders("paper").unwrap()[0]
            .order
            .client_order_id,
        "b"
    );
}

#[test]
fn without_a_price_nothing_is_bought_at_the_market() {
    let config = parse(r#"{"enforce-margin": true}"#).unwrap();
    let paper = Paper::new(config, &[Instrument::us_equity(0, "AAPL")]).unwrap();
    let mut desk = Desk { paper, day: 0 };
    match desk.send("a", Side::Buy, "1").unwrap_err() {
        Error::Rejected(rejection) => {
            assert_eq!(rejection.code, "insufficient-margin");
            assert_eq!(rejection.text, "no price of AAPL is known yet");
        }
        other => panic!("{other:?}"),
    }
    desk.send_as(
        "paper",
        "b",
        Side::Buy,
        "1",
        with(OrderKind::Limit(dec("90"))),
    )
    .unwrap();
}

#[test]
fn a_margin_call_cancels_entries_refuses_new_ones_and_lets_exits_pass() {
    let mut desk = Desk::new(r#"{"cash": 1000, "margin-multiple": 2, "maintenance-margin": 0.25}"#);
    desk.send("b", Side::Buy, "20").unwrap();
    let low = OrderKind::Limit(dec("40"));
    desk.send_as("paper", "more", Side::Buy, "1", with(low))
        .unwrap();
    let high = OrderKind::Limit(dec("140"));
    desk.send_as("paper", "out", Side::Sell, "15", with(high))
        .unwrap();
    desk.send_as("paper", "flip", Side::Sell, "6", with(high))
        .unwrap();
    desk.send_as("paper", "stop", Side::Sell, "20", |request| {
        request.kind = OrderKind::Stop(dec("30"));
        request.reduce_only = true;
    })
    .unwrap();
    desk.bar(100.0, Vec::new());
    assert_eq!(desk.extra("margin-call"), Value::Boolean(false));
    // Equity of 340 on an exposure of 1340 passes; 320 on 1320 does not.
    assert!(desk.bar(67.0, Vec::new()).is_empty());
    let told: Vec<_> = desk
        .bar(66.0, Vec::new())
        .into_iter()
        .map(|update| (update.client_order_id, update.outcome, update.reason))
        .collect();
    let reason = "margin call: equity of 320 is below 330, 0.25 of an exposure of 1320";
    let cancelled = bulkhead_sdk::order::Outcome::Cancelled;
    // Time of acceptance being the same, `flip` is before `out` and takes what there is to reduce.
    assert_eq!(
        told,
        [
            ("more".to_owned(), cancelled, reason.to_owned()),
            ("out".to_owned(), cancelled, reason.to_owned()),
        ]
    );
    assert_eq!(desk.extra("margin-call"), Value::Boolean(true));
    assert_eq!(
        code(desk.send("c", Side::Buy, "1").unwrap_err()),
        "margin-call"
    );
    assert_eq!(
        code(desk.send("d", Side::Sell, "15").unwrap_err()),
        "margin-call"
    );
    desk.send("e", Side::Sell, "14").unwrap();
    desk.bar(66.0, Vec::new());
    assert_eq!(desk.extra("margin-call"), Value::Boolean(false));
    desk.send("f", Side::Buy, "1").unwrap();
}

#[test]
fn what_is_hard_to_borrow_is_sold_only_out_of_what_is_held_and_free() {
    let mut desk = Desk::new(r#"{"hard-to-borrow": ["GME", "AAPL"]}"#);
    let short = |refusal: Result<Acknowledgement, Error>| code(refusal.unwrap_err());
    assert_eq!(short(desk.send("a", Side::Sell, "1")), "no-borrow");
    desk.send("b", Side::Buy, "10").unwrap();
    assert_eq!(
        short(desk.send("c", Side::Sell, "1")),
        "no-borrow",
        "it is not held yet"
    );
    desk.bar(100.0, Vec::new());
    let high = OrderKind::Limit(dec("140"));
    desk.send_as("paper", "d", Side::Sell, "6", with(high))
        .unwrap();
    assert_eq!(short(desk.send("e", Side::Sell, "5")), "no-borrow");
    let refusal = desk.change("d", "d2", "11", high);
    assert_eq!(code(refusal.unwrap_err()), "no-borrow");
    desk.change("d", "d3", "7", high).unwrap();
    desk.send_as("paper", "stop", Side::Sell, "10", |request| {
        request.kind = OrderKind::Stop(dec("30"));
        request.reduce_only = true;
    })
    .unwrap();
    assert_eq!(
        short(desk.send("f", Side::Sell, "1")),
        "no-borrow",
        "the stop may fill first"
    );
    let mut other = Desk::new(r#"{"hard-to-borrow": ["GME"]}"#);
    other.send("s", Side::Sell, "1").unwrap();
}

#[test]
fn shorts_pay_the_borrow_rate_for_the_days_they_are_held_over_a_sessions_end() {
    let mut desk = Desk::new(r#"{"cash": 1000, "short-borrow-rate": 0.365}"#);
    desk.send("s", Side::Sell, "5").unwrap();
    desk.bar(100.0, Vec::new());
    assert_eq!(
        desk.extra("borrow-fees"),
        Value::from(dec("0")),
        "no night has passed"
    );
    // A thousandth a day of 500, then three days of 600 over a weekend, then it is bought back at the open.
    desk.bar(120.0, Vec::new());
    assert_eq!(desk.extra("borrow-fees"), Value::from(dec("0.5")));
    desk.send("b", Side::Buy, "5").unwrap();
    desk.day += 2;
    desk.bar(120.0, Vec::new());
    assert_eq!(desk.extra("borrow-fees"), Value::from(dec("2.3")));
    assert_eq!(desk.account().cash, dec("897.7"));
    desk.bar(120.0, Vec::new());
    assert_eq!(desk.account().cash, dec("897.7"));
    assert_eq!(desk.extra("interest"), Value::from(dec("0")));
}

#[test]
fn cash_earns_interest_short_proceeds_do_not_and_a_debit_pays() {
    let interest = |side, quantity: &str| {
        let mut desk = Desk::new(r#"{"cash": 1000, "cash-interest-rate": 0.0365}"#);
        desk.send("o", side, quantity).unwrap();
        desk.bar(100.0, Vec::new());
        let before = desk.account().cash;
        let held = desk.extra("interest");
        desk.bar(100.0, Vec::new());
        let earned = desk.account().cash - before;
        assert_eq!(
            held,
            Value::from(dec("0.1")),
            "the first day, on cash alone"
        );
        assert_eq!(desk.extra("interest"), Value::from(earned + dec("0.1")));
        earned
    };
    assert_eq!(interest(Side::Buy, "5"), dec("0.05001"));
    assert_eq!(interest(Side::Sell, "5"), dec("0.10001"));
    assert_eq!(interest(Side::Buy, "20"), dec("-0.09999"));
}
