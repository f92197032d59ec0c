//! Booking corporate actions, effective before the open of their ex-date.

use super::lots::{self, Closing};
use super::{
    Account, ClosedLot, EntryKind, Ledger, LedgerError, LineKey, Posting, UnitChange, amount,
};
use bulkhead_domain::Decimal;
use bulkhead_domain::order::{InstrumentHandle, Nanos};
use bulkhead_venue::number::split_units;
use serde::{Deserialize, Serialize};

/// A split and what its fractions are worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
        let currency = self.currency(instrument);
        for key in self.keys(instrument) {
            let quantity = self.lines[&key].line.quantity;
            let cash = amount("a dividend", quantity.checked_mul(per_unit))?;
            self.post(
                time,
                EntryKind::Dividend,
                None,
                &[
                    Posting::new(Account::Cash, currency, cash),
                    Posting::new(Account::Dividends(key), currency, -cash),
                ],
            )?;
        }
        Ok(())
    }

    /// Books a split on every position in the instrument: units × numerator ÷ denominator in multiples of
    /// the instrument's increment, cost unchanged but for the fraction, which is paid in cash. All owners
    /// together have what the account's net position becomes, rounded towards zero, as a broker does it:
    /// the increments beyond everybody's own go to the largest fractions, among equals by name, and who
    /// gets one pays for what it has too much. Tax lots are scaled without rounding to the increment; the
    /// fraction comes out of the oldest, and what was paid for goes to the youngest.
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
        self.split_matched(time, instrument, terms).map(|_| ())
    }

    /// [`Ledger::split`], and what its fractions closed, in new units.
    ///
    /// # Errors
    /// As [`Ledger::split`].
    pub fn split_matched(
        &mut self,
        time: Nanos,
        instrument: InstrumentHandle,
        terms: &SplitTerms,
    ) -> Result<Vec<(LineKey, ClosedLot)>, LedgerError> {
        if terms.numerator == 0 || terms.denominator == 0 {
            return Err(LedgerError::Invalid {
                what: "a split",
                observed: format!("{}:{}", terms.numerator, terms.denominator),
            });
        }
        let price = amount("a price", terms.adjusted_close())?;
        let currency = self.currency(instrument);
        let mut matched = Vec::new();
        for (key, whole, rest) in self.shares(instrument, terms)? {
            let held = &self.lines[&key];
            let line = held.line;
            // A unit that makes up for a fraction is bought, or sold short.
            let pays =
                !rest.is_zero() && rest.is_sign_negative() != line.quantity.is_sign_negative();
            let ratio = (terms.numerator, terms.denominator);
            let (mut after, fraction) = lots::scaled(&held.lots, ratio, whole, rest)?;
            let closed = if pays { Decimal::ZERO } else { fraction.abs() };
            let mut closing = Closing::plan(&after, closed)?;
            let cash = amount(
                "cash for a fraction",
                rest.checked_mul(price)
                    .and_then(|value| value.checked_mul(line.multiplier)),
            )?;
            let removed = if pays { cash } else { closing.cost };
            closing.settle(cash, Decimal::ZERO)?;
            if pays && let Some(youngest) = after.back_mut() {
                youngest.quantity -= fraction;
                youngest.cost = amount("cost", youngest.cost.checked_sub(cash))?;
            }
            self.post(
                time,
                EntryKind::Split(*terms),
                Some(UnitChange {
                    key,
                    change: whole - line.quantity,
                    multiplier: line.multiplier,
                }),
                &[
                    Posting::new(Account::Cash, currency, cash),
                    Posting::new(Account::Position(key), currency, -removed),
                    Posting::new(Account::Realised(key), currency, removed - cash),
                ],
            )?;
            let closed = closing.apply(&mut after);
            matched.extend(closed.into_iter().map(|lot| (key, lot)));
            if whole.is_zero() {
                self.lines.remove(&key);
            } else if let Some(held) = self.lines.get_mut(&key) {
                held.line.quantity = whole;
                held.line.cost -= removed;
                if let [only] = after.make_contiguous() {
                    only.quantity = whole;
                }
                held.lots = after;
            }
        }
        Ok(matched)
    }

    /// What a split makes of every position: its units, and the fraction that is paid for in cash; below
    /// zero for a long that pays.
    fn shares(
        &self,
        instrument: InstrumentHandle,
        terms: &SplitTerms,
    ) -> Result<Vec<(LineKey, Decimal, Decimal)>, LedgerError> {
        let overflow = || LedgerError::Overflow { what: "a position" };
        let split = |units| {
            split_units(units, terms.numerator, terms.denominator, terms.lot).ok_or_else(overflow)
        };
        let mut shares = Vec::new();
        let mut net = Decimal::ZERO;
        let mut left = Decimal::ZERO;
        for key in self.keys(instrument) {
            let held = self.lines[&key].line.quantity;
            net = net.checked_add(held).ok_or_else(overflow)?;
            let (mut whole, mut rest) = split(held)?;
            if rest < Decimal::ZERO {
                whole -= terms.lot;
                rest += terms.lot;
            }
            left -= whole;
            shares.push((key, whole, rest));
        }
        left += split(net)?.0;
        let mut order: Vec<usize> = (0..shares.len()).collect();
        // Numbers of owners depend on who came first; names do not.
        order.sort_by_key(|index| {
            let (key, _, rest) = shares[*index];
            (std::cmp::Reverse(rest), self.owner_name(key.owner))
        });
        for index in order {
            if left <= Decimal::ZERO {
                break;
            }
            shares[index].1 += terms.lot;
            shares[index].2 -= terms.lot;
            left -= terms.lot;
        }
        Ok(shares)
    }

    /// Positions in an instrument.
    pub(super) fn keys(&self, instrument: InstrumentHandle) -> Vec<LineKey> {
        self.lines
            .keys()
            .filter(|key| key.instrument == instrument)
            .copied()
            .collect()
    }
}
