//! Orders counted by moment and by trading session. Exits are counted apart, so that a flood of entries
//! cannot use up what an exit needs.

use crate::ledger::OwnerId;
use bulkhead_domain::Decimal;
use bulkhead_domain::order::{InstrumentHandle, OrderKind, OrderRequest, Side};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    owner: OwnerId,
    instrument: InstrumentHandle,
    side: Side,
    quantity: Decimal,
    kind: OrderKind,
    // The exit and the entry half of an order that turns a position around are no duplicates.
    reducing: bool,
}

impl Seen {
    fn of(owner: OwnerId, reducing: bool, request: &OrderRequest) -> Self {
        Seen {
            owner,
            instrument: request.instrument,
            side: request.side,
            quantity: request.quantity,
            kind: request.kind,
            reducing,
        }
    }
}

/// Counters.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    seen: Vec<Seen>,
    moment: [u32; 2],
    session: [u32; 2],
}

impl Flow {
    pub(crate) fn new_moment(&mut self) {
        self.seen.clear();
        self.moment = [0; 2];
    }

    pub(crate) fn new_session(&mut self) {
        self.session = [0; 2];
    }

    /// Notes that an order was screened; a second one like it is a duplicate.
    pub(crate) fn see(&mut self, owner: OwnerId, reducing: bool, request: &OrderRequest) {
        self.seen.push(Seen::of(owner, reducing, request));
    }

    pub(crate) fn has_seen(&self, owner: OwnerId, reducing: bool, request: &OrderRequest) -> bool {
        self.seen.contains(&Seen::of(owner, reducing, request))
    }

    pub(crate) fn count(&mut self, reducing: bool) {
        for counter in [&mut self.moment, &mut self.session] {
            let counter = &mut counter[usize::from(reducing)];
            *counter = counter.saturating_add(1);
        }
    }

    pub(crate) fn in_moment(&self, reducing: bool) -> u32 {
        self.moment[usize::from(reducing)]
    }

    pub(crate) fn in_session(&self, reducing: bool) -> u32 {
        self.session[usize::from(reducing)]
    }
}
