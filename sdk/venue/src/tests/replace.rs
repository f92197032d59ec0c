use super::*;
use crate::config::FillTiming;

fn change(floor: &mut Floor, old: &str, new: &str, quantity: &str, kind: OrderKind) {
    try_change(floor, old, new, quantity, kind).unwrap();
}

fn try_change(
    floor: &mut Floor,
    old: &str,
    new: &str,
    quantity: &str,
    kind: OrderKind,
) -> Result<(), VenueReject> {
    let replacement = Replacement {
        client_order_id: old.to_owned(),
        new_client_order_id: new.to_owned(),
        quantity: dec(quantity),
        kind,
    };
    let now = floor.now();
    floor.venue.replace(&replacement, now)
}

/// Bought 10 at 100 with a target of 110 and a stop of 95.
fn long() -> Floor {
    let mut floor = Floor::new();
    let bracket = Bracket {
        take_profit: Some(dec("110")),
        stop_loss: Some(dec("95")),
    };
    floor
        .try_send("e", Side::Buy, 10, OrderKind::Market, |request| {
            request.bracket = Some(bracket)
        })
        .unwrap();
    floor.busy([100.0; 4]);
    floor
}

#[test]
fn a_replaced_order_goes_on_under_its_new_id_with_what_it_filled() {
    let mut floor = Floor::new();
    floor.buy("a", 3_000, limit("99"));
    assert_eq!(
        floor.busy([100.0, 101.0, 98.0, 100.0]),
        ["a fills 2500 @ 99 path maker, 500 left"]
    );
    let replacement = Replacement {
        client_order_id: "a".to_owned(),
        new_client_order_id: "b".to_owned(),
        quantity: dec("2600"),
        kind: limit("98"),
    };
    let now = floor.now();
    floor.venue.replace(&replacement, now).unwrap();
    assert_eq!(floor.working(), ["b 100"]);
    assert_eq!(
        floor.venue.cancel("a"),
        Err(VenueReject::Closed("a".to_owned()))
    );
    assert_eq!(
        floor.busy([100.0, 101.0, 97.0, 100.0]),
        [
            "a cancelled: replaced by b",
            "b accepted: replaces a, which filled 2500",
            "b fills 100 @ 98 path maker"
        ]
    );
}

#[test]
fn a_replaced_exit_stays_in_its_bracket() {
    let mut floor = Floor::new();
    let bracket = Bracket {
        take_profit: Some(dec("110")),
        stop_loss: Some(dec("95")),
    };
    floor
        .try_send("e", Side::Buy, 10, OrderKind::Market, |request| {
            request.bracket = Some(bracket)
        })
        .unwrap();
    floor.busy([100.0; 4]);
    let replacement = Replacement {
        client_order_id: "e-sl".to_owned(),
        new_client_order_id: "tighter".to_owned(),
        quantity: dec("10"),
        kind: stop("98"),
    };
    let now = floor.now();
    floor.venue.replace(&replacement, now).unwrap();
    assert_eq!(
        floor.busy([100.0, 101.0, 97.0, 98.0]),
        [
            "e-sl cancelled: replaced by tighter",
            "tighter accepted: replaces e-sl, which filled 0",
            "tighter triggered",
            "tighter fills 10 @ 98 path taker",
            "e-tp cancelled: bracket: the other exit filled",
        ]
    );
}

#[test]
fn a_trailing_stop_keeps_its_best_price_when_only_its_quantity_is_replaced() {
    let mut floor = Floor::new();
    let kind = OrderKind::TrailingStop(Trail::Amount(dec("5")));
    floor.sell("t", 10, kind);
    floor.busy([100.0, 110.0, 99.0, 108.0]);
    let replacement = Replacement {
        client_order_id: "t".to_owned(),
        new_client_order_id: "u".to_owned(),
        quantity: dec("5"),
        kind,
    };
    let now = floor.now();
    floor.venue.replace(&replacement, now).unwrap();
    assert_eq!(
        floor.busy([108.0, 108.0, 104.0, 104.0])[3],
        "u fills 5 @ 105 path taker"
    );
}

