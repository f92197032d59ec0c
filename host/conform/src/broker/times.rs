//! How long orders stand.

use super::play::{PAR, PATIENCE, Play, SHARE, Stage, UNITS, cents, ended, hold_that, request};
use crate::check::{Stop, Tried};
use bulkhead_domain::Decimal;
use bulkhead_domain::order::{OrderKind, OrderRequest, Side, TimeInForce};
use bulkhead_domain::time::SECOND;

/// Where an order waits, and where the market goes to meet it, cents.
const WAITS: i64 = PAR - 400;
const MEETS: i64 = PAR - 1_000;

const HOUR: i64 = 3_600 * SECOND;

fn waiting(play: &mut Play, time_in_force: TimeInForce) -> Result<String, Stop> {
    let order = OrderRequest {
        time_in_force,
        ..request(Side::Buy, OrderKind::Limit(cents(WAITS)), UNITS)
    };
    play.send(order)
}

/// Holds that an order ended, said so, and does not fill when its price comes.
fn over(play: &mut Play, id: &str) -> Result<(), Stop> {
    hold_that(!play.is_open(id)?, || "it still works".to_owned())?;
    let told = play.last(id).map(|last| (last.outcome, last.leaves));
    match told {
        None => return Err(Stop::Wrong("it ended and no update says so".to_owned())),
        Some((outcome, leaves)) => {
            hold_that(ended(outcome) && leaves.is_zero(), || {
                format!("it ended, and the last update is {outcome:?} with {leaves} working")
            })?;
        }
    }
    play.go(MEETS)?;
    play.calm(3)?;
    let position = play.position(SHARE)?;
    hold_that(play.filled(id).is_zero() && position.is_zero(), || {
        format!("it filled afterwards; the position is {position}")
    })
}

pub(super) fn day(stage: &Stage<'_>) -> Tried {
    let mut play = stage.play()?;
    let id = waiting(&mut play, TimeInForce::Day)?;
    play.calm(2)?;
    hold_that(play.is_open(&id)?, || {
        "it ended before the session did".to_owned()
    })?;
    // An order that is late belongs to the session that it arrives in.
    for _ in 0..PATIENCE {
        play.close_session()?;
        if !play.is_open(&id)? {
            break;
        }
    }
    over(&mut play, &id)?;
    Ok("a limit order that waited through its session".to_owned())
}

pub(super) fn good_till_cancelled(stage: &Stage<'_>) -> Tried {
    let mut play = stage.play()?;
    let id = waiting(&mut play, TimeInForce::GoodTillCancelled)?;
    for _ in 0..5 {
        play.close_session()?;
        hold_that(play.is_open(&id)?, || "it ended with a session".to_owned())?;
    }
    play.go(MEETS)?;
    play.settle(&[&id])?;
    let filled = play.filled(&id);
    hold_that(filled == Decimal::from(UNITS), || {
        format!("after five sessions {filled} of {UNITS} filled")
    })?;
    Ok("five sessions, then filled".to_owned())
}

pub(super) fn good_till_date(stage: &Stage<'_>) -> Tried {
    let mut play = stage.play()?;
    // Time to get through, where faults are simulated.
    let until = play.now + 20 * HOUR;
    let id = waiting(&mut play, TimeInForce::GoodTillDate(until))?;
    while play.now + HOUR < until {
        play.calm(1)?;
        hold_that(play.is_open(&id)?, || {
            format!("it ended {} ns before its time", until - play.now)
        })?;
    }
    play.calm(2)?;
    over(&mut play, &id)?;
    Ok("a limit order good for 20 hours".to_owned())
}

/// An order that is larger than the market is deep, and what of it filled in which bars.
fn in_a_thin_market(
    stage: &Stage<'_>,
    time_in_force: TimeInForce,
) -> Result<(Decimal, usize), Stop> {
    let mut play = stage.play()?;
    play.thin_out()?;
    let order = OrderRequest {
        time_in_force,
        ..request(Side::Buy, OrderKind::Market, UNITS)
    };
    let id = play.send(order)?;
    play.settle(&[&id])?;
    hold_that(!play.is_open(&id)?, || "it still works".to_owned())?;
    play.calm(3)?;
    let fills = play.fills(&id);
    let mut times: Vec<i64> = fills.iter().map(|fill| fill.time).collect();
    times.dedup();
    Ok((play.filled(&id), times.len()))
}

pub(super) fn immediate_or_cancel(stage: &Stage<'_>) -> Tried {
    let (filled, times) = in_a_thin_market(stage, TimeInForce::ImmediateOrCancel)?;
    hold_that(times <= 1, || format!("it filled at {times} moments"))?;
    if filled.is_zero() {
        return Err(Stop::Refused("nothing filled".to_owned()));
    }
    Ok(format!("{filled} of {UNITS} filled, the rest cancelled"))
}

pub(super) fn fill_or_kill(stage: &Stage<'_>) -> Tried {
    let (filled, times) = in_a_thin_market(stage, TimeInForce::FillOrKill)?;
    let whole = filled == Decimal::from(UNITS) && times == 1;
    hold_that(whole || filled.is_zero(), || {
        format!("{filled} of {UNITS} filled at {times} moments")
    })?;
    Ok(format!("{filled} of {UNITS} filled in a thin market"))
}
