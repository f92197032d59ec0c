use super::*;

const TWO: &str = r#"{"accounts": [{"id": "one", "currency": "USD", "cash": 1000},
                                   {"id": "two", "currency": "USD", "cash": "500"},
                                   {"id": "euro", "currency": "EUR", "cash": 500}]}"#;

fn limit(request: &mut OrderRequest) {
    request.kind = OrderKind::Limit(dec("50"));
}

#[test]
fn each_account_has_its_own_cash_positions_orders_and_executions() {
    let mut desk = Desk::new(TWO);
    desk.send_as("one", "a", Side::Buy, "2", |_| {}).unwrap();
    desk.send_as("two", "b", Side::Sell, "3", |_| {}).unwrap();
    desk.send_as("two", "c", Side::Buy, "1", limit).unwrap();
    desk.bar(100.0, Vec::new());
    let accounts = desk.paper.accounts().unwrap();
    let cash: Vec<_> = accounts
        .iter()
        .map(|account| (account.id.as_str(), account.cash, account.equity))
        .collect();
    assert_eq!(
        cash,
        [
            ("one", dec("800"), dec("1000")),
            ("two", dec("800"), dec("500")),
            ("euro", dec("500"), dec("500")),
        ]
    );
    let mut of = |account: &str| {
        let positions = desk.paper.positions(account).unwrap();
        let executions = desk.paper.executions(account, "").unwrap();
        (
            positions
                .first()
                .map_or(Decimal::ZERO, |held| held.quantity),
            desk.paper.open_orders(account).unwrap().len(),
            executions
                .executions
                .iter()
                .map(|execution| execution.client_order_id.clone())
                .collect::<Vec<_>>(),
        )
    };
    assert_eq!(of("one"), (dec("2"), 0, vec!["a".to_owned()]));
    assert_eq!(of("two"), (dec("-3"), 1, vec!["b".to_owned()]));
    assert_eq!(of("euro"), (dec("0"), 0, vec![]));
}

#[test]
fn reduce_only_looks_at_the_accounts_own_position() {
    let mut desk = Desk::new(TWO);
    desk.send_as("one", "a", Side::Buy, "2", |_| {}).unwrap();
    desk.bar(100.0, Vec::new());
    desk.send_as("two", "b", Side::Sell, "2", |request| {
        request.reduce_only = true
    })
    .unwrap();
    let updates = desk.bar(100.0, Vec::new());
    assert!(
        updates[0].reason.contains("no position to reduce"),
        "{updates:?}"
    );
}

#[test]
fn dividends_and_splits_reach_every_account() {
    let mut desk = Desk::new(TWO);
    desk.send_as("one", "a", Side::Buy, "2", |_| {}).unwrap();
    desk.send_as("two", "b", Side::Sell, "3", |_| {}).unwrap();
    desk.bar(100.0, Vec::new());
    let split = ActionKind::Split {
        numerator: 2,
        denominator: 1,
    };
    desk.bar(50.0, vec![ActionKind::Dividend(dec("1")), split]);
    let accounts = desk.paper.accounts().unwrap();
    assert_eq!(accounts[0].cash, dec("802"));
    assert_eq!(accounts[1].cash, dec("797"));
    assert_eq!(desk.paper.positions("two").unwrap()[0].quantity, dec("-6"));
    assert_eq!(desk.paper.state.venue.position_of("two", 0), dec("-6"));
}

#[test]
fn unknown_accounts_and_other_accounts_orders_are_refused() {
    let mut desk = Desk::new(TWO);
    let refusal = desk
        .send_as("paper", "x", Side::Buy, "1", |_| {})
        .unwrap_err();
    match refusal {
        Error::Rejected(rejection) => {
            assert_eq!(rejection.code, "account");
            assert!(
                rejection.text.contains("`one`, `two`, `euro`"),
                "{}",
                rejection.text
            );
        }
        other => panic!("{other:?}"),
    }
    desk.send_as("one", "a", Side::Buy, "1", limit).unwrap();
    assert_eq!(
        code(desk.paper.cancel("two", "a").unwrap_err()),
        "unknown-order"
    );
    assert_eq!(
        code(desk.paper.cancel("three", "a").unwrap_err()),
        "account"
    );
    assert_eq!(
        code(desk.paper.executions("three", "").unwrap_err()),
        "account"
    );
    let replacement = Replacement {
        client_order_id: "a".to_owned(),
        new_client_order_id: "b".to_owned(),
        quantity: dec("2"),
        kind: OrderKind::Market,
    };
    let refusal = desk.paper.replace("two", replacement.clone()).unwrap_err();
    assert_eq!(code(refusal), "unknown-order");
    desk.paper.replace("one", replacement).unwrap();
    let twice = desk
        .send_as("two", "a", Side::Buy, "1", |_| {})
        .unwrap_err();
    assert_eq!(
        code(twice),
        "duplicate",
        "ids are the broker's, not an account's"
    );
}

#[test]
fn one_of_several_accounts_trades_in_its_own_currency() {
    let mut desk = Desk::new(TWO);
    let refusal = desk
        .send_as("euro", "e", Side::Buy, "1", |_| {})
        .unwrap_err();
    assert_eq!(code(refusal), "currency");
    // A single account is taken at its word.
    let mut single = Desk::new(r#"{"currency": "EUR"}"#);
    single.send("s", Side::Buy, "1").unwrap();
}
