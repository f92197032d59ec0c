//! What has to be refused, and that a refusal changes nothing.

use super::play::{Answer, PAR, Play, Stage, UNITS, answer, cents, had, hold_that, request};
use crate::check::{Stop, Tried, cut};
use bulkhead_domain::Decimal;
use bulkhead_domain::order::{
    Bracket, Order, OrderKind, OrderRequest, Replacement, Side, Step, TimeInForce, Trail,
};

fn limit(at: i64) -> OrderRequest {
    request(Side::Buy, OrderKind::Limit(cents(at)), UNITS)
}

fn replacement(play: &mut Play, id: &str) -> Replacement {
    Replacement {
        client_order_id: id.to_owned(),
        new_client_order_id: play.id(),
        quantity: Decimal::from(UNITS),
        kind: OrderKind::Limit(cents(PAR - 1_500)),
    }
}

pub(super) fn account(stage: &Stage<'_>) -> Tried {
    let mut play = stage.play()?;
    let own = play.send(limit(PAR - 2_000))?;
    for name in ["nobody", ""] {
        let order = Order {
            account: name.to_owned(),
            ..play.order(limit(PAR - 2_000))
        };
        play.must_refuse("an order for it", |play| play.broker.submit(&order))?;
        let change = replacement(&mut play, &own);
        play.must_refuse("a replacement for it", |play| {
            play.broker.replace(name, &change)
        })?;
        play.must_refuse("a cancellation for it", |play| {
            play.broker.cancel(name, &own)
        })?;
        play.must_refuse("the question for its positions", |play| {
            play.broker.positions(name)
        })?;
        play.must_refuse("the question for its open orders", |play| {
            play.broker.open_orders(name)
        })?;
        play.must_refuse("the question for its executions", |play| {
            play.broker.executions(name, "")
        })?;
    }
    hold_that(play.is_open(&own)?, || {
        "an order of the account was cancelled or replaced through another".to_owned()
    })?;
    Ok("six calls".to_owned())
}

pub(super) fn order(stage: &Stage<'_>) -> Tried {
    let mut play = stage.play()?;
    let account = play.account.clone();
    for id in ["never-sent", ""] {
        play.must_refuse("its cancellation", |play| play.broker.cancel(&account, id))?;
        let change = replacement(&mut play, id);
        play.must_refuse("its replacement", |play| {
            play.broker.replace(&account, &change)
        })?;
    }
    let open = play.open()?.len();
    hold_that(open == 0, || {
        format!("{open} orders work and none was sent")
    })?;
    Ok("cancellation and replacement".to_owned())
}

pub(super) fn instrument(stage: &Stage<'_>) -> Tried {
    let mut play = stage.play()?;
    for handle in [0, 2, 1_000_000, u32::MAX] {
        let order = play.order(OrderRequest {
            instrument: handle,
            ..limit(PAR - 2_000)
        });
        play.must_refuse(&format!("an order in instrument {handle}"), |play| {
            play.broker.submit(&order)
        })?;
    }
    Ok("four handles".to_owned())
}

/// Requests that no broker can mean to take.
fn absurd(now: i64) -> Vec<(&'static str, OrderRequest)> {
    let units = |quantity| OrderRequest {
        quantity,
        ..limit(PAR - 2_000)
    };
    let kind = |kind| request(Side::Buy, kind, UNITS);
    let bracket = |take_profit, stop_loss| OrderRequest {
        bracket: Some(Bracket {
            take_profit,
            stop_loss,
        }),
        ..limit(PAR - 2_000)
    };
    vec![
        ("quantity 0", units(Decimal::ZERO)),
        ("quantity -10", units(Decimal::from(-10))),
        ("half a share", units(Decimal::new(5, 1))),
        ("the largest quantity there is", units(Decimal::MAX)),
        (
            "a limit between ticks",
            kind(OrderKind::Limit(Decimal::new(80_001, 3))),
        ),
        (
            "the largest limit there is",
            kind(OrderKind::Limit(Decimal::MAX)),
        ),
        (
            "a stop between ticks",
            kind(OrderKind::Stop(Decimal::new(120_001, 3))),
        ),
        (
            "a trail of 0",
            kind(OrderKind::TrailingStop(Trail::Amount(Decimal::ZERO))),
        ),
        (
            "a trail of -1",
            kind(OrderKind::TrailingStop(Trail::Amount(
                Decimal::NEGATIVE_ONE,
            ))),
        ),
        (
            "a trail of all of the price",
            kind(OrderKind::TrailingStop(Trail::Fraction(Decimal::ONE))),
        ),
        (
            "a time that has passed",
            OrderRequest {
                time_in_force: TimeInForce::GoodTillDate(now - 1),
                ..limit(PAR - 2_000)
            },
        ),
        (
            "a market order that takes no liquidity",
            OrderRequest {
                post_only: true,
                ..kind(OrderKind::Market)
            },
        ),
        ("a bracket of nothing", bracket(None, None)),
        (
            "a bracket that takes its loss above its profit",
            bracket(Some(cents(PAR - 3_000)), Some(cents(PAR + 3_000))),
        ),
    ]
}

