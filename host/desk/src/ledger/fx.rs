//! What currencies are worth in the base currency, as far as it is known.

use super::{Currency, LARGEST_AMOUNT, LedgerError};
use bulkhead_domain::Decimal;
use bulkhead_domain::order::Nanos;
use std::collections::BTreeMap;

/// A rate seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FxMark {
    /// Of which currency.
    pub currency: Currency,
    /// Units of the base currency for one unit.
    pub rate: Decimal,
    /// When it was seen.
    pub time: Nanos,
}

/// The last rates to the base currency. A rate that is missing, too old or from the future is an error,
/// never a guess.
#[derive(Debug, Clone)]
pub struct FxRates {
    base: Currency,
    oldest: Nanos,
    marks: BTreeMap<Currency, FxMark>,
}

impl FxRates {
    /// No rates yet. One older than `oldest` nanoseconds is not used.
    #[must_use]
    pub fn new(base: Currency, oldest: Nanos) -> Self {
        FxRates {
            base,
            oldest,
            marks: BTreeMap::new(),
        }
    }

    /// The currency that rates lead to.
    #[must_use]
    pub fn base(&self) -> Currency {
        self.base
    }

    /// Notes a rate.
    ///
    /// # Errors
    /// [`LedgerError::Invalid`] for a rate that is not above zero, too large, of the base currency, or
    /// older than the one known; nothing has then changed.
    pub fn mark(&mut self, mark: FxMark) -> Result<(), LedgerError> {
        let invalid = |what, observed: String| Err(LedgerError::Invalid { what, observed });
        if mark.rate <= Decimal::ZERO || mark.rate >= LARGEST_AMOUNT {
            return invalid(
                "an exchange rate",
                format!("{} for {}", mark.rate, mark.currency),
            );
        }
        if mark.currency == self.base {
            return invalid(
                "an exchange rate's currency",
                format!("the base currency {}", mark.currency),
            );
        }
        if let Some(known) = self.marks.get(&mark.currency)
            && mark.time < known.time
        {
            return invalid(
                "an exchange rate's time",
                format!("before that of the last rate of {}", mark.currency),
            );
        }
        self.marks.insert(mark.currency, mark);
        Ok(())
    }

    /// Units of the base currency for one unit of `currency` at `now`.
    ///
    /// # Errors
    /// [`LedgerError::MissingRate`].
    pub fn rate(&self, currency: Currency, now: Nanos) -> Result<Decimal, LedgerError> {
        if currency == self.base {
            return Ok(Decimal::ONE);
        }
        self.marks
            .get(&currency)
            .filter(|mark| mark.time <= now && now.saturating_sub(mark.time) <= self.oldest)
            .map(|mark| mark.rate)
            .ok_or(LedgerError::MissingRate {
                currency,
                base: self.base,
            })
    }
}
