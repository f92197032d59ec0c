//! Which part of a request reduces what its owner holds: what [`super::exits`] leaves room for.
//!
//! Where the venue bounds the exits that work (all are reduce-only, nobody else is in the instrument), an
//! exit goes beside them reduce-only. Otherwise it is no larger than what they leave; an exit at market
//! takes the place of protection that rests for the same units, which is cut or cancelled before it is
//! sent. Other exits are subtracted in any case, since a second sale means to sell more, unless the
//! caller himself asks for reduce-only where the venue bounds them.

use super::core::Core;
use super::decide::Entry;
use super::disposition::{Disposition, Leg, Proposal};
use super::exits::{Exits, Rank};
use crate::ledger::LineKey;
use crate::risk::{VerdictKind, VerdictRecord, denial};
use bulkhead_domain::Decimal;
use bulkhead_domain::order::{OrderKind, OrderRequest};
use bulkhead_domain::risk::Denial;
use bulkhead_venue::number::towards_zero;

/// A request taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parts {
    /// Proven to reduce the position.
    pub(super) exit: Decimal,
    /// Whether the exit is sent reduce-only.
    pub(super) exit_reduce_only: bool,
    /// The rest.
    pub(super) entry: Decimal,
}

/// `is_new` is whether it can still be made reduce-only and have others make room for it.
pub(super) fn parts(request: &OrderRequest, exits: &Exits, lot: Decimal, is_new: bool) -> Parts {
    let quantity = request.quantity.max(Decimal::ZERO);
    let room = |taken: Decimal| {
        let left = exits.held.saturating_sub(taken).max(Decimal::ZERO);
        towards_zero(left.min(quantity), lot)
    };
    let sent = |exit: Decimal, exit_reduce_only: bool| Parts {
        exit,
        exit_reduce_only,
        entry: quantity - exit,
    };
    let beside_all = room(exits.units(|_| true));
    let at_market = request.kind == OrderKind::Market;
    if exits.held.is_zero() {
        sent(Decimal::ZERO, request.reduce_only)
    } else if exits.are_bounded_by_venue() {
        let alongside = room(exits.units(|rank| rank == Rank::Market));
        if request.reduce_only {
            sent(room(Decimal::ZERO), true)
        } else if is_new && alongside > beside_all {
            sent(alongside, true)
        } else {
            sent(beside_all, false)
        }
    } else if is_new && at_market {
        // Protection makes room for it.
        let taken = exits.units(|rank| matches!(rank, Rank::Market | Rank::Plain));
        sent(room(taken), request.reduce_only && !exits.shared)
    } else {
        sent(beside_all, request.reduce_only)
    }
}

/// A proposal taken apart.
#[derive(Default)]
pub(super) struct Taken {
    /// To be judged by itself, at once.
    pub(super) exit: Option<Entry>,
    /// To be judged together with all other entries.
    pub(super) entry: Option<Entry>,
    /// A reduce-only order with nothing to reduce.
    pub(super) refused: Option<Disposition>,
}

impl Core {
    /// Splits a proposal into its exit and its entry.
    pub(super) fn take_apart(&mut self, proposal: &Proposal) -> Taken {
        let request = &proposal.request;
        let owner = self.ledger.owner(&proposal.owner);
        let key = LineKey {
            instrument: request.instrument,
            owner,
        };
        self.expose_line(key);
        let exits = self.exits(key, request.side, |_| true);
        let lot = self
            .listings
            .get(&key.instrument)
            .map(|listing| listing.instrument.lot);
        let parts = lot.map_or(
            // Nobody can hold what is unknown; it goes on as an entry, to be refused.
            Parts {
                exit: Decimal::ZERO,
                exit_reduce_only: false,
                entry: request.quantity,
            },
            |lot| parts(request, &exits, lot, true),
        );
        let mut taken = Taken::default();
        if parts.exit > Decimal::ZERO {
            let order = OrderRequest {
                quantity: parts.exit,
                reduce_only: parts.exit_reduce_only,
                bracket: None,
                ..request.clone()
            };
            let mut exit = self.draft(key, proposal, Leg::Exit, order, true);
            if request.reduce_only && parts.entry > Decimal::ZERO {
                exit.0.verdicts.push(VerdictRecord::new(
                    "host:legs",
                    VerdictKind::Reduced,
                    parts.exit,
                    Some(above_position(request, parts.exit)),
                ));
            }
            taken.exit = Some(exit);
            if parts.entry <= Decimal::ZERO || request.reduce_only {
                return taken;
            }
        }
        let order = OrderRequest {
            // A quantity that is not above zero has neither part, and is refused as it is.
            quantity: if parts.entry > Decimal::ZERO {
                parts.entry
            } else {
                request.quantity
            },
            ..request.clone()
        };
        let entry = self.draft(key, proposal, Leg::Entry, order, false);
        if request.reduce_only && parts.entry > Decimal::ZERO {
            let denial = above_position(request, parts.exit);
            taken.refused = Some(entry.0.refuse("host:legs", denial));
        } else {
            taken.entry = Some(entry);
        }
        taken
    }
}

fn above_position(request: &OrderRequest, exit: Decimal) -> Denial {
    denial(
        "REDUCE_ONLY_ABOVE_POSITION",
        request.quantity,
        exit,
        "a reduce-only order may only close what is held",
    )
}
