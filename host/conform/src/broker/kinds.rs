//! Every kind of order on either side under every time in force.

use super::play::{PAR, PATIENCE, Play, SHARE, Stage, UNITS, cents, hold_that, request};
use crate::check::{Stop, Tried, tries};
use bulkhead_domain::Decimal;
use bulkhead_domain::order::{OrderKind, OrderRequest, Side, TimeInForce, Trail};

/// Distance of prices that wait from the market, and how far the market then goes, cents.
const AWAY: i64 = 400;
const FAR: i64 = 1_000;

/// Distance of a stop-limit's limit.
const LIMIT_AWAY: i64 = 700;

/// Distance of a trailing stop.
const TRAIL: i64 = 300;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Market,
    Limit,
    Stop,
    StopLimit,
    Trailing,
}

/// A time in force for an order sent at a moment.
type From = fn(i64) -> TimeInForce;

const TIMES: [(&str, From); 5] = [
    ("day", |_| TimeInForce::Day),
    ("good-till-cancelled", |_| TimeInForce::GoodTillCancelled),
    ("good-till-date", |now| {
        TimeInForce::GoodTillDate(now + 90 * bulkhead_domain::time::DAY)
    }),
    ("immediate-or-cancel", |_| TimeInForce::ImmediateOrCancel),
    ("fill-or-kill", |_| TimeInForce::FillOrKill),
];

pub(super) fn market(stage: &Stage<'_>) -> Tried {
    all(stage, Sort::Market)
}

pub(super) fn limit(stage: &Stage<'_>) -> Tried {
    all(stage, Sort::Limit)
}

pub(super) fn stop(stage: &Stage<'_>) -> Tried {
    all(stage, Sort::Stop)
}

pub(super) fn stop_limit(stage: &Stage<'_>) -> Tried {
    all(stage, Sort::StopLimit)
}

pub(super) fn trailing(stage: &Stage<'_>) -> Tried {
    all(stage, Sort::Trailing)
}

fn all(stage: &Stage<'_>, sort: Sort) -> Tried {
    let (mut held, mut unsupported) = (0, Vec::new());
    for (name, time) in TIMES {
        for side in [Side::Buy, Side::Sell] {
            let tried = tries(|number| {
                let stage = Stage {
                    make: stage.make,
                    accounts: stage.accounts.clone(),
                    number,
                };
                one(&stage, sort, time, side).map(|()| String::new())
            });
            let side = if side == Side::Buy { "buy" } else { "sell" };
            let named = |what: String| format!("{side}, {name}: {what}");
            match tried {
                Ok(_) => held += 1,
                Err(Stop::Skip(_)) => unsupported.push(format!("{side} {name}")),
                Err(Stop::Wrong(what) | Stop::Refused(what)) => {
                    return Err(Stop::Wrong(named(what)));
                }
                Err(Stop::Disturbed(what)) => return Err(Stop::Disturbed(named(what))),
            }
        }
    }
    match (held, unsupported.is_empty()) {
        (0, _) => Err(Stop::Skip("the broker says unsupported".to_owned())),
        (_, true) => Ok(format!("{held} combinations")),
        _ => Ok(format!(
            "{held} combinations; unsupported: {}",
            unsupported.join(", ")
        )),
    }
}

fn immediate(time: TimeInForce) -> bool {
    matches!(
        time,
        TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill
    )
}

fn kind(sort: Sort, side: Side, immediate: bool) -> OrderKind {
    let at = |away: i64| {
        cents(if side == Side::Buy {
            PAR + away
        } else {
            PAR - away
        })
    };
    match sort {
        Sort::Market => OrderKind::Market,
        // One that cannot wait is one that need not.
        Sort::Limit if immediate => OrderKind::Limit(at(AWAY)),
        Sort::Limit => OrderKind::Limit(at(-AWAY)),
        Sort::Stop => OrderKind::Stop(at(AWAY)),
        Sort::StopLimit => OrderKind::StopLimit {
            stop: at(AWAY),
            limit: at(LIMIT_AWAY),
        },
        Sort::Trailing => OrderKind::TrailingStop(Trail::Amount(cents(TRAIL))),
    }
}

