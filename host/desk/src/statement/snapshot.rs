//! What the books were worth at one moment.

use crate::ledger::{Account, Currency, FxRates, Ledger, LedgerError, money};
use bulkhead_domain::order::InstrumentHandle;
use bulkhead_domain::{Decimal, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A position and its price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PositionMark {
    /// Whose.
    pub owner: String,
    /// Of which instrument.
    pub symbol: String,
    /// In which currency.
    pub currency: Currency,
    /// Below zero is short.
    pub quantity: Decimal,
    /// Money per point of price per unit.
    pub multiplier: Decimal,
    /// Money paid for it, fees excluded.
    pub cost: Decimal,
    /// Last price.
    pub price: Decimal,
    /// Quantity × multiplier × price.
    pub value: Decimal,
}

/// The books at one moment, with what is needed to value them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Number of the last entry that is in it.
    pub sequence: u64,
    /// When.
    pub time: Timestamp,
    /// The account's own currency.
    pub base: Currency,
    /// Cash by currency.
    pub cash: BTreeMap<Currency, Decimal>,
    /// Positions by symbol and owner.
    pub positions: Vec<PositionMark>,
    /// Units of the base currency for one unit of each currency; the base currency left out.
    pub rates: BTreeMap<Currency, Decimal>,
}

impl Snapshot {
    /// Before the books were opened: nothing.
    #[must_use]
    pub fn before_opening(time: Timestamp, base: Currency) -> Self {
        Snapshot {
            sequence: 0,
            time,
            base,
            cash: BTreeMap::new(),
            positions: Vec::new(),
            rates: BTreeMap::new(),
        }
    }

    /// The books as they are, at the given prices and rates.
    ///
    /// # Errors
    /// [`LedgerError::MissingPrice`] for a position without a price, [`LedgerError::MissingRate`] for a
    /// currency that holds something and has no fresh rate, [`LedgerError::Overflow`].
    pub fn take(
        ledger: &Ledger,
        time: Timestamp,
        price: impl Fn(InstrumentHandle) -> Option<Decimal>,
        symbol: impl Fn(InstrumentHandle) -> String,
        rates: &FxRates,
    ) -> Result<Self, LedgerError> {
        // Refuses what has no price or no rate.
        ledger.base_equity(time.0, &price, rates)?;
        let mut positions = Vec::new();
        for (key, line) in ledger.lines() {
            let price = price(key.instrument).ok_or(LedgerError::MissingPrice {
                instrument: key.instrument,
            })?;
            let overflow = LedgerError::Overflow {
                what: "a position's value",
            };
            positions.push(PositionMark {
                owner: ledger.owner_name(key.owner).to_owned(),
                symbol: symbol(key.instrument),
                currency: ledger.currency(key.instrument),
                quantity: line.quantity,
                multiplier: line.multiplier,
                cost: line.cost,
                price,
                value: line.value(price).map(money).ok_or(overflow)?,
            });
        }
        positions.sort_by(|a, b| (&a.symbol, &a.owner).cmp(&(&b.symbol, &b.owner)));
        let base = ledger.config().base;
        let currencies = ledger.currencies();
        Ok(Snapshot {
            sequence: ledger.sequence(),
            time,
            base,
            cash: ledger
                .balances()
                .filter(|(account, ..)| *account == Account::Cash)
                .map(|(_, currency, balance)| (currency, balance))
                .collect(),
            positions,
            rates: currencies
                .into_iter()
                .filter(|currency| *currency != base)
                .filter_map(|currency| Some((currency, rates.rate(currency, time.0).ok()?)))
                .collect(),
        })
    }

    /// Cash in a currency.
    pub(super) fn cash_in(&self, currency: Currency) -> Decimal {
        self.cash.get(&currency).copied().unwrap_or_default()
    }

    /// Cash and positions of a currency, in it.
    #[must_use]
    pub fn worth(&self, currency: Currency) -> Decimal {
        self.positions
            .iter()
            .filter(|position| position.currency == currency)
            .fold(self.cash_in(currency), |sum, position| sum + position.value)
    }

    /// An amount of a currency in the base currency.
    pub(super) fn in_base(
        &self,
        currency: Currency,
        amount: Decimal,
    ) -> Result<Decimal, LedgerError> {
        if currency == self.base || amount.is_zero() {
            return Ok(amount);
        }
        let rate = self.rates.get(&currency).ok_or(LedgerError::MissingRate {
            currency,
            base: self.base,
        })?;
        amount
            .checked_mul(*rate)
            .map(money)
            .ok_or(LedgerError::Overflow {
                what: "an amount in the base currency",
            })
    }
}
