//! Trading is allowed at all.

use super::{HostCheck, Stage};
use crate::risk::basis::Basis;
use crate::risk::denial;
use crate::switch::TradingState;
use bulkhead_domain::order::OrderRequest;
use bulkhead_domain::risk::Denial;

pub(super) const CHECK: HostCheck = HostCheck {
    source: "host:trading-state",
    version: 1,
    stage: Stage::Final,
    spares_reducing: false,
    run,
};

fn run(_: &OrderRequest, basis: &Basis<'_>) -> Result<(), Denial> {
    let limit = match basis.state {
        TradingState::Running => return Ok(()),
        TradingState::ReduceOnly if basis.reducing => return Ok(()),
        TradingState::ReduceOnly => "orders that reduce a position",
        TradingState::Flatten if basis.flatten => return Ok(()),
        TradingState::NoNewOrders | TradingState::Halted | TradingState::Flatten => "no orders",
    };
    Err(denial("TRADING_STATE", basis.state, limit, ""))
}
