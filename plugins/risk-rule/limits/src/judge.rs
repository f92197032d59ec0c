//! One order against every limit.

use crate::Limits;
use bulkhead_rule_common::{Entry, Whose, closing_part, dividing, minus, plus, text, times};
use bulkhead_sdk::order::{Order, OrderKind};
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

pub(crate) fn judge(
    rule: &Limits,
    order: &Order,
    context: &Context,
    unit: Decimal,
    portfolio: &Portfolio,
) -> Result<Verdict, Error> {
    let Some(entry) = Entry::of(order, portfolio, Whose::Account)? else {
        return Ok(Verdict::Approve);
    };
    let caps = caps(rule, order, context, unit, portfolio, &entry)?;
    let tightest = caps
        .into_iter()
        .filter(|cap| cap.opening < entry.opening)
        .min_by_key(|cap| {
            if cap.whole {
                Decimal::ZERO
            } else {
                cap.opening
            }
        });
    match tightest {
        None => Ok(Verdict::Approve),
        Some(cap) if cap.whole => Ok(entry.withhold(cap.denial)),
        Some(cap) => {
            let lot = rule.listings.lot(order.request.instrument);
            entry.cut(cap.opening, lot, cap.denial)
        }
    }
}

fn caps(
    rule: &Limits,
    order: &Order,
    context: &Context,
    unit: Decimal,
    portfolio: &Portfolio,
    entry: &Entry<'_>,
) -> Result<Vec<Cap>, Error> {
    let config = &rule.config;
    let units_in = |money: Decimal| dividing(money, unit);
    let notional = times(entry.opening, unit)?;
    let base = entry.base()?;
    let after = plus(base, entry.opening)?;

    let mut caps = Vec::new();
    let mut cap = |code: &str, opening, whole, observed: String, limit: String, line: &str| {
        caps.push(Cap {
            opening,
            whole,
            denial: bulkhead_rule_common::denial(code, observed, limit, line),
        });
    };
    if let Some(limit) = config.max_position {
        cap(
            "POSITION_ABOVE_LIMIT",
            minus(limit.0, base)?,
            false,
            text(after),
            text(limit.0),
            "units of one instrument, working orders included",
        );
    }
    if let Some(limit) = config.max_position_notional {
        cap(
            "POSITION_NOTIONAL_ABOVE_LIMIT",
            minus(units_in(limit.0)?, base)?,
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
            units_in(minus(allowed, gross)?)?,
            false,
            text(plus(gross, notional)?),
            text(allowed),
            "money in all instruments, working orders included",
        );
    }
    if let Some(limit) = config.max_daily_loss {
        if portfolio.prior_session_equity <= Decimal::ZERO {
            cap(
                "MISSING_PRIOR_SESSION_EQUITY",
                Decimal::ZERO,
                true,
                text(portfolio.prior_session_equity),
                "above 0".to_owned(),
                "without it there is no loss to judge by",
            );
        }
        let loss = minus(portfolio.prior_session_equity, portfolio.equity)?;
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
            rule.listings.multiplier(instrument)
        }
    };
    let prices = rule.prices.all(portfolio);
    let known = |instrument: InstrumentHandle| {
        if instrument == order.request.instrument {
            return Some(context.reference_price);
        }
        prices.get(&instrument).copied()
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
        let request = &open.order.request;
        if request.reduce_only || open.order.client_order_id == order.client_order_id {
            continue;
        }
        let instrument = request.instrument;
        let closing = closing_part(&open.order, portfolio, Whose::Account)?;
        let opening = minus(minus(request.quantity, open.filled)?, closing)?.max(Decimal::ZERO);
        if opening.is_zero() {
            continue;
        }
        let stated = match request.kind {
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
