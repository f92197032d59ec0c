//! How much trading is allowed.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Rises towards less trading; the desk itself only ever raises it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum TradingState {
    /// Orders pass as the checks allow.
    #[default]
    Running,
    /// Only orders that are proven to reduce a position.
    ReduceOnly,
    /// No orders; what works goes on working.
    NoNewOrders,
    /// No orders, and what works is cancelled, orders that reduce a position apart.
    Halted,
}

impl TradingState {
    /// Its name in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            TradingState::Running => "running",
            TradingState::ReduceOnly => "reduce-only",
            TradingState::NoNewOrders => "no-new-orders",
            TradingState::Halted => "halted",
        }
    }
}

impl fmt::Display for TradingState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
