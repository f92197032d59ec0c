//! The part of an order that opens exposure.
//!
//! An order is taken apart: what brings a position closer to zero is its closing part, the rest its opening
//! part. Rules judge the opening part only, so none of them is ever in the way of an exit. What is left of
//! an opening part is rounded down to whole lots.
//!
//! Working orders that may open count as if they had filled. A resting order that may only reduce (a stop)
//! does not use a position up, since the exit takes its place; one at market does, since it is all but
//! certain to fill: an order that turns a position around arrives as such an exit and an entry.

use crate::number::{dividing, minus, plus, times};
use bulkhead_sdk::Decimal;
use bulkhead_sdk::order::{OpenOrder, Order, OrderKind};
use bulkhead_sdk::risk_rule::{Denial, Error, Portfolio, Verdict};

/// Whose position an order may close to count as an exit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The order's owner's only: for rules about who may enter what.
    Owner,
    /// The owner's or the account's net one, whichever is more: for rules about the account's exposure.
    Account,
}

/// An order with an opening part.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    order: &'a Order,
    portfolio: &'a Portfolio,
    /// Units that close.
    pub closing: Decimal,
    /// Units that open, above zero.
    pub opening: Decimal,
}

impl<'a> Entry<'a> {
    /// The order's parts; `None` when it opens nothing, because it closes or because it is reduce-only.
    ///
    /// # Errors
    /// When the quantity is not above zero or the sums do not fit.
    pub fn of(
        order: &'a Order,
        portfolio: &'a Portfolio,
        whose: Whose,
    ) -> Result<Option<Self>, Error> {
        let quantity = order.request.quantity;
        if quantity <= Decimal::ZERO {
            return Err(Error::InvalidInput(format!(
                "quantity {quantity} is not above 0"
            )));
        }
        let closing = closing_part(order, portfolio, whose)?;
        if order.request.reduce_only || closing >= quantity {
            return Ok(None);
        }
        Ok(Some(Entry {
            order,
            portfolio,
            closing,
            opening: minus(quantity, closing)?,
        }))
    }

    /// Units that the account holds and asks for on the order's side of zero, all owners, the order left
    /// out; not below zero.
    ///
    /// # Errors
    /// When the sum does not fit.
    pub fn base(&self) -> Result<Decimal, Error> {
        let request = &self.order.request;
        let sign = request.side.sign();
        let mut base = Decimal::ZERO;
        for position in &self.portfolio.positions {
            if position.instrument == request.instrument {
                base = plus(base, times(position.quantity, sign)?)?;
            }
        }
        for open in same_side(self.order, self.portfolio) {
            if !open.order.request.reduce_only {
                base = plus(base, leaves(open)?)?;
            }
        }
        Ok(base.max(Decimal::ZERO))
    }

    /// Refuses the opening part; the closing part passes.
    #[must_use]
    pub fn withhold(&self, denial: Denial) -> Verdict {
        if self.closing.is_zero() {
            Verdict::Reject(denial)
        } else {
            Verdict::ReduceTo(self.closing.normalize(), denial)
        }
    }

    /// Lets `opening` units of the opening part pass, in whole lots. Approves when that is all of it.
    ///
    /// # Errors
    /// When the numbers do not fit.
    pub fn cut(&self, opening: Decimal, lot: Decimal, denial: Denial) -> Result<Verdict, Error> {
        if opening >= self.opening {
            return Ok(Verdict::Approve);
        }
        // The closing part may be an odd lot, so the whole is rounded, but never below the closing part.
        let whole = plus(self.closing, opening.max(Decimal::ZERO))?;
        let lots = dividing(whole, lot)?.trunc();
        let left = times(lots, lot)?.max(self.closing);
        if left.is_zero() {
            return Ok(Verdict::Reject(denial));
        }
        Ok(Verdict::ReduceTo(left.normalize(), denial))
    }
}

/// Units of an order that bring a position closer to zero, less what working orders on the same side
/// already take.
///
/// # Errors
/// When the sums do not fit.
pub fn closing_part(order: &Order, portfolio: &Portfolio, whose: Whose) -> Result<Decimal, Error> {
    let request = &order.request;
    let sign = request.side.sign();
    let (mut owned, mut net) = (Decimal::ZERO, Decimal::ZERO);
    for position in &portfolio.positions {
        if position.instrument == request.instrument {
            net = plus(net, position.quantity)?;
            if position.owner == order.owner {
                owned = plus(owned, position.quantity)?;
            }
        }
    }
    let (mut owned_taken, mut net_taken) = (Decimal::ZERO, Decimal::ZERO);
    for open in same_side(order, portfolio) {
        let leaves = leaves(open)?;
        net_taken = plus(net_taken, leaves)?;
        if open.order.owner == order.owner {
            owned_taken = plus(owned_taken, leaves)?;
        }
    }
    // A position against the order's side counts positive here.
    let closes = |held: Decimal, taken: Decimal| -> Result<Decimal, Error> {
        Ok(minus(-(held * sign), taken)?.max(Decimal::ZERO))
    };
    let closing = closes(owned, owned_taken)?;
    let closing = match whose {
        Whose::Owner => closing,
        Whose::Account => closing.max(closes(net, net_taken)?),
    };
    Ok(closing.min(request.quantity))
}

/// Units of a working order that may still fill.
pub(crate) fn leaves(open: &OpenOrder) -> Result<Decimal, Error> {
    Ok(minus(open.order.request.quantity, open.filled)?.max(Decimal::ZERO))
}

