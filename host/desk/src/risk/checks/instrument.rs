//! The instrument is known, alive, and understood.

use super::{HostCheck, Stage};
use crate::risk::basis::Basis;
use crate::risk::denial;
use bulkhead_domain::order::OrderRequest;
use bulkhead_domain::risk::Denial;

pub(super) const CHECK: HostCheck = HostCheck {
    source: "host:instrument",
    version: 1,
    stage: Stage::Screen,
    spares_reducing: false,
    run,
};

fn run(request: &OrderRequest, basis: &Basis<'_>) -> Result<(), Denial> {
    let Some(listing) = basis.listing else {
        return Err(denial(
            "INSTRUMENT_UNKNOWN",
            request.instrument,
            "an instrument of this session",
            "",
        ));
    };
    match listing.instrument.expiry {
        Some(expiry) if basis.now >= expiry => Err(denial(
            "INSTRUMENT_EXPIRED",
            basis.now,
            format_args!("before {expiry}"),
            &listing.instrument.symbol,
        )),
        _ => Ok(()),
    }
}
