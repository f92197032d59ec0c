//! Late orders, withheld bars, cut fills, and several accounts.

use super::*;
use crate::config::{FillTiming, PartialFills, VenueAccount};

fn ten_bars_of_one_order(config: VenueConfig) -> Vec<String> {
    let mut floor = Floor::with(config);
    floor.buy("o", 1_000, OrderKind::Market);
    (0..10).flat_map(|_| floor.busy([100.0; 4])).collect()
}

fn partial(chance: f64, seed: u64) -> VenueConfig {
    VenueConfig {
        partial_fills: Some(PartialFills { chance, seed }),
        ..VenueConfig::default()
    }
}

#[test]
fn a_cut_fill_leaves_the_rest_to_the_next_bars_and_depends_on_the_seed_alone() {
    let whole = ten_bars_of_one_order(partial(0.0, 1));
    assert_eq!(whole, ["o fills 1000 @ 100 open taker"]);
    let one = ten_bars_of_one_order(partial(1.0, 1));
    assert!(one.len() > 1 && one[0].ends_with(" left"), "{one:?}");
    assert_eq!(one, ten_bars_of_one_order(partial(1.0, 1)));
    assert_ne!(one, ten_bars_of_one_order(partial(1.0, 2)));
}

#[test]
fn a_fill_or_kill_order_is_never_cut_nor_a_fill_of_one_lot() {
    let mut floor = Floor::with(partial(1.0, 1));
    floor
        .try_send("f", Side::Buy, 1_000, OrderKind::Market, |request| {
            request.time_in_force = TimeInForce::FillOrKill
        })
        .unwrap();
    floor.buy("l", 1, OrderKind::Market);
    assert_eq!(
        floor.busy([100.0; 4]),
        [
            "f fills 1000 @ 100 open taker",
            "l fills 1 @ 100 open taker"
        ]
    );
}

#[test]
fn a_fill_or_kill_order_is_killed_where_the_volume_or_the_position_is_too_small() {
    let mut floor = Floor::new();
    floor.buy("b", 10, OrderKind::Market);
    floor.busy([100.0; 4]);
    let mut kill = |id: &str, side, quantity, reduce_only| {
        floor
            .try_send(id, side, quantity, OrderKind::Market, |request| {
                request.time_in_force = TimeInForce::FillOrKill;
                request.reduce_only = reduce_only;
            })
            .unwrap();
        floor.busy([100.0; 4])
    };
    assert_eq!(
        kill("v", Side::Buy, 2_501, false),
        ["v cancelled: not to be had at the open"]
    );
    assert_eq!(
        kill("r", Side::Sell, 11, true),
        ["r cancelled: not to be had at the open"]
    );
    assert_eq!(
        kill("w", Side::Sell, 10, true),
        ["w fills 10 @ 100 open taker"]
    );
}

#[test]
fn a_late_order_meets_the_first_bar_that_opens_after_it_arrives() {
    let mut floor = Floor::new();
    floor.buy("l", 1, OrderKind::Market);
    let into_the_session = floor.now() + DAY - SESSION / 2;
    floor.venue.delay("l", into_the_session, 0).unwrap();
    assert_eq!(floor.venue.open_orders()[0].accepted, into_the_session);
    assert_eq!(floor.busy([101.0; 4]), [""; 0]);
    assert_eq!(floor.busy([102.0; 4]), ["l fills 1 @ 102 open taker"]);
    let gone = floor.venue.delay("l", 0, 1).unwrap_err();
    assert_eq!(gone.code(), "closed");
}

#[test]
fn a_day_order_that_sits_out_bars_belongs_to_the_session_it_arrives_in() {
    let mut floor = Floor::new();
    floor
        .try_send("d", Side::Buy, 1, limit("99"), |request| {
            request.time_in_force = TimeInForce::Day
        })
        .unwrap();
    let now = floor.now();
    floor.venue.delay("d", now, 2).unwrap();
    assert_eq!(floor.busy([100.0, 101.0, 90.0, 100.0]), [""; 0]);
    assert_eq!(floor.busy([100.0, 101.0, 90.0, 100.0]), [""; 0]);
    assert_eq!(floor.busy([100.0; 4]), ["d expired: the session has ended"]);
}

