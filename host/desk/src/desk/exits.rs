//! What an owner's orders may still take off its position, and that together they never take more than
//! there is.
//!
//! The orders looked at are those that were judged to reduce. Orders that were judged as entries may
//! bring a position through zero: that is what they were judged for.
//!
//! What keeps such orders from going through zero, whatever fills first, is one of two things:
//! - together they are no larger than the position;
//! - all of them are reduce-only, and nobody else holds or works an order in the instrument. A venue nets
//!   the owners of an account, so reduce-only bounds the account, not the owner.
//!
//! The exits of a bracket count once: a fill of one takes as much from the other.
//!
//! Where neither holds, orders are cut or cancelled until the first does. Exits at market stay before
//! stops, stops before targets, what rules placed before what owners did, older before younger.

use super::core::Core;
use super::decide::host_context;
use super::disposition::{Disposition, Leg, Proposal, Ruling};
use crate::ledger::LineKey;
use crate::orders::{Change, OrderState, Origin, WorkingOrder};
use crate::risk::{Chain, denial};
use bulkhead_domain::Decimal;
use bulkhead_domain::order::{
    InstrumentHandle, OrderKind, OrderRequest, OrderUpdate, Outcome, Side,
};
use bulkhead_venue::number::towards_zero;
use std::collections::{BTreeMap, BTreeSet};

/// What stays longer when there is not room for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    Market,
    RuleStop,
    Stop,
    RuleTarget,
    Target,
    /// Rests, is not reduce-only and no rule's.
    Plain,
}

impl Rank {
    /// Of a rule's order.
    pub(super) fn of_rule(kind: OrderKind) -> Rank {
        match kind {
            OrderKind::Market => Rank::Market,
            OrderKind::Limit(_) => Rank::RuleTarget,
            _ => Rank::RuleStop,
        }
    }

    fn of(working: &WorkingOrder) -> Rank {
        let kind = working.order.request.kind;
        match (Rank::of_rule(kind), &working.origin) {
            (Rank::Market, _) => Rank::Market,
            (rank, Origin::Rule(_)) => rank,
            _ if !working.order.request.reduce_only => Rank::Plain,
            (Rank::RuleTarget, _) => Rank::Target,
            _ => Rank::Stop,
        }
    }
}

/// Orders of which no more than `units` fill together: one, or the two exits of a bracket.
pub(super) struct Exit {
    pub(super) rank: Rank,
    pub(super) units: Decimal,
    pub(super) reduce_only: bool,
    /// By client order id, with what each may still fill.
    orders: Vec<(String, Decimal)>,
}

/// An owner's exits on one side, those that stay longest first.
pub(super) struct Exits {
    /// Units held that the side takes off.
    pub(super) held: Decimal,
    /// Whether somebody else holds or works an order in the instrument.
    pub(super) shared: bool,
    pub(super) working: Vec<Exit>,
}

impl Exits {
    /// Units that exits of some ranks may still fill.
    pub(super) fn units(&self, counted: impl Fn(Rank) -> bool) -> Decimal {
        self.working
            .iter()
            .filter(|exit| counted(exit.rank))
            .fold(Decimal::ZERO, |sum, exit| sum.saturating_add(exit.units))
    }

    /// Whether reduce-only keeps them from going through zero.
    pub(super) fn are_bounded_by_venue(&self) -> bool {
        !self.shared && self.working.iter().all(|exit| exit.reduce_only)
    }

    /// The same once those that are plain are gone.
    pub(super) fn is_bounded_without_plain(&self) -> bool {
        let reduces = |exit: &Exit| exit.reduce_only || exit.rank == Rank::Plain;
        !self.shared && self.working.iter().all(reduces)
    }

    /// Whether something keeps them from going through zero.
    fn are_bounded(&self) -> bool {
        self.are_bounded_by_venue() || self.units(|_| true) <= self.held
    }

    /// What to leave of which orders, so that they are bounded.
    fn cuts(&self, lot: Decimal) -> Vec<(String, Decimal)> {
        let mut cuts = Vec::new();
        if self.are_bounded() {
            return cuts;
        }
        // Where only plain orders stand in the way of the second bound, only they go.
        let spare = self.is_bounded_without_plain();
        let mut left = self.held;
        for exit in &self.working {
            let keep = match (spare, exit.rank == Rank::Plain) {
                (true, true) => Decimal::ZERO,
                (true, false) => exit.units,
                (false, _) => towards_zero(exit.units.min(left), lot),
            };
            left = left.saturating_sub(keep).max(Decimal::ZERO);
            let cut =
                |(id, leaves): &(String, Decimal)| (*leaves > keep).then(|| (id.clone(), keep));
            cuts.extend(exit.orders.iter().filter_map(cut));
        }
        cuts
    }
}

