use super::*;
use crate::cost::SlippageModel;

#[test]
fn a_limit_that_is_only_touched_does_not_fill() {
    let mut floor = Floor::new();
    floor.buy("b", 10, limit("99"));
    floor.sell("s", 10, limit("101"));
    assert_eq!(floor.busy([100.0, 101.0, 99.0, 100.0]), [""; 0]);
}

#[test]
fn a_limit_that_is_penetrated_fills_at_its_price() {
    let mut floor = Floor::new();
    floor.buy("b", 10, limit("99"));
    floor.sell("s", 10, limit("101"));
    assert_eq!(
        floor.busy([100.0, 101.01, 98.99, 100.0]),
        ["b fills 10 @ 99 path maker", "s fills 10 @ 101 path maker"]
    );
}

#[test]
fn a_stop_that_is_touched_fills_at_its_price_plus_slippage() {
    let slippage = SlippageModel::Bps { bps: dec("10") };
    let mut floor = Floor::with(VenueConfig {
        slippage,
        ..VenueConfig::default()
    });
    floor.sell("s", 10, stop("95"));
    floor.buy("b", 10, stop("105"));
    assert_eq!(
        floor.busy([100.0, 105.0, 95.0, 100.0]),
        [
            "s triggered",
            "s fills 10 @ 94.9 path taker",
            "b triggered",
            "b fills 10 @ 105.11 path taker",
        ]
    );
}

#[test]
fn the_nearer_extreme_comes_first() {
    let fills = |prices| {
        let mut floor = Floor::new();
        floor.buy("low", 10, limit("98"));
        floor.sell("high", 10, limit("102"));
        let fills = floor.busy(prices);
        fills
            .iter()
            .map(|line| line.split(' ').next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(fills([100.0, 103.0, 96.0, 100.0]), ["high", "low"]);
    assert_eq!(fills([100.0, 104.0, 97.0, 100.0]), ["low", "high"]);
    assert_eq!(fills([100.0, 103.0, 97.0, 100.0]), ["low", "high"]);
}

#[test]
fn on_the_way_the_price_that_is_reached_first_fills_first() {
    let mut floor = Floor::new();
    floor.buy("a", 10, limit("97"));
    floor.buy("b", 10, limit("98"));
    floor.sell("c", 10, stop("97.5"));
    let fills = floor.busy([100.0, 110.0, 96.0, 100.0]);
    assert_eq!(
        fills,
        [
            "b fills 10 @ 98 path maker",
            "c triggered",
            "c fills 10 @ 97.5 path taker",
            "a fills 10 @ 97 path maker",
        ]
    );
}

#[test]
fn a_stop_limit_that_triggers_on_the_path_is_a_limit_from_the_next_bar() {
    let mut floor = Floor::new();
    floor.buy(
        "b",
        10,
        OrderKind::StopLimit {
            stop: dec("102"),
            limit: dec("101"),
        },
    );
    assert_eq!(floor.busy([100.0, 103.0, 99.0, 102.0]), ["b triggered"]);
    assert_eq!(
        floor.busy([102.0, 103.0, 100.0, 102.0]),
        ["b fills 10 @ 101 path maker"]
    );
}

#[test]
fn a_stop_limit_that_triggers_at_a_worse_open_waits_for_the_next_bar() {
    let mut floor = Floor::new();
    floor.buy(
        "b",
        10,
        OrderKind::StopLimit {
            stop: dec("102"),
            limit: dec("103"),
        },
    );
    assert_eq!(floor.busy([104.0, 105.0, 101.0, 102.0]), ["b triggered"]);
    assert_eq!(
        floor.busy([102.0, 103.0, 100.0, 102.0]),
        ["b fills 10 @ 102 open maker"]
    );
}

#[test]
fn a_trailing_stop_is_tested_before_it_moves() {
    let mut floor = Floor::new();
    floor.sell("s", 10, OrderKind::TrailingStop(Trail::Amount(dec("5"))));
    assert_eq!(floor.busy([100.0, 110.0, 96.0, 108.0]), [""; 0]);
    assert_eq!(
        floor.busy([108.0, 109.0, 105.0, 106.0]),
        ["s triggered", "s fills 10 @ 105 path taker"]
    );
}

#[test]
fn a_trailing_stop_by_a_fraction_follows_a_short_down() {
    let mut floor = Floor::new();
    floor.buy(
        "b",
        10,
        OrderKind::TrailingStop(Trail::Fraction(dec("0.1"))),
    );
    assert_eq!(floor.busy([100.0, 109.0, 80.0, 85.0]), [""; 0]);
    assert_eq!(
        floor.busy([85.0, 88.0, 84.0, 88.0]),
        ["b triggered", "b fills 10 @ 88 path taker"]
    );
}

#[test]
fn a_trailing_stop_that_is_gapped_over_fills_at_the_open() {
    let mut floor = Floor::new();
    floor.sell("s", 10, OrderKind::TrailingStop(Trail::Amount(dec("5"))));
    assert_eq!(
        floor.busy([90.0, 100.0, 89.0, 95.0]),
        ["s triggered", "s fills 10 @ 90 open taker"]
    );
}

#[test]
fn a_day_order_expires_with_its_session_after_matching() {
    let mut floor = Floor::new();
    let day = |request: &mut OrderRequest| request.time_in_force = TimeInForce::Day;
    floor
        .try_send("hit", Side::Buy, 10, limit("99"), day)
        .unwrap();
    floor
        .try_send("missed", Side::Buy, 10, limit("90"), day)
        .unwrap();
    assert_eq!(
        floor.busy([100.0, 101.0, 98.0, 100.0]),
        [
            "hit fills 10 @ 99 path maker",
            "missed expired: the session has ended"
        ]
    );
}

#[test]
fn a_good_till_date_order_expires_at_its_time() {
    let mut floor = Floor::new();
    let until = |time| {
        move |request: &mut OrderRequest| request.time_in_force = TimeInForce::GoodTillDate(time)
    };
    let close = floor.now() + DAY;
    floor
        .try_send(
            "noon",
            Side::Buy,
            10,
            limit("99"),
            until(close - SESSION / 2),
        )
        .unwrap();
    floor
        .try_send("close", Side::Buy, 10, limit("99"), until(close))
        .unwrap();
    floor
        .try_send(
            "night",
            Side::Buy,
            10,
            limit("101"),
            until(close - SESSION - 1),
        )
        .unwrap();
    let mut updates = floor.busy([100.0, 101.0, 98.0, 100.0]);
    updates.sort();
    assert_eq!(
        updates,
        [
            "close fills 10 @ 99 path maker",
            "night expired: good-till-date",
            "noon expired: good-till-date",
        ]
    );
}
