mod accounts;
mod faults;
mod margin;
mod scenarios;
mod snapshots;

use super::*;
use bulkhead_sdk::config::parse;
use bulkhead_sdk::order::{
    ActionKind, Bar, CorporateAction, OrderKind, OrderRequest, Side, TimeInForce,
};

const DAY: Timestamp = bulkhead_sdk::DAY;

fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

struct Desk {
    paper: Paper,
    day: i64,
}

impl Desk {
    /// After one quiet bar at 100 in AAPL, handle 0.
    fn new(config: &str) -> Self {
        let paper =
            Paper::new(parse(config).unwrap(), &[Instrument::us_equity(0, "AAPL")]).unwrap();
        let mut desk = Desk { paper, day: 0 };
        desk.bar(100.0, Vec::new());
        desk
    }

    fn bar(&mut self, price: f64, actions: Vec<ActionKind>) -> Vec<OrderUpdate> {
        self.day += 1;
        let time = self.day * DAY;
        let bar = Bar {
            volume: 100_000.0,
            time,
            ..bulkhead_sdk::testing::bar(0, price)
        };
        let actions = actions
            .into_iter()
            .map(|kind| CorporateAction {
                time: time - DAY / 2,
                kind,
            })
            .collect();
        let step = Step {
            instrument: 0,
            open_time: time - DAY / 2,
            bar,
            session_end: true,
            actions,
        };
        self.paper.advance(vec![step]).unwrap()
    }

    fn send(&mut self, id: &str, side: Side, quantity: &str) -> Result<Acknowledgement, Error> {
        self.send_as("paper", id, side, quantity, |_| {})
    }

    fn send_as(
        &mut self,
        account: &str,
        id: &str,
        side: Side,
        quantity: &str,
        with: impl FnOnce(&mut OrderRequest),
    ) -> Result<Acknowledgement, Error> {
        let mut request = OrderRequest {
            time_in_force: TimeInForce::GoodTillCancelled,
            ..OrderRequest::market(0, side, dec(quantity))
        };
        with(&mut request);
        self.paper.submit(Order {
            client_order_id: id.to_owned(),
            account: account.to_owned(),
            owner: "test".to_owned(),
            request,
        })
    }

    fn extra(&mut self, name: &str) -> Value {
        let extra = self.account().extra;
        let field = extra.into_iter().find(|(field, _)| field == name);
        field.unwrap().1
    }

    fn change(
        &mut self,
        old: &str,
        new: &str,
        quantity: &str,
        kind: OrderKind,
    ) -> Result<(), Error> {
        let replacement = Replacement {
            client_order_id: old.to_owned(),
            new_client_order_id: new.to_owned(),
            quantity: dec(quantity),
            kind,
        };
        self.paper.replace("paper", replacement).map(|_| ())
    }

    fn account(&mut self) -> Account {
        self.paper.accounts().unwrap().remove(0)
    }

    fn position(&mut self) -> (Decimal, Decimal) {
        let positions = self.paper.positions("paper").unwrap();
        positions
            .first()
            .map_or_else(Default::default, |held| (held.quantity, held.average_price))
    }
}

fn code(error: Error) -> String {
    match error {
        Error::Rejected(rejection) => rejection.code,
        other => panic!("not a rejection: {other:?}"),
    }
}

