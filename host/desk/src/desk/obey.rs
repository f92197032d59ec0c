//! What the kill switch asks of the orders and positions that are there already.
//!
//! Halted: every order is cancelled, but for those that may only reduce a position, unless the restriction
//! says otherwise. Flatten: every order of a line is cancelled; once none works any more, the position is
//! closed by one reduce-only market order with the tag [`FLATTEN`], and another one should that end
//! without closing it. It is not reduce-only where the account's net position does not cover it: the venue
//! would cancel it. Where it cannot be known what works at the broker, nothing is sent.
//!
//! At one moment, nothing is asked twice: what the broker did not do is asked again at the next.

use super::Desk;
use super::core::Core;
use super::decide::host_context;
use super::disposition::{Disposition, Leg, Proposal};
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
        self.core.cancel_leftovers()
    }

    /// What has to be cancelled, and what has to be closed, by the restrictions that hold; protection of
    /// positions that are gone is cancelled too, and orders that together would close more than is held
    /// are cut. Nothing where everything is as it should be, or was asked for at this moment: call it until
    /// then.
    pub fn obey(&mut self) -> Vec<Disposition> {
        let Desk { chain, core } = self;
        core.expose();
        let mut dispositions = core.cancel_leftovers();
        let leaving = core.asked.clone();
        dispositions.extend(core.bound_all(chain, |_| true, &leaving));
        dispositions.extend(core.flatten(chain));
        dispositions
    }
}

impl Core {
    /// Cancels what has nothing left to protect, and what the restrictions do not leave working.
    fn cancel_leftovers(&mut self) -> Vec<Disposition> {
        let restricted = !self.latches.is_empty();
        let cancellations: Vec<Disposition> = self
            .blotter
            .iter()
            .filter(|working| !self.asked.contains(&working.order.client_order_id))
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
            .collect();
        let asked = cancellations.iter().map(|one| one.client_order_id.clone());
        self.asked.extend(asked);
        cancellations
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
            .filter(|(key, _)| !self.closed_out.contains(key))
            .map(|(key, line)| (key, line.quantity))
            .collect();
        lines.sort_by(|(a, _), (b, _)| self.names(*a).cmp(&self.names(*b)));
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
        self.closed_out.insert(key);
        let net = self.exposure.net(key.instrument);
        let covered = net.is_sign_positive() == quantity.is_sign_positive();
        let request = OrderRequest {
            reduce_only: covered && net.abs() >= quantity.abs(),
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
