//! Reviews: what is proposed, again, and once it is done.

use super::scene::{CALM, OTHER, OWN, calm, instruments, position};
use super::seam::{Judge, Make};
use super::{answered, protective};
use crate::check::{Stop, Tried, counted};
use bulkhead_domain::order::{OpenOrder, Order, OrderKind, OrderRequest, Side, TimeInForce, Trail};
use bulkhead_domain::risk::{Portfolio, Position, ProtectiveAction};
use bulkhead_domain::time::DAY;
use bulkhead_domain::{Decimal, Timestamp};

/// Days within which whatever is done after some time is done.
const DAYS: i64 = 4_000;

/// Accounts that a rule may want to protect: long and short, in profit and in loss, young and old.
fn accounts() -> Vec<Portfolio> {
    let with = |positions: Vec<Position>| Portfolio {
        positions,
        ..calm().portfolio
    };
    let at = |mut position: Position, entry: i64, price: i64, opened: i64| {
        // Odd cents, which no tick of five divides.
        position.average_price = Decimal::new(entry * 100 + 3, 2);
        position.market_price = Some(Decimal::new(price * 100 + 1, 2));
        position.opened = Timestamp(opened);
        position
    };
    let long = position(OWN, 70, 100);
    let short = position(OTHER, -30, 50);
    let theirs = Position {
        owner: "another".to_owned(),
        ..position(OWN, 20, 90)
    };
    let old = CALM - DAYS * DAY;
    let mut fallen = with(vec![at(long.clone(), 100, 30, CALM)]);
    fallen.equity = Decimal::from(400_000);
    vec![
        with(vec![long.clone()]),
        with(vec![short.clone()]),
        with(vec![long.clone(), short.clone(), theirs]),
        with(vec![
            at(long.clone(), 100, 40, CALM),
            at(short.clone(), 50, 90, CALM),
        ]),
        with(vec![
            at(long.clone(), 100, 300, old),
            at(short, 50, 10, old),
        ]),
        fallen,
        with(Vec::new()),
    ]
}

fn review(rule: &mut dyn Judge, account: &Portfolio) -> Result<Vec<ProtectiveAction>, Stop> {
    // A refusal to review proposes nothing.
    Ok(answered(rule.review(account))?.unwrap_or_default())
}

/// What a fresh rule proposes for each account.
fn proposals(
    make: Make<'_>,
    mut hold: impl FnMut(&mut dyn Judge, &Portfolio, &[ProtectiveAction]) -> Result<(), Stop>,
) -> Result<usize, Stop> {
    let mut count = 0;
    for account in accounts() {
        let mut rule = make(&instruments())?;
        let actions = review(&mut *rule, &account)?;
        count += actions.len();
        hold(&mut *rule, &account, &actions)?;
    }
    Ok(count)
}

fn told(count: usize) -> Tried {
    if count == 0 {
        return Err(Stop::Skip("it proposes nothing".to_owned()));
    }
    Ok(counted(count, "proposal"))
}

pub(super) fn idempotent(make: Make<'_>) -> Tried {
    told(proposals(make, |rule, account, actions| {
        let again = review(rule, account)?;
        if again == actions {
            return Ok(());
        }
        Err(Stop::Wrong(format!(
            "it proposes {actions:?} and, asked again, {again:?}"
        )))
    })?)
}

/// The account after the proposals are done: cancelled orders are gone, placed ones work.
fn done(account: &Portfolio, actions: &[ProtectiveAction]) -> Portfolio {
    let mut after = account.clone();
    for (number, action) in actions.iter().enumerate() {
        match action {
            ProtectiveAction::Cancel(id) => {
                after
                    .open_orders
                    .retain(|open| open.order.client_order_id != *id);
            }
            ProtectiveAction::Place { owner, request } => after.open_orders.push(OpenOrder {
                order: Order {
                    client_order_id: format!("placed-{number}"),
                    account: account.account.clone(),
                    owner: owner.clone(),
                    request: request.clone(),
                },
                filled: Decimal::ZERO,
                accepted: account.time.0,
            }),
            ProtectiveAction::Halt(_) => {}
        }
    }
    after
}

