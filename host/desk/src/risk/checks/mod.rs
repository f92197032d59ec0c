//! The host's own checks, in the order they are made. One check a file: what it denies, with which code.
//!
//! Checks of the first stage look at the order alone; those of the final stage also at what else is
//! working, and so run once per order, in turn. A check that `spares_reducing` is not made on an order
//! that is proven to reduce its owner's position: refusing an exit would be failing open.

mod buying_power;
mod collar;
mod drawdown;
mod duplicate;
mod finite;
mod freshness;
mod gross;
mod instrument;
mod leverage;
mod loss;
mod model_age;
mod position;
mod precision;
mod rate;
mod reconciled;
mod restricted;
mod size;
mod trading_state;

use super::basis::Basis;
use bulkhead_domain::order::OrderRequest;
use bulkhead_domain::risk::Denial;

/// When a check is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// On each order by itself, before buying power is shared.
    Screen,
    /// On one order after the other, each with those before it counted as working.
    Final,
}

/// One check.
pub(crate) struct HostCheck {
    /// Its name in records.
    pub(crate) source: &'static str,
    /// Rises whenever it starts to decide differently.
    pub(crate) version: u32,
    pub(crate) stage: Stage,
    pub(crate) spares_reducing: bool,
    pub(crate) run: fn(&OrderRequest, &Basis<'_>) -> Result<(), Denial>,
}

/// Every check, in order.
pub(crate) static HOST_CHECKS: [HostCheck; 18] = [
    finite::CHECK,
    instrument::CHECK,
    freshness::CHECK,
    precision::CHECK,
    collar::CHECK,
    size::CHECK,
    position::CHECK,
    gross::CHECK,
    leverage::CHECK,
    buying_power::CHECK,
    duplicate::CHECK,
    rate::CHECK,
    loss::CHECK,
    drawdown::CHECK,
    restricted::CHECK,
    model_age::CHECK,
    reconciled::CHECK,
    trading_state::CHECK,
];

pub(crate) use buying_power::{CODE as BUYING_POWER_EXCEEDED, available as available_buying_power};
pub(crate) use gross::room as gross_room;
pub(crate) use leverage::room as leverage_room;

#[cfg(test)]
mod tests;
