use super::*;

fn bracket(target: &str, stop: &str) -> impl FnOnce(&mut OrderRequest) {
    let bracket = Bracket {
        take_profit: Some(dec(target)),
        stop_loss: Some(dec(stop)),
    };
    move |request| request.bracket = Some(bracket)
}

/// Bought 10 at 100 with a target of 110 and a stop of 95.
fn long() -> Floor {
    let mut floor = Floor::new();
    floor
        .try_send("e", Side::Buy, 10, OrderKind::Market, bracket("110", "95"))
        .unwrap();
    floor.busy([100.0; 4]);
    floor
}

#[test]
fn exits_are_placed_when_the_entry_fills_and_work_from_the_next_bar() {
    let mut floor = Floor::new();
    floor
        .try_send("e", Side::Buy, 10, OrderKind::Market, bracket("110", "95"))
        .unwrap();
    assert_eq!(
        floor.busy([100.0, 112.0, 90.0, 100.0]),
        [
            "e fills 10 @ 100 open taker",
            "e-tp accepted: bracket: the entry has filled",
            "e-sl accepted: bracket: the entry has filled",
        ]
    );
    assert_eq!(
        floor.busy([100.0, 111.0, 99.0, 110.0]),
        [
            "e-tp fills 10 @ 110 path maker",
            "e-sl cancelled: bracket: the other exit filled"
        ]
    );
    assert_eq!(floor.working(), [""; 0]);
    assert_eq!(floor.venue.position(0), dec("0"));
}

#[test]
fn the_stop_wins_when_stop_and_target_are_both_within_the_bar() {
    let mut floor = long();
    assert_eq!(
        floor.busy([109.0, 111.0, 94.0, 110.0]),
        [
            "e-sl triggered",
            "e-sl fills 10 @ 95 path taker",
            "e-tp cancelled: bracket: the other exit filled",
        ]
    );
}

#[test]
fn a_target_that_the_open_gaps_over_comes_before_a_stop_on_the_path() {
    let mut floor = long();
    let updates = floor.busy([112.0, 113.0, 94.0, 95.0]);
    assert_eq!(updates[0], "e-tp fills 10 @ 112 open taker");
    assert_eq!(floor.working(), [""; 0]);
}

#[test]
fn a_partial_fill_of_one_exit_takes_as_much_from_the_other() {
    let mut floor = long();
    assert_eq!(
        floor.bar([100.0, 111.0, 99.0, 110.0], 160.0),
        [
            "e-tp fills 4 @ 110 path maker, 6 left",
            "e-sl accepted: bracket: the other exit filled 4",
        ]
    );
    assert_eq!(floor.working(), ["e-sl 6", "e-tp 6"]);
}

#[test]
fn a_target_no_longer_fills_once_its_stop_has_triggered() {
    let mut floor = long();
    floor.bar([100.0, 101.0, 94.0, 95.0], 160.0);
    assert_eq!(floor.working(), ["e-sl 6", "e-tp 6"]);
    let updates = floor.busy([120.0; 4]);
    assert_eq!(updates[0], "e-sl fills 6 @ 120 open taker");
}

#[test]
fn exits_grow_with_an_entry_that_fills_in_parts() {
    let mut floor = Floor::new();
    floor
        .try_send(
            "e",
            Side::Buy,
            4_000,
            OrderKind::Market,
            bracket("110", "95"),
        )
        .unwrap();
    floor.busy([100.0; 4]);
    assert_eq!(floor.working(), ["e 1500", "e-sl 2500", "e-tp 2500"]);
    let updates = floor.busy([101.0, 101.0, 95.0, 95.0]);
    assert_eq!(
        updates,
        [
            "e fills 1500 @ 101 open taker",
            "e-sl accepted: bracket: the entry filled 1500 more",
            "e-tp accepted: bracket: the entry filled 1500 more",
            "e-sl triggered",
            "e-sl fills 1000 @ 95 path taker, 3000 left",
            "e-tp accepted: bracket: the other exit filled 1000",
        ]
    );
    assert_eq!(floor.venue.position(0), dec("3000"));
}