#[test]
fn a_late_trailing_stop_does_not_trail_on_its_way() {
    let mut floor = Floor::new();
    floor.sell("t", 1, OrderKind::TrailingStop(Trail::Amount(dec("5"))));
    let now = floor.now();
    floor.venue.delay("t", now, 1).unwrap();
    floor.busy([100.0, 120.0, 100.0, 100.0]);
    assert_eq!(
        floor.busy([100.0, 100.0, 94.0, 94.0]),
        ["t triggered", "t fills 1 @ 95 path taker"]
    );
}

#[test]
fn a_late_order_does_not_fill_at_the_close_it_was_sent_at() {
    let mut floor = Floor::with(VenueConfig {
        fill: FillTiming::Close,
        ..VenueConfig::default()
    });
    floor.buy("l", 1, OrderKind::Market);
    let now = floor.now();
    floor.venue.delay("l", now, 1).unwrap();
    let mut updates = Vec::new();
    floor.venue.settle_close_into(&mut updates);
    assert!(updates.is_empty());
    assert_eq!(floor.busy([101.0; 4]), [""; 0]);
    assert_eq!(floor.busy([102.0; 4]), ["l fills 1 @ 102 open taker"]);
}

fn withheld(floor: &mut Floor, prices: [f64; 4]) -> Vec<String> {
    floor.day += 1;
    let [open, high, low, close] = prices;
    let step = Step {
        instrument: 0,
        open_time: floor.open(),
        bar: Bar {
            time: floor.now(),
            open,
            high,
            low,
            close,
            volume: 1e6,
            factor: 1.0,
        },
        session_end: true,
        actions: Vec::new(),
    };
    let mut updates = Vec::new();
    floor
        .venue
        .advance_withholding_into(&[step], |_| true, &mut updates)
        .unwrap();
    told(&updates, floor.open())
}

#[test]
fn orders_do_not_meet_a_bar_that_is_withheld() {
    let mut floor = Floor::new();
    floor.buy("m", 1, OrderKind::Market);
    floor.sell("t", 1, OrderKind::TrailingStop(Trail::Amount(dec("5"))));
    for (id, time_in_force) in [
        ("i", TimeInForce::ImmediateOrCancel),
        ("d", TimeInForce::Day),
    ] {
        floor
            .try_send(id, Side::Buy, 1, limit("101"), |request| {
                request.time_in_force = time_in_force
            })
            .unwrap();
    }
    assert_eq!(
        withheld(&mut floor, [100.0, 120.0, 90.0, 110.0]),
        ["i cancelled: no quote", "d expired: the session has ended"]
    );
    assert_eq!(
        floor.busy([110.0, 110.0, 95.0, 100.0]),
        [
            "m fills 1 @ 110 open taker",
            "t triggered",
            "t fills 1 @ 95 path taker"
        ]
    );
}

#[test]
fn nothing_fills_at_the_close_of_a_bar_that_is_withheld() {
    let mut floor = Floor::with(VenueConfig {
        fill: FillTiming::Close,
        ..VenueConfig::default()
    });
    withheld(&mut floor, [100.0; 4]);
    floor.buy("m", 1, OrderKind::Market);
    let mut updates = Vec::new();
    floor.venue.settle_close_into(&mut updates);
    assert!(updates.is_empty());
    assert_eq!(floor.busy([103.0; 4]), ["m fills 1 @ 103 open taker"]);
}

fn two_accounts() -> Floor {
    Floor::with(VenueConfig {
        further_accounts: vec![VenueAccount {
            id: "second".to_owned(),
            fee_currency: "EUR".to_owned(),
        }],
        ..VenueConfig::default()
    })
}

fn send_as(
    floor: &mut Floor,
    account: &str,
    id: &str,
    side: Side,
    quantity: i64,
    reduce_only: bool,
) {
    let request = OrderRequest {
        time_in_force: TimeInForce::GoodTillCancelled,
        reduce_only,
        ..OrderRequest::market(0, side, Decimal::from(quantity))
    };
    let order = Order {
        account: account.to_owned(),
        ..order(id, request)
    };
    let now = floor.now();
    floor.venue.submit(&order, now).unwrap();
}

