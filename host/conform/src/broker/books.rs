//! What a broker tells of itself: orders, executions, cash, equity and positions, and whether they agree.

use super::play::{
    FUTURE, OTHERS, PAR, Play, SHARE, Stage, UNITS, answer, cents, ended, had, hold_that, request,
};
use super::refusals::state;
use crate::check::{Stop, Tried, compare, counted};
use bulkhead_domain::order::{
    ActionKind, CorporateAction, Execution, Order, OrderKind, OrderRequest, Side,
};
use bulkhead_domain::{Decimal, Refusal};
use std::collections::{BTreeMap, BTreeSet};

/// Bars of a longer play, and orders sent in each.
const BARS: usize = 200;
const ORDERS: i64 = 6;

/// Bars between two looks at the executions.
const LOOK: usize = 50;

/// A zigzag that fills orders on both sides of it.
fn zigzag(bar: usize) -> i64 {
    const OFFSETS: [i64; 7] = [0, 130, -70, 210, -160, 90, -240];
    PAR + OFFSETS[bar % OFFSETS.len()]
}

/// One order in the share and one in the future, of every kind in turn; those that are refused are left out.
fn trade(play: &mut Play, bar: usize) -> Result<(), Stop> {
    let side = if bar.is_multiple_of(2) {
        Side::Buy
    } else {
        Side::Sell
    };
    let off = |away: i64| cents(play.price + away);
    let kind = match bar % 3 {
        0 => OrderKind::Market,
        1 => OrderKind::Limit(off(if side == Side::Buy { 37 } else { -37 })),
        _ => OrderKind::Stop(off(if side == Side::Buy { 41 } else { -41 })),
    };
    let share = request(side, kind, UNITS);
    let future = OrderRequest {
        instrument: FUTURE,
        ..request(side, OrderKind::Market, 1)
    };
    for request in [share, future] {
        let order = play.order(request);
        drop(answer(play.broker.submit(&order))?);
    }
    Ok(())
}

pub(super) fn reads(stage: &Stage<'_>) -> Tried {
    let run = |asks: bool| -> Result<Vec<String>, Stop> {
        let mut play = stage.play()?;
        for bar in 0..40 {
            trade(&mut play, bar)?;
            if asks {
                let account = play.account.clone();
                for _ in 0..2 {
                    state(&mut play)?;
                    // Questions that are no good change nothing either.
                    drop(play.broker.positions("nobody"));
                    drop(play.broker.executions(&account, "no such cursor"));
                }
            }
            play.go(zigzag(bar + 1))?;
        }
        let mut lines: Vec<String> = (play.updates.iter())
            .map(|update| format!("{update:?}"))
            .collect();
        lines.extend(state(&mut play)?);
        Ok(lines)
    };
    let (silent, asked) = (run(false)?, run(true)?);
    compare(&silent, &asked)
        .map_err(|wrong| Stop::Wrong(format!("with questions in between, {wrong}")))?;
    Ok(counted(silent.len(), "answer"))
}

pub(super) fn pages(stage: &Stage<'_>) -> Tried {
    let mut play = stage.play()?;
    let account = play.account.clone();
    let (mut seen, mut cursor, mut looks) = (Vec::<Execution>::new(), String::new(), 0);
    for bar in 1..=BARS {
        for number in 0..ORDERS {
            let side = if number % 2 == 0 {
                Side::Buy
            } else {
                Side::Sell
            };
            let order = play.order(request(side, OrderKind::Market, 1));
            drop(answer(play.broker.submit(&order))?);
        }
        play.calm(1)?;
        if bar % LOOK != 0 {
            continue;
        }
        loop {
            let (page, next) = had(play.broker.executions(&account, &cursor))?;
            let again = had(play.broker.executions(&account, &cursor))?;
            hold_that(again == (page.clone(), next.clone()), || {
                format!("the page after `{cursor}` is another when asked for again")
            })?;
            looks += 1;
            if next == cursor {
                hold_that(page.is_empty(), || {
                    format!("the page after `{cursor}` has executions and the same cursor")
                })?;
                break;
            }
            hold_that(looks <= super::MOST_PAGES, || {
                "paging does not end".to_owned()
            })?;
            seen.extend(page);
            cursor = next;
        }
    }
    if seen.is_empty() {
        return Err(Stop::Refused("none of its market orders filled".to_owned()));
    }
    let ids: BTreeSet<&str> = seen.iter().map(|one| one.execution_id.as_str()).collect();
    hold_that(ids.len() == seen.len(), || {
        format!("{} executions with {} ids were told", seen.len(), ids.len())
    })?;
    let told: BTreeSet<String> = play
        .updates
        .iter()
        .filter_map(|update| update.execution.as_ref())
        .map(|one| one.execution_id.clone())
        .collect();
    let lost = told.iter().find(|id| !ids.contains(id.as_str()));
    hold_that(lost.is_none(), || {
        format!(
            "execution {} was on no page",
            lost.map_or("", String::as_str)
        )
    })?;
    let from_the_start = play.executions()?;
    hold_that(from_the_start == seen, || {
        format!(
            "from the beginning there are {} executions, page after page there were {}",
            from_the_start.len(),
            seen.len()
        )
    })?;
    Ok(format!("{} executions in {looks} pages", seen.len()))
}

