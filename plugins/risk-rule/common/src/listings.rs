//! What is known of the instruments that a rule was configured with.

use bulkhead_sdk::{Decimal, Instrument, InstrumentHandle};
use std::collections::BTreeMap;

#[derive(Debug, Clone)]
struct Listing {
    symbol: String,
    tick: Decimal,
    lot: Decimal,
    multiplier: Decimal,
}

/// Instruments by handle. One that is not listed, or with an increment that is not above zero, counts as a
/// share: cents, whole units, a multiplier of 1.
#[derive(Debug, Clone, Default)]
pub struct Listings(BTreeMap<InstrumentHandle, Listing>);

impl Listings {
    /// Takes the instruments of the configuration.
    #[must_use]
    pub fn new(instruments: &[Instrument]) -> Self {
        let or = |value: Decimal, other| {
            if value > Decimal::ZERO { value } else { other }
        };
        let listing = |instrument: &Instrument| Listing {
            symbol: instrument.symbol.clone(),
            tick: or(instrument.tick, Decimal::new(1, 2)),
            lot: or(instrument.lot, Decimal::ONE),
            multiplier: or(instrument.multiplier, Decimal::ONE),
        };
        Listings(
            instruments
                .iter()
                .map(|instrument| (instrument.handle, listing(instrument)))
                .collect(),
        )
    }

    /// The symbol, of a listed instrument.
    #[must_use]
    pub fn symbol(&self, instrument: InstrumentHandle) -> Option<&str> {
        self.0.get(&instrument).map(|one| one.symbol.as_str())
    }

    /// Smallest price increment.
    #[must_use]
    pub fn tick(&self, instrument: InstrumentHandle) -> Decimal {
        self.0
            .get(&instrument)
            .map_or(Decimal::new(1, 2), |one| one.tick)
    }

    /// Smallest quantity increment.
    #[must_use]
    pub fn lot(&self, instrument: InstrumentHandle) -> Decimal {
        self.0.get(&instrument).map_or(Decimal::ONE, |one| one.lot)
    }

    /// Money per point of price per unit.
    #[must_use]
    pub fn multiplier(&self, instrument: InstrumentHandle) -> Decimal {
        self.0
            .get(&instrument)
            .map_or(Decimal::ONE, |one| one.multiplier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_listed_counts_as_a_share() {
        let odd = Instrument {
            tick: Decimal::ZERO,
            lot: Decimal::TEN,
            ..Instrument::us_equity(1, "ODD")
        };
        let listings = Listings::new(&[odd]);
        assert_eq!(listings.symbol(1), Some("ODD"));
        assert_eq!(listings.tick(1), Decimal::new(1, 2));
        assert_eq!(
            (listings.lot(1), listings.lot(2)),
            (Decimal::TEN, Decimal::ONE)
        );
        assert_eq!(listings.symbol(2), None);
    }
}
