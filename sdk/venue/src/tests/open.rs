use super::*;
use crate::config::FillTiming;
use crate::cost::{FeeModel, SlippageModel};

#[test]
fn a_market_order_fills_at_the_next_open_plus_slippage_rounded_against_it() {
    let slippage = SlippageModel::Bps { bps: dec("1") };
    let mut floor = Floor::with(VenueConfig {
        slippage,
        ..VenueConfig::default()
    });
    floor.buy("b", 10, OrderKind::Market);
    floor.sell("s", 10, OrderKind::Market);
    assert_eq!(
        floor.busy([50.0, 51.0, 49.0, 50.5]),
        [
            "b fills 10 @ 50.01 open taker",
            "s fills 10 @ 49.99 open taker"
        ]
    );
}

#[test]
fn without_rounding_the_price_keeps_its_fraction() {
    let slippage = SlippageModel::Bps { bps: dec("1") };
    let config = VenueConfig {
        slippage,
        round_to_tick: false,
        ..VenueConfig::default()
    };
    let mut floor = Floor::with(config);
    floor.buy("b", 10, OrderKind::Market);
    assert_eq!(
        floor.busy([50.0, 51.0, 49.0, 50.5]),
        ["b fills 10 @ 50.005 open taker"]
    );
}

#[test]
fn an_order_sent_while_a_bar_is_under_way_waits_for_the_next_one() {
    let mut floor = Floor::new();
    let noon = floor.now() + DAY - SESSION / 2;
    let request = OrderRequest {
        time_in_force: TimeInForce::GoodTillCancelled,
        ..OrderRequest::market(0, Side::Buy, Decimal::ONE)
    };
    floor.venue.submit(&order("b", request), noon).unwrap();
    assert_eq!(floor.busy([101.0, 102.0, 100.0, 101.0]), [""; 0]);
    assert_eq!(
        floor.busy([103.0, 104.0, 102.0, 103.0]),
        ["b fills 1 @ 103 open taker"]
    );
}

#[test]
fn a_bar_that_opens_the_moment_the_last_one_closes_fills_what_was_sent_then() {
    let mut venue = Venue::new(VenueConfig::default(), &[spec(0)]).unwrap();
    let step = |hour: i64| Step {
        instrument: 0,
        open_time: hour,
        bar: Bar {
            time: hour + 1,
            open: 100.0,
            high: 101.0,
            low: 99.0,
            close: 100.0,
            volume: 1e6,
            factor: 1.0,
        },
        session_end: false,
        actions: Vec::new(),
    };
    venue.advance(&[step(0)]).unwrap();
    venue
        .submit(
            &order("b", OrderRequest::market(0, Side::Buy, Decimal::ONE)),
            1,
        )
        .unwrap();
    let updates = venue.advance(&[step(1)]).unwrap();
    assert_eq!(told(&updates, 1), ["b fills 1 @ 100 open taker"]);
}

#[test]
fn a_favourable_gap_fills_a_limit_at_the_open() {
    let mut floor = Floor::new();
    floor.buy("b", 10, limit("99"));
    floor.sell("s", 10, limit("97"));
    assert_eq!(
        floor.busy([98.0, 98.5, 97.5, 98.0]),
        ["b fills 10 @ 98 open taker", "s fills 10 @ 98 open taker"]
    );
}

#[test]
fn a_limit_that_has_rested_gives_liquidity_on_a_gap() {
    let mut floor = Floor::new();
    floor.buy("b", 10, limit("99"));
    assert_eq!(floor.busy([100.0, 101.0, 99.0, 100.0]), [""; 0]);
    assert_eq!(
        floor.busy([98.0, 98.5, 97.5, 98.0]),
        ["b fills 10 @ 98 open maker"]
    );
}

#[test]
fn an_off_tick_open_never_fills_a_limit_beyond_its_price() {
    let mut floor = Floor::new();
    floor.buy("b", 10, limit("99"));
    assert_eq!(
        floor.busy([98.995, 99.5, 98.9, 99.0]),
        ["b fills 10 @ 99 open taker"]
    );
}

#[test]
fn a_stop_that_is_gapped_over_fills_at_the_open() {
    let slippage = SlippageModel::Bps { bps: dec("10") };
    let mut floor = Floor::with(VenueConfig {
        slippage,
        ..VenueConfig::default()
    });
    floor.sell("s", 10, stop("95"));
    assert_eq!(
        floor.busy([90.0, 96.0, 89.0, 95.5]),
        ["s triggered", "s fills 10 @ 89.91 open taker"]
    );
}

#[test]
fn a_stop_limit_fills_at_an_open_beyond_its_stop_and_better_than_its_limit() {
    let mut floor = Floor::new();
    floor.buy(
        "b",
        10,
        OrderKind::StopLimit {
            stop: dec("102"),
            limit: dec("104"),
        },
    );
    assert_eq!(
        floor.busy([103.0, 105.0, 102.0, 104.0]),
        ["b triggered", "b fills 10 @ 103 open taker"]
    );
}

#[test]
fn a_post_only_order_is_rejected_if_the_next_open_would_take_it() {
    let mut floor = Floor::new();
    let post_only = |request: &mut OrderRequest| request.post_only = true;
    floor
        .try_send("near", Side::Buy, 10, limit("99"), post_only)
        .unwrap();
    floor
        .try_send("far", Side::Buy, 10, limit("97"), post_only)
        .unwrap();
    assert_eq!(
        floor.busy([98.0, 98.5, 96.5, 98.0]),
        [
            "near rejected: post-only: marketable at the open of 98",
            "far fills 10 @ 97 path maker"
        ]
    );
}