fn multiplier(instrument: u32) -> Decimal {
    if instrument == FUTURE {
        Decimal::from(50)
    } else {
        Decimal::ONE
    }
}

pub(super) fn cash(stage: &Stage<'_>) -> Tried {
    let mut play = stage.play()?;
    let start = play.state()?;
    let mut fees = Decimal::ZERO;
    for bar in 0..40 {
        trade(&mut play, bar)?;
        play.go(zigzag(bar + 1))?;
        let mut expected = start.cash;
        fees = Decimal::ZERO;
        for one in play.executions()? {
            if one.fee_currency != start.currency && !one.fee.is_zero() {
                return Err(Stop::Skip("fees are in another currency".to_owned()));
            }
            let signed = one.side.sign() * one.quantity;
            expected -= signed * one.price * multiplier(one.instrument) + one.fee;
            fees += one.fee;
        }
        let cash = play.state()?.cash;
        hold_that(cash == expected, || {
            format!("executions and fees leave {expected} of cash, the account says {cash}")
        })?;
    }
    let count = play.executions()?.len();
    if count == 0 {
        return Err(Stop::Refused("nothing filled".to_owned()));
    }
    Ok(format!(
        "{} with {} of fees",
        counted(count, "execution"),
        fees.normalize()
    ))
}

/// What positions are worth at the last close.
fn worth(play: &mut Play) -> Result<Decimal, Stop> {
    let prices = [
        (SHARE, cents(play.price)),
        (FUTURE, cents(2_000)),
        (OTHERS, cents(5_000)),
    ];
    let mut sum = Decimal::ZERO;
    for (instrument, price) in prices {
        sum += play.position(instrument)? * price * multiplier(instrument);
    }
    Ok(sum)
}

pub(super) fn equity(stage: &Stage<'_>) -> Tried {
    let mut play = stage.play()?;
    let mut most = Decimal::ZERO;
    for bar in 0..40 {
        trade(&mut play, bar)?;
        play.go(zigzag(bar + 1))?;
        if bar % 10 == 9 {
            play.close_session()?;
        }
        let (account, worth) = (play.state()?, worth(&mut play)?);
        most = most.max(worth.abs());
        hold_that(account.equity == account.cash + worth, || {
            format!(
                "cash {} and positions of {worth} are {}, equity is {}",
                account.cash,
                account.cash + worth,
                account.equity
            )
        })?;
    }
    if most.is_zero() {
        return Err(Stop::Refused("nothing was ever held".to_owned()));
    }
    Ok(format!("40 bars, positions of up to {}", most.normalize()))
}

fn action(play: &Play, kind: ActionKind) -> CorporateAction {
    CorporateAction {
        time: play.now,
        kind,
    }
}

pub(super) fn split(stage: &Stage<'_>) -> Tried {
    let mut play = stage.play()?;
    play.hold(UNITS)?;
    let low = play.send(request(
        Side::Buy,
        OrderKind::Limit(cents(PAR - 1_000)),
        UNITS,
    ))?;
    let high = play.send(request(
        Side::Sell,
        OrderKind::Limit(cents(PAR + 2_000)),
        UNITS,
    ))?;
    play.calm(1)?;
    let before = play.state()?;
    let split = ActionKind::Split {
        numerator: 2,
        denominator: 1,
    };
    let split = action(&play, split);
    play.act(split, PAR / 2)?;
    let (after, held) = (play.state()?, play.position(SHARE)?);
    let twice = Decimal::from(UNITS * 2);
    hold_that(held == twice, || {
        format!("two for one of {UNITS} are {held}")
    })?;
    hold_that(
        (after.cash, after.equity) == (before.cash, before.equity),
        || {
            format!(
                "cash went from {} to {}, equity from {} to {}",
                before.cash, after.cash, before.equity, after.equity
            )
        },
    )?;
    for (id, at) in [(&low, (PAR - 1_000) / 2), (&high, (PAR + 2_000) / 2)] {
        let Some(open) = play.working(id)? else {
            return Err(Stop::Wrong("a working order did not survive".to_owned()));
        };
        let told = (open.order.request.quantity, open.order.request.kind);
        hold_that(told == (twice, OrderKind::Limit(cents(at))), || {
            format!("a limit order works as {} {:?}", told.0, told.1)
        })?;
    }
    play.go((PAR - 1_500) / 2)?;
    play.settle(&[&low])?;
    let filled = play.filled(&low);
    hold_that(filled == twice, || {
        format!("{filled} of {twice} filled at the new price")
    })?;
    Ok("two for one, with a position and two orders".to_owned())
}

