//! Replacing and cancelling, partial fills, and ids.

use super::play::{PAR, PATIENCE, Play, SHARE, Stage, UNITS, cents, ended, hold_that, request};
use crate::check::{Stop, Tried};
use bulkhead_domain::order::{Order, OrderKind, Outcome, Replacement, Side};
use bulkhead_domain::{Decimal, Refusal};

fn waiting(play: &mut Play) -> Result<String, Stop> {
    play.send(request(
        Side::Buy,
        OrderKind::Limit(cents(PAR - 2_000)),
        UNITS,
    ))
}

pub(super) fn replace(stage: &Stage<'_>) -> Tried {
    let mut play = stage.play()?;
    let old = waiting(&mut play)?;
    play.calm(1)?;
    let (quantity, kind) = (Decimal::from(UNITS + 5), OrderKind::Limit(cents(PAR - 400)));
    let new = play.replace(&old, quantity, kind)?;
    for _ in 0..2 {
        hold_that(!play.is_open(&old)?, || {
            format!("{old} still works beside {new}, which replaces it")
        })?;
        let Some(open) = play.working(&new)? else {
            return Err(Stop::Wrong(format!("{new}, the new id, does not work")));
        };
        let told = &open.order.request;
        hold_that((told.quantity, told.kind) == (quantity, kind), || {
            format!(
                "replaced by {quantity} {kind:?}, it works as {} {:?}",
                told.quantity, told.kind
            )
        })?;
        play.calm(1)?;
    }
    play.go(PAR - 2_500)?;
    play.settle(&[&old, &new])?;
    let (left, right) = (play.filled(&old), play.filled(&new));
    hold_that(left.is_zero() && right == quantity, || {
        format!("the old id filled {left}, the new one {right} of {quantity}")
    })?;
    let held = play.position(SHARE)?;
    hold_that(held == quantity, || format!("the position is {held}"))?;
    Ok("quantity and price of a limit order".to_owned())
}

/// An order that has filled in part.
fn partly(play: &mut Play) -> Result<(String, Decimal), Stop> {
    play.thin_out()?;
    let id = play.send(request(Side::Buy, OrderKind::Market, UNITS))?;
    for _ in 0..PATIENCE {
        play.calm(1)?;
        let filled = play.filled(&id);
        if filled > Decimal::ZERO {
            return if filled < Decimal::from(UNITS) {
                Ok((id, filled))
            } else {
                Err(Stop::Skip("it fills nothing in part".to_owned()))
            };
        }
    }
    Err(Stop::Refused(format!("nothing filled in {PATIENCE} bars")))
}

pub(super) fn below_filled(stage: &Stage<'_>) -> Tried {
    let mut play = stage.play()?;
    let (id, _) = partly(&mut play)?;
    let account = play.account.clone();
    let new = play.id();
    let replacement = Replacement {
        client_order_id: id.clone(),
        new_client_order_id: new.clone(),
        // At least this much has filled, whatever a retry waited for.
        quantity: Decimal::ONE,
        kind: OrderKind::Market,
    };
    let refusal = play.must_refuse("a replacement by what has filled", |play| {
        play.broker.replace(&account, &replacement)
    })?;
    if let Refusal::Unsupported(what) = refusal {
        return Err(Stop::Skip(format!("unsupported: {what}")));
    }
    hold_that(!play.is_open(&new)?, || {
        format!("{new} works though refused")
    })?;
    play.settle(&[&id])?;
    let filled = play.filled(&id);
    hold_that(filled == Decimal::from(UNITS), || {
        format!("afterwards {filled} of {UNITS} filled")
    })?;
    Ok(format!("refused ({refusal}); the order filled"))
}

pub(super) fn cancel(stage: &Stage<'_>) -> Tried {
    let mut play = stage.play()?;
    let id = waiting(&mut play)?;
    play.calm(1)?;
    play.cancel(&id)?;
    hold_that(!play.is_open(&id)?, || "it still works".to_owned())?;
    let account = play.account.clone();
    play.must_refuse("a second cancellation", |play| {
        play.broker.cancel(&account, &id)
    })?;
    play.go(PAR - 2_500)?;
    play.calm(3)?;
    let (filled, held) = (play.filled(&id), play.position(SHARE)?);
    hold_that(filled.is_zero() && held.is_zero(), || {
        format!("it filled {filled} after it was cancelled; the position is {held}")
    })?;
    Ok("a limit order, and its price came afterwards".to_owned())
}

pub(super) fn too_late(stage: &Stage<'_>) -> Tried {
    let mut play = stage.play()?;
    let id = play.hold(UNITS)?;
    let account = play.account.clone();
    play.must_refuse("a cancellation after the fill", |play| {
        play.broker.cancel(&account, &id)
    })?;
    let replacement = Replacement {
        client_order_id: id,
        new_client_order_id: play.id(),
        quantity: Decimal::from(UNITS * 2),
        kind: OrderKind::Market,
    };
    play.must_refuse("a replacement after the fill", |play| {
        play.broker.replace(&account, &replacement)
    })?;
    play.calm(3)?;
    let held = play.position(SHARE)?;
    hold_that(held == Decimal::from(UNITS), || {
        format!("afterwards the position is {held}")
    })?;
    Ok("both refused".to_owned())
}