pub(super) fn settles(make: Make<'_>) -> Tried {
    told(proposals(make, |rule, account, actions| {
        let after = done(account, actions);
        let again = review(rule, &after)?;
        let anew = again
            .iter()
            .find(|action| !matches!(action, ProtectiveAction::Halt(_)));
        match anew {
            None => Ok(()),
            Some(action) => Err(Stop::Wrong(format!(
                "with its proposals done it proposes {action:?}"
            ))),
        }
    })?)
}

fn prices(request: &OrderRequest) -> Vec<Decimal> {
    match request.kind {
        OrderKind::Market => Vec::new(),
        OrderKind::Limit(at) | OrderKind::Stop(at) => vec![at],
        OrderKind::StopLimit { stop, limit } => vec![stop, limit],
        OrderKind::TrailingStop(Trail::Amount(by)) => vec![by],
        // A fraction of the best price, which the broker rounds.
        OrderKind::TrailingStop(Trail::Fraction(_)) => Vec::new(),
    }
}

fn exit(account: &Portfolio, owner: &str, request: &OrderRequest) -> Result<(), String> {
    let Some(instrument) = (instruments().into_iter()).find(|one| one.handle == request.instrument)
    else {
        return Err("its instrument is unknown".to_owned());
    };
    let held = (account.positions.iter())
        .find(|held| held.owner == owner && held.instrument == request.instrument)
        .map_or(Decimal::ZERO, |held| held.quantity.abs());
    if request.quantity > held {
        return Err(format!("it is for {} of {held} held", request.quantity));
    }
    if !(request.quantity % instrument.lot).is_zero() {
        return Err(format!(
            "{} is no multiple of the lot {}",
            request.quantity, instrument.lot
        ));
    }
    for price in prices(request) {
        if price <= Decimal::ZERO {
            return Err(format!("its price {price} is not above zero"));
        }
        if !(price % instrument.tick).is_zero() {
            return Err(format!(
                "{price} is no multiple of the tick {}",
                instrument.tick
            ));
        }
    }
    if let OrderKind::TrailingStop(Trail::Fraction(by)) = request.kind
        && (by <= Decimal::ZERO || by >= Decimal::ONE)
    {
        return Err(format!("it trails by {by} of the price"));
    }
    match request.time_in_force {
        TimeInForce::GoodTillDate(until) if until <= account.time.0 => {
            Err("its time has passed".to_owned())
        }
        _ => Ok(()),
    }
}

pub(super) fn exits(make: Make<'_>) -> Tried {
    let mut orders = 0;
    proposals(make, |_, account, actions| {
        for action in actions {
            if let ProtectiveAction::Place { owner, request } = action {
                orders += 1;
                protective(action, account)
                    .and_then(|()| exit(account, owner, request))
                    .map_err(|wrong| Stop::Wrong(format!("{wrong}: {action:?}")))?;
            }
        }
        Ok(())
    })?;
    if orders == 0 {
        return Err(Stop::Skip("it proposes no orders".to_owned()));
    }
    Ok(counted(orders, "order"))
}

/// Exits that others placed for every position: stops, targets and orders at market, tagged and not.
fn foreign(account: &Portfolio) -> Vec<OpenOrder> {
    let mut open = Vec::new();
    for position in &account.positions {
        let side = if position.quantity > Decimal::ZERO {
            Side::Sell
        } else {
            Side::Buy
        };
        let kinds = [
            OrderKind::Stop(position.average_price),
            OrderKind::Limit(position.average_price),
            OrderKind::TrailingStop(Trail::Fraction(Decimal::new(1, 1))),
        ];
        for (kind, tag) in kinds.into_iter().zip(["", "theirs", "another rule"]) {
            let request = OrderRequest {
                kind,
                time_in_force: TimeInForce::GoodTillCancelled,
                reduce_only: true,
                tag: tag.to_owned(),
                ..OrderRequest::market(position.instrument, side, position.quantity.abs())
            };
            open.push(OpenOrder {
                order: Order {
                    owner: position.owner.clone(),
                    ..super::order(&format!("theirs-{}", open.len()), request)
                },
                filled: Decimal::ZERO,
                accepted: account.time.0,
            });
        }
    }
    open
}

