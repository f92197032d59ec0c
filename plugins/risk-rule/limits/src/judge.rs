//! One order against every limit.

use crate::Limits;
use bulkhead_sdk::order::{OpenOrder, Order, OrderKind};
use bulkhead_sdk::risk_rule::{Context, Denial, Error, Portfolio, Verdict};
use bulkhead_sdk::{Decimal, InstrumentHandle};

/// What one limit leaves of an order.
struct Cap {
    /// Units of the opening part that may pass; below zero counts as none.
    opening: Decimal,
    /// Refuse the opening part as a whole rather than cut it.
    whole: bool,
    denial: Denial,
}

fn out_of_range() -> Error {
    Error::InvalidInput("a product of prices and quantities is out of range".to_owned())
}

fn times(a: Decimal, b: Decimal) -> Result<Decimal, Error> {
    a.checked_mul(b).ok_or_else(out_of_range)
}

fn plus(a: Decimal, b: Decimal) -> Result<Decimal, Error> {
    a.checked_add(b).ok_or_else(out_of_range)
}

fn text(value: Decimal) -> String {
    value.round_dp(6).normalize().to_string()
}

pub(crate) fn judge(
    rule: &Limits,
    order: &Order,
    context: &Context,
    portfolio: &Portfolio,
) -> Result<Verdict, Error> {
    let quantity = order.request.quantity;
    if quantity <= Decimal::ZERO {
        return Err(Error::InvalidInput(format!(
            "quantity {quantity} is not above 0"
        )));
    }
    let closing = closing_part(order, portfolio)?;
    if order.request.reduce_only || closing >= quantity {
        return Ok(Verdict::Approve);
    }
    let opening = quantity - closing;
    let caps = caps(rule, order, context, portfolio, opening)?;
    let Some(cap) = caps
        .into_iter()
        .filter(|cap| cap.opening < opening)
        .min_by_key(|cap| {
            if cap.whole {
                Decimal::ZERO
            } else {
                cap.opening
            }
        })
    else {
        return Ok(Verdict::Approve);
    };
    let lot = rule
        .terms
        .get(&order.request.instrument)
        .map(|terms| terms.lot)
        .filter(|lot| *lot > Decimal::ZERO)
        .unwrap_or(Decimal::ONE);
    let passing = if cap.whole {
        Decimal::ZERO
    } else {
        let opening = cap.opening.max(Decimal::ZERO);
        // The closing part may be an odd lot, so the whole is rounded, but never below the closing part.
        let whole = plus(closing, opening)?;
        let lots = whole.checked_div(lot).ok_or_else(out_of_range)?.trunc();
        (times(lots, lot)? - closing).max(Decimal::ZERO)
    };
    let left = plus(closing, passing)?;
    if left.is_zero() {
        Ok(Verdict::Reject(cap.denial))
    } else {
        Ok(Verdict::ReduceTo(left.normalize(), cap.denial))
    }
}

/// Units by which the order brings a position closer to zero: its owner's own, or the account's as a whole,
/// whichever is more, less what working orders on the same side already take.
fn closing_part(order: &Order, portfolio: &Portfolio) -> Result<Decimal, Error> {
    let request = &order.request;
    let sign = request.side.sign();
    let mut owned = Decimal::ZERO;
    let mut net = Decimal::ZERO;
    for position in &portfolio.positions {
        if position.instrument == request.instrument {
            net = plus(net, position.quantity)?;
            if position.owner == order.owner {
                owned = plus(owned, position.quantity)?;
            }
        }
    }
    let mut owned_taken = Decimal::ZERO;
    let mut net_taken = Decimal::ZERO;
    for open in same_side(order, portfolio) {
        let leaves = open.order.request.quantity - open.filled;
        net_taken = plus(net_taken, leaves)?;
        if open.order.owner == order.owner {
            owned_taken = plus(owned_taken, leaves)?;
        }
    }
    // A position against the order's side counts positive here.
    let closes = |held: Decimal, taken: Decimal| (-(held * sign) - taken).max(Decimal::ZERO);
    Ok(closes(owned, owned_taken)
        .max(closes(net, net_taken))
        .min(request.quantity))
}

/// Working orders of the same instrument and side that are not bound to reduce, the order itself left out.
fn same_side<'a>(
    order: &'a Order,
    portfolio: &'a Portfolio,
) -> impl Iterator<Item = &'a OpenOrder> {
    portfolio.open_orders.iter().filter(|open| {
        let request = &open.order.request;
        request.instrument == order.request.instrument
            && request.side == order.request.side
            && !request.reduce_only
            && open.order.client_order_id != order.client_order_id
    })
}

