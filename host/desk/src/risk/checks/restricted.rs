//! The instrument may be entered: it is not on the restricted list, and nothing has happened to its
//! units that the desk could not apply. It may always be left.

use super::{HostCheck, Stage};
use crate::risk::basis::Basis;
use crate::risk::denial;
use bulkhead_domain::order::OrderRequest;
use bulkhead_domain::risk::Denial;

pub(super) const CHECK: HostCheck = HostCheck {
    source: "host:restricted",
    version: 1,
    stage: Stage::Screen,
    spares_reducing: true,
    run,
};

fn run(_: &OrderRequest, basis: &Basis<'_>) -> Result<(), Denial> {
    let Some(listing) = basis.listing else {
        return Ok(());
    };
    if listing.restricted {
        return Err(denial(
            "INSTRUMENT_RESTRICTED",
            &listing.instrument.symbol,
            "not on the restricted list",
            "",
        ));
    }
    match &listing.blocked {
        Some(code) => Err(denial(
            "CORPORATE_ACTION_UNKNOWN",
            code,
            "splits and dividends",
            "the position may not be what the books say; only exits pass",
        )),
        None => Ok(()),
    }
}
