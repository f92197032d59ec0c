use super::*;

#[test]
fn a_split_multiplies_quantities_and_divides_prices_before_the_open() {
    let mut floor = Floor::new();
    floor.buy("l", 101, limit("99.99"));
    floor.sell("s", 100, stop("95.01"));
    let split = ActionKind::Split {
        numerator: 3,
        denominator: 2,
    };
    assert_eq!(
        floor.bar_after(vec![split], [67.0, 68.0, 66.0, 67.0], 100_000.0),
        [
            "l accepted: split 3:2: 101 became 151, the fraction 0.5 is cancelled",
            "s accepted: split 3:2: 100 became 150",
            "l fills 151 @ 66.66 path maker",
        ]
    );
    assert_eq!(
        floor.venue.open_orders()[0].order.request.kind,
        stop("63.34")
    );
}

#[test]
fn a_split_cancels_an_order_that_it_leaves_less_than_a_lot() {
    let mut floor = Floor::new();
    floor.buy("l", 9, limit("99"));
    let split = ActionKind::Split {
        numerator: 1,
        denominator: 10,
    };
    assert_eq!(
        floor.bar_after(vec![split], [1000.0; 4], 100_000.0),
        ["l cancelled: split 1:10: 9 is no tradable quantity any more"]
    );
}

#[test]
fn a_split_scales_the_position_the_trailing_volume_and_the_trailing_stop() {
    let mut floor = Floor::new();
    floor.buy("b", 10, OrderKind::Market);
    floor.busy([100.0; 4]);
    floor.sell("t", 10, OrderKind::TrailingStop(Trail::Amount(dec("10"))));
    floor.buy("m", 6_000, OrderKind::Market);
    let split = ActionKind::Split {
        numerator: 2,
        denominator: 1,
    };
    let updates = floor.bar_after(vec![split], [50.0, 50.0, 45.0, 50.0], 300_000.0);
    assert_eq!(
        updates[2..],
        [
            "m fills 5000 @ 50 open taker, 7000 left",
            "t triggered",
            "t fills 20 @ 45 path taker"
        ]
    );
    assert_eq!(floor.venue.position(0), dec("5000"));
}

#[test]
fn a_dividend_moves_no_order() {
    let mut floor = Floor::new();
    floor.buy("l", 10, limit("99"));
    assert_eq!(
        floor.bar_after(vec![ActionKind::Dividend(dec("5"))], [100.0; 4], 1e6),
        [""; 0]
    );
    assert_eq!(floor.venue.open_orders()[0].order.request.kind, limit("99"));
}

#[test]
fn another_action_changes_nothing_and_says_so() {
    let mut floor = Floor::new();
    floor.buy("l", 10, limit("99"));
    let action = ActionKind::Other {
        code: "merger".to_owned(),
        text: "into XYZ".to_owned(),
    };
    assert_eq!(
        floor.bar_after(vec![action], [100.0; 4], 1e6),
        ["l accepted: corporate action merger leaves the order as it is: into xyz"]
    );
}

#[test]
fn a_reduce_only_order_fills_up_to_the_position_and_no_further() {
    let mut floor = Floor::new();
    let reduce_only = |request: &mut OrderRequest| request.reduce_only = true;
    floor.buy("b", 10, OrderKind::Market);
    floor.busy([100.0; 4]);
    floor
        .try_send("r", Side::Sell, 25, OrderKind::Market, reduce_only)
        .unwrap();
    assert_eq!(
        floor.busy([100.0; 4]),
        [
            "r fills 10 @ 100 open taker, 15 left",
            "r cancelled: reduce-only: the position is closed"
        ]
    );
    assert_eq!(floor.venue.position(0), dec("0"));
}

#[test]
fn a_reduce_only_order_without_a_position_is_cancelled_when_it_would_fill() {
    let mut floor = Floor::new();
    let reduce_only = |request: &mut OrderRequest| request.reduce_only = true;
    floor
        .try_send("r", Side::Sell, 25, stop("95"), reduce_only)
        .unwrap();
    assert_eq!(floor.busy([100.0; 4]), [""; 0]);
    assert_eq!(
        floor.busy([100.0, 101.0, 94.0, 95.0]),
        [
            "r triggered",
            "r cancelled: reduce-only: there is no position to reduce"
        ]
    );
}

#[test]
fn a_reduce_only_stop_sent_with_its_entry_protects_it_from_the_same_bar_on() {
    let mut floor = Floor::new();
    let reduce_only = |request: &mut OrderRequest| request.reduce_only = true;
    floor.buy("b", 10, OrderKind::Market);
    floor
        .try_send("r", Side::Sell, 10, stop("95"), reduce_only)
        .unwrap();
    assert_eq!(
        floor.busy([100.0, 101.0, 94.0, 95.0]),
        [
            "b fills 10 @ 100 open taker",
            "r triggered",
            "r fills 10 @ 95 path taker"
        ]
    );
}

#[test]
fn positions_can_be_set_for_an_account_that_did_not_start_flat() {
    let mut floor = Floor::new();
    floor.venue.set_position(0, dec("-5")).unwrap();
    floor
        .try_send("r", Side::Buy, 5, OrderKind::Market, |request| {
            request.reduce_only = true
        })
        .unwrap();
    assert_eq!(floor.busy([100.0; 4]), ["r fills 5 @ 100 open taker"]);
}

#[test]
fn finishing_cancels_what_works() {
    let mut floor = Floor::new();
    floor.buy("l", 10, limit("90"));
    let updates = floor.venue.finish(floor.now());
    assert_eq!(told(&updates, 0), ["l cancelled: the book is closed"]);
    assert_eq!(floor.working(), [""; 0]);
}

#[test]
fn updates_of_several_instruments_come_in_order_of_time() {
    let mut venue = Venue::new(VenueConfig::default(), &[spec(1), spec(0)]).unwrap();
    let steps = |day: i64| {
        [1, 0].map(|instrument| Step {
            instrument,
            open_time: day * DAY - SESSION,
            bar: Bar {
                time: day * DAY,
                open: 100.0,
                high: 101.0,
                low: 98.0,
                close: 100.0,
                volume: 1e6,
                factor: 1.0,
            },
            session_end: true,
            actions: Vec::new(),
        })
    };
    venue.advance(&steps(1)).unwrap();
    for (id, instrument, kind) in [
        ("a", 0, limit("99")),
        ("b", 1, OrderKind::Market),
        ("c", 1, limit("99")),
    ] {
        let request = OrderRequest {
            kind,
            ..OrderRequest::market(instrument, Side::Buy, dec("1"))
        };
        venue.submit(&order(id, request), DAY).unwrap();
    }
    let ids: Vec<String> = venue
        .advance(&steps(2))
        .unwrap()
        .into_iter()
        .map(|update| update.client_order_id)
        .collect();
    assert_eq!(ids, ["b", "a", "c"]);
}
