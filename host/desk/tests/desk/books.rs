//! Fills, corporate actions and brackets, end to end: the books balance after every event.

use crate::support::{World, dec, execution, proposal, update, whats};
use bulkhead_desk::orders::OrderState;
use bulkhead_desk::{CheckLimits, DeskError};
use bulkhead_domain::order::{
    ActionKind, Bracket, CorporateAction, OrderKind, OrderRequest, Outcome, Side, TimeInForce,
};
use bulkhead_domain::{Decimal, Timestamp};
use proptest::prelude::*;

fn action(kind: ActionKind) -> Vec<CorporateAction> {
    vec![CorporateAction { time: 0, kind }]
}

fn split(numerator: u32, denominator: u32) -> Vec<CorporateAction> {
    action(ActionKind::Split {
        numerator,
        denominator,
    })
}

#[test]
fn a_round_trip_realises_its_profit() {
    let mut world = World::plain(Vec::new());
    world.order(Side::Buy, "100");
    world.bar(&[[101.0, 103.0, 100.0, 102.0]]);
    world.order(Side::Sell, "40");
    let applied = world.bar(&[[105.0; 4]]);
    let fill = applied[0].fill.unwrap();
    assert_eq!(fill.realised, dec("160"));
    assert_eq!(fill.entry_price, Some(dec("101")));
    assert_eq!(fill.closed, dec("40"));
    let ledger = world.desk.ledger();
    assert_eq!(ledger.cash(), dec("94100"));
    assert_eq!(world.desk.equity(), dec("100400"));
    let portfolio = world.desk.portfolio();
    assert_eq!(portfolio.positions[0].quantity, dec("60"));
    assert_eq!(portfolio.positions[0].average_price, dec("101"));
    assert_eq!(portfolio.positions[0].market_price, Some(dec("105")));
}

#[test]
fn a_position_that_turns_around_starts_anew() {
    let mut world = World::plain(Vec::new());
    world.order(Side::Buy, "10");
    world.bar(&[[100.0; 4]]);
    let opened = world.desk.portfolio().positions[0].opened;
    world.order(Side::Sell, "30");
    world.bar(&[[110.0; 4]]);
    let position = world.desk.portfolio().positions[0].clone();
    assert_eq!(position.quantity, dec("-20"));
    assert_eq!(position.average_price, dec("110"));
    assert!(position.opened > opened);
    assert_eq!(world.desk.ledger().realised(), dec("100"));
}

#[test]
fn a_dividend_is_cash_for_a_long_and_a_debt_for_a_short_and_leaves_equity_alone() {
    for (side, cash) in [(Side::Buy, dec("99025")), (Side::Sell, dec("100975"))] {
        let mut world = World::plain(Vec::new());
        world.order(side, "10");
        world.bar(&[[100.0; 4]]);
        let equity = world.desk.equity();
        let dividend = action(ActionKind::Dividend(dec("2.5")));
        world.desk.on_actions(1, &dividend, dec("100")).unwrap();
        assert_eq!(world.desk.ledger().cash(), cash);
        assert_eq!(world.desk.equity(), equity);
        world.desk.ledger().audit().unwrap();
    }
}

#[test]
fn a_split_pays_the_fraction_in_cash_and_leaves_equity_alone() {
    let mut world = World::plain(Vec::new());
    world.order(Side::Buy, "101");
    world.bar(&[[90.0; 4]]);
    let equity = world.desk.equity();
    world.desk.on_actions(1, &split(3, 2), dec("90")).unwrap();
    world.desk.ledger().audit().unwrap();
    // 151.5 units at 60: 151 are kept, half a unit is 30 in cash.
    assert_eq!(world.held(), dec("151"));
    assert_eq!(world.desk.ledger().cash(), dec("90940"));
    assert_eq!(world.desk.equity(), equity);
    assert_eq!(world.desk.portfolio().positions[0].average_price, dec("60"));
    assert_eq!(world.desk.ledger().realised(), Decimal::ZERO);
}

#[test]
fn a_reverse_split_of_less_than_a_unit_leaves_only_cash() {
    let mut world = World::plain(Vec::new());
    world.order(Side::Buy, "3");
    world.bar(&[[100.0; 4]]);
    world.bar_after(&[[1000.0; 4]], &split(1, 10));
    assert_eq!(world.held(), Decimal::ZERO);
    assert_eq!(world.desk.equity(), dec("100000"));
}

#[test]
fn a_working_stop_follows_a_split_as_the_venue_restates_it() {
    let mut world = World::plain(Vec::new());
    world.order(Side::Buy, "101");
    world.bar(&[[100.0; 4]]);
    world.request(OrderRequest {
        kind: OrderKind::Stop(dec("80.01")),
        time_in_force: TimeInForce::GoodTillCancelled,
        ..OrderRequest::market(1, Side::Sell, dec("101"))
    });
    world.bar_after(&[[67.0; 4]], &split(3, 2));
    let ours = world.desk.orders().iter().next().unwrap().open_order();
    assert_eq!(ours, world.venue.open_orders()[0]);
    assert_eq!(ours.order.request.quantity, dec("151"));
    assert_eq!(ours.order.request.kind, OrderKind::Stop(dec("53.34")));
    world.bar(&[[50.0; 4]]);
    assert_eq!(world.held(), Decimal::ZERO);
}