pub(super) fn cancels(make: Make<'_>) -> Tried {
    let (mut orders, mut seen) = (0, 0);
    for mut account in accounts() {
        account.open_orders = foreign(&account);
        orders += account.open_orders.len();
        // Positions that are gone leave their exits behind; those of others are still not the rule's.
        for positions in [account.positions.clone(), Vec::new()] {
            account.positions = positions;
            let mut rule = make(&instruments())?;
            for action in review(&mut *rule, &account)? {
                seen += 1;
                if let ProtectiveAction::Cancel(id) = &action {
                    return Err(Stop::Wrong(format!("it cancels {id}, another's exit")));
                }
            }
        }
    }
    if seen == 0 {
        return Err(Stop::Skip("it proposes nothing".to_owned()));
    }
    Ok(format!("{orders} exits of others stayed"))
}

/// The price condition of an exit that no market comes to.
fn out_of_reach(request: &OrderRequest) -> OrderKind {
    let (never, at_once) = (Decimal::from(1_000_000), Decimal::new(5, 2));
    // A sale stops below the market and takes its profit above it; a purchase the other way round.
    let (stop, limit) = match request.side {
        Side::Sell => (at_once, never),
        Side::Buy => (never, at_once),
    };
    match request.kind {
        OrderKind::Market => OrderKind::Market,
        OrderKind::Limit(_) => OrderKind::Limit(limit),
        OrderKind::Stop(_) => OrderKind::Stop(stop),
        OrderKind::StopLimit { .. } => OrderKind::StopLimit { stop, limit },
        OrderKind::TrailingStop(_) => OrderKind::TrailingStop(Trail::Fraction(Decimal::new(99, 2))),
    }
}

/// The orders among proposals.
fn placed(actions: &[ProtectiveAction]) -> Vec<&ProtectiveAction> {
    let orders = actions.iter();
    orders
        .filter(|action| matches!(action, ProtectiveAction::Place { .. }))
        .collect()
}

pub(super) fn tags(make: Make<'_>) -> Tried {
    let mut orders = 0;
    for account in accounts() {
        let proposed = review(&mut *make(&instruments())?, &account)?;
        // Who gave a tag that no rule gave, as the host shows it.
        for giver in ["owner:", "bracket:"] {
            let mut beside = account.clone();
            for action in &proposed {
                if let ProtectiveAction::Place { owner, request } = action {
                    let request = OrderRequest {
                        kind: out_of_reach(request),
                        tag: format!("{giver}{}", request.tag),
                        ..request.clone()
                    };
                    beside.open_orders.push(OpenOrder {
                        order: Order {
                            owner: owner.clone(),
                            ..super::order(&format!("tagged-{}", beside.open_orders.len()), request)
                        },
                        filled: Decimal::ZERO,
                        accepted: account.time.0,
                    });
                }
            }
            orders += beside.open_orders.len();
            let again = review(&mut *make(&instruments())?, &beside)?;
            if placed(&again) != placed(&proposed) {
                return Err(Stop::Wrong(format!(
                    "it proposes {again:?} instead of {proposed:?} where an exit bears the tag `{giver}` and its own"
                )));
            }
        }
    }
    if orders == 0 {
        return Err(Stop::Skip("it proposes no orders".to_owned()));
    }
    Ok(counted(orders, "tagged exit"))
}
