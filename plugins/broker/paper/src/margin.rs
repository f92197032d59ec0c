//! What an account may take on: buying power, short sales, and what a margin call does.
//!
//! **Initial margin** (`enforce-margin`): an order that would raise the account's worst case is rejected
//! (`insufficient-margin`) when that exceeds `margin-multiple` × equity. The worst case of an instrument is
//! the largest of its position as it is, with all working buys filled and with all working sells filled, each
//! at the last close or the order's own price, whichever is larger; reduce-only orders add nothing. Where no
//! price is known it is refused. It is judged when an order is sent, not when it fills.
//!
//! **Maintenance margin** (`maintenance-margin`): while equity is below that fraction of gross exposure after
//! a bar, the account is under a margin call. Its working entries are cancelled with the reason `margin call`
//! and new ones rejected (`margin-call`) until it is not; orders that only reduce pass. Nothing is
//! liquidated: a broker's own order would carry a client order id that the client's books never minted, and
//! they are right to stop at a fill of an unknown order; and an automatic stop that flattens is a decision to
//! sell, which belongs to whoever owns the positions.
//!
//! **Short sales** of what is hard to borrow are rejected (`no-borrow`): a sale must be covered by what is
//! held and not promised to other working sales, whichever of them fills first.

use crate::{Paper, refused};
use bulkhead_sdk::broker::Error;
use bulkhead_sdk::order::{OrderKind, OrderRequest, OrderUpdate, Side};
use bulkhead_sdk::{InstrumentHandle, Timestamp};
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// An order on its way in.
pub(crate) struct Applicant<'a> {
    pub(crate) holder: usize,
    pub(crate) account: &'a str,
    pub(crate) request: &'a OrderRequest,
    /// What it would work for.
    pub(crate) leaves: Decimal,
    /// The order it would replace.
    pub(crate) instead_of: Option<&'a str>,
}

/// What the working orders of an account in one instrument add up to: money for the worst case, quantities
/// otherwise.
#[derive(Debug, Clone, Copy, Default)]
struct Pending {
    buy_notional: Decimal,
    sell_notional: Decimal,
    buys: Decimal,
    sells: Decimal,
    reduce_only_sells: Decimal,
}

fn own_price(kind: OrderKind) -> Option<Decimal> {
    match kind {
        OrderKind::Limit(price) | OrderKind::Stop(price) => Some(price.abs()),
        OrderKind::StopLimit { stop, limit } => Some(stop.abs().max(limit.abs())),
        OrderKind::Market | OrderKind::TrailingStop(_) => None,
    }
}

impl Pending {
    fn add(
        &mut self,
        request: &OrderRequest,
        leaves: Decimal,
        mark: Option<Decimal>,
        multiplier: Decimal,
    ) {
        if request.reduce_only {
            if request.side == Side::Sell {
                self.reduce_only_sells = self.reduce_only_sells.saturating_add(leaves);
            }
            return;
        }
        // Without any price it may cost anything.
        let price = mark.max(own_price(request.kind)).unwrap_or(Decimal::MAX);
        let notional = leaves.saturating_mul(price).saturating_mul(multiplier);
        let (quantity, money) = match request.side {
            Side::Buy => (&mut self.buys, &mut self.buy_notional),
            Side::Sell => (&mut self.sells, &mut self.sell_notional),
        };
        *quantity = quantity.saturating_add(leaves);
        *money = money.saturating_add(notional);
    }

    /// The largest exposure that a position worth `value`, below zero when short, can become.
    fn worst(&self, value: Decimal) -> Decimal {
        value
            .saturating_add(self.buy_notional)
            .max(self.sell_notional.saturating_sub(value))
            .max(value.abs())
    }
}

impl Paper {
    fn mark(&self, holder: usize, instrument: InstrumentHandle) -> Option<Decimal> {
        let holdings = &self.state.ledgers[holder].holdings;
        holdings.get(&instrument)?.mark().map(|mark| mark.abs())
    }

    fn held(&self, holder: usize, instrument: InstrumentHandle) -> Decimal {
        let holdings = &self.state.ledgers[holder].holdings;
        holdings
            .get(&instrument)
            .map_or(Decimal::ZERO, |holding| holding.quantity)
    }

    fn pending(&self, applicant: &Applicant<'_>) -> BTreeMap<InstrumentHandle, Pending> {
        let mut pending: BTreeMap<InstrumentHandle, Pending> = BTreeMap::new();
        for (order, leaves) in self.state.venue.working_orders() {
            if order.account != applicant.account
                || applicant.instead_of == Some(order.client_order_id.as_str())
            {
                continue;
            }
            let instrument = order.request.instrument;
            pending.entry(instrument).or_default().add(
                &order.request,
                leaves,
                self.mark(applicant.holder, instrument),
                self.multiplier(instrument),
            );
        }
        pending
    }

