//! What happened outside: prices, corporate actions, order updates, the close.

use super::Desk;
use crate::error::DeskError;
use crate::ledger::{FillEffect, SplitTerms};
use crate::orders::{Admission, OrderState, time_of};
use crate::risk::Mark;
use bulkhead_domain::order::{
    ActionKind, CorporateAction, InstrumentHandle, Nanos, Order, OrderUpdate,
};
use bulkhead_domain::{Decimal, Timestamp};
use bulkhead_venue::config::bounds;

/// What an update did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The order as it now stands.
    pub order: Order,
    /// Its state.
    pub state: OrderState,
    /// Quantity filled so far.
    pub filled: Decimal,
    /// Quantity that may still fill.
    pub leaves: Decimal,
    /// What the fill did to the books, where there was one.
    pub fill: Option<FillEffect>,
    /// When, as it is booked: a fill when it was executed. Never before the order was last heard of.
    pub time: Nanos,
    /// Why, where the venue had something to say; and what it said the time was, where that went backwards.
    pub reason: String,
}

impl Desk {
    /// Moves time on and notes the last raw prices. Prices not given stay, and age.
    ///
    /// # Errors
    /// [`DeskError::Clock`], [`DeskError::UnknownInstrument`] or [`DeskError::Price`]; nothing has then
    /// changed.
    pub fn mark(
        &mut self,
        time: Timestamp,
        prices: &[(InstrumentHandle, Decimal)],
    ) -> Result<(), DeskError> {
        if time < self.core.now {
            return Err(DeskError::Clock {
                before: self.core.now,
                observed: time,
            });
        }
        for (handle, price) in prices {
            let listing = self
                .core
                .listings
                .get(handle)
                .ok_or(DeskError::UnknownInstrument(*handle))?;
            if *price <= Decimal::ZERO || *price > bounds::ORDER {
                return Err(DeskError::Price {
                    symbol: listing.instrument.symbol.clone(),
                    observed: *price,
                });
            }
        }
        for (handle, price) in prices {
            if let Some(listing) = self.core.listings.get_mut(handle) {
                listing.mark = Some(Mark {
                    time,
                    price: *price,
                });
            }
        }
        if time > self.core.now {
            self.core.now = time;
            self.core.flow.new_moment();
            self.core.attempts.clear();
            self.core.asked.clear();
            self.core.closed_out.clear();
        }
        Ok(())
    }

    /// Applies corporate actions, before the open of their ex-date, to positions, working orders and the
    /// last price. `prior_close` is the raw close of the session before. An action of a sort that the
    /// desk does not know stops entries into the instrument.
    ///
    /// # Errors
    /// [`DeskError::UnknownInstrument`] or [`DeskError::Ledger`]; the actions before the one refused are
    /// applied.
    pub fn on_actions(
        &mut self,
        instrument: InstrumentHandle,
        actions: &[CorporateAction],
        prior_close: Decimal,
    ) -> Result<(), DeskError> {
        let core = &mut self.core;
        let listing = core
            .listings
            .get_mut(&instrument)
            .ok_or(DeskError::UnknownInstrument(instrument))?;
        let mut close = prior_close;
        for action in actions {
            match &action.kind {
                ActionKind::Dividend(per_unit) => {
                    core.ledger.dividend(action.time, instrument, *per_unit)?;
                    close = close.saturating_sub(*per_unit);
                    // What was paid out is cash now; counting it in the price too would be twice.
                    restate(&mut listing.mark, |price| price.checked_sub(*per_unit));
                }
                ActionKind::Split {
                    numerator,
                    denominator,
                } => {
                    let terms = SplitTerms {
                        numerator: *numerator,
                        denominator: *denominator,
                        prior_close: close,
                        lot: listing.instrument.lot,
                    };
                    core.ledger.split(action.time, instrument, &terms)?;
                    core.blotter
                        .split(instrument, *numerator, *denominator, &listing.instrument);
                    close = terms.adjusted_close().unwrap_or(close);
                    restate(&mut listing.mark, |price| {
                        SplitTerms {
                            prior_close: price,
                            ..terms
                        }
                        .adjusted_close()
                    });
                }
                ActionKind::Other { code, .. } => listing.blocked = Some(code.clone()),
            }
        }
        Ok(())
    }

    /// Applies an order's update to the order and the books. `None` for one that was seen before. One that is
    /// dated before the order was last heard of is taken to be of that moment ([`Applied::time`]).
    ///
    /// # Errors
    /// [`DeskError::Order`], [`DeskError::Ledger`] or [`DeskError::Currency`]; nothing has then changed.
    pub fn apply(&mut self, update: &OrderUpdate) -> Result<Option<Applied>, DeskError> {
        let core = &mut self.core;
        let dated = core.blotter.dated(update);
        let update = dated.as_ref();
        core.blotter.adopt(update)?;
        let admission = core.blotter.admit(update)?;
        if matches!(admission, Admission::Repeated) {
            return Ok(None);
        }
        let mut fill = None;
        if let Some(execution) = &update.execution {
            if !execution.fee.is_zero() && execution.fee_currency != core.config.currency {
                return Err(DeskError::Currency {
                    what: format!("the fee of execution '{}'", execution.execution_id),
                    observed: execution.fee_currency.clone(),
                    expected: core.config.currency.clone(),
                });
            }
            let multiplier = core.multiplier(execution.instrument);
            let owner = core.blotter.get(&update.client_order_id);
            if let Some(owner) = owner.map(|working| working.owner) {
                let effect = core.ledger.fill(owner, execution, multiplier)?;
                core.streaks.note(owner, execution, &effect);
                fill = Some(effect);
            }
        }
        let moved = core.blotter.commit(admission, update);
        Ok(moved.map(|moved| Applied {
            leaves: if moved.state.is_over() {
                Decimal::ZERO
            } else {
                moved.order.request.quantity - moved.filled
            },
            order: moved.order,
            state: moved.state,
            filled: moved.filled,
            fill,
            time: time_of(update),
            reason: update.reason.clone(),
        }))
    }

    /// Ends a trading session: its closing equity becomes the base of the next session's loss limit, the
    /// peak rises with it, orders are counted anew, and what is short is noted for its borrow fees.
    ///
    /// # Errors
    /// [`DeskError::Clock`] when `time` is before the last prices.
    pub fn session_close(&mut self, time: Timestamp) -> Result<(), DeskError> {
        self.mark(time, &[])?;
        let equity = self.core.equity();
        self.core.prior_session_equity = equity;
        self.core.peak_equity = self.core.peak_equity.max(equity);
        self.core.carry_over();
        self.core.flow.new_session();
        Ok(())
    }
}

/// Changes the last price, unless the result makes no sense.
fn restate(mark: &mut Option<Mark>, change: impl FnOnce(Decimal) -> Option<Decimal>) {
    if let Some(mark) = mark
        && let Some(price) = change(mark.price)
        && price > Decimal::ZERO
    {
        mark.price = price.round_dp(crate::ledger::MONEY_SCALE);
    }
}
