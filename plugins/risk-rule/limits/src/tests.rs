use super::*;
use bulkhead_sdk::order::{OpenOrder, OrderKind, OrderRequest, Side, TimeInForce};
use bulkhead_sdk::risk_rule::{Denial, Position};

const AAPL: u32 = 1;
const MSFT: u32 = 2;

fn rule(set: impl FnOnce(&mut Config)) -> Limits {
    let mut config = Config::default();
    set(&mut config);
    let instruments = [
        Instrument::us_equity(AAPL, "AAPL"),
        Instrument::us_equity(MSFT, "MSFT"),
    ];
    match Limits::new(config, &instruments) {
        Ok(rule) => rule,
        Err(reason) => panic!("{reason}"),
    }
}

fn some(value: i64) -> Option<Number> {
    Some(value.into())
}

fn fraction(hundredths: i64) -> Option<Number> {
    Some(Number(Decimal::new(hundredths, 2)))
}

fn order(side: Side, quantity: i64) -> Order {
    Order {
        client_order_id: "new".into(),
        account: "main".into(),
        owner: "ema".into(),
        request: OrderRequest::market(AAPL, side, quantity.into()),
    }
}

fn working(id: &str, instrument: u32, side: Side, quantity: i64) -> OpenOrder {
    OpenOrder {
        order: Order {
            client_order_id: id.into(),
            request: OrderRequest::market(instrument, side, quantity.into()),
            ..order(side, quantity)
        },
        filled: Decimal::ZERO,
        accepted: 0,
    }
}

fn held(instrument: u32, owner: &str, quantity: i64) -> Position {
    Position {
        owner: owner.into(),
        instrument,
        quantity: quantity.into(),
        average_price: Decimal::TEN,
        market_price: Some(Decimal::TEN),
        opened: 0,
    }
}

/// An account of 10,000 at a price of 10.
fn portfolio(positions: Vec<Position>, open_orders: Vec<OpenOrder>) -> Portfolio {
    Portfolio {
        equity: 10_000.into(),
        prior_session_equity: 10_000.into(),
        positions,
        open_orders,
        ..Portfolio::default()
    }
}

fn context() -> Context {
    Context {
        reference_price: Decimal::TEN,
        multiplier: Decimal::ONE,
        ..Context::default()
    }
}

fn assess(rule: &mut Limits, order: &Order, portfolio: &Portfolio) -> Verdict {
    match rule.assess(order, &context(), portfolio) {
        Ok(verdict) => verdict,
        Err(error) => panic!("{error:?}"),
    }
}

fn cut(verdict: Verdict) -> (i64, Denial) {
    match verdict {
        Verdict::ReduceTo(quantity, denial) => (
            i64::try_from(quantity.mantissa()).unwrap_or(i64::MAX),
            denial,
        ),
        other => panic!("{other:?}"),
    }
}