    /// Whether the account may have this order as well.
    pub(crate) fn admit(&self, applicant: &Applicant<'_>) -> Result<(), Error> {
        let request = applicant.request;
        let call = self.margin_call(applicant.holder);
        let scarce = request.side == Side::Sell && self.hard_to_borrow(request.instrument);
        // The venue has a better word for an order of nothing.
        if request.reduce_only
            || applicant.leaves <= Decimal::ZERO
            || !(scarce || self.config.enforce_margin || call.is_some())
        {
            return Ok(());
        }
        let mut pending = self.pending(applicant);
        let here = pending.entry(request.instrument).or_default();
        let held = self.held(applicant.holder, request.instrument);
        if scarce {
            let promised = here.sells + here.reduce_only_sells.min(held.max(Decimal::ZERO));
            let free = (held - promised).max(Decimal::ZERO);
            if applicant.leaves > free {
                return Err(refused(
                    "no-borrow",
                    format!(
                        "{} is hard to borrow: {} to sell, {} held and free",
                        self.symbol(request.instrument),
                        applicant.leaves.normalize(),
                        free.normalize()
                    ),
                ));
            }
        }
        if let Some(call) = call {
            let same_side = match request.side {
                Side::Buy => here.buys,
                Side::Sell => here.sells,
            };
            let reducible = (held * request.side.opposite().sign()).max(Decimal::ZERO);
            if same_side.saturating_add(applicant.leaves) > reducible {
                return Err(refused("margin-call", call));
            }
        }
        if self.config.enforce_margin {
            self.initial_margin(applicant, pending)?;
        }
        Ok(())
    }

    fn initial_margin(
        &self,
        applicant: &Applicant<'_>,
        mut pending: BTreeMap<InstrumentHandle, Pending>,
    ) -> Result<(), Error> {
        let Applicant {
            holder,
            request,
            leaves,
            ..
        } = *applicant;
        let (equity, _) = self.equity_and_gross(holder);
        let allowed = equity.saturating_mul(self.config.margin_multiple.0);
        let worst = |pending: &BTreeMap<InstrumentHandle, Pending>| {
            let flat = Pending::default();
            let held = self.state.ledgers[holder].holdings.iter();
            let of_held = held.map(|(instrument, holding)| {
                let value = holding.worth().saturating_mul(self.multiplier(*instrument));
                let here = pending.get(instrument).unwrap_or(&flat);
                here.worst(value)
            });
            let unknown = pending
                .iter()
                .filter(|(instrument, _)| {
                    !self.state.ledgers[holder].holdings.contains_key(instrument)
                })
                .map(|(_, here)| here.worst(Decimal::ZERO));
            of_held
                .chain(unknown)
                .fold(Decimal::ZERO, Decimal::saturating_add)
        };
        let before = worst(&pending);
        let mark = self.mark(holder, request.instrument);
        let multiplier = self.multiplier(request.instrument);
        let here = pending.entry(request.instrument).or_default();
        here.add(request, leaves, mark, multiplier);
        let after = worst(&pending);
        if after <= allowed || after <= before {
            return Ok(());
        }
        let text = if mark.is_none() && own_price(request.kind).is_none() {
            format!(
                "no price of {} is known yet",
                self.symbol(request.instrument)
            )
        } else {
            format!(
                "exposure of {} with every working order filled, {} allowed: {} × equity of {}",
                after.round_dp(2).normalize(),
                allowed.round_dp(2).normalize(),
                self.config.margin_multiple,
                equity.round_dp(2).normalize()
            )
        };
        Err(refused("insufficient-margin", text))
    }

    /// What is wrong, while the account is under a margin call.
    pub(crate) fn margin_call(&self, holder: usize) -> Option<String> {
        let fraction = self.config.maintenance_margin.0;
        if fraction.is_zero() {
            return None;
        }
        let (equity, gross) = self.equity_and_gross(holder);
        let needed = gross.saturating_mul(fraction);
        (equity < needed).then(|| {
            format!(
                "margin call: equity of {} is below {}, {fraction} of an exposure of {}",
                equity.round_dp(2).normalize(),
                needed.round_dp(2).normalize(),
                gross.round_dp(2).normalize()
            )
        })
    }

    /// Cancels the entries of accounts under a margin call.
    pub(crate) fn call_margins(&mut self, now: Timestamp, out: &mut Vec<OrderUpdate>) {
        for holder in 0..self.accounts.len() {
            let Some(reason) = self.margin_call(holder) else {
                continue;
            };
            let mut kept: BTreeMap<(InstrumentHandle, Side), Decimal> = BTreeMap::new();
            let mut entries = Vec::new();
            for (order, leaves) in self.state.venue.working_orders() {
                let request = &order.request;
                if order.account != self.accounts[holder].id || request.reduce_only {
                    continue;
                }
                let held = self.held(holder, request.instrument);
                let reducible = (held * request.side.opposite().sign()).max(Decimal::ZERO);
                let kept = kept.entry((request.instrument, request.side)).or_default();
                if kept.saturating_add(leaves) > reducible {
                    entries.push(order.client_order_id.clone());
                } else {
                    *kept += leaves;
                }
            }
            for entry in entries {
                self.state.venue.withdraw(&entry, now, &reason, out);
            }
        }
    }
}
