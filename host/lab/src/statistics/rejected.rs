//! Orders and what became of them.

use super::{Figure, Unit};
use serde::{Deserialize, Serialize};

/// Counts of orders.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderCounts {
    /// Sent to the venue.
    pub sent: u64,
    /// Filled in whole.
    pub filled: u64,
    /// Refused by the venue.
    pub rejected: u64,
    /// Cancelled.
    pub cancelled: u64,
    /// Whose time ran out.
    pub expired: u64,
    /// Refused by host checks, risk rules or an AI provider before they were sent.
    pub denied: u64,
}

/// Orders that the venue, a check or a rule refused, over all that were wanted: `(rejected + denied) / (sent +
/// denied)`. `None` when none was wanted.
///
/// Source: none; own definition, after freqtrade's count of rejected entry signals.
#[must_use]
pub fn rejected_share(orders: &OrderCounts) -> Figure {
    let wanted = orders.sent + orders.denied;
    let refused = orders.rejected + orders.denied;
    Figure::new(
        (wanted > 0).then(|| refused as f64 / wanted as f64),
        Unit::Fraction,
        "orders refused by the venue, a check or a rule / all orders wanted",
        "no order was wanted",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_before_and_at_the_venue_count() {
        let orders = OrderCounts {
            sent: 6,
            rejected: 1,
            denied: 2,
            ..OrderCounts::default()
        };
        assert_eq!(rejected_share(&orders).value, Some(0.375));
        assert_eq!(rejected_share(&OrderCounts::default()).value, None);
    }
}
