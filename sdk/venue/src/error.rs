//! What a venue refuses, each with what was observed and what would have been allowed.

use crate::order::{InstrumentHandle, Nanos};
use rust_decimal::Decimal;
use thiserror::Error;

/// Why a venue cannot be set up.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ConfigError {
    /// The share is no part of the volume.
    #[error("max-volume-share is {0}; it must be above 0 and at most 1")]
    VolumeShare(f64),
    /// A probability is none.
    #[error("{what} is {observed}; it must be between 0 and 1")]
    Chance {
        /// Which one.
        what: &'static str,
        /// What was given.
        observed: f64,
    },
    /// Too many accounts.
    #[error("{observed} accounts; at most {limit} trade at one venue")]
    Accounts {
        /// How many were given.
        observed: usize,
        /// Inclusive bound.
        limit: usize,
    },
    /// The same account twice.
    #[error("account `{0}` comes twice")]
    AccountTwice(String),
    /// A rate is out of bounds.
    #[error("{what} is {observed}; it must be between {least} and {most}")]
    Cost {
        /// Which rate.
        what: &'static str,
        /// What was given.
        observed: Decimal,
        /// Lower bound.
        least: Decimal,
        /// Upper bound.
        most: Decimal,
    },
    /// A handle is too large to index a table.
    #[error("instrument handle {observed} is not below {limit}")]
    Handle {
        /// What was given.
        observed: InstrumentHandle,
        /// Exclusive bound.
        limit: u32,
    },
    /// The same handle twice.
    #[error("instrument {0} is registered twice")]
    Twice(InstrumentHandle),
    /// A tick, lot or multiplier is out of bounds.
    #[error(
        "instrument {instrument}: {what} is {observed}; it must be between 0.000000001 and 1000"
    )]
    Increment {
        /// Which instrument.
        instrument: InstrumentHandle,
        /// Which increment.
        what: &'static str,
        /// What was given.
        observed: Decimal,
    },
}

/// Why an order, a change or a cancellation was refused. The book is as it was before.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum VenueReject {
    /// The client order id was taken before.
    #[error("client order id `{0}` was taken before")]
    Duplicate(String),
    /// The client order id is no such thing.
    #[error("client order id `{0}` is not 1 to 36 characters of [A-Za-z0-9_-]")]
    ClientOrderId(String),
    /// The account is none of this venue's.
    #[error("account `{observed}` is unknown; this venue trades `{expected}`")]
    Account {
        /// The order's.
        observed: String,
        /// The venue's, or all of them.
        expected: String,
    },
    /// The instrument is not traded here.
    #[error("instrument {0} is not traded here")]
    Instrument(InstrumentHandle),
    /// The quantity is not above zero, or too large.
    #[error("quantity {observed} is not above 0 and at most {limit}")]
    Quantity {
        /// The order's.
        observed: Decimal,
        /// Inclusive bound.
        limit: Decimal,
    },
    /// The quantity is not whole lots.
    #[error("quantity {observed} is not a multiple of the lot {lot}")]
    OffLot {
        /// The order's.
        observed: Decimal,
        /// The instrument's.
        lot: Decimal,
    },
    /// A price is not whole ticks.
    #[error("price {observed} is not a multiple of the tick {tick}")]
    OffTick {
        /// The order's.
        observed: Decimal,
        /// The instrument's.
        tick: Decimal,
    },
    /// A price is too large.
    #[error("price {observed} is beyond {limit}")]
    Price {
        /// The order's.
        observed: Decimal,
        /// Inclusive bound of the magnitude.
        limit: Decimal,
    },
    /// A trailing distance makes no sense.
    #[error("trailing distance {0}: an amount must be above 0, a fraction also below 1")]
    Trail(Decimal),
    /// Instructions contradict each other.
    #[error("{0}")]
    Contradiction(&'static str),
    /// Its time ran out before it began.
    #[error("good till {until}, but it is {now}")]
    Expired {
        /// The order's.
        until: Nanos,
        /// The time of submission.
        now: Nanos,
    },
    /// The new quantity is not above what has filled.
    #[error("quantity {observed} is not above {filled}, which has filled")]
    Filled {
        /// The replacement's.
        observed: Decimal,
        /// So far.
        filled: Decimal,
    },
    /// There is no such order.
    #[error("no order `{0}`")]
    Unknown(String),
    /// The order no longer works.
    #[error("order `{0}` no longer works")]
    Closed(String),
    /// Too many orders work in the instrument.
    #[error("{limit} orders work in instrument {instrument} already")]
    TooMany {
        /// Which instrument.
        instrument: InstrumentHandle,
        /// Bound.
        limit: usize,
    },
}

impl VenueReject {
    /// The venue's code for it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            VenueReject::Duplicate(_) => "duplicate",
            VenueReject::ClientOrderId(_) => "client-order-id",
            VenueReject::Account { .. } => "account",
            VenueReject::Instrument(_) => "instrument",
            VenueReject::Quantity { .. } => "quantity",
            VenueReject::OffLot { .. } => "off-lot",
            VenueReject::OffTick { .. } => "off-tick",
            VenueReject::Price { .. } => "price",
            VenueReject::Trail(_) => "trail",
            VenueReject::Contradiction(_) => "contradiction",
            VenueReject::Expired { .. } => "expired",
            VenueReject::Filled { .. } => "filled",
            VenueReject::Unknown(_) => "unknown-order",
            VenueReject::Closed(_) => "closed",
            VenueReject::TooMany { .. } => "too-many-orders",
        }
    }
}

/// Why steps were refused. Nothing has moved.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum AdvanceError {
    /// The instrument is not traded here.
    #[error("instrument {0} is not traded here")]
    Instrument(InstrumentHandle),
    /// Two bars of one instrument in one slice.
    #[error("instrument {0} has two steps in one slice")]
    Twice(InstrumentHandle),
    /// The steps of a slice close at different times.
    #[error("instrument {instrument}: bar closes at {observed}, the slice's others at {expected}")]
    Apart {
        /// Which instrument.
        instrument: InstrumentHandle,
        /// Its close.
        observed: Nanos,
        /// The first step's close.
        expected: Nanos,
    },
    /// A bar opens before the one before it closed, or closes before it opens.
    #[error("instrument {instrument}: bar from {open} to {close} after one that closed at {last}")]
    Backwards {
        /// Which instrument.
        instrument: InstrumentHandle,
        /// Its open.
        open: Nanos,
        /// Its close.
        close: Nanos,
        /// The last bar's close.
        last: Nanos,
    },
    /// Prices or volume are not those of a bar.
    #[error(
        "instrument {instrument}: no bar at {time}: prices must be finite, low <= open, close <= high, \
         volume not below 0"
    )]
    Bar {
        /// Which instrument.
        instrument: InstrumentHandle,
        /// Its close.
        time: Nanos,
    },
    /// A split into or from nothing.
    #[error("instrument {instrument}: split {numerator}:{denominator} at {time}")]
    Split {
        /// Which instrument.
        instrument: InstrumentHandle,
        /// The bar's close.
        time: Nanos,
        /// New units.
        numerator: u32,
        /// Old units.
        denominator: u32,
    },
}
