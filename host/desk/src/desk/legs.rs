//! Which part of a request reduces what its owner holds.
//!
//! The proof is by construction. Let p be the position and let only orders on the side against it count.
//! An order of at most p, less what other orders that are not reduce-only may still take, is sent
//! *reduce-only*: whatever fills first, it cannot bring the position through zero. Reduce-only orders
//! that wait for a price (a resting stop) are not subtracted: they cannot go through zero either. Exits
//! at market are, unless the caller himself asks for reduce-only: a second sale means to sell more.
//!
//! A venue nets all owners of an account. Where another owner's opposite position would make it cancel
//! a reduce-only order, the order is sent as it is and proven by subtracting every order against the
//! position.

use crate::risk::ExposureLine;
use bulkhead_domain::Decimal;
use bulkhead_domain::order::{OrderRequest, Side};
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
    if request.reduce_only {
        let exit = capacity(plain);
        return Parts {
            exit,
            exit_reduce_only: true,
            entry: quantity - exit,
        };
    }
    let exit = capacity(plain.saturating_add(pending.certain));
    let same_way = net.is_sign_positive() == line.quantity.is_sign_positive();
    if same_way && net.abs() >= exit.saturating_add(pending.certain) {
        return Parts {
            exit,
            exit_reduce_only: true,
            entry: quantity - exit,
        };
    }
    let exit = capacity(plain.saturating_add(pending.reduce[index]));
    Parts {
        exit,
        exit_reduce_only: false,
        entry: quantity - exit,
    }
}