fn caps(
    rule: &Limits,
    order: &Order,
    context: &Context,
    portfolio: &Portfolio,
    opening: Decimal,
) -> Result<Vec<Cap>, Error> {
    let config = &rule.config;
    let unit = times(context.reference_price, context.multiplier)?;
    let units_in = |money: Decimal| money.checked_div(unit).ok_or_else(out_of_range);
    let notional = times(opening, unit)?;
    // Units held and asked for on the order's side of zero, the order left out.
    let sign = order.request.side.sign();
    let mut base = Decimal::ZERO;
    for position in &portfolio.positions {
        if position.instrument == order.request.instrument {
            base = plus(base, position.quantity * sign)?;
        }
    }
    for open in same_side(order, portfolio) {
        base = plus(base, open.order.request.quantity - open.filled)?;
    }
    let base = base.max(Decimal::ZERO);
    let after = plus(base, opening)?;

    let mut caps = Vec::new();
    let mut cap = |code: &str, opening, whole, observed: String, limit: String, line: &str| {
        caps.push(Cap {
            opening,
            whole,
            denial: Denial {
                code: code.to_owned(),
                observed,
                limit,
                text: line.to_owned(),
            },
        });
    };
    if let Some(limit) = config.max_position {
        cap(
            "POSITION_ABOVE_LIMIT",
            limit.0 - base,
            false,
            text(after),
            text(limit.0),
            "units of one instrument, working orders included",
        );
    }
    if let Some(limit) = config.max_position_notional {
        cap(
            "POSITION_NOTIONAL_ABOVE_LIMIT",
            units_in(limit.0)? - base,
            false,
            text(times(after, unit)?),
            text(limit.0),
            "money in one instrument, working orders included",
        );
    }
    if let Some(limit) = config.max_order_notional {
        cap(
            "ORDER_NOTIONAL_ABOVE_LIMIT",
            units_in(limit.0)?,
            true,
            text(notional),
            text(limit.0),
            "money in one order",
        );
    }
    if let Some(limit) = config.max_gross_exposure {
        let gross = gross(rule, order, context, portfolio)?;
        let allowed = times(limit.0, portfolio.equity.max(Decimal::ZERO))?;
        cap(
            "GROSS_EXPOSURE_ABOVE_LIMIT",
            units_in(allowed - gross)?,
            false,
            text(plus(gross, notional)?),
            text(allowed),
            "money in all instruments, working orders included",
        );
    }
    if let Some(limit) = config.max_daily_loss {
        let loss = portfolio.prior_session_equity - portfolio.equity;
        let allowed = times(limit.0, portfolio.prior_session_equity.max(Decimal::ZERO))?;
        if loss >= allowed {
            cap(
                "DAILY_LOSS_REACHED",
                Decimal::ZERO,
                true,
                text(loss),
                text(allowed),
                "money lost since the prior session's close",
            );
        }
    }
    Ok(caps)
}

/// Money in every position and in every working order that may open one, the order itself left out.
fn gross(
    rule: &Limits,
    order: &Order,
    context: &Context,
    portfolio: &Portfolio,
) -> Result<Decimal, Error> {
    let multiplier = |instrument: InstrumentHandle| {
        if instrument == order.request.instrument {
            context.multiplier
        } else {
            rule.terms
                .get(&instrument)
                .map_or(Decimal::ONE, |terms| terms.multiplier)
        }
    };
    let known = |instrument: InstrumentHandle| {
        if instrument == order.request.instrument {
            return Some(context.reference_price);
        }
        portfolio
            .positions
            .iter()
            .find(|position| position.instrument == instrument)
            .and_then(|position| position.market_price)
            .or_else(|| rule.last.get(&instrument).copied())
    };
    let missing = |instrument: InstrumentHandle| {
        Error::InvalidInput(format!(
            "no price for instrument {instrument}, so gross exposure is not known"
        ))
    };
    let mut gross = Decimal::ZERO;
    for position in &portfolio.positions {
        let price = known(position.instrument).ok_or_else(|| missing(position.instrument))?;
        let money = times(
            times(position.quantity.abs(), price)?,
            multiplier(position.instrument),
        )?;
        gross = plus(gross, money)?;
    }
    for open in &portfolio.open_orders {
        if open.order.request.reduce_only || open.order.client_order_id == order.client_order_id {
            continue;
        }
        let instrument = open.order.request.instrument;
        let opening = closing_part(&open.order, portfolio)
            .map(|closing| open.order.request.quantity - open.filled - closing)?
            .max(Decimal::ZERO);
        if opening.is_zero() {
            continue;
        }
        let stated = match open.order.request.kind {
            OrderKind::Limit(price) | OrderKind::Stop(price) => Some(price),
            OrderKind::StopLimit { limit, .. } => Some(limit),
            OrderKind::Market | OrderKind::TrailingStop(_) => None,
        };
        let price = known(instrument)
            .max(stated)
            .ok_or_else(|| missing(instrument))?;
        gross = plus(
            gross,
            times(times(opening, price)?, multiplier(instrument))?,
        )?;
    }
    Ok(gross)
}
