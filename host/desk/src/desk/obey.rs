//! What the kill switch asks of the orders and positions that are there already.
//!
//! Halted: every order is cancelled, but for those that may only reduce a position, unless the restriction
//! says otherwise. Flatten: every order of a line is cancelled; once none works any more, the position is
//! closed by one reduce-only market order with the tag [`FLATTEN`], and another one should that end
//! without closing it. Where it cannot be known what works at the broker, nothing is sent.

use super::Desk;
use super::core::Core;
use super::decide::{Disposition, Leg, Proposal, host_context};
use crate::ledger::LineKey;
use crate::orders::{Origin, WorkingOrder};
use crate::risk::{Chain, denial};
use crate::switch::{Latches, TradingState};
use bulkhead_domain::Decimal;
use bulkhead_domain::order::{OrderRequest, Side, TimeInForce};

/// Tag of the orders that close positions because the kill switch says so.
pub const FLATTEN: &str = "flatten";

impl Desk {
    /// Takes note of the restrictions that hold.
    pub fn observe(&mut self, latches: Latches) {
        self.core.latches = latches;
    }

    /// What has to be cancelled by the restrictions that hold, and what is left to protect nothing: the part of
    /// [`Desk::obey`] that may be done before the books know what a moment brought.
    pub fn withdraw(&mut self) -> Vec<Disposition> {
        let mut cancellations = self.core.cancel_leftovers();
        // What was asked for already is asked for again by `obey`.
        cancellations.retain(|asked| {
            let working = self.core.blotter.get(&asked.client_order_id);
            working.is_some_and(|working| !working.cancelling)
        });
        cancellations
    }

    /// What has to be cancelled, and what has to be closed, by the restrictions that hold; protection of
    /// positions that are gone is cancelled too. Nothing where everything is as it should be: call it
    /// until then.
    pub fn obey(&mut self) -> Vec<Disposition> {
        let Desk { chain, core } = self;
        let mut dispositions = core.cancel_leftovers();
        dispositions.extend(core.flatten(chain));
        dispositions
    }
}

impl Core {
    /// Cancels what has nothing left to protect, and what the restrictions do not leave working.
    fn cancel_leftovers(&self) -> Vec<Disposition> {
        let restricted = !self.latches.is_empty();
        self.blotter
            .iter()
            .filter_map(|working| {
                let key = key(working);
                let why = if restricted && let Some(state) = self.forbidden(working, key) {
                    denial(
                        "TRADING_STATE",
                        "a working order",
                        format!("none while {state}"),
                        "",
                    )
                } else if self.is_orphaned(working, key) {
                    denial("NOTHING_TO_PROTECT", "a protective order", "a position", "")
                } else {
                    return None;
                };
                Some(self.cancellation(working, "host".to_owned(), Some(why)))
            })
            .collect()
    }

    /// The state that does not leave an order working.
    fn forbidden(&self, working: &WorkingOrder, key: LineKey) -> Option<TradingState> {
        let latch = self.latches.strictest(&self.scopes(key))?;
        let cancelled = match latch.state {
            TradingState::Running | TradingState::ReduceOnly | TradingState::NoNewOrders => false,
            TradingState::Halted => !working.reducing || latch.cancel_protection,
            TradingState::Flatten => working.origin != Origin::Flatten,
        };
        cancelled.then_some(latch.state)
    }

    /// Whether an order protects a position that is gone. The venue itself ends the exits of its brackets.
    fn is_orphaned(&self, working: &WorkingOrder, key: LineKey) -> bool {
        working.is_protective()
            && working.origin != Origin::Bracket
            && self.ledger.line(key.instrument, key.owner).is_none()
            && !self
                .blotter
                .of(key.instrument, key.owner)
                .any(|other| !other.reducing)
    }

    /// Closes what is to be closed and has no order working any more.
    fn flatten(&mut self, chain: &mut Chain) -> Vec<Disposition> {
        if self
            .latches
            .iter()
            .all(|latch| latch.state != TradingState::Flatten)
        {
            return Vec::new();
        }
        let mut lines: Vec<(LineKey, Decimal)> = self
            .ledger
            .lines()
            .filter(|(key, _)| self.latches.state(&self.scopes(*key)) == TradingState::Flatten)
            .filter(|(key, _)| self.blotter.of(key.instrument, key.owner).next().is_none())
            .map(|(key, line)| (key, line.quantity))
            .collect();
        lines.sort_by(|(a, _), (b, _)| self.names(*a).cmp(&self.names(*b)));
        self.expose();
        lines
            .into_iter()
            .map(|(key, quantity)| self.close_out(chain, key, quantity))
            .collect()
    }

    fn close_out(&mut self, chain: &mut Chain, key: LineKey, quantity: Decimal) -> Disposition {
        let side = if quantity > Decimal::ZERO {
            Side::Sell
        } else {
            Side::Buy
        };
        let request = OrderRequest {
            reduce_only: true,
            time_in_force: TimeInForce::GoodTillCancelled,
            tag: FLATTEN.to_owned(),
            ..OrderRequest::market(key.instrument, side, quantity.abs())
        };
        self.reviews += 1;
        let owner = self.ledger.owner_name(key.owner).to_owned();
        let proposal = Proposal {
            decision_id: format!("flatten:{}", self.reviews),
            owner,
            context: host_context(),
            fitted: None,
            request: request.clone(),
        };
        self.expose_line(key);
        let (mut draft, mut candidate) = self.draft(key, &proposal, Leg::Exit, request, true);
        draft.origin = Origin::Flatten;
        candidate.flatten = true;
        let account = self.account();
        self.judge_alone(chain, account, draft, candidate)
    }
}

fn key(working: &WorkingOrder) -> LineKey {
    LineKey {
        instrument: working.order.request.instrument,
        owner: working.owner,
    }
}
