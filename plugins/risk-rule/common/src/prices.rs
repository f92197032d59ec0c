//! Prices of the instruments that an order is not about.

use crate::{open, seal};
use bulkhead_sdk::risk_rule::Portfolio;
use bulkhead_sdk::{Decimal, InstrumentHandle};
use std::collections::BTreeMap;

/// Name of the saved state's layout.
const LAYOUT: &str = "prices/1";

/// The last reference price of every instrument that was ever judged: what a working market order in an
/// instrument that nobody holds yet is valued by. At most one price an instrument.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prices(BTreeMap<InstrumentHandle, Decimal>);

impl Prices {
    /// Remembers the price that an order was judged by.
    pub fn note(&mut self, instrument: InstrumentHandle, price: Decimal) {
        self.0.insert(instrument, price);
    }

    /// The fresh price of a position, else the remembered one.
    #[must_use]
    pub fn known(&self, portfolio: &Portfolio, instrument: InstrumentHandle) -> Option<Decimal> {
        portfolio
            .positions
            .iter()
            .filter(|position| position.instrument == instrument)
            .find_map(|position| position.market_price)
            .or_else(|| self.0.get(&instrument).copied())
    }

    /// [`Self::known`] of every instrument at once.
    #[must_use]
    pub fn all(&self, portfolio: &Portfolio) -> BTreeMap<InstrumentHandle, Decimal> {
        let fresh = portfolio
            .positions
            .iter()
            .rev()
            .filter_map(|position| Some((position.instrument, position.market_price?)));
        let mut all = self.0.clone();
        all.extend(fresh);
        all
    }

    /// The prices as bytes.
    ///
    /// # Errors
    /// None in practice: they are plain values.
    pub fn save(&self) -> Result<Vec<u8>, String> {
        seal(LAYOUT, &self.0)
    }

    /// The prices of [`Self::save`].
    ///
    /// # Errors
    /// When the bytes are not.
    pub fn restored(state: &[u8]) -> Result<Self, String> {
        let prices: BTreeMap<InstrumentHandle, Decimal> = open(LAYOUT, state)?;
        if let Some((instrument, price)) = prices.iter().find(|(_, price)| **price <= Decimal::ZERO)
        {
            return Err(format!(
                "the saved price {price} of instrument {instrument} is not above 0"
            ));
        }
        Ok(Prices(prices))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{AAPL, MSFT, held, portfolio};

    #[test]
    fn a_fresh_price_comes_before_a_remembered_one_and_both_survive() {
        let mut prices = Prices::default();
        prices.note(AAPL, Decimal::ONE);
        prices.note(MSFT, Decimal::TWO);
        let account = portfolio(vec![held(AAPL, "ema", 1)], vec![]);
        let prices = Prices::restored(&prices.save().unwrap()).unwrap();
        assert_eq!(prices.known(&account, AAPL), Some(Decimal::TEN));
        assert_eq!(prices.known(&account, MSFT), Some(Decimal::TWO));
        assert_eq!(prices.known(&account, 9), None);
        let all = prices.all(&account);
        for instrument in [AAPL, MSFT, 9] {
            let known = prices.known(&account, instrument);
            assert_eq!(all.get(&instrument).copied(), known);
        }
    }

    #[test]
    fn prices_that_are_none_are_not_restored() {
        let mut prices = Prices::default();
        prices.note(AAPL, Decimal::ZERO);
        assert!(Prices::restored(&prices.save().unwrap()).is_err());
        assert!(Prices::restored(b"").is_err());
    }
}