#[test]
fn an_unknown_corporate_action_lets_the_position_be_left_but_not_enlarged() {
    let mut world = World::plain(Vec::new());
    world.order(Side::Buy, "10");
    world.bar(&[[100.0; 4]]);
    let other = ActionKind::Other {
        code: "spin-off".to_owned(),
        text: "one of B for ten".to_owned(),
    };
    world
        .desk
        .on_actions(1, &action(other), dec("100"))
        .unwrap();
    assert!(
        world.order(Side::Buy, "1")[0]
            .what
            .starts_with("CORPORATE_ACTION_UNKNOWN")
    );
    assert_eq!(whats(&world.order(Side::Sell, "10")), ["exit Sell 10"]);
}

#[test]
fn a_brackets_exits_are_taken_up_when_the_venue_places_them() {
    let mut world = World::plain(Vec::new());
    world.request(OrderRequest {
        bracket: Some(Bracket {
            take_profit: Some(dec("120")),
            stop_loss: Some(dec("90")),
        }),
        ..OrderRequest::market(1, Side::Buy, dec("10"))
    });
    world.bar(&[[100.0; 4]]);
    let ours: Vec<_> = world
        .desk
        .orders()
        .iter()
        .map(|working| working.open_order())
        .collect();
    let theirs = world.venue.open_orders();
    assert_eq!(ours.len(), 2);
    assert!(theirs.iter().all(|order| ours.contains(order)));
    assert_eq!(theirs.len(), 2);
    assert_eq!(
        whats(&world.order(Side::Sell, "4")),
        ["exit Sell 4 reduce-only"]
    );
    world.bar(&[[100.0; 4]]);
    let applied = world.bar(&[[110.0, 125.0, 110.0, 121.0]]);
    assert_eq!(world.held(), Decimal::ZERO);
    assert!(
        applied
            .iter()
            .any(|applied| applied.state == OrderState::Cancelled)
    );
    assert_eq!(world.desk.orders().iter().count(), 0);
    assert_eq!(world.desk.ledger().realised(), dec("120"));
}

#[test]
fn a_target_is_reached_and_working_orders_count() {
    let mut world = World::plain(Vec::new());
    let (cancel, request) = world.desk.plan("ema", 1, dec("50"));
    assert!(cancel.is_empty());
    world.request(request.unwrap());
    assert_eq!(world.desk.plan("ema", 1, dec("50")), (Vec::new(), None));
    assert_eq!(world.desk.holding("ema", 1).working, dec("50"));
    let (cancel, request) = world.desk.plan("ema", 1, dec("0"));
    assert_eq!((cancel.len(), request), (1, None));
    world.bar(&[[100.0; 4]]);
    let (cancel, request) = world.desk.plan("ema", 1, dec("-20"));
    assert!(cancel.is_empty());
    assert_eq!(
        request,
        Some(OrderRequest::market(1, Side::Sell, dec("70")))
    );
    assert_eq!(world.desk.quantity_for_weight(1, 0.5), Ok(dec("500")));
}

#[test]
fn the_close_sets_the_base_of_the_next_sessions_loss_and_the_peak() {
    let mut world = World::plain(Vec::new());
    world.order(Side::Buy, "100");
    world.bar(&[[100.0; 4]]);
    world.bar(&[[130.0; 4]]);
    world.desk.session_close(Timestamp(world.now())).unwrap();
    world.bar(&[[120.0; 4]]);
    world.desk.session_close(Timestamp(world.now())).unwrap();
    let portfolio = world.desk.portfolio();
    assert_eq!(portfolio.prior_session_equity, dec("102000"));
    assert_eq!(portfolio.peak_equity, dec("103000"));
}

#[test]
fn repeated_unknown_and_excessive_fills_never_make_a_wrong_position() {
    let mut world = World::plain(Vec::new());
    let id = world.order(Side::Buy, "10")[0].id.clone();
    let unknown = update(
        "no-such-order",
        Outcome::Filled,
        Some(execution("x", "no-such-order", "10")),
    );
    let error = world.desk.apply(&unknown).unwrap_err();
    assert_eq!(error.to_string(), "order 'no-such-order' is unknown");

    let part = update(
        &id,
        Outcome::PartiallyFilled,
        Some(execution("a", &id, "4")),
    );
    assert!(world.apply(&part).is_some());
    assert!(world.apply(&part).is_none());
    assert_eq!(world.held(), dec("4"));

    let over = update(&id, Outcome::Filled, Some(execution("b", &id, "7")));
    let error = world.desk.apply(&over).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("order '{id}' for 10 would have filled 11")
    );
    assert_eq!(world.held(), dec("4"));

    let rest = update(&id, Outcome::Filled, Some(execution("c", &id, "6")));
    assert!(world.apply(&rest).is_some());
    assert!(world.apply(&rest).is_none());
    let late = update(&id, Outcome::Cancelled, None);
    assert!(matches!(
        world.desk.apply(&late),
        Err(DeskError::Order(
            bulkhead_desk::orders::OrderError::Illegal { .. }
        ))
    ));
    assert_eq!(world.held(), dec("10"));
    world.desk.ledger().audit().unwrap();
}