/// Working orders of the same instrument and side that take from a position, the order itself left out.
fn same_side<'a>(
    order: &'a Order,
    portfolio: &'a Portfolio,
) -> impl Iterator<Item = &'a OpenOrder> {
    portfolio.open_orders.iter().filter(|open| {
        let request = &open.order.request;
        request.instrument == order.request.instrument
            && request.side == order.request.side
            && (!request.reduce_only || request.kind == OrderKind::Market)
            && open.order.client_order_id != order.client_order_id
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::denial;
    use crate::testing::{AAPL, held, order, portfolio, working};
    use bulkhead_sdk::order::Side;

    fn parts(order: &Order, portfolio: &Portfolio, whose: Whose) -> Option<(Decimal, Decimal)> {
        Entry::of(order, portfolio, whose)
            .unwrap()
            .map(|entry| (entry.closing, entry.opening))
    }

    #[test]
    fn an_order_through_zero_has_both_parts() {
        let long = portfolio(vec![held(AAPL, "ema", 60)], vec![]);
        let sale = order(Side::Sell, 100);
        assert_eq!(
            parts(&sale, &long, Whose::Owner),
            Some((60.into(), 40.into()))
        );
        assert_eq!(parts(&order(Side::Sell, 60), &long, Whose::Owner), None);
        assert_eq!(
            parts(&order(Side::Buy, 1), &long, Whose::Owner),
            Some((Decimal::ZERO, Decimal::ONE))
        );
    }

    #[test]
    fn anothers_position_counts_for_the_account_only() {
        let theirs = portfolio(vec![held(AAPL, "other", 60)], vec![]);
        let sale = order(Side::Sell, 60);
        assert_eq!(parts(&sale, &theirs, Whose::Account), None);
        assert_eq!(
            parts(&sale, &theirs, Whose::Owner),
            Some((Decimal::ZERO, 60.into()))
        );
    }

    #[test]
    fn an_exit_at_market_uses_the_position_up_and_a_resting_stop_does_not() {
        let mut exit = working("exit", AAPL, Side::Sell, 100);
        exit.order.request.reduce_only = true;
        let mut stop = exit.clone();
        stop.order.request.kind = OrderKind::Stop(Decimal::ONE);
        let sale = order(Side::Sell, 100);
        let guarded = portfolio(vec![held(AAPL, "ema", 100)], vec![stop.clone()]);
        assert_eq!(parts(&sale, &guarded, Whose::Account), None);
        let turning = portfolio(vec![held(AAPL, "ema", 100)], vec![stop, exit]);
        for whose in [Whose::Owner, Whose::Account] {
            let entry = Entry::of(&sale, &turning, whose).unwrap().unwrap();
            assert_eq!(entry.opening, Decimal::ONE_HUNDRED);
            assert_eq!(entry.base(), Ok(Decimal::ZERO));
        }
    }

    #[test]
    fn the_base_is_what_is_held_and_asked_for_on_the_orders_side() {
        let busy = portfolio(
            vec![held(AAPL, "ema", 30), held(AAPL, "other", 20)],
            vec![
                working("w", AAPL, Side::Buy, 7),
                working("v", AAPL, Side::Sell, 9),
            ],
        );
        let base = |side| {
            let order = order(side, 100);
            Entry::of(&order, &busy, Whose::Account)
                .unwrap()
                .unwrap()
                .base()
        };
        assert_eq!(base(Side::Buy), Ok(57.into()));
        assert_eq!(base(Side::Sell), Ok(Decimal::ZERO));
    }

    #[test]
    fn a_cut_keeps_whole_lots_and_never_touches_the_closing_part() {
        let long = portfolio(vec![held(AAPL, "ema", 65)], vec![]);
        let sale = order(Side::Sell, 100);
        let entry = Entry::of(&sale, &long, Whose::Owner).unwrap().unwrap();
        let left =
            |opening: i64| match entry.cut(opening.into(), Decimal::TEN, denial("X", 0, 0, "")) {
                Ok(Verdict::ReduceTo(left, _)) => left,
                other => panic!("{other:?}"),
            };
        assert_eq!(left(20), 80.into());
        assert_eq!(left(4), 65.into());
        assert_eq!(left(-50), 65.into());
        assert_eq!(
            entry.cut(35.into(), Decimal::TEN, denial("X", 0, 0, "")),
            Ok(Verdict::Approve)
        );
        let buy = order(Side::Buy, 100);
        let flat = portfolio(vec![], vec![]);
        let entry = Entry::of(&buy, &flat, Whose::Owner).unwrap().unwrap();
        let verdict = entry.cut(9.into(), Decimal::TEN, denial("X", 0, 0, ""));
        assert!(matches!(verdict, Ok(Verdict::Reject(_))), "{verdict:?}");
        assert!(matches!(
            entry.withhold(denial("X", 0, 0, "")),
            Verdict::Reject(_)
        ));
    }

    #[test]
    fn absurd_quantities_are_errors() {
        let flat = portfolio(vec![], vec![]);
        for quantity in [0, -1] {
            assert!(Entry::of(&order(Side::Buy, quantity), &flat, Whose::Owner).is_err());
        }
        let mut huge = held(AAPL, "ema", 1);
        huge.quantity = Decimal::MAX;
        let both = portfolio(vec![huge.clone(), huge], vec![]);
        assert!(Entry::of(&order(Side::Buy, 1), &both, Whose::Owner).is_err());
    }
}
