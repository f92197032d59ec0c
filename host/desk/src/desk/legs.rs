//! Which part of a request reduces what its owner holds.
//!
//! The proof: let p be the position, and look only at orders on the side against it. Together, all of
//! them may take p and no more; then nothing brings the position through zero, whatever fills first.
//! An order within that bound is sent as it was asked for.
//!
//! Where reduce-only orders rest for the same units (a stop), the bound would leave nothing and refuse
//! the exit. But orders that are *all* reduce-only cannot go through zero, however many there are. So
//! while no other sort is pending, an exit of up to p is sent reduce-only too; other exits at market are
//! subtracted nevertheless, since a second sale means to sell more, unless the caller himself asks for
//! reduce-only. A venue nets all owners of an account, so this way is open only where no other owner's
//! opposite position would make it cancel the exit.

use super::core::Core;
use super::decide::{Disposition, Entry, Leg, Proposal};
use crate::ledger::LineKey;
use crate::risk::{ExposureLine, VerdictKind, VerdictRecord, denial};
use bulkhead_domain::Decimal;
use bulkhead_domain::order::{OrderRequest, Side};
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

pub(super) fn parts(
    request: &OrderRequest,
    line: &ExposureLine,
    net: Decimal,
    lot: Decimal,
) -> Parts {
    let quantity = request.quantity.max(Decimal::ZERO);
    let (against, index) = match request.side {
        Side::Sell => (line.quantity > Decimal::ZERO, 1),
        Side::Buy => (line.quantity < Decimal::ZERO, 0),
    };
    if !against {
        return Parts {
            exit: Decimal::ZERO,
            exit_reduce_only: request.reduce_only,
            entry: quantity,
        };
    }
    let held = line.quantity.abs();
    let pending = &line.pending;
    let capacity = |taken: Decimal| {
        towards_zero(
            held.saturating_sub(taken).max(Decimal::ZERO).min(quantity),
            lot,
        )
    };
    let plain = pending.plain[index];
    let sent = |exit: Decimal, exit_reduce_only: bool| Parts {
        exit,
        exit_reduce_only,
        entry: quantity - exit,
    };
    let together = capacity(plain.saturating_add(pending.reduce[index]));
    if request.reduce_only {
        let all_reduce_only = plain.is_zero();
        let exit = if all_reduce_only {
            capacity(Decimal::ZERO)
        } else {
            together
        };
        return sent(exit, true);
    }
    let reduce_only = capacity(pending.reduce_at_market);
    let same_way = net.is_sign_positive() == line.quantity.is_sign_positive();
    let room = reduce_only.saturating_add(pending.reduce_at_market);
    if plain.is_zero() && reduce_only > together && same_way && net.abs() >= room {
        sent(reduce_only, true)
    } else {
        sent(together, false)
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
        let line = self.expose_line(key);
        let net = self.exposure.net(key.instrument);
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
            |lot| parts(request, &line, net, lot),
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