#[test]
fn prices_and_clocks_that_make_no_sense_are_refused() {
    let mut world = World::plain(Vec::new());
    let now = Timestamp(world.now());
    for price in ["0", "-1", "1000000000001"] {
        assert!(matches!(
            world.desk.mark(now, &[(1, dec(price))]),
            Err(DeskError::Price { .. })
        ));
    }
    assert_eq!(
        world.desk.mark(now, &[(7, dec("1"))]),
        Err(DeskError::UnknownInstrument(7))
    );
    assert!(matches!(
        world.desk.mark(Timestamp(now.0 - 1), &[]),
        Err(DeskError::Clock { .. })
    ));
    assert_eq!(world.desk.portfolio().time, now);
}

#[test]
fn a_split_gives_owners_together_what_the_broker_has() {
    // Old units of both, terms, new units, what the fractions bring.
    for (old, terms, new, cash) in [
        ([5_i64, 5], (3, 2), [8_i64, 7], "0"),
        ([5, 4], (3, 2), [7, 6], "20"),
        ([-5, -5], (3, 2), [-7, -8], "0"),
        ([5, -5], (3, 2), [8, -8], "0"),
        ([5, -2], (3, 2), [7, -3], "20"),
        ([3, 4], (1, 10), [0, 0], "420"),
        ([3, 7], (1, 10), [0, 1], "0"),
    ] {
        let mut world = World::new(CheckLimits::default(), &["AAPL"], Vec::new());
        world.bar(&[[60.0; 4]]);
        for (owner, units) in ["ema", "ml"].into_iter().zip(old) {
            let side = if units > 0 { Side::Buy } else { Side::Sell };
            let request = OrderRequest::market(1, side, Decimal::from(units.abs()));
            world.decide(vec![proposal(owner, owner, request)]);
        }
        world.bar(&[[60.0; 4]]);
        let before = world.desk.ledger().cash();
        world.bar_after(&[[60.0; 4]], &split(terms.0, terms.1));
        let held = ["ema", "ml"].map(|owner| world.desk.holding(owner, 1).quantity);
        assert_eq!(held, new.map(Decimal::from), "{old:?} {terms:?}");
        let venue = world.venue.position(1);
        assert_eq!(held.iter().sum::<Decimal>(), venue, "{old:?} {terms:?}");
        let after = world.desk.ledger().cash();
        assert_eq!((after - before).normalize(), dec(cash), "{old:?} {terms:?}");
    }
}

proptest! {
    #[test]
    fn the_books_balance_after_every_event(
        events in proptest::collection::vec((0u8..8, 1u32..400, 1u32..40_000), 1..40),
    ) {
        let mut world = World::new(CheckLimits::default(), &["AAPL", "MSFT"], Vec::new());
        world.bar(&[[100.0; 4], [50.0; 4]]);
        for (index, (what, size, cents)) in events.into_iter().enumerate() {
            let price = f64::from(cents + 100) / 100.0;
            let bar = [[price; 4], [50.0; 4]];
            match what {
                0 => {
                    world.bar_after(&bar, &split(1 + size % 7, 1 + cents % 5));
                }
                1 => {
                    let dividend = Decimal::new(i64::from(size), 2);
                    world.bar_after(&bar, &action(ActionKind::Dividend(dividend)));
                }
                _ => {
                    let side = if what % 2 == 0 { Side::Buy } else { Side::Sell };
                    let owner = if what < 5 { "ema" } else { "ml" };
                    let request = OrderRequest::market(1 + u32::from(what > 6), side, size.into());
                    let decision = format!("d-{index}");
                    world.decide(vec![proposal(&decision, owner, request)]);
                    world.bar(&bar);
                }
            }
            // The venue nets owners: what they hold together is what it says, splits or not.
            for instrument in [1, 2] {
                let held: Decimal = ["ema", "ml"]
                    .iter()
                    .map(|owner| world.desk.holding(owner, instrument).quantity)
                    .sum();
                let venue = world.venue.position(instrument);
                prop_assert_eq!(held, venue);
            }
            let ledger = world.desk.ledger();
            prop_assert!(ledger.audit().is_ok());
        }
    }
}