fn one(stage: &Stage<'_>, sort: Sort, time: From, side: Side) -> Result<(), Stop> {
    let mut play = stage.play()?;
    if side == Side::Sell {
        // Selling short is another matter.
        play.hold(UNITS)?;
    }
    let time_in_force = time(play.now);
    let immediate = immediate(time_in_force);
    let order = OrderRequest {
        time_in_force,
        ..request(side, kind(sort, side, immediate), UNITS)
    };
    let id = play.send(order.clone())?;
    let waits = sort != Sort::Market && !immediate;
    if waits {
        stands(&mut play, &id, &order)?;
    }
    let sign = if side == Side::Buy { 1 } else { -1 };
    if waits || !matches!(sort, Sort::Market | Sort::Limit) {
        let towards = if sort == Sort::Limit { -sign } else { sign };
        play.go(PAR + towards * FAR)?;
        // A stop-limit that was jumped over fills when the price comes back to it.
        if sort == Sort::StopLimit {
            play.calm(1)?;
            play.go(PAR + sign * (AWAY + LIMIT_AWAY) / 2)?;
        }
    }
    play.settle(&[&id])?;
    prices(&play, &id, order.kind, side)?;
    let filled = play.filled(&id);
    let whole = Decimal::from(UNITS);
    if !immediate {
        return hold_that(filled == whole, || {
            format!(
                "{filled} of {whole} filled in {PATIENCE} bars{}",
                heard(&play, &id)
            )
        });
    }
    hold_that(!play.is_open(&id)?, || {
        format!("it still works after {PATIENCE} bars")
    })?;
    hold_that(
        time_in_force != TimeInForce::FillOrKill || filled.is_zero() || filled == whole,
        || format!("{filled} of {whole} filled"),
    )?;
    if matches!(sort, Sort::Market | Sort::Limit) && filled.is_zero() {
        return Err(Stop::Refused(format!(
            "nothing filled in a deep market{}",
            heard(&play, &id)
        )));
    }
    Ok(())
}

fn heard(play: &Play, id: &str) -> String {
    play.last(id).map_or_else(
        || "; nothing was heard of it".to_owned(),
        |last| format!("; last heard: {:?} {}", last.outcome, last.reason),
    )
}

/// Holds that an order out of the market's reach waits, as it was sent.
fn stands(play: &mut Play, id: &str, sent: &OrderRequest) -> Result<(), Stop> {
    for _ in 0..2 {
        let open = play.working(id)?;
        let Some(open) = open else {
            return Err(Stop::Wrong(format!(
                "it does not work though its price was not reached{}",
                heard(play, id)
            )));
        };
        let told = &open.order.request;
        hold_that(
            (told.side, told.quantity, told.kind, told.time_in_force)
                == (sent.side, sent.quantity, sent.kind, sent.time_in_force),
            || format!("it is told as {told:?}, sent as {sent:?}"),
        )?;
        hold_that(open.filled.is_zero(), || {
            format!("{} filled though its price was not reached", open.filled)
        })?;
        play.calm(1)?;
    }
    Ok(())
}

/// Holds that no fill is at a price that the order does not allow.
fn prices(play: &Play, id: &str, kind: OrderKind, side: Side) -> Result<(), Stop> {
    let worse = |price: Decimal, bound: Decimal| (price - bound) * side.sign() > Decimal::ZERO;
    for fill in play.fills(id) {
        let price = fill.price;
        let wrong = match kind {
            OrderKind::Limit(limit) => worse(price, limit),
            OrderKind::Stop(stop) => worse(stop, price),
            OrderKind::StopLimit { limit, .. } => worse(price, limit),
            OrderKind::TrailingStop(_) => {
                worse(cents(PAR) + side.sign() * cents(TRAIL - 100), price)
            }
            OrderKind::Market => (price - cents(PAR)).abs() > cents(FAR),
        };
        hold_that(!wrong, || format!("it filled at {price}, {kind:?}"))?;
        hold_that(
            fill.instrument == SHARE && fill.side == side && fill.account == play.account,
            || format!("its fill is another's: {fill:?}"),
        )?;
    }
    Ok(())
}