#[test]
fn a_replacement_says_what_the_new_id_still_works_for() {
    let mut floor = Floor::new();
    floor.buy("a", 3_000, limit("99"));
    floor.busy([100.0, 101.0, 98.0, 100.0]);
    change(&mut floor, "a", "b", "2600", limit("90"));
    let open = &floor.venue.open_orders()[0];
    assert_eq!(
        (open.filled, open.order.request.quantity),
        (dec("2500"), dec("2600"))
    );
    let at = floor.now();
    let told = floor.venue.finish(at);
    let said: Vec<_> = told
        .iter()
        .map(|update| {
            (
                update.client_order_id.as_str(),
                update.outcome,
                update.leaves,
                update.time,
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            ("a", Outcome::Cancelled, dec("0"), at),
            ("b", Outcome::Accepted, dec("100"), at),
            ("b", Outcome::Cancelled, dec("0"), at),
        ]
    );
}

#[test]
fn a_chain_of_replacements_is_told_link_by_link_and_a_cancelled_end_is_not_told() {
    let mut floor = Floor::new();
    floor.buy("a", 10, limit("90"));
    change(&mut floor, "a", "b", "20", limit("91"));
    change(&mut floor, "b", "c", "30", limit("92"));
    let mut cut = Floor {
        venue: floor.venue.clone(),
        day: floor.day,
    };
    assert_eq!(
        floor.busy([100.0; 4]),
        [
            "a cancelled: replaced by b",
            "b accepted: replaces a, which filled 0",
            "b cancelled: replaced by c",
            "c accepted: replaces b, which filled 0",
        ]
    );
    cut.venue.cancel("c").unwrap();
    let told = cut.busy([100.0; 4]);
    assert_eq!(told.len(), 3);
    assert_eq!(told[2], "b cancelled: replaced by c");
}

#[test]
fn a_refused_replacement_tells_nothing() {
    let mut floor = Floor::new();
    floor.buy("a", 10, limit("90"));
    assert!(try_change(&mut floor, "a", "b", "0", limit("90")).is_err());
    assert_eq!(floor.busy([100.0; 4]), [""; 0]);
    assert_eq!(floor.working(), ["a 10"]);
}

#[test]
fn a_quantity_at_or_below_what_has_filled_is_refused_whatever_its_size() {
    let mut floor = Floor::new();
    floor.buy("a", 3_000, limit("99"));
    floor.busy([100.0, 101.0, 98.0, 100.0]);
    for quantity in ["2500", "2499", "0", "-1", "-79228162514264337593543950335"] {
        let refusal = try_change(&mut floor, "a", "b", quantity, limit("99"));
        assert_eq!(refusal.unwrap_err().code(), "filled", "{quantity}");
    }
    floor.buy("n", 10, limit("90"));
    let refusal = try_change(
        &mut floor,
        "n",
        "m",
        "-79228162514264337593543950335",
        limit("99"),
    );
    assert_eq!(refusal.unwrap_err().code(), "quantity");
}

#[test]
fn a_post_only_order_replaced_into_the_market_is_rejected_at_the_open() {
    let mut floor = Floor::new();
    floor
        .try_send("p", Side::Buy, 10, limit("98"), |request| {
            request.post_only = true
        })
        .unwrap();
    floor.busy([100.0; 4]);
    change(&mut floor, "p", "q", "10", limit("101"));
    assert_eq!(
        floor.busy([100.0; 4])[2..],
        ["q rejected: post-only: marketable at the open of 100"]
    );
    floor
        .try_send("r", Side::Buy, 10, limit("98"), |request| {
            request.post_only = true
        })
        .unwrap();
    let refusal = try_change(&mut floor, "r", "s", "10", OrderKind::Market);
    assert_eq!(refusal.unwrap_err().code(), "contradiction");
}

#[test]
fn a_triggered_stop_stays_triggered_when_only_its_quantity_is_replaced() {
    let kind = OrderKind::StopLimit {
        stop: dec("99"),
        limit: dec("98.5"),
    };
    for (new, expected) in [
        (kind, &["b fills 5 @ 99.5 open taker"][..]),
        (stop("96"), &[][..]),
    ] {
        let mut floor = Floor::new();
        floor.sell("s", 10, kind);
        assert_eq!(floor.busy([100.0, 100.0, 98.0, 98.0]), ["s triggered"]);
        change(&mut floor, "s", "b", "5", new);
        assert_eq!(floor.busy([99.5, 100.0, 99.2, 99.5])[2..], *expected);
    }
}

#[test]
fn a_smaller_target_leaves_the_stop_on_the_rest() {
    let mut floor = long();
    change(&mut floor, "e-tp", "part", "4", limit("110"));
    assert_eq!(
        floor.busy([100.0, 111.0, 99.0, 110.0])[2..],
        [
            "part fills 4 @ 110 path maker",
            "e-sl accepted: bracket: the other exit filled 4",
        ]
    );
    assert_eq!(floor.working(), ["e-sl 6"]);
    assert_eq!(
        floor.busy([100.0, 101.0, 94.0, 95.0]),
        ["e-sl triggered", "e-sl fills 6 @ 95 path taker"]
    );
}

#[test]
fn an_exit_is_made_no_larger_than_what_its_bracket_covers() {
    let mut floor = long();
    floor.buy("other", 50, OrderKind::Market);
    floor.busy([100.0; 4]);
    let refusal = try_change(&mut floor, "e-tp", "more", "11", limit("110"));
    assert_eq!(refusal.unwrap_err().code(), "contradiction");
    change(&mut floor, "e-tp", "less", "4", limit("110"));
    change(&mut floor, "less", "all", "10", limit("110"));
    floor.busy([100.0, 111.0, 99.0, 110.0]);
    assert_eq!(floor.venue.position(0), dec("50"));
}

#[test]
fn in_close_mode_a_replacement_is_told_before_the_fill_it_makes() {
    let mut floor = Floor::with(VenueConfig {
        fill: FillTiming::Close,
        ..VenueConfig::default()
    });
    floor.buy("a", 10, limit("90"));
    change(&mut floor, "a", "b", "10", OrderKind::Market);
    let mut updates = Vec::new();
    floor.venue.settle_close_into(&mut updates);
    assert_eq!(
        told(&updates, floor.now()),
        [
            "a cancelled: replaced by b",
            "b accepted: replaces a, which filled 0",
            "b fills 10 @ 100 open taker"
        ]
    );
}