#[test]
fn accounts_share_the_volume_and_nothing_else() {
    let mut floor = two_accounts();
    send_as(&mut floor, "paper", "a", Side::Buy, 2_000, false);
    send_as(&mut floor, "second", "b", Side::Buy, 2_000, false);
    assert_eq!(
        floor.busy([100.0; 4]),
        [
            "a fills 2000 @ 100 open taker",
            "b fills 500 @ 100 open taker, 1500 left"
        ]
    );
    floor.venue.cancel("b").unwrap();
    send_as(&mut floor, "paper", "c", Side::Sell, 9_000, true);
    send_as(&mut floor, "second", "d", Side::Sell, 400, true);
    assert_eq!(
        floor.busy([100.0; 4]),
        [
            "c fills 2000 @ 100 open taker, 7000 left",
            "c cancelled: reduce-only: the position is closed",
            "d fills 400 @ 100 open taker",
        ]
    );
    assert_eq!(floor.venue.position(0), dec("0"));
    assert_eq!(floor.venue.position_of("second", 0), dec("100"));
    assert_eq!(floor.venue.position_of("third", 0), dec("0"));
    assert_eq!(floor.venue.account_of("d"), Some("second"));
    assert_eq!(floor.venue.account_of("z"), None);
}

#[test]
fn a_split_is_every_accounts_and_fees_are_in_its_own_currency() {
    let mut floor = two_accounts();
    floor.venue.set_position_of("second", 0, dec("-5")).unwrap();
    assert!(floor.venue.set_position_of("third", 0, dec("1")).is_err());
    send_as(&mut floor, "second", "r", Side::Buy, 100, true);
    let split = ActionKind::Split {
        numerator: 3,
        denominator: 1,
    };
    floor.day += 1;
    let step = Step {
        instrument: 0,
        open_time: floor.open(),
        bar: Bar {
            time: floor.now(),
            open: 30.0,
            high: 30.0,
            low: 30.0,
            close: 30.0,
            volume: 1e6,
            factor: 1.0,
        },
        session_end: true,
        actions: vec![CorporateAction {
            time: floor.open(),
            kind: split,
        }],
    };
    let updates = floor.venue.advance(&[step]).unwrap();
    let fill = updates
        .iter()
        .find_map(|update| update.execution.as_ref())
        .unwrap();
    assert_eq!(
        (fill.quantity, fill.account.as_str()),
        (dec("15"), "second")
    );
    assert_eq!(fill.fee_currency, "EUR");
}

#[test]
fn an_order_withdrawn_by_the_venue_is_told_with_the_reason() {
    let mut floor = Floor::new();
    floor.buy("o", 1, limit("90"));
    let mut updates = Vec::new();
    let now = floor.now();
    floor.venue.withdraw("o", now, "margin call", &mut updates);
    floor.venue.withdraw("o", now, "margin call", &mut updates);
    assert_eq!(told(&updates, 0), ["o cancelled: margin call"]);
}

#[test]
fn a_good_till_date_order_whose_time_falls_between_bars_never_sees_the_next_one() {
    let mut floor = Floor::new();
    let between = floor.now() + (DAY - SESSION) / 2;
    let at_the_open = floor.now() + DAY - SESSION;
    for (id, until) in [("b", between), ("o", at_the_open), ("s", at_the_open + 1)] {
        floor
            .try_send(id, Side::Buy, 1, limit("101"), |request| {
                request.time_in_force = TimeInForce::GoodTillDate(until)
            })
            .unwrap();
    }
    assert_eq!(
        floor.busy([100.0; 4]),
        [
            "b expired: good-till-date",
            "o expired: good-till-date",
            "s fills 1 @ 100 open taker"
        ]
    );
}

#[test]
fn a_trailing_stop_is_tested_before_it_moves_with_the_same_bar() {
    let mut floor = Floor::new();
    floor.sell("t", 1, OrderKind::TrailingStop(Trail::Amount(dec("5"))));
    assert_eq!(floor.busy([100.0, 110.0, 96.0, 100.0]), [""; 0]);
    assert_eq!(
        floor.busy([106.0, 106.0, 104.0, 106.0]),
        ["t triggered", "t fills 1 @ 105 path taker"]
    );
}