impl Core {
    /// An owner's exits on one side, as far as they are `counted`.
    pub(super) fn exits(
        &self,
        key: LineKey,
        side: Side,
        counted: impl Fn(&WorkingOrder) -> bool,
    ) -> Exits {
        let held = self
            .ledger
            .line(key.instrument, key.owner)
            .map_or(Decimal::ZERO, |line| line.quantity);
        let mut working: Vec<Exit> = Vec::new();
        let mut brackets: BTreeMap<&str, usize> = BTreeMap::new();
        for order in self.blotter.of(key.instrument, key.owner) {
            if !order.reducing || order.order.request.side != side || !counted(order) {
                continue;
            }
            let rank = Rank::of(order);
            let id = (order.order.client_order_id.clone(), order.leaves());
            let bracket = order.bracket();
            if let Some(exit) = bracket
                .and_then(|bracket| brackets.get(bracket))
                .and_then(|index| working.get_mut(*index))
            {
                exit.rank = exit.rank.min(rank);
                exit.units = exit.units.max(order.leaves());
                exit.orders.push(id);
                continue;
            }
            if let Some(bracket) = bracket {
                brackets.insert(bracket, working.len());
            }
            working.push(Exit {
                rank,
                units: order.leaves(),
                reduce_only: order.order.request.reduce_only,
                orders: vec![id],
            });
        }
        working.sort_by_key(|exit| exit.rank);
        Exits {
            held: (held * side.opposite().sign()).max(Decimal::ZERO),
            shared: self.is_shared(key),
            working,
        }
    }

    /// Whether somebody else holds, works or wants something in the instrument.
    pub(super) fn is_shared(&self, key: LineKey) -> bool {
        let other = |instrument, owner| instrument == key.instrument && owner != key.owner;
        self.wanted
            .iter()
            .any(|wanted| other(wanted.instrument, wanted.owner))
            || self
                .ledger
                .lines()
                .any(|(line, _)| other(line.instrument, line.owner))
            || self
                .blotter
                .iter()
                .any(|working| other(working.order.request.instrument, working.owner))
    }

    /// Everybody who works an exit in the instruments, by name.
    fn lines_with_exits(&self, concerned: impl Fn(InstrumentHandle) -> bool) -> Vec<LineKey> {
        let lines: BTreeSet<LineKey> = self
            .blotter
            .iter()
            .filter(|working| working.reducing && concerned(working.order.request.instrument))
            .map(|working| LineKey {
                instrument: working.order.request.instrument,
                owner: working.owner,
            })
            .collect();
        let mut lines: Vec<LineKey> = lines.into_iter().collect();
        lines.sort_by(|a, b| self.names(*a).cmp(&self.names(*b)));
        lines
    }

    /// Cuts the exits of every line in the instruments until they are bounded. Orders in `leaving` are as
    /// good as cancelled.
    pub(super) fn bound_all(
        &mut self,
        chain: &mut Chain,
        concerned: impl Fn(InstrumentHandle) -> bool,
        leaving: &BTreeSet<String>,
    ) -> Vec<Disposition> {
        self.lines_with_exits(concerned)
            .into_iter()
            .flat_map(|key| self.bound(chain, key, leaving))
            .collect()
    }

    /// Cuts a line's exits until they are bounded.
    pub(super) fn bound(
        &mut self,
        chain: &mut Chain,
        key: LineKey,
        leaving: &BTreeSet<String>,
    ) -> Vec<Disposition> {
        let lot = self
            .listings
            .get(&key.instrument)
            .map_or(Decimal::ONE, |listing| listing.instrument.lot);
        let mut done = Vec::new();
        for side in [Side::Buy, Side::Sell] {
            let exits = self.exits(key, side, |working| {
                !leaving.contains(&working.order.client_order_id)
            });
            for (id, keep) in exits.cuts(lot) {
                if self.asked.insert(id.clone()) {
                    done.extend(self.cut(chain, key, &id, keep));
                }
            }
        }
        done
    }

