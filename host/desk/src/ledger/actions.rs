//! Booking corporate actions, effective before the open of their ex-date.

use super::fill::part;
use super::{Account, EntryKind, Ledger, LedgerError, LineKey, Posting, amount};
use bulkhead_domain::Decimal;
use bulkhead_domain::order::{InstrumentHandle, Nanos};
use bulkhead_venue::number::split_units;

/// A split and what its fractions are worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SplitTerms {
    /// New units.
    pub numerator: u32,
    /// Old units.
    pub denominator: u32,
    /// Raw close of the session before; fractions are paid at it × denominator ÷ numerator.
    pub prior_close: Decimal,
    /// Smallest quantity increment.
    pub lot: Decimal,
}

impl SplitTerms {
    /// The prior close in new units.
    #[must_use]
    pub fn adjusted_close(&self) -> Option<Decimal> {
        self.prior_close
            .checked_mul(Decimal::from(self.denominator))?
            .checked_div(Decimal::from(self.numerator))
    }
}

impl Ledger {
    /// Books a dividend of `per_unit` on every position in the instrument: a long receives, a short pays.
    ///
    /// # Errors
    /// [`LedgerError::Overflow`]; the positions before the one that overflowed are booked.
    pub fn dividend(
        &mut self,
        time: Nanos,
        instrument: InstrumentHandle,
        per_unit: Decimal,
    ) -> Result<(), LedgerError> {
        for key in self.keys(instrument) {
            let quantity = self.lines[&key].quantity;
            let cash = amount("a dividend", quantity.checked_mul(per_unit))?;
            self.post(
                time,
                EntryKind::Dividend,
                &[
                    Posting::new(Account::Cash, cash),
                    Posting::new(Account::Dividends(key), -cash),
                ],
            )?;
        }
        Ok(())
    }

    /// Books a split on every position in the instrument: units × numerator ÷ denominator in whole lots,
    /// cost unchanged but for the fraction, which is paid in cash.
    ///
    /// # Errors
    /// [`LedgerError::Invalid`] for a split into or from nothing, [`LedgerError::Overflow`]; the
    /// positions before the one that overflowed are booked.
    pub fn split(
        &mut self,
        time: Nanos,
        instrument: InstrumentHandle,
        terms: &SplitTerms,
    ) -> Result<(), LedgerError> {
        if terms.numerator == 0 || terms.denominator == 0 {
            return Err(LedgerError::Invalid {
                what: "a split",
                observed: format!("{}:{}", terms.numerator, terms.denominator),
            });
        }
        let price = amount("a price", terms.adjusted_close())?;
        for key in self.keys(instrument) {
            let line = self.lines[&key];
            let (whole, rest) =
                split_units(line.quantity, terms.numerator, terms.denominator, terms.lot)
                    .ok_or(LedgerError::Overflow { what: "a position" })?;
            let removed = part("cost", line.cost, rest, whole + rest)?;
            let cash = amount(
                "cash for a fraction",
                rest.checked_mul(price)
                    .and_then(|value| value.checked_mul(line.multiplier)),
            )?;
            self.post(
                time,
                EntryKind::Split {
                    numerator: terms.numerator,
                    denominator: terms.denominator,
                },
                &[
                    Posting::new(Account::Cash, cash),
                    Posting::new(Account::Position(key), -removed),
                    Posting::new(Account::Realised(key), removed - cash),
                ],
            )?;
            if whole.is_zero() {
                self.lines.remove(&key);
            } else if let Some(line) = self.lines.get_mut(&key) {
                line.quantity = whole;
                line.cost -= removed;
            }
        }
        Ok(())
    }

    fn keys(&self, instrument: InstrumentHandle) -> Vec<LineKey> {
        self.lines
            .keys()
            .filter(|key| key.instrument == instrument)
            .copied()
            .collect()
    }
}