#[test]
fn immediate_or_cancel_takes_what_the_open_has() {
    let mut floor = Floor::new();
    let now_or_never =
        |request: &mut OrderRequest| request.time_in_force = TimeInForce::ImmediateOrCancel;
    floor
        .try_send("big", Side::Buy, 3_000, OrderKind::Market, now_or_never)
        .unwrap();
    floor
        .try_send("dear", Side::Buy, 10, limit("90"), now_or_never)
        .unwrap();
    assert_eq!(
        floor.busy([100.0, 101.0, 80.0, 100.0]),
        [
            "big fills 2500 @ 100 open taker, 500 left",
            "big cancelled: not to be had at the open",
            "dear cancelled: not to be had at the open",
        ]
    );
}

#[test]
fn fill_or_kill_fills_all_or_nothing() {
    let mut floor = Floor::new();
    let all_or_nothing =
        |request: &mut OrderRequest| request.time_in_force = TimeInForce::FillOrKill;
    floor
        .try_send("a", Side::Buy, 2_501, OrderKind::Market, all_or_nothing)
        .unwrap();
    floor
        .try_send("b", Side::Buy, 2_500, OrderKind::Market, all_or_nothing)
        .unwrap();
    assert_eq!(
        floor.busy([100.0, 101.0, 99.0, 100.0]),
        [
            "b fills 2500 @ 100 open taker",
            "a cancelled: not to be had at the open"
        ]
    );
}

#[test]
fn orders_at_any_price_come_before_limits_and_better_limits_before_worse() {
    let mut floor = Floor::new();
    floor.buy("a", 1_000, limit("101"));
    floor.buy("b", 1_000, limit("103"));
    floor.buy("c", 1_000, OrderKind::Market);
    assert_eq!(
        floor.busy([100.0, 100.0, 100.0, 100.0]),
        [
            "c fills 1000 @ 100 open taker",
            "b fills 1000 @ 100 open taker",
            "a fills 500 @ 100 open taker, 500 left",
        ]
    );
}

#[test]
fn at_the_same_price_the_earlier_order_comes_first_then_the_smaller_id() {
    let mut floor = Floor::new();
    floor.buy("z", 1, limit("90"));
    floor.busy([100.0, 100.0, 100.0, 100.0]);
    floor.buy("b", 1, limit("90"));
    floor.buy("a", 1, limit("90"));
    let fills = floor.busy([89.0, 89.0, 89.0, 89.0]);
    let ids: Vec<&str> = fills.iter().map(|line| &line[..1]).collect();
    assert_eq!(ids, ["z", "a", "b"]);
}

#[test]
fn each_fill_pays_its_fee_on_the_notional_with_the_multiplier() {
    let fees = FeeModel::Fraction { rate: dec("0.001") };
    let config = VenueConfig {
        fees,
        ..VenueConfig::default()
    };
    let spec = InstrumentSpec {
        multiplier: dec("50"),
        ..spec(7)
    };
    let mut venue = Venue::new(config, &[spec]).unwrap();
    let step = |day: i64| Step {
        instrument: 7,
        open_time: day * DAY - SESSION,
        bar: Bar {
            time: day * DAY,
            open: 100.0,
            high: 100.0,
            low: 100.0,
            close: 100.0,
            volume: 1e6,
            factor: 1.0,
        },
        session_end: true,
        actions: Vec::new(),
    };
    venue.advance(&[step(1)]).unwrap();
    venue
        .submit(
            &order("b", OrderRequest::market(7, Side::Buy, dec("2"))),
            DAY,
        )
        .unwrap();
    let updates = venue.advance(&[step(2)]).unwrap();
    let execution = updates[0].execution.clone().unwrap();
    assert_eq!(execution.fee, dec("10"));
    assert_eq!(execution.execution_id, "b-1");
    assert_eq!(
        (execution.instrument, execution.time),
        (7, 2 * DAY - SESSION)
    );
}

#[test]
fn in_close_mode_a_market_order_fills_at_the_close_it_was_decided_on() {
    let mut floor = Floor::with(VenueConfig {
        fill: FillTiming::Close,
        ..VenueConfig::default()
    });
    floor.buy("b", 3_000, OrderKind::Market);
    floor.buy("l", 10, limit("101"));
    let mut updates = Vec::new();
    floor.venue.settle_close_into(&mut updates);
    assert_eq!(
        told(&updates, 0),
        ["b fills 2500 @ 100 path taker, 500 left"]
    );
    assert_eq!(updates[0].time, floor.now());
    assert_eq!(
        floor.busy([98.0, 99.0, 97.0, 98.0]),
        ["b fills 500 @ 98 open taker", "l fills 10 @ 98 open taker"]
    );
}

#[test]
fn in_close_mode_the_next_bar_settles_what_nobody_settled() {
    let mut floor = Floor::with(VenueConfig {
        fill: FillTiming::Close,
        ..VenueConfig::default()
    });
    floor.buy("b", 10, OrderKind::Market);
    let close = floor.now();
    floor.day += 1;
    let bar = Bar {
        time: floor.now(),
        open: 50.0,
        high: 50.0,
        low: 50.0,
        close: 50.0,
        volume: 1e6,
        factor: 1.0,
    };
    let split = CorporateAction {
        time: floor.open(),
        kind: ActionKind::Split {
            numerator: 2,
            denominator: 1,
        },
    };
    let step = Step {
        instrument: 0,
        open_time: floor.open(),
        bar,
        session_end: true,
        actions: vec![split],
    };
    let updates = floor.venue.advance(&[step]).unwrap();
    let execution = updates[0].execution.as_ref().unwrap();
    assert_eq!((execution.price, execution.time), (dec("100"), close));
    assert_eq!(floor.venue.position(0), dec("20"));
}
