//! Where trading sessions of intraday bars end, whatever bars are missing.

use crate::backtest::{run, scripted, setup, trading};
use crate::detail::{HOUR, series};
use bulkhead_domain::order::{Bar, OrderKind, OrderRequest, Side, TimeInForce};
use bulkhead_domain::strategy::{Intent, State};
use bulkhead_domain::time::DAY;
use bulkhead_market::BarSeries;
use bulkhead_session::backtest::{Feed, Setup};

/// Hours of four days: all of the first, none after 20:00 of the second, none at all of the third.
fn hours() -> BarSeries {
    let first = (1..=24).map(|hour| hour * HOUR);
    let second = (1..=20).map(|hour| DAY + hour * HOUR);
    let fourth = (1..=24).map(|hour| 3 * DAY + hour * HOUR);
    let bar = |close: i64| {
        let price = if close > 3 * DAY { 90.0 } else { 100.0 };
        (close, [price; 4])
    };
    let bars: Vec<_> = first.chain(second).chain(fourth).map(bar).collect();
    series(HOUR, &bars)
}

#[test]
fn a_session_ends_with_its_last_bar_though_bars_are_missing() {
    let hours = [hours()];
    let steps = Feed::new(&hours).flat_map(|moment| moment.steps);
    let ends: Vec<i64> = steps
        .filter(|step| step.session_end)
        .map(|step| step.bar.time)
        .collect();
    assert_eq!(ends, [DAY, DAY + 20 * HOUR, 4 * DAY]);
    // However many bars are asked for.
    let until = |time: i64| {
        let feed = Feed::new(&hours).within(i64::MIN, time).unwrap();
        let last = feed.last().unwrap();
        (last.time, last.steps[0].session_end)
    };
    assert_eq!(until(DAY + 20 * HOUR + 1), (DAY + 20 * HOUR, true));
    assert_eq!(until(DAY + 20 * HOUR), (DAY + 19 * HOUR, false));
}

/// An order for the day is not there on the next one, at which it would fill.
#[test]
fn an_order_for_the_day_runs_out_where_the_last_bar_is_missing() {
    let hours = vec![hours()];
    for (time_in_force, fills) in [(TimeInForce::Day, 0), (TimeInForce::GoodTillCancelled, 1)] {
        let trader = scripted(move |bar: &Bar, _: &State| {
            if bar.time != DAY + 18 * HOUR {
                return Ok(Vec::new());
            }
            let mut request = OrderRequest::market(1, Side::Buy, 10.into());
            request.kind = OrderKind::Limit(95.into());
            request.time_in_force = time_in_force;
            Ok(vec![Intent::Submit(request)])
        });
        let setup = Setup {
            traders: vec![trading(trader, &hours)],
            ..setup(&hours)
        };
        let (outcome, tape) = run(setup, &hours);
        assert_eq!(tape.fills.len(), fills);
        assert_eq!(outcome.orders.expired, 1 - fills as u64);
    }
}
