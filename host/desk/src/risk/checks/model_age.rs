//! The models behind the order were fitted recently enough.

use super::{HostCheck, Stage};
use crate::risk::basis::Basis;
use crate::risk::denial;
use bulkhead_domain::order::OrderRequest;
use bulkhead_domain::risk::Denial;
use bulkhead_domain::time::SECOND;

pub(super) const CHECK: HostCheck = HostCheck {
    source: "host:model-age",
    version: 1,
    stage: Stage::Screen,
    spares_reducing: true,
    run,
};

fn run(_: &OrderRequest, basis: &Basis<'_>) -> Result<(), Denial> {
    let (Some(oldest), Some(fitted)) = (basis.limits.max_model_age_seconds, basis.fitted) else {
        return Ok(());
    };
    // Either in nanoseconds, and a model of the future is wrong however young.
    let age = i128::from(basis.now.0) - i128::from(fitted.0);
    let limit = i128::from(oldest) * i128::from(SECOND);
    if (0..=limit).contains(&age) {
        return Ok(());
    }
    Err(denial(
        "MODEL_STALE",
        format_args!("fitted {} s ago", age / i128::from(SECOND)),
        format_args!("at most {oldest} s ago"),
        "",
    ))
}
