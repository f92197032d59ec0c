//! A run's outcome in the form that statistics are computed from.

use crate::statistics::{Costs, OrderCounts};
use bulkhead_domain::number::to_f64;
use bulkhead_session::backtest::Outcome;

/// What a run's trading cost.
pub(crate) fn costs(outcome: &Outcome) -> Costs {
    Costs {
        fees: to_f64(outcome.fees),
        borrow_fees: to_f64(outcome.borrow_fees),
        slippage: Some(to_f64(outcome.slippage)),
        traded: Some(to_f64(outcome.traded)),
    }
}

/// What became of a run's orders.
pub(crate) fn orders(outcome: &Outcome) -> OrderCounts {
    let orders = outcome.orders;
    OrderCounts {
        sent: orders.sent,
        filled: orders.filled,
        rejected: orders.rejected,
        cancelled: orders.cancelled,
        expired: orders.expired,
        denied: orders.denied,
    }
}
