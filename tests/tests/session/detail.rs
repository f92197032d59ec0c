//! Finer bars within bars: they say in which order orders fill, and change nothing else.

use crate::backtest::{All, CROSS, markets, scripted, setup, told, trading};
use crate::stand::Stand;
use bulkhead_domain::order::{Bar, Bracket, OrderRequest, Side};
use bulkhead_domain::strategy::{Intent, State};
use bulkhead_domain::time::{DAY, SECOND};
use bulkhead_domain::{Decimal, Instrument};
use bulkhead_market::{BarSeries, CleanBars};
use bulkhead_session::backtest::{Backtest, Detailed, Ended, Feed, Outcome, Setup};
use bulkhead_venue::VenueConfig;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::AtomicBool;

pub(crate) const HOUR: i64 = 3_600 * SECOND;

/// Open, high, low, close.
pub(crate) type Prices = [f64; 4];

/// Bars of a market that never closes; each opens `interval` before it closes.
pub(crate) fn series(interval: i64, bars: &[(i64, Prices)]) -> BarSeries {
    let mut clean = CleanBars {
        interval_ns: interval,
        ..CleanBars::default()
    };
    for (close, [open, high, low, last]) in bars {
        clean.open_times.push(close - interval);
        clean.bars.push(Bar {
            time: *close,
            open: *open,
            high: *high,
            low: *low,
            close: *last,
            volume: 1e6,
            factor: 1.0,
        });
    }
    let instrument = Instrument {
        calendar: "24/7".to_owned(),
        ..Instrument::us_equity(1, "X")
    };
    BarSeries::new(instrument, clean).unwrap()
}

fn run(setup: Setup, series: &[BarSeries], detail: &[BarSeries]) -> (Outcome, All, Vec<Detailed>) {
    let mut tape = All::default();
    let mut feed = Feed::new(series).detailed(detail, []).unwrap();
    let outcome = Backtest::new(setup, &mut tape)
        .unwrap()
        .run(&mut feed, &AtomicBool::new(false), |_, _| {})
        .unwrap();
    assert_eq!(outcome.ended, Ended::Completed);
    let told = detail
        .iter()
        .filter_map(|one| feed.detail(one.instrument.handle));
    (outcome, tape, told.collect())
}

/// Two quiet days, one that touches both exits of a bracket, and one more.
fn days() -> BarSeries {
    let quiet = [100.0, 101.0, 99.0, 100.0];
    let wild = [100.0, 112.0, 88.0, 100.0];
    series(
        DAY,
        &[
            (DAY, quiet),
            (2 * DAY, quiet),
            (3 * DAY, wild),
            (4 * DAY, quiet),
        ],
    )
}

/// Hours of the third day.
fn hours(prices: &[(i64, Prices)]) -> BarSeries {
    let at = |(hour, prices): &(i64, Prices)| (2 * DAY + hour * HOUR, *prices);
    series(HOUR, &prices.iter().map(at).collect::<Vec<_>>())
}

const FLAT: Prices = [100.0, 100.0, 100.0, 100.0];
const UP: Prices = [100.0, 112.0, 100.0, 100.0];
const DOWN: Prices = [100.0, 100.0, 88.0, 100.0];

/// Buys with a bracket at the close of the first day; what it was shown.
fn bracketed(detail: &[BarSeries]) -> (All, Vec<Bar>, Vec<Detailed>) {
    let days = vec![days()];
    let shown = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&shown);
    let trader = scripted(move |bar: &Bar, _: &State| {
        seen.borrow_mut().push(*bar);
        if bar.time != DAY {
            return Ok(Vec::new());
        }
        let mut request = OrderRequest::market(1, Side::Buy, 10.into());
        request.bracket = Some(Bracket {
            take_profit: Some(110.into()),
            stop_loss: Some(90.into()),
        });
        Ok(vec![Intent::Submit(request)])
    });
    let setup = Setup {
        traders: vec![trading(trader, &days)],
        ..setup(&days)
    };
    let (_, tape, detailed) = run(setup, &days, detail);
    let shown = shown.borrow().clone();
    (tape, shown, detailed)
}

#[test]
fn finer_bars_say_which_exit_came_first() {
    let exit = |tape: &All| {
        let fill = tape.fills.last().unwrap();
        assert_eq!((tape.fills.len(), fill.side), (2, Side::Sell));
        (fill.price, fill.time)
    };
    let (plain, shown, _) = bracketed(&[]);
    // Nobody knows which came first: the worse one is taken.
    assert_eq!(exit(&plain), (90.into(), 3 * DAY));

    let up_first = hours(&[(1, FLAT), (5, UP), (9, DOWN), (24, FLAT)]);
    let (tape, seen, detailed) = bracketed(&[up_first]);
    assert_eq!(exit(&tape), (110.into(), 2 * DAY + 5 * HOUR));
    // Nobody but the venue sees them.
    assert_eq!(seen, shown);
    let counts = |one: &Detailed| (one.resolved, one.without, one.beyond);
    assert_eq!(counts(&detailed[0]), (1, 3, 0));

    let down_first = hours(&[(1, FLAT), (9, DOWN), (12, UP)]);
    let (tape, _, _) = bracketed(&[down_first]);
    assert_eq!(exit(&tape), (90.into(), 2 * DAY + 9 * HOUR));
}

#[test]
fn finer_bars_that_go_beyond_their_bar_are_left_alone_and_counted() {
    let (plain, _, _) = bracketed(&[]);
    // Prices of before a split, say.
    let foreign = hours(&[(5, UP), (9, [200.0, 224.0, 200.0, 200.0])]);
    let (tape, _, detailed) = bracketed(&[foreign]);
    assert_eq!(told(&tape.fills), told(&plain.fills));
    let counted = Detailed {
        resolved: 0,
        without: 3,
        beyond: 1,
        first_beyond: Some(3 * DAY),
    };
    assert_eq!(detailed, [counted]);
}

/// One finer bar that is all of its bar fills what the bar does, through gaps, splits and rules.
#[test]
fn finer_bars_that_say_nothing_new_change_nothing() {
    let stand = Stand::new();
    let series = markets(&stand);
    let finer: Vec<BarSeries> = series
        .iter()
        .map(|whole| {
            let mut finer = whole.clone();
            finer.interval_ns = HOUR;
            finer
        })
        .collect();
    let both = |detail: &[BarSeries]| {
        let trader = stand.ema_cross(CROSS, &series);
        let setup = Setup {
            rules: stand.rules(&series),
            venue: VenueConfig {
                max_volume_share: Some(0.000_02),
                ..VenueConfig::default()
            },
            traders: vec![trading(trader, &series)],
            ..setup(&series)
        };
        run(setup, &series, detail)
    };
    let (outcome, tape, _) = both(&[]);
    assert!(outcome.fills > 100, "{}", outcome.fills);
    assert!(outcome.fees == Decimal::ZERO && outcome.orders.filled > 0);
    for detail in [&finer[..], &finer[1..]] {
        let (again, other, told_of) = both(detail);
        assert_eq!(again, outcome);
        assert_eq!(told(&other.fills), told(&tape.fills));
        assert_eq!(other.standings, tape.standings);
        assert!(
            told_of
                .iter()
                .all(|one| (one.without, one.beyond) == (0, 0))
        );
    }
}
