use super::*;
use crate::cost::SlippageModel;

#[test]
fn the_open_gives_a_share_of_trailing_volume_and_a_market_order_goes_on_at_the_next_open() {
    let mut floor = Floor::new();
    floor.bar([100.0; 4], 20_000.0);
    floor.buy("b", 4_000, OrderKind::Market);
    assert_eq!(
        floor.bar([101.0; 4], 1e9),
        ["b fills 1500 @ 101 open taker, 2500 left"]
    );
    floor.venue.cancel("b").unwrap();
    floor.buy("c", 1, OrderKind::Market);
    assert_eq!(floor.busy([102.0; 4]), ["c fills 1 @ 102 open taker"]);
}

#[test]
fn trailing_volume_is_the_mean_of_the_last_twenty_bars() {
    let mut floor = Floor::new();
    for _ in 0..20 {
        floor.bar([100.0; 4], 1_000.0);
    }
    floor.buy("b", 1_000, OrderKind::Market);
    assert_eq!(
        floor.busy([100.0; 4]),
        ["b fills 25 @ 100 open taker, 975 left"]
    );
}

#[test]
fn the_path_gives_a_share_of_the_bars_own_volume_less_what_filled_at_its_open() {
    let mut floor = Floor::new();
    floor.buy("m", 1_000, OrderKind::Market);
    floor.buy("l", 3_000, limit("99"));
    assert_eq!(
        floor.bar([100.0, 101.0, 98.0, 100.0], 50_000.0),
        [
            "m fills 1000 @ 100 open taker",
            "l fills 250 @ 99 path maker, 2750 left"
        ]
    );
    assert_eq!(
        floor.bar([100.0, 101.0, 98.0, 100.0], 50_010.0),
        ["l fills 1250 @ 99 path maker, 1500 left"]
    );
}

#[test]
fn what_a_triggered_stop_could_not_fill_goes_on_as_a_market_order() {
    let mut floor = Floor::new();
    floor.sell("s", 30, stop("95"));
    assert_eq!(
        floor.bar([100.0, 101.0, 94.0, 100.0], 1_000.0),
        ["s triggered", "s fills 25 @ 95 path taker, 5 left"]
    );
    assert_eq!(floor.busy([99.0; 4]), ["s fills 5 @ 99 open taker"]);
}

#[test]
fn several_orders_share_one_capacity() {
    let mut floor = Floor::new();
    floor.buy("a", 2_000, OrderKind::Market);
    floor.sell("b", 2_000, OrderKind::Market);
    assert_eq!(
        floor.busy([100.0; 4]),
        [
            "a fills 2000 @ 100 open taker",
            "b fills 500 @ 100 open taker, 1500 left"
        ]
    );
}

#[test]
fn a_bar_without_volume_fills_and_triggers_nothing() {
    let mut floor = Floor::new();
    floor.buy("m", 1, OrderKind::Market);
    floor.sell("s", 1, stop("95"));
    floor
        .try_send("i", Side::Buy, 1, OrderKind::Market, |request| {
            request.time_in_force = TimeInForce::ImmediateOrCancel;
        })
        .unwrap();
    assert_eq!(
        floor.bar([100.0, 101.0, 94.0, 100.0], 0.0),
        ["i cancelled: no volume"]
    );
    assert_eq!(floor.busy([99.0; 4]), ["m fills 1 @ 99 open taker"]);
}

#[test]
fn a_share_below_one_lot_fills_nothing() {
    let mut floor = Floor::new();
    floor.buy("l", 5, limit("99"));
    assert_eq!(floor.bar([100.0, 101.0, 98.0, 100.0], 39.0), [""; 0]);
    assert_eq!(
        floor.bar([100.0, 101.0, 98.0, 100.0], 40.0),
        ["l fills 1 @ 99 path maker, 4 left"]
    );
}

#[test]
fn where_no_bar_is_known_nothing_fills_at_the_open() {
    let mut floor = Floor {
        venue: Venue::new(VenueConfig::default(), &[spec(0)]).unwrap(),
        day: 0,
    };
    floor.buy("b", 1, OrderKind::Market);
    assert_eq!(floor.busy([100.0; 4]), [""; 0]);
    assert_eq!(floor.busy([101.0; 4]), ["b fills 1 @ 101 open taker"]);
}

#[test]
fn without_a_cap_volume_is_not_looked_at() {
    let mut floor = Floor::with(VenueConfig {
        max_volume_share: None,
        ..VenueConfig::default()
    });
    floor.buy("b", 1_000_000, OrderKind::Market);
    assert_eq!(
        floor.bar([100.0; 4], 0.0),
        ["b fills 1000000 @ 100 open taker"]
    );
}

#[test]
fn volume_share_slippage_looks_at_the_volume_that_capped_the_fill() {
    let slippage = SlippageModel::VolumeShare { impact: dec("0.1") };
    let mut floor = Floor::with(VenueConfig {
        slippage,
        round_to_tick: false,
        ..VenueConfig::default()
    });
    floor.buy("b", 2_500, OrderKind::Market);
    floor.sell("s", 100, stop("90"));
    assert_eq!(
        floor.bar([100.0, 100.0, 90.0, 95.0], 200_000.0),
        [
            "b fills 2500 @ 100.00625 open taker",
            "s triggered",
            "s fills 100 @ 89.99999775 path taker",
        ]
    );
}

#[test]
fn among_equals_owners_come_by_name_whatever_their_orders_are_called() {
    for [first, second] in [["a", "b"], ["b", "a"]] {
        let mut floor = Floor::new();
        for (id, owner) in [(second, "zoe"), (first, "ann")] {
            let request = OrderRequest::market(0, Side::Buy, Decimal::from(2_000));
            let order = Order {
                owner: owner.to_owned(),
                ..order(id, request)
            };
            let now = floor.now();
            floor.venue.submit(&order, now).unwrap();
        }
        let told = floor.busy([100.0; 4]);
        assert_eq!(told[0], format!("{first} fills 2000 @ 100 open taker"));
        assert_eq!(
            told[1],
            format!("{second} fills 500 @ 100 open taker, 1500 left")
        );
    }
}