fn refused(verdict: Verdict) -> Denial {
    match verdict {
        Verdict::Reject(denial) => denial,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_position_is_cut_to_its_limit_and_refused_beyond() {
    let mut rule = rule(|config| config.max_position = some(100));
    let empty = portfolio(vec![], vec![]);
    assert_eq!(
        assess(&mut rule, &order(Side::Buy, 100), &empty),
        Verdict::Approve
    );
    let (quantity, denial) = cut(assess(&mut rule, &order(Side::Sell, 150), &empty));
    assert_eq!(quantity, 100);
    assert_eq!(
        (
            denial.code.as_str(),
            denial.observed.as_str(),
            denial.limit.as_str()
        ),
        ("POSITION_ABOVE_LIMIT", "150", "100")
    );
    let full = portfolio(vec![held(AAPL, "ema", 100)], vec![]);
    let denial = refused(assess(&mut rule, &order(Side::Buy, 1), &full));
    assert_eq!(denial.observed, "101");
}

#[test]
fn working_orders_count_as_if_they_had_filled() {
    let mut rule = rule(|config| config.max_position = some(100));
    let busy = portfolio(vec![], vec![working("w", AAPL, Side::Buy, 70)]);
    assert_eq!(cut(assess(&mut rule, &order(Side::Buy, 50), &busy)).0, 30);
    // On the other side they take nothing away.
    assert_eq!(
        assess(&mut rule, &order(Side::Sell, 100), &busy),
        Verdict::Approve
    );
}

#[test]
fn less_exposure_is_never_in_the_way_of_any_limit() {
    let mut rule = rule(|config| {
        *config = Config {
            max_position: some(10),
            max_position_notional: some(10),
            max_order_notional: some(10),
            max_gross_exposure: some(0),
            max_daily_loss: some(0),
        }
    });
    let long = portfolio(vec![held(AAPL, "ema", 500)], vec![]);
    assert_eq!(
        assess(&mut rule, &order(Side::Sell, 500), &long),
        Verdict::Approve
    );
    // Past zero only the closing part is left.
    assert_eq!(
        cut(assess(&mut rule, &order(Side::Sell, 600), &long)).0,
        500
    );
    let mut stop = order(Side::Sell, 5_000);
    stop.request.reduce_only = true;
    stop.request.kind = OrderKind::Stop(Decimal::ONE);
    stop.request.time_in_force = TimeInForce::GoodTillCancelled;
    assert_eq!(assess(&mut rule, &stop, &long), Verdict::Approve);
    // A resting stop that may only reduce does not use the position up.
    let mut guarded = long.clone();
    guarded.open_orders.push(OpenOrder {
        order: Order {
            client_order_id: "stop".into(),
            ..stop
        },
        filled: Decimal::ZERO,
        accepted: 0,
    });
    assert_eq!(
        assess(&mut rule, &order(Side::Sell, 500), &guarded),
        Verdict::Approve
    );
    // An exit that already works does: the second one would open a short position.
    let leaving = portfolio(
        vec![held(AAPL, "ema", 500)],
        vec![working("exit", AAPL, Side::Sell, 500)],
    );
    refused(assess(&mut rule, &order(Side::Sell, 500), &leaving));
}

#[test]
fn an_owner_may_leave_its_position_while_another_is_short() {
    let mut rule = rule(|config| config.max_position = some(0));
    let both = portfolio(
        vec![held(AAPL, "ema", 100), held(AAPL, "other", -100)],
        vec![],
    );
    assert_eq!(
        assess(&mut rule, &order(Side::Sell, 100), &both),
        Verdict::Approve
    );
    refused(assess(&mut rule, &order(Side::Buy, 1), &both));
}

#[test]
fn an_order_far_too_large_is_refused_not_cut() {
    let mut rule = rule(|config| config.max_order_notional = some(5_000));
    let empty = portfolio(vec![], vec![]);
    assert_eq!(
        assess(&mut rule, &order(Side::Buy, 500), &empty),
        Verdict::Approve
    );
    let denial = refused(assess(&mut rule, &order(Side::Buy, 1_000_000_000), &empty));
    assert_eq!(denial.code, "ORDER_NOTIONAL_ABOVE_LIMIT");
    assert_eq!(
        (denial.observed.as_str(), denial.limit.as_str()),
        ("10000000000", "5000")
    );
}

#[test]
fn the_tightest_limit_counts() {
    let mut rule = rule(|config| {
        config.max_position = some(80);
        config.max_position_notional = some(500);
        config.max_gross_exposure = some(1);
    });
    let (quantity, denial) = cut(assess(
        &mut rule,
        &order(Side::Buy, 100),
        &portfolio(vec![], vec![]),
    ));
    assert_eq!(
        (quantity, denial.code.as_str()),
        (50, "POSITION_NOTIONAL_ABOVE_LIMIT")
    );
}

#[test]
fn gross_exposure_adds_up_long_short_and_working() {
    let mut rule = rule(|config| config.max_gross_exposure = fraction(50));
    let busy = portfolio(
        vec![held(MSFT, "ema", -200)],
        vec![working("w", MSFT, Side::Sell, 100)],
    );
    // 2,000 held and 1,000 working leave 2,000 of 5,000.
    let (quantity, denial) = cut(assess(&mut rule, &order(Side::Buy, 300), &busy));
    assert_eq!(quantity, 200);
    assert_eq!(
        (denial.observed.as_str(), denial.limit.as_str()),
        ("6000", "5000")
    );
}

#[test]
fn a_working_order_without_any_price_cannot_be_judged() {
    let mut rule = rule(|config| config.max_gross_exposure = some(1));
    let busy = portfolio(vec![], vec![working("w", MSFT, Side::Buy, 1)]);
    let error = rule.assess(&order(Side::Buy, 1), &context(), &busy);
    assert!(matches!(error, Err(Error::InvalidInput(_))), "{error:?}");
    // Once it was itself assessed, its price is known.
    let mut theirs = order(Side::Buy, 1);
    theirs.request.instrument = MSFT;
    theirs.client_order_id = "w".into();
    assert_eq!(assess(&mut rule, &theirs, &busy), Verdict::Approve);
    assert_eq!(
        assess(&mut rule, &order(Side::Buy, 1), &busy),
        Verdict::Approve
    );
}

#[test]
fn after_the_daily_loss_nothing_is_opened() {
    let mut rule = rule(|config| config.max_daily_loss = fraction(3));
    let mut day = portfolio(vec![held(AAPL, "ema", 10)], vec![]);
    day.equity = 9_701.into();
    assert_eq!(
        assess(&mut rule, &order(Side::Buy, 1), &day),
        Verdict::Approve
    );
    day.equity = 9_700.into();
    let denial = refused(assess(&mut rule, &order(Side::Buy, 1), &day));
    assert_eq!(
        (
            denial.code.as_str(),
            denial.observed.as_str(),
            denial.limit.as_str()
        ),
        ("DAILY_LOSS_REACHED", "300", "300")
    );
    assert_eq!(
        assess(&mut rule, &order(Side::Sell, 10), &day),
        Verdict::Approve
    );
    assert_eq!(cut(assess(&mut rule, &order(Side::Sell, 11), &day)).0, 10);
}

#[test]
fn quantities_are_cut_to_whole_lots() {
    let mut rule = rule(|config| config.max_position_notional = some(255));
    let empty = portfolio(vec![], vec![]);
    assert_eq!(cut(assess(&mut rule, &order(Side::Buy, 100), &empty)).0, 25);
}

#[test]
fn what_is_no_price_is_an_error() {
    let mut rule = rule(|config| config.max_position = some(1));
    let context = Context {
        reference_price: Decimal::ZERO,
        ..context()
    };
    assert!(
        rule.assess(&order(Side::Buy, 1), &context, &portfolio(vec![], vec![]))
            .is_err()
    );
}

#[test]
fn a_rule_without_limits_or_with_a_negative_one_is_refused() {
    assert!(Limits::new(Config::default(), &[]).is_err());
    let negative = Config {
        max_position: some(-1),
        ..Config::default()
    };
    let reason = Limits::new(negative, &[]).err().unwrap_or_default();
    assert!(reason.contains("`max-position`"), "{reason}");
}

#[test]
fn an_order_that_turns_a_position_is_judged_for_what_it_opens() {
    let mut rule = rule(|config| config.max_position = some(50));
    let mut exit = working("exit", AAPL, Side::Sell, 100);
    exit.order.request.reduce_only = true;
    let turning = portfolio(vec![held(AAPL, "ema", 100)], vec![exit]);
    let (quantity, denial) = cut(assess(&mut rule, &order(Side::Sell, 100), &turning));
    assert_eq!((quantity, denial.observed.as_str()), (50, "100"));
}

#[test]
fn remembered_prices_move_to_another_instance() {
    let limit = |config: &mut Config| config.max_gross_exposure = some(1);
    let (mut first, mut second) = (rule(limit), rule(limit));
    let mut theirs = order(Side::Buy, 1);
    theirs.request.instrument = MSFT;
    theirs.client_order_id = "w".into();
    let busy = portfolio(vec![], vec![working("w", MSFT, Side::Buy, 1)]);
    assert_eq!(assess(&mut first, &theirs, &busy), Verdict::Approve);
    assert!(
        second
            .assess(&order(Side::Buy, 1), &context(), &busy)
            .is_err()
    );
    second.restore(&first.save().unwrap()).unwrap();
    assert_eq!(
        assess(&mut second, &order(Side::Buy, 1), &busy),
        Verdict::Approve
    );
    assert!(second.restore(b"{}").is_err());
}