pub(super) fn dividend(stage: &Stage<'_>) -> Tried {
    let mut play = stage.play()?;
    play.hold(UNITS)?;
    let before = play.state()?;
    let each = Decimal::new(37, 2);
    let dividend = action(&play, ActionKind::Dividend(each));
    play.act(dividend, PAR)?;
    let after = play.state()?;
    let due = each * Decimal::from(UNITS);
    hold_that(after.cash - before.cash == due, || {
        format!(
            "{each} a unit on {UNITS} are {due}, the account got {}",
            after.cash - before.cash
        )
    })?;
    let calm = state(&mut play)?;
    let other = ActionKind::Other {
        code: "SPINOFF".to_owned(),
        text: "one unit of another for each".to_owned(),
    };
    let other = action(&play, other);
    play.act(other, PAR)?;
    compare(&calm, &state(&mut play)?)
        .map_err(|_| Stop::Wrong("an action that is none of its business changed it".to_owned()))?;
    let held = play.position(SHARE)?;
    hold_that(held == Decimal::from(UNITS), || {
        format!("the position is {held}")
    })?;
    Ok(format!("{due} on {UNITS} units"))
}

pub(super) fn accounts(stage: &Stage<'_>) -> Tried {
    let mut play = stage.play()?;
    let Some(other) = stage.accounts.get(1..).and_then(<[_]>::last) else {
        return Err(Stop::Skip("it has one account".to_owned()));
    };
    let waits = play.send(request(
        Side::Buy,
        OrderKind::Limit(cents(PAR - 2_000)),
        UNITS,
    ))?;
    let before = state(&mut play)?;
    let start = play.state()?;
    let bought = OrderRequest {
        instrument: OTHERS,
        ..request(Side::Buy, OrderKind::Market, UNITS)
    };
    let order = Order {
        account: other.id.clone(),
        ..play.order(bought)
    };
    play.send_order(&order)?;
    play.calm(super::play::PATIENCE)?;
    let theirs = had(play.broker.executions(&other.id, ""))?.0;
    if theirs.is_empty() {
        return Err(Stop::Refused(
            "the other account's order did not fill".to_owned(),
        ));
    }
    let own = play.state()?;
    hold_that((own.cash, own.equity) == (start.cash, start.equity), || {
        "another account's fill moved this one's money".to_owned()
    })?;
    // The accounts themselves are told together, in the first line.
    compare(&before[1..], &state(&mut play)?[1..])
        .map_err(|_| Stop::Wrong("another account's fill is told of this one, too".to_owned()))?;
    let refusal = play.must_refuse("a cancellation of another account's order", |play| {
        play.broker.cancel(&other.id, &waits)
    })?;
    hold_that(play.is_open(&waits)?, || {
        "another account cancelled this one's order".to_owned()
    })?;
    let told = match refusal {
        Refusal::Rejected { code, .. } => code,
        other => other.to_string(),
    };
    Ok(format!(
        "{} and {}; the other's order is {told}",
        play.account, other.id
    ))
}

/// Open orders as the updates and answers tell them.
#[derive(Default)]
pub(super) struct Told {
    /// What of each order still works.
    leaves: BTreeMap<String, Decimal>,
    /// What of it has filled.
    filled: BTreeMap<String, Decimal>,
    /// Orders of which an answer was lost.
    uncertain: BTreeSet<String>,
}

impl Told {
    pub(super) fn update(&mut self, update: &bulkhead_domain::order::OrderUpdate) {
        let id = update.client_order_id.clone();
        if let Some(fill) = &update.execution {
            *self.filled.entry(id.clone()).or_default() += fill.quantity;
        }
        if ended(update.outcome) {
            self.leaves.remove(&id);
        } else {
            self.leaves.insert(id, update.leaves);
        }
    }

    pub(super) fn taken(&mut self, id: &str, quantity: Decimal) {
        self.leaves.insert(id.to_owned(), quantity);
    }

    pub(super) fn gone(&mut self, id: &str) {
        self.leaves.remove(id);
    }

    /// An order goes on under another id, with what has filled of it.
    pub(super) fn replaced(&mut self, old: &str, new: &str, quantity: Decimal) {
        self.gone(old);
        let filled = self.filled.get(old).copied().unwrap_or_default();
        self.filled.insert(new.to_owned(), filled);
        self.taken(new, quantity - filled);
    }

    pub(super) fn doubt(&mut self, id: &str) {
        self.uncertain.insert(id.to_owned());
    }

    /// How many orders work.
    pub(super) fn count(&self) -> usize {
        self.leaves.len()
    }

    /// Holds this against what the broker says works.
    pub(super) fn hold(&self, open: &[bulkhead_domain::order::OpenOrder]) -> Result<(), Stop> {
        let mut left = self.leaves.clone();
        left.retain(|id, _| !self.uncertain.contains(id));
        for open in open {
            let id = &open.order.client_order_id;
            if self.uncertain.contains(id) {
                continue;
            }
            let works = open.order.request.quantity - open.filled;
            match left.remove(id) {
                None => {
                    return Err(Stop::Wrong(format!(
                        "{id} works, and no answer or update says so"
                    )));
                }
                Some(told) => hold_that(told == works, || {
                    format!("of {id} {works} works, and the last update says {told}")
                })?,
            }
        }
        match left.keys().next() {
            None => Ok(()),
            Some(id) => Err(Stop::Wrong(format!(
                "{id} should work, and is no open order"
            ))),
        }
    }
}
