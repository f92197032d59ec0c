//! What is traded.

use crate::number::{Fields, InvalidDecimal};
use crate::wire::types;
use crate::{InstrumentHandle, Timestamp};
use rust_decimal::Decimal;

pub use types::AssetClass;

/// A tradable, or merely observable, instrument.
#[derive(Debug, Clone, PartialEq)]
pub struct Instrument {
    /// The host's number for it; 0 where a data source describes what it has.
    pub handle: InstrumentHandle,
    /// The symbol as the venue writes it.
    pub symbol: String,
    /// Market identifier code (ISO 10383) or a venue's own name.
    pub venue: String,
    /// Currency of its prices (ISO 4217), or the quote asset of a crypto pair.
    pub currency: String,
    /// What sort of thing it is.
    pub asset_class: AssetClass,
    /// Smallest price increment.
    pub tick: Decimal,
    /// Smallest quantity increment.
    pub lot: Decimal,
    /// Money per point of price per unit; 1 for shares.
    pub multiplier: Decimal,
    /// Last moment of trading.
    pub expiry: Option<Timestamp>,
    /// Name of the exchange calendar, such as `XNYS` or `24/7`.
    pub calendar: String,
    /// Whatever else is known of it.
    pub extra: Fields,
}

impl Instrument {
    /// A US share on XNYS: cents, whole shares, US dollars.
    #[must_use]
    pub fn us_equity(handle: InstrumentHandle, symbol: &str) -> Self {
        Instrument {
            handle,
            symbol: symbol.to_owned(),
            venue: "XNYS".to_owned(),
            currency: "USD".to_owned(),
            asset_class: AssetClass::Equity,
            tick: Decimal::new(1, 2),
            lot: Decimal::ONE,
            multiplier: Decimal::ONE,
            expiry: None,
            calendar: "XNYS".to_owned(),
            extra: Vec::new(),
        }
    }
}

impl TryFrom<types::Instrument> for Instrument {
    type Error = InvalidDecimal;

    fn try_from(wire: types::Instrument) -> Result<Self, Self::Error> {
        Ok(Instrument {
            handle: wire.handle,
            symbol: wire.symbol,
            venue: wire.venue,
            currency: wire.currency,
            asset_class: wire.asset_class,
            tick: wire.tick.try_into()?,
            lot: wire.lot.try_into()?,
            multiplier: wire.multiplier.try_into()?,
            expiry: wire.expiry,
            calendar: wire.calendar,
            extra: wire.extra,
        })
    }
}

impl From<Instrument> for types::Instrument {
    fn from(instrument: Instrument) -> Self {
        types::Instrument {
            handle: instrument.handle,
            symbol: instrument.symbol,
            venue: instrument.venue,
            currency: instrument.currency,
            asset_class: instrument.asset_class,
            tick: instrument.tick.into(),
            lot: instrument.lot.into(),
            multiplier: instrument.multiplier.into(),
            expiry: instrument.expiry,
            calendar: instrument.calendar,
            extra: instrument.extra,
        }
    }
}
