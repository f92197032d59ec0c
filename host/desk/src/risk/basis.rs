//! What a host check compares an order with.

use super::exposure::After;
use super::flow::Flow;
use super::limits::CheckLimits;
use crate::ledger::OwnerId;
use crate::switch::TradingState;
use bulkhead_domain::order::{OrderKind, OrderRequest};
use bulkhead_domain::{Decimal, Instrument, Timestamp};

/// The last raw price of an instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) time: Timestamp,
    pub(crate) price: Decimal,
}

/// An instrument as the desk trades it.
#[derive(Debug, Clone)]
pub(crate) struct Listing {
    pub(crate) instrument: Instrument,
    pub(crate) restricted: bool,
    /// A corporate action that could not be applied: its code.
    pub(crate) blocked: Option<String>,
    pub(crate) mark: Option<Mark>,
}

impl Listing {
    /// The last price, unless it is older than `max_age_seconds`.
    pub(crate) fn fresh_price(&self, now: Timestamp, max_age_seconds: u32) -> Option<Decimal> {
        let oldest = i64::from(max_age_seconds).saturating_mul(bulkhead_domain::time::SECOND);
        self.mark
            .filter(|mark| now.0.saturating_sub(mark.time.0) <= oldest)
            .map(|mark| mark.price)
    }
}

/// The account's figures at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AccountView {
    pub(crate) equity: Decimal,
    pub(crate) prior_session_equity: Decimal,
    pub(crate) peak_equity: Decimal,
}

/// What one order is judged by.
#[derive(Clone, Copy)]
pub(crate) struct Basis<'a> {
    pub(crate) owner: OwnerId,
    /// Proven to bring its owner's position closer to zero, whatever fills first.
    pub(crate) reducing: bool,
    /// The host's own order to close the position.
    pub(crate) flatten: bool,
    pub(crate) listing: Option<&'a Listing>,
    /// The instrument's fresh price.
    pub(crate) price: Option<Decimal>,
    pub(crate) now: Timestamp,
    pub(crate) limits: &'a CheckLimits,
    pub(crate) account: AccountView,
    /// What the books would look like at worst, once it is added. Zero while orders are screened.
    pub(crate) after: After,
    pub(crate) flow: &'a Flow,
    /// When the oldest model behind the order was fitted.
    pub(crate) fitted: Option<Timestamp>,
    pub(crate) state: TradingState,
    /// Whether the books were compared with the broker when that was last needed.
    pub(crate) reconciled: bool,
}

impl Basis<'_> {
    /// Quantity × price × multiplier at the worse of the reference and the order's own price. Zero
    /// without a fresh price.
    pub(crate) fn notional(&self, request: &OrderRequest) -> Decimal {
        let (Some(listing), Some(price)) = (self.listing, self.price) else {
            return Decimal::ZERO;
        };
        request
            .quantity
            .saturating_mul(order_price(request).map_or(price, |own| own.max(price)))
            .saturating_mul(listing.instrument.multiplier)
    }
}

/// The price that an order names: its limit, else its stop.
pub(crate) fn order_price(request: &OrderRequest) -> Option<Decimal> {
    match request.kind {
        OrderKind::Limit(price) | OrderKind::Stop(price) => Some(price),
        OrderKind::StopLimit { limit, .. } => Some(limit),
        OrderKind::Market | OrderKind::TrailingStop(_) => None,
    }
}