#[test]
fn what_was_bought_in_this_bar_is_not_sold_by_its_exits_in_this_bar() {
    let mut floor = Floor::new();
    floor
        .try_send(
            "e",
            Side::Buy,
            2_510,
            OrderKind::Market,
            bracket("110", "95"),
        )
        .unwrap();
    floor.busy([100.0; 4]);
    let updates = floor.bar([101.0, 101.0, 95.0, 95.0], 1e9);
    assert_eq!(updates[4], "e-sl fills 2500 @ 95 path taker, 10 left");
    assert_eq!(floor.busy([94.0; 4])[0], "e-sl fills 10 @ 94 open taker");
}

#[test]
fn the_rest_of_an_entry_is_cancelled_when_an_exit_fills() {
    let mut floor = Floor::new();
    floor
        .try_send("e", Side::Buy, 5_000, limit("99"), bracket("110", "95"))
        .unwrap();
    floor.busy([100.0, 101.0, 98.0, 100.0]);
    assert_eq!(floor.working(), ["e 2500", "e-sl 2500", "e-tp 2500"]);
    let updates = floor.busy([100.0, 111.0, 99.5, 110.0]);
    assert_eq!(
        updates,
        [
            "e-tp fills 2500 @ 110 path maker",
            "e-sl cancelled: bracket: the other exit filled",
            "e cancelled: bracket: an exit has filled",
        ]
    );
}

#[test]
fn exits_go_when_another_order_closes_the_position() {
    let mut floor = long();
    floor.sell("x", 10, OrderKind::Market);
    assert_eq!(
        floor.busy([100.0; 4]),
        [
            "x fills 10 @ 100 open taker",
            "e-sl cancelled: reduce-only: the position is closed",
            "e-tp cancelled: reduce-only: the position is closed",
        ]
    );
}

#[test]
fn exits_are_not_placed_for_a_position_that_is_closed_already() {
    let mut floor = Floor::new();
    floor
        .try_send("e", Side::Buy, 10, OrderKind::Market, bracket("110", "95"))
        .unwrap();
    floor.sell("x", 10, stop("99"));
    let updates = floor.busy([100.0, 100.0, 98.0, 98.0]);
    assert_eq!(
        updates[3],
        "e-tp cancelled: bracket: the position is closed already"
    );
    assert_eq!(floor.working(), [""; 0]);
}

#[test]
fn an_exit_of_a_short_entry_buys() {
    let mut floor = Floor::new();
    floor
        .try_send("e", Side::Sell, 10, OrderKind::Market, bracket("90", "105"))
        .unwrap();
    floor.busy([100.0; 4]);
    assert_eq!(
        floor.busy([100.0, 101.0, 89.0, 90.0]),
        [
            "e-tp fills 10 @ 90 path maker",
            "e-sl cancelled: bracket: the other exit filled"
        ]
    );
}

#[test]
fn the_exits_of_a_long_id_keep_to_36_characters_and_apart() {
    let exits = |last: char| {
        let mut floor = Floor::new();
        let id = format!("{}{last}", "x".repeat(35));
        floor
            .try_send(&id, Side::Buy, 10, OrderKind::Market, bracket("110", "95"))
            .unwrap();
        floor.busy([100.0; 4]);
        let orders = floor.venue.open_orders();
        orders
            .into_iter()
            .map(|open| open.order.client_order_id)
            .collect::<Vec<_>>()
    };
    let (first, second) = (exits('a'), exits('b'));
    assert!(first.iter().all(|id| id.len() == 36), "{first:?}");
    assert!(first.iter().all(|id| !second.contains(id)));
}

#[test]
fn an_exit_that_was_held_back_at_the_open_gets_no_second_chance_in_that_bar() {
    let mut floor = long();
    let replacement = Replacement {
        client_order_id: "e-tp".to_owned(),
        new_client_order_id: "trailing".to_owned(),
        quantity: dec("6"),
        kind: OrderKind::TrailingStop(Trail::Amount(dec("3"))),
    };
    floor.bar([100.0, 101.0, 94.0, 95.0], 160.0);
    let now = floor.now();
    floor.venue.replace(&replacement, now).unwrap();
    assert_eq!(
        floor.busy([90.0, 90.0, 89.0, 90.0])[2..],
        [
            "e-sl fills 6 @ 90 open taker",
            "trailing cancelled: bracket: the other exit filled"
        ]
    );
}
