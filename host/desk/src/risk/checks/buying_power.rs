//! What an order could cost is there, with every working order counted as filled in the worst way.
//!
//! Buying power is equity × (multiple − reserve) − worst-case gross exposure. In a cash account, where
//! the multiple is 1, this is the cash less the reserve while all positions are long; the proceeds of a short sale are in the
//! equity only against the short's own exposure and so cannot be spent.

use super::{HostCheck, Stage};
use crate::risk::CheckLimits;
use crate::risk::basis::Basis;
use crate::risk::denial;
use bulkhead_domain::Decimal;
use bulkhead_domain::order::OrderRequest;
use bulkhead_domain::risk::Denial;

/// The code of its denial.
pub(crate) const CODE: &str = "BUYING_POWER_EXCEEDED";

pub(super) const CHECK: HostCheck = HostCheck {
    source: "host:buying-power",
    version: 1,
    stage: Stage::Final,
    spares_reducing: true,
    run,
};

/// Money by which the worst-case gross exposure may grow.
pub(crate) fn available(limits: &CheckLimits, equity: Decimal, gross: Decimal) -> Decimal {
    let multiple = limits
        .buying_power_multiple
        .saturating_sub(limits.buying_power_reserve);
    equity.saturating_mul(multiple).saturating_sub(gross)
}

fn run(_: &OrderRequest, basis: &Basis<'_>) -> Result<(), Denial> {
    let before = basis.after.gross.saturating_sub(basis.after.increase);
    let available = available(basis.limits, basis.account.equity, before);
    if basis.after.increase <= Decimal::ZERO || basis.after.increase <= available {
        return Ok(());
    }
    Err(denial(
        CODE,
        basis.after.increase.normalize(),
        available.max(Decimal::ZERO).normalize(),
        "",
    ))
}
