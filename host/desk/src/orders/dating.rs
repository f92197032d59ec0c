//! When things happened to orders.
//!
//! A broker's clock may run behind the host's, or backwards. What it says has happened all the same, and to
//! leave out a fill would make a wrong position; but a fill dated before its order was approved would make a
//! position look old, and a loss long past, to the rules that count days. So an update that is dated before
//! what is known of its order is taken to have happened at that moment, and says so in its reason. The audit
//! log keeps what the broker said.

use super::Blotter;
use bulkhead_domain::Timestamp;
use bulkhead_domain::order::{Nanos, OrderUpdate};
use std::borrow::Cow;

/// When an update says that it happened: a fill when it was executed, whenever it was told.
pub(crate) fn time_of(update: &OrderUpdate) -> Nanos {
    (update.execution.as_ref()).map_or(update.time, |execution| execution.time)
}

impl Blotter {
    /// An update that is not dated before the order was approved or last heard of.
    pub(crate) fn dated<'a>(&self, update: &'a OrderUpdate) -> Cow<'a, OrderUpdate> {
        let id = &update.client_order_id;
        let working = self.get(id).map(|working| working.heard);
        let expected = || self.expected.get(id).map(|exit| exit.heard);
        let said = time_of(update);
        let Some(heard) = working.or_else(expected).filter(|heard| said < *heard) else {
            return Cow::Borrowed(update);
        };
        let mut dated = update.clone();
        match &mut dated.execution {
            Some(execution) => execution.time = heard,
            None => dated.time = heard,
        }
        if !dated.reason.is_empty() {
            dated.reason.push_str("; ");
        }
        dated.reason.push_str(&format!(
            "the broker dates it {}, before the order was last heard of: taken to be of {}",
            Timestamp(said),
            Timestamp(heard),
        ));
        Cow::Owned(dated)
    }
}