pub(super) fn partial(stage: &Stage<'_>) -> Tried {
    let mut play = stage.play()?;
    let whole = Decimal::from(UNITS);
    let (id, _) = partly(&mut play)?;
    for _ in 0..PATIENCE {
        let filled = play.filled(&id);
        let Some(open) = play.working(&id)? else {
            break;
        };
        hold_that(open.filled == filled, || {
            format!(
                "updates add up to {filled}, the open order says {}",
                open.filled
            )
        })?;
        play.calm(1)?;
    }
    let mut sum = Decimal::ZERO;
    let told = play
        .updates
        .iter()
        .filter(|update| update.client_order_id == id);
    for update in told {
        let Some(fill) = &update.execution else {
            continue;
        };
        sum += fill.quantity;
        let outcome = if sum == whole {
            Outcome::Filled
        } else {
            Outcome::PartiallyFilled
        };
        hold_that(
            fill.quantity > Decimal::ZERO
                && update.leaves == whole - sum
                && update.outcome == outcome,
            || {
                format!(
                    "{sum} of {whole} filled, and the update is {:?} with {} working",
                    update.outcome, update.leaves
                )
            },
        )?;
    }
    let held = play.position(SHARE)?;
    hold_that(sum == whole && held == whole, || {
        format!("{sum} of {whole} filled, the position is {held}")
    })?;
    let fills = play.fills(&id).len();
    // What is left can be cancelled, and what has filled stays.
    let (second, _) = partly(&mut play)?;
    play.cancel(&second)?;
    let filled = play.filled(&second);
    play.calm(3)?;
    let (after, held) = (play.filled(&second), play.position(SHARE)?);
    hold_that(after == filled && held == whole + filled, || {
        format!("cancelled with {filled} filled; then {after}, and the position is {held}")
    })?;
    Ok(format!("{fills} fills, and one cancelled after {filled}"))
}

pub(super) fn ids(stage: &Stage<'_>) -> Tried {
    let mut play = stage.play()?;
    let letters = format!("{}-_AZaz09", play.id());
    let longest = format!("{letters:x<36}");
    let order = |play: &mut Play, id: &str| {
        let limit = request(Side::Buy, OrderKind::Limit(cents(PAR - 2_000)), UNITS);
        Order {
            client_order_id: id.to_owned(),
            ..play.order(limit)
        }
    };
    for id in ["z", &letters, &longest] {
        let order = order(&mut play, id);
        play.send_order(&order)?;
        hold_that(play.is_open(id)?, || {
            format!("`{id}` is not told unchanged")
        })?;
        play.calm(1)?;
    }
    let too_long = format!("{longest}x");
    for id in ["", &too_long, "a b", "a.b", "a/b", "é", "a\n", "a\0"] {
        let order = order(&mut play, id);
        play.must_refuse(&format!("the id {id:?}"), |play| play.broker.submit(&order))?;
    }
    let open = play.open()?.len();
    hold_that(open == 3, || format!("{open} orders work, 3 were taken"))?;
    Ok("1 and 36 characters taken, 8 others refused".to_owned())
}

pub(super) fn id_reuse(stage: &Stage<'_>) -> Tried {
    let mut play = stage.play()?;
    let account = play.account.clone();
    let filled = play.hold(UNITS)?;
    let cancelled = waiting(&mut play)?;
    play.cancel(&cancelled)?;
    let works = waiting(&mut play)?;
    let mut used = vec![
        ("of an order that filled", filled),
        ("of a cancelled order", cancelled),
        ("of a working order", works.clone()),
    ];
    let kind = OrderKind::Limit(cents(PAR - 1_900));
    let replaced = match play.replace(&works, Decimal::from(UNITS), kind) {
        Ok(new) => {
            used.push(("that replaced another", new.clone()));
            Some(new)
        }
        Err(Stop::Skip(_)) => None,
        Err(other) => return Err(other),
    };
    let is_duplicate = |what: &str, refusal: Refusal| match refusal {
        Refusal::Rejected { code, .. } if code == "duplicate" => Ok(()),
        other => Err(Stop::Wrong(format!(
            "{what} is not rejected as duplicate, but {other}"
        ))),
    };
    for (what, id) in &used {
        let what = format!("the id {what}");
        let order = Order {
            client_order_id: id.clone(),
            ..play.order(request(Side::Buy, OrderKind::Market, UNITS))
        };
        let refusal = play.must_refuse(&what, |play| play.broker.submit(&order))?;
        is_duplicate(&what, refusal)?;
        if let Some(working) = &replaced {
            let replacement = Replacement {
                client_order_id: working.clone(),
                new_client_order_id: id.clone(),
                quantity: Decimal::from(UNITS),
                kind: OrderKind::Limit(cents(PAR - 1_800)),
            };
            let what = format!("a replacement with {what}");
            let refusal =
                play.must_refuse(&what, |play| play.broker.replace(&account, &replacement))?;
            is_duplicate(&what, refusal)?;
        }
    }
    play.calm(3)?;
    let held = play.position(SHARE)?;
    hold_that(held == Decimal::from(UNITS), || {
        format!("afterwards the position is {held}")
    })?;
    Ok(format!("{} ids", used.len()))
}

pub(super) fn finish(stage: &Stage<'_>) -> Tried {
    let mut play = stage.play()?;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(waiting(&mut play)?);
    }
    let updates = play
        .broker
        .finish(play.now)
        .map_err(|error| Stop::Wrong(error.to_string()))?;
    play.updates.extend(updates);
    for id in &ids {
        hold_that(
            play.last(id).is_some_and(|last| ended(last.outcome)),
            || format!("nothing says that {id} ended"),
        )?;
    }
    let open = play.open()?.len();
    hold_that(open == 0, || format!("{open} orders still work"))?;
    Ok(format!("{} orders", ids.len()))
}
