//! Brackets, reduce-only and post-only.

use super::play::{
    Answer, PAR, PATIENCE, Play, SHARE, Stage, UNITS, answer, cents, hold_that, request,
};
use crate::check::{Stop, Tried};
use bulkhead_domain::order::{Bracket, Liquidity, OrderKind, OrderRequest, Side};
use bulkhead_domain::{Decimal, Refusal};

/// Distance of a bracket's exits, cents.
const EXITS: i64 = 400;

pub(super) fn bracket(stage: &Stage<'_>) -> Tried {
    for (side, sign) in [(Side::Buy, 1), (Side::Sell, -1)] {
        for towards in [1, -1] {
            let outcome = one_bracket(stage, side, sign, towards);
            let exit = if towards == sign { "target" } else { "stop" };
            match outcome {
                Err(Stop::Wrong(what)) => {
                    return Err(Stop::Wrong(format!("{side:?}, {exit} reached: {what}")));
                }
                // A broker need not lend.
                Err(Stop::Refused(_) | Stop::Skip(_)) if side == Side::Sell => {
                    return Ok("target and stop of a long position; short ones refused".to_owned());
                }
                other => other?,
            }
        }
    }
    Ok("target and stop of a long and a short position".to_owned())
}

fn one_bracket(stage: &Stage<'_>, side: Side, sign: i64, towards: i64) -> Result<(), Stop> {
    let mut play = stage.play()?;
    let order = OrderRequest {
        bracket: Some(Bracket {
            take_profit: Some(cents(PAR + sign * EXITS)),
            stop_loss: Some(cents(PAR - sign * EXITS)),
        }),
        ..request(side, OrderKind::Limit(cents(PAR - sign * 200)), UNITS)
    };
    let id = play.send(order)?;
    play.calm(2)?;
    let open = play.open()?;
    hold_that(
        open.iter()
            .filter(|open| open.order.request.side == side.opposite())
            .count()
            == 0,
        || "an exit works though the entry has not filled".to_owned(),
    )?;
    // Through the entry's price and back.
    play.go(PAR - sign * 300)?;
    play.settle(&[&id])?;
    let held = play.position(SHARE)?;
    hold_that(held == side.sign() * Decimal::from(UNITS), || {
        format!("after the entry the position is {held}")
    })?;
    let exits = play.open()?;
    let fits = exits.iter().all(|exit| {
        exit.order.request.side == side.opposite()
            && exit.order.request.quantity == Decimal::from(UNITS)
    });
    hold_that(exits.len() == 2 && fits, || {
        format!("after the entry these work: {exits:?}")
    })?;
    play.go(PAR + towards * 1_000)?;
    let ids: Vec<String> = (exits.into_iter())
        .map(|exit| exit.order.client_order_id)
        .collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    play.settle(&ids)?;
    // The other exit's price, were it still there.
    play.go(PAR - towards * 1_000)?;
    play.calm(2)?;
    let (held, open) = (play.position(SHARE)?, play.open()?.len());
    hold_that(held.is_zero() && open == 0, || {
        format!("after an exit the position is {held}, and {open} orders work")
    })
}

/// Sends an order that may be refused; whether it was taken.
fn may_send(play: &mut Play, request: OrderRequest) -> Result<Option<String>, Stop> {
    let order = play.order(request);
    match answer(play.broker.submit(&order))? {
        Answer::Done(()) => Ok(Some(order.client_order_id)),
        Answer::Refused(Refusal::Unsupported(what)) => {
            Err(Stop::Skip(format!("unsupported: {what}")))
        }
        Answer::Refused(Refusal::InvalidInput(_) | Refusal::Rejected { .. }) => Ok(None),
        Answer::Refused(other) => Err(Stop::Wrong(format!("it is refused as {other}"))),
        Answer::Later(why) | Answer::Unknown(why) => Err(Stop::Disturbed(why)),
    }
}

pub(super) fn reduce_only(stage: &Stage<'_>) -> Tried {
    let exit = |side, units| OrderRequest {
        reduce_only: true,
        ..request(side, OrderKind::Market, units)
    };
    let mut play = stage.play()?;
    // Nothing is held: there is nothing to reduce.
    if let Some(id) = may_send(&mut play, exit(Side::Sell, UNITS))? {
        play.settle(&[&id])?;
    }
    let held = play.position(SHARE)?;
    hold_that(held.is_zero(), || {
        format!("one that found no position left {held}")
    })?;
    play.hold(UNITS)?;
    if let Some(id) = may_send(&mut play, exit(Side::Buy, UNITS))? {
        play.settle(&[&id])?;
    }
    let held = play.position(SHARE)?;
    hold_that(held == Decimal::from(UNITS), || {
        format!("one that would add to {UNITS} left {held}")
    })?;
    let id = play.send(exit(Side::Sell, UNITS / 2))?;
    play.settle(&[&id])?;
    let held = play.position(SHARE)?;
    hold_that(held == Decimal::from(UNITS / 2), || {
        format!("one for half of {UNITS} left {held}")
    })?;
    if let Some(id) = may_send(&mut play, exit(Side::Sell, UNITS * 3))? {
        play.settle(&[&id])?;
        hold_that(!play.is_open(&id)?, || {
            "one that is larger than the position works on after it".to_owned()
        })?;
    }
    let held = play.position(SHARE)?;
    hold_that(held >= Decimal::ZERO, || {
        format!("one that is larger than the position left {held}")
    })?;
    Ok("flat, adding, half, and more than there is".to_owned())
}

pub(super) fn post_only(stage: &Stage<'_>) -> Tried {
    let maker = |at| OrderRequest {
        post_only: true,
        ..request(Side::Buy, OrderKind::Limit(cents(at)), UNITS)
    };
    let mut play = stage.play()?;
    let through = may_send(&mut play, maker(PAR + 400))?;
    play.calm(5)?;
    let rests = play.send(maker(PAR - 400))?;
    // One that is late meets the market as it then is, and has to be there before its price comes.
    play.calm(PATIENCE / 2)?;
    play.go(PAR - 1_000)?;
    play.settle(&[&rests])?;
    for id in through.iter().chain([&rests]) {
        for fill in play.fills(id) {
            hold_that(fill.liquidity != Liquidity::Taker, || {
                format!("it took liquidity: {} at {}", fill.quantity, fill.price)
            })?;
        }
    }
    let filled = play.filled(&rests);
    hold_that(filled == Decimal::from(UNITS), || {
        format!("one that rested filled {filled} of {UNITS} when its price came")
    })?;
    Ok(match through {
        None => "one through the market refused, one that rests filled",
        Some(_) => "one through the market took nothing, one that rests filled",
    }
    .to_owned())
}
