//! The broker could be asked what it holds, when that was last needed.

use super::{HostCheck, Stage};
use crate::risk::basis::Basis;
use crate::risk::denial;
use bulkhead_domain::order::OrderRequest;
use bulkhead_domain::risk::Denial;

pub(super) const CHECK: HostCheck = HostCheck {
    source: "host:reconciled",
    version: 1,
    stage: Stage::Final,
    spares_reducing: true,
    run,
};

fn run(_: &OrderRequest, basis: &Basis<'_>) -> Result<(), Denial> {
    if basis.reconciled {
        return Ok(());
    }
    Err(denial(
        "NOT_RECONCILED",
        "no answer to what it holds",
        "an account that was compared with the broker",
        "until it answers, positions can be reduced only",
    ))
}