#[test]
fn a_fill_moves_cash_position_and_executions() {
    let mut desk = Desk::new(r#"{"cash": 1000, "fees": {"model": "fraction", "rate": 0.01}}"#);
    let acknowledged = desk.send("b", Side::Buy, "5").unwrap();
    assert_eq!(
        (acknowledged.broker_order_id.as_str(), acknowledged.time),
        ("b", DAY)
    );
    assert_eq!(desk.paper.open_orders("paper").unwrap().len(), 1);
    assert_eq!(desk.bar(110.0, Vec::new()).len(), 1);
    assert_eq!(desk.position(), (dec("5"), dec("110")));
    let account = desk.account();
    assert_eq!(account.cash, dec("444.5"));
    assert_eq!(account.equity, dec("994.5"));
    assert_eq!(account.buying_power, dec("444.5"));
    assert_eq!(account.venues, ["XNYS"]);
    assert!(desk.paper.open_orders("paper").unwrap().is_empty());
}

#[test]
fn positions_are_kept_at_average_cost_through_reduction_and_reversal() {
    let mut desk = Desk::new("{}");
    let mut trade = |price: f64, id: &str, side, quantity: &str| {
        desk.send(id, side, quantity).unwrap();
        desk.bar(price, Vec::new());
        desk.position()
    };
    assert_eq!(trade(100.0, "a", Side::Buy, "10"), (dec("10"), dec("100")));
    assert_eq!(trade(130.0, "b", Side::Buy, "5"), (dec("15"), dec("110")));
    assert_eq!(trade(150.0, "c", Side::Sell, "3"), (dec("12"), dec("110")));
    assert_eq!(trade(160.0, "d", Side::Sell, "20"), (dec("-8"), dec("160")));
    assert_eq!(trade(150.0, "e", Side::Buy, "8"), (dec("0"), dec("0")));
    assert_eq!(desk.account().cash, dec("100800"));
}

#[test]
fn dividends_are_cash_that_shorts_pay_and_splits_pay_fractions_in_cash() {
    let mut desk = Desk::new(r#"{"cash": "10000"}"#);
    desk.send("s", Side::Sell, "5").unwrap();
    desk.bar(100.0, Vec::new());
    desk.bar(99.0, vec![ActionKind::Dividend(dec("1"))]);
    assert_eq!(desk.account().cash, dec("10495"));
    desk.bar(
        66.0,
        vec![ActionKind::Split {
            numerator: 3,
            denominator: 2,
        }],
    );
    let (quantity, average) = desk.position();
    assert_eq!(quantity, dec("-7"));
    assert_eq!(average.round_dp(10), dec("66.6666666667"));
    assert_eq!(desk.account().cash, dec("10462"));
    assert_eq!(desk.paper.state.venue.position(0), quantity);
}

#[test]
fn executions_come_in_pages_after_a_cursor() {
    let mut desk = Desk::new("{}");
    let empty = desk.paper.executions("paper", "").unwrap();
    assert_eq!((empty.executions.len(), empty.cursor.as_str()), (0, ""));
    for number in 0..PAGE + 1 {
        desk.send(&format!("o{number}"), Side::Buy, "1").unwrap();
    }
    desk.bar(100.0, Vec::new());
    let first = desk.paper.executions("paper", "").unwrap();
    assert_eq!(first.executions.len(), PAGE);
    let second = desk.paper.executions("paper", &first.cursor).unwrap();
    assert_eq!(second.executions.len(), 1);
    let third = desk.paper.executions("paper", &second.cursor).unwrap();
    assert_eq!((third.executions.len(), &third.cursor), (0, &second.cursor));
    for cursor in ["x", "1002", "-1"] {
        assert!(
            matches!(
                desk.paper.executions("paper", cursor),
                Err(Error::InvalidInput(_))
            ),
            "{cursor}"
        );
    }
}

#[test]
fn refusals_carry_the_venues_code() {
    let mut desk = Desk::new("{}");
    desk.send("a", Side::Buy, "1").unwrap();
    assert_eq!(
        code(desk.send("a", Side::Buy, "1").unwrap_err()),
        "duplicate"
    );
    assert_eq!(
        code(desk.send("b", Side::Buy, "0.5").unwrap_err()),
        "off-lot"
    );
    assert_eq!(
        code(desk.paper.cancel("paper", "z").unwrap_err()),
        "unknown-order"
    );
    assert_eq!(code(desk.paper.positions("other").unwrap_err()), "account");
    desk.paper.cancel("paper", "a").unwrap();
    assert_eq!(code(desk.paper.cancel("paper", "a").unwrap_err()), "closed");
}

#[test]
fn a_refused_step_moves_nothing() {
    let mut desk = Desk::new(r#"{"fill": "close"}"#);
    desk.send("b", Side::Buy, "1").unwrap();
    let before = desk.paper.accounts().unwrap();
    let bad = Step {
        instrument: 9,
        open_time: DAY,
        bar: bulkhead_sdk::testing::bar(5, 100.0),
        session_end: true,
        actions: Vec::new(),
    };
    let reason = desk.paper.advance(vec![bad]).unwrap_err();
    assert_eq!(reason, "instrument 9 is not traded here");
    assert_eq!(desk.paper.accounts().unwrap(), before);
    assert_eq!(
        desk.bar(100.0, Vec::new()).len(),
        1,
        "what had settled is told later"
    );
}

#[test]
fn in_close_mode_the_account_answers_with_the_fill_before_the_next_bar() {
    let mut desk = Desk::new(r#"{"fill": "close"}"#);
    desk.send("b", Side::Buy, "4").unwrap();
    assert_eq!(desk.position(), (dec("4"), dec("100")));
    let updates = desk.bar(
        50.0,
        vec![ActionKind::Split {
            numerator: 2,
            denominator: 1,
        }],
    );
    assert_eq!(updates[0].execution.as_ref().unwrap().price, dec("100"));
    assert_eq!(desk.position(), (dec("8"), dec("50")));
}

#[test]
fn configuration_is_checked() {
    let new = |config: &str| {
        let config = parse::<Config>(config)?;
        Paper::new(config, &[Instrument::us_equity(0, "AAPL")]).map(|_| ())
    };
    assert_eq!(new("{}"), Ok(()));
    assert_eq!(new(r#"{"max-volume-share": null}"#), Ok(()));
    for (config, part) in [
        (r#"{"max-volume-share": 2}"#, "max-volume-share is 2"),
        (
            r#"{"fees": {"model": "fraction", "rate": 3}}"#,
            "fee rate is 3",
        ),
        (r#"{"fees": {"model": "fraction"}}"#, "rate"),
        (r#"{"account": ""}"#, "`account`"),
        (r#"{"leverage": 2}"#, "leverage"),
        (r#"{"margin-multiple": 0.5}"#, "`margin-multiple`"),
        (r#"{"maintenance-margin": -0.1}"#, "`maintenance-margin`"),
        (
            r#"{"margin-multiple": 4, "maintenance-margin": 0.3}"#,
            "a margin-multiple of 4 leaves at most 0.25",
        ),
        (r#"{"short-borrow-rate": 11}"#, "`short-borrow-rate`"),
        (r#"{"cash-interest-rate": -2}"#, "`cash-interest-rate`"),
        (r#"{"faults": {"rejects": 1.5}}"#, "`faults.rejects`"),
        (r#"{"faults": {"latency": -1}}"#, "`faults.latency`"),
        (
            r#"{"faults": {"disconnect-advances": 0}}"#,
            "`faults.disconnect-advances`",
        ),
        (r#"{"faults": {"latencies": 1}}"#, "latencies"),
        (
            r#"{"accounts": [{"id": "a", "currency": "USD", "cash": 1}], "cash": 5}"#,
            "in place of",
        ),
        (
            r#"{"accounts": [{"id": "", "currency": "USD", "cash": 1}]}"#,
            "`accounts[0].id`",
        ),
        (
            r#"{"accounts": [{"id": "a", "currency": "USD", "cash": 1},
                             {"id": "a", "currency": "USD", "cash": 1}]}"#,
            "account `a` comes twice",
        ),
    ] {
        let reason = new(config).unwrap_err();
        assert!(reason.contains(part), "{config}: {reason}");
    }
}

#[test]
fn a_saved_state_goes_on_in_another_instance_under_the_same_configuration_only() {
    let mut desk = Desk::new("{}");
    desk.send("a", Side::Buy, "10").unwrap();
    desk.bar(100.0, Vec::new());
    let limit = OrderRequest {
        kind: OrderKind::Limit(dec("90")),
        time_in_force: TimeInForce::GoodTillCancelled,
        ..OrderRequest::market(0, Side::Buy, dec("1"))
    };
    let order = Order {
        client_order_id: "l".to_owned(),
        account: "paper".to_owned(),
        owner: "test".to_owned(),
        request: limit,
    };
    Broker::submit(&mut desk.paper, order).unwrap();
    let saved = desk.paper.save().unwrap();
    let other = |config: &str, symbol| {
        Paper::new(parse(config).unwrap(), &[Instrument::us_equity(0, symbol)]).unwrap()
    };
    let mut heir = Desk {
        paper: other("{}", "AAPL"),
        day: desk.day,
    };
    heir.paper.restore(&saved).unwrap();
    assert_eq!(heir.bar(80.0, Vec::new()), desk.bar(80.0, Vec::new()));
    assert_eq!(heir.account(), desk.account());
    assert!(
        other(r#"{"fill": "close"}"#, "AAPL")
            .restore(&saved)
            .unwrap_err()
            .contains("configuration")
    );
    assert!(
        other("{}", "MSFT")
            .restore(&saved)
            .unwrap_err()
            .contains("instruments")
    );
    assert!(
        other("{}", "AAPL")
            .restore(b"{}")
            .unwrap_err()
            .contains("not a state")
    );
}
