//! What is traded.

use crate::number::Value;
use crate::time::Timestamp;
use bulkhead_venue::order::InstrumentHandle;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// What sort of thing is traded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the field's own terms")]
pub enum AssetClass {
    Equity,
    Fund,
    Index,
    Fx,
    Crypto,
    Future,
    Option,
    Bond,
    Commodity,
    Other,
}

/// A tradable, or merely observable, instrument.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Instrument {
    /// The session's number for it.
    pub handle: InstrumentHandle,
    /// The symbol as the venue writes it.
    pub symbol: String,
    /// Market identifier code or a venue's own name.
    pub venue: String,
    /// Currency of its prices.
    pub currency: String,
    /// What sort of thing it is.
    pub asset_class: AssetClass,
    /// Smallest price increment.
    pub tick: Decimal,
    /// Smallest quantity increment.
    pub lot: Decimal,
    /// Money per point of price per unit.
    pub multiplier: Decimal,
    /// Last moment of trading.
    pub expiry: Option<Timestamp>,
    /// Name of the exchange calendar, such as `XNYS` or `24/7`.
    pub calendar: String,
    /// Whatever else the source says of it.
    pub extra: Vec<(String, Value)>,
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