pub(super) fn absurdities(stage: &Stage<'_>) -> Tried {
    let mut play = stage.play()?;
    let requests = absurd(play.now);
    let count = requests.len();
    for (what, request) in requests {
        let order = play.order(request);
        play.must_refuse(what, |play| play.broker.submit(&order))?;
    }
    let id = play.send(limit(PAR - 2_000))?;
    let account = play.account.clone();
    for (what, quantity, at) in [
        (
            "a replacement by nothing",
            Decimal::ZERO,
            cents(PAR - 1_500),
        ),
        (
            "a replacement by -1",
            Decimal::NEGATIVE_ONE,
            cents(PAR - 1_500),
        ),
        (
            "a replacement between ticks",
            Decimal::from(UNITS),
            Decimal::new(80_001, 3),
        ),
    ] {
        let change = Replacement {
            quantity,
            kind: OrderKind::Limit(at),
            ..replacement(&mut play, &id)
        };
        play.must_refuse(what, |play| play.broker.replace(&account, &change))?;
    }
    hold_that(play.open()?.len() == 1, || {
        "what was refused works all the same".to_owned()
    })?;
    Ok(format!("{count} orders and 3 replacements"))
}

/// Everything that can be asked, as lines.
pub(super) fn state(play: &mut Play) -> Result<Vec<String>, Stop> {
    let mut lines = vec![format!("{:?}", had(play.broker.accounts())?)];
    let account = play.account.clone();
    lines.extend((had(play.broker.positions(&account))?.iter()).map(|one| format!("{one:?}")));
    lines.extend(play.open()?.iter().map(|one| format!("{one:?}")));
    lines.extend(play.executions()?.iter().map(|one| format!("{one:?}")));
    Ok(lines)
}

fn unchanged(before: &[String], after: &[String], by: &str) -> Result<(), Stop> {
    if before == after {
        return Ok(());
    }
    let (mut old, mut new) = (before.iter(), after.iter());
    let pair = loop {
        match (old.next(), new.next()) {
            (Some(old), Some(new)) if old == new => {}
            (old, new) => break (old, new),
        }
    };
    let quote = |line: Option<&String>| line.map_or_else(|| "nothing".to_owned(), |line| cut(line));
    Err(Stop::Wrong(format!(
        "{by} turned {} into {}",
        quote(pair.0),
        quote(pair.1)
    )))
}

/// A broker that has something to lose: a position, an execution and a working order.
fn busy(stage: &Stage<'_>) -> Result<(Play, String), Stop> {
    let mut play = stage.play()?;
    play.hold(UNITS)?;
    let id = play.send(limit(PAR - 2_000))?;
    play.calm(1)?;
    Ok((play, id))
}

pub(super) fn bars(stage: &Stage<'_>) -> Tried {
    let (mut play, _) = busy(stage)?;
    let good = play.steps(PAR - 50, PAR + 50, PAR);
    let with = |change: &dyn Fn(&mut Step)| {
        let mut steps = good.clone();
        change(&mut steps[0]);
        steps
    };
    let mut twice = good.clone();
    twice.push(good[0].clone());
    let now = play.now;
    let cases: Vec<(&str, Vec<Step>)> = vec![
        (
            "a high of no number",
            with(&|step| step.bar.high = f64::NAN),
        ),
        (
            "an infinite close",
            with(&|step| step.bar.close = f64::INFINITY),
        ),
        ("a high below the low", with(&|step| step.bar.high = 1.0)),
        ("a negative volume", with(&|step| step.bar.volume = -1.0)),
        ("a bar of the past", with(&|step| step.bar.time = now - 1)),
        ("two moments at once", with(&|step| step.bar.time += 1)),
        ("an unknown instrument", with(&|step| step.instrument = 77)),
        ("an instrument twice", twice),
    ];
    let before = state(&mut play)?;
    let count = cases.len();
    for (what, steps) in cases {
        match answer(play.broker.advance(&steps))? {
            Answer::Done(_) => return Err(Stop::Wrong(format!("{what} is taken"))),
            Answer::Refused(_) | Answer::Later(_) | Answer::Unknown(_) => {}
        }
        unchanged(&before, &state(&mut play)?, what)?;
    }
    play.calm(1)?;
    Ok(format!("{count} refused, the right bar taken afterwards"))
}

pub(super) fn refusals(stage: &Stage<'_>) -> Tried {
    let (mut play, id) = busy(stage)?;
    let account = play.account.clone();
    let before = state(&mut play)?;
    for (what, request) in absurd(play.now) {
        let order = play.order(request);
        drop(answer(play.broker.submit(&order))?);
        unchanged(&before, &state(&mut play)?, what)?;
    }
    let unknown = replacement(&mut play, "never-sent");
    drop(answer(play.broker.replace(&account, &unknown))?);
    unchanged(&before, &state(&mut play)?, "replacing an unknown order")?;
    drop(answer(play.broker.cancel(&account, "never-sent"))?);
    unchanged(&before, &state(&mut play)?, "cancelling an unknown order")?;
    drop(answer(play.broker.executions(&account, "no such cursor"))?);
    unchanged(&before, &state(&mut play)?, "asking with an unknown cursor")?;
    hold_that(play.is_open(&id)?, || {
        "the working order is gone".to_owned()
    })?;
    Ok("a position, an execution and a working order stayed as they were".to_owned())
}