    fn cut(
        &mut self,
        chain: &mut Chain,
        key: LineKey,
        client_order_id: &str,
        keep: Decimal,
    ) -> Option<Disposition> {
        let working = self.blotter.get(client_order_id)?;
        let filled = working.filled;
        let why = denial(
            "EXITS_ABOVE_POSITION",
            working.leaves(),
            keep,
            "the owner's other orders close the rest, and others hold the instrument",
        );
        let cancellation = self.cancellation(working, "host".to_owned(), Some(why));
        if keep.is_zero() || working.state == OrderState::Approved || working.change.is_some() {
            return Some(cancellation);
        }
        self.reviews += 1;
        let proposal = Proposal {
            decision_id: format!("review:host:{}", self.reviews),
            owner: working.order.owner.clone(),
            context: host_context(),
            fitted: None,
            request: OrderRequest {
                quantity: keep,
                ..working.order.request.clone()
            },
        };
        let request = proposal.request.clone();
        let (mut draft, candidate) = self.draft(key, &proposal, Leg::Protective, request, true);
        draft.replaces = Some(client_order_id.to_owned());
        let account = self.account();
        let disposition = self.judge_alone(chain, account, draft, candidate);
        let changed = self.as_change(disposition, client_order_id, filled, true);
        // Where it must not be made smaller it must not stay as it is either.
        Some(match changed.ruling {
            Ruling::Replace(_) => changed,
            _ => cancellation,
        })
    }

    /// Turns the approval of an order into that of the change of the one it replaces.
    pub(super) fn as_change(
        &mut self,
        mut disposition: Disposition,
        replaced: &str,
        filled: Decimal,
        reducing: bool,
    ) -> Disposition {
        if let Ruling::Send(order) = disposition.ruling {
            let change = Change {
                client_order_id: order.client_order_id.clone(),
                quantity: order.request.quantity + filled,
                kind: order.request.kind,
                reducing,
            };
            disposition.ruling = match self.blotter.change(replaced, change) {
                Ok(()) => Ruling::Replace(
                    order
                        .into_replacement(replaced.to_owned())
                        .with_filled(filled),
                ),
                Err(error) => Ruling::Deny(denial("CLIENT_ORDER_ID_USED", error, "a new id", "")),
            };
        }
        disposition
    }

    /// Cancellations of orders that are among `done` and wait to be sent become refusals of these.
    pub(super) fn withdraw(&mut self, cuts: &mut Vec<Disposition>, done: &mut [Disposition]) {
        cuts.retain_mut(|cut| {
            let waits = |other: &&mut Disposition| {
                other.client_order_id == cut.client_order_id
                    && matches!(other.ruling, Ruling::Send(_))
            };
            let Some(unsent) = done.iter_mut().find(waits) else {
                return true;
            };
            let update = OrderUpdate {
                client_order_id: cut.client_order_id.clone(),
                outcome: Outcome::Cancelled,
                time: self.now.0,
                execution: None,
                leaves: Decimal::ZERO,
                reason: "withdrawn before it was sent".to_owned(),
            };
            if let Ok(admission) = self.blotter.admit(&update) {
                self.blotter.commit(admission, &update);
            }
            let why = cut.verdicts.iter().find_map(|record| record.denial.clone());
            unsent.verdicts.append(&mut cut.verdicts);
            unsent.ruling =
                Ruling::Deny(why.unwrap_or_else(|| {
                    denial("EXITS_ABOVE_POSITION", "another order", "none", "")
                }));
            false
        });
    }

    /// Why an order must not reach the broker now: an order that should be gone by now works on, and with
    /// it a position could go through zero.
    pub(super) fn unbounded(&self, client_order_id: &str) -> Option<String> {
        let order = self.blotter.get(client_order_id)?;
        let instrument = order.order.request.instrument;
        let own = LineKey {
            instrument,
            owner: order.owner,
        };
        let lines = if order.reducing {
            vec![own]
        } else {
            self.lines_with_exits(|other| other == instrument)
        };
        let there = |working: &WorkingOrder| {
            working.was_sent() || working.order.client_order_id == client_order_id
        };
        let open = lines.into_iter().find(|key| {
            [Side::Buy, Side::Sell]
                .into_iter()
                .any(|side| !self.exits(*key, side, there).are_bounded())
        })?;
        let (symbol, owner) = self.names(open);
        Some(format!(
            "orders of '{owner}' in {symbol} that were to be cancelled may still work, and would close \
             more than is held"
        ))
    }
}
