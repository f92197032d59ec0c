//! Booking cash that moves without an order and without a corporate action.
//!
//! A movement with a reference is booked once: the same kind and reference again is refused, so that a
//! report can be read twice.

use super::{
    Account, Currency, EntryKind, Ledger, LedgerError, LineKey, Movement, MovementKind, Posting,
    amount,
};
use bulkhead_domain::Decimal;
use bulkhead_domain::order::{InstrumentHandle, Nanos};

/// One funding of a perpetual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FundingTerms {
    /// Mark price at the time.
    pub mark: Decimal,
    /// Funding rate of the interval; above zero longs pay shorts.
    pub rate: Decimal,
}

impl Ledger {
    /// Books cash paid in.
    ///
    /// # Errors
    /// [`LedgerError::Invalid`] for an amount that is not above zero, [`LedgerError::Currency`],
    /// [`LedgerError::Repeated`], [`LedgerError::Overflow`]; nothing is then booked.
    pub fn deposit(
        &mut self,
        time: Nanos,
        currency: Currency,
        cash: Decimal,
        reference: &str,
    ) -> Result<(), LedgerError> {
        let cash = above_zero("a deposit", cash)?;
        self.hold("a deposit", currency)?;
        let postings = pair(Account::Capital, currency, cash);
        self.movement(time, MovementKind::Deposit, reference, &postings)
    }

    /// Books cash taken out. More than there is can be booked: it has happened.
    ///
    /// # Errors
    /// As [`Ledger::deposit`].
    pub fn withdraw(
        &mut self,
        time: Nanos,
        currency: Currency,
        cash: Decimal,
        reference: &str,
    ) -> Result<(), LedgerError> {
        let cash = above_zero("a withdrawal", cash)?;
        self.hold("a withdrawal", currency)?;
        let postings = pair(Account::Capital, currency, -cash);
        self.movement(time, MovementKind::Withdrawal, reference, &postings)
    }

    /// Books interest on the cash of a currency: above zero it is received, below zero paid.
    ///
    /// # Errors
    /// [`LedgerError::Invalid`] for nothing, and as [`Ledger::deposit`].
    pub fn interest(
        &mut self,
        time: Nanos,
        currency: Currency,
        cash: Decimal,
        reference: &str,
    ) -> Result<(), LedgerError> {
        let cash = not_zero("interest", cash)?;
        self.hold("interest", currency)?;
        let postings = pair(Account::Interest, currency, cash);
        self.movement(time, MovementKind::Interest, reference, &postings)
    }

    /// Books an exchange of currencies: `sold` leaves, `bought` comes in. Both legs go through the
    /// conversion account, which so holds what was bought as a credit and what was sold as a debit; at
    /// today's rates it is the result of all conversions.
    ///
    /// # Errors
    /// [`LedgerError::Invalid`] for amounts not above zero or of one currency, and as
    /// [`Ledger::deposit`].
    pub fn convert(
        &mut self,
        time: Nanos,
        sold: (Currency, Decimal),
        bought: (Currency, Decimal),
        reference: &str,
    ) -> Result<(), LedgerError> {
        let out = above_zero("the sold side of a conversion", sold.1)?;
        let into = above_zero("the bought side of a conversion", bought.1)?;
        self.hold("the sold side of a conversion", sold.0)?;
        self.hold("the bought side of a conversion", bought.0)?;
        if sold.0 == bought.0 {
            return Err(LedgerError::Invalid {
                what: "a conversion",
                observed: format!("from {} to itself", sold.0),
            });
        }
        let [cash_out, leg_out] = pair(Account::Conversion, sold.0, -out);
        let [cash_in, leg_in] = pair(Account::Conversion, bought.0, into);
        let postings = [cash_out, leg_out, cash_in, leg_in];
        self.movement(time, MovementKind::Conversion, reference, &postings)
    }

    /// Books a funding on every position in a perpetual: a long pays, and a short receives,
    /// quantity × multiplier × mark × rate, in the instrument's currency.
    ///
    /// # Errors
    /// [`LedgerError::Invalid`] for a mark that is not above zero, [`LedgerError::Repeated`],
    /// [`LedgerError::Overflow`]; the positions before the one that overflowed are booked.
    pub fn funding(
        &mut self,
        time: Nanos,
        instrument: InstrumentHandle,
        terms: &FundingTerms,
        reference: &str,
    ) -> Result<(), LedgerError> {
        above_zero("a mark price", terms.mark)?;
        let movement = self.new_movement(MovementKind::Funding, reference)?;
        let currency = self.currency(instrument);
        for key in self.keys(instrument) {
            let Some(held) = self.lines.get(&key) else {
                continue;
            };
            let value = held
                .line
                .value(terms.mark)
                .and_then(|value| value.checked_mul(terms.rate));
            let postings = pair(Account::Funding(key), currency, -amount("funding", value)?);
            self.post(time, EntryKind::Movement(movement.clone()), None, &postings)?;
        }
        self.note(movement);
        Ok(())
    }

    /// Books the fee for borrowing what an owner sold short, in the instrument's currency; below zero the
    /// lender paid.
    ///
    /// # Errors
    /// [`LedgerError::Invalid`] for nothing, [`LedgerError::Repeated`], [`LedgerError::Overflow`];
    /// nothing is then booked.
    pub fn borrow_fee(
        &mut self,
        time: Nanos,
        key: LineKey,
        fee: Decimal,
        reference: &str,
    ) -> Result<(), LedgerError> {
        let fee = not_zero("a borrow fee", fee)?;
        let currency = self.currency(key.instrument);
        let postings = pair(Account::Borrow(key), currency, -fee);
        self.movement(time, MovementKind::BorrowFee, reference, &postings)
    }

    fn movement(
        &mut self,
        time: Nanos,
        kind: MovementKind,
        reference: &str,
        postings: &[Posting],
    ) -> Result<(), LedgerError> {
        let movement = self.new_movement(kind, reference)?;
        let entry = EntryKind::Movement(movement.clone());
        self.post(time, entry, None, postings)?;
        self.note(movement);
        Ok(())
    }

    fn new_movement(&self, kind: MovementKind, reference: &str) -> Result<Movement, LedgerError> {
        let movement = Movement {
            kind,
            reference: reference.to_owned(),
        };
        if self.moved.contains(&movement) {
            return Err(LedgerError::Repeated {
                kind: kind.name(),
                reference: movement.reference,
            });
        }
        Ok(movement)
    }

    fn note(&mut self, movement: Movement) {
        if !movement.reference.is_empty() {
            self.moved.insert(movement);
        }
    }
}

/// Cash that comes in (above zero) or leaves, against an account.
fn pair(against: Account, currency: Currency, cash: Decimal) -> [Posting; 2] {
    [
        Posting::new(Account::Cash, currency, cash),
        Posting::new(against, currency, -cash),
    ]
}

fn above_zero(what: &'static str, value: Decimal) -> Result<Decimal, LedgerError> {
    let rounded = not_zero(what, value)?;
    if rounded < Decimal::ZERO {
        return Err(LedgerError::Invalid {
            what,
            observed: value.to_string(),
        });
    }
    Ok(rounded)
}

fn not_zero(what: &'static str, value: Decimal) -> Result<Decimal, LedgerError> {
    let rounded = amount(what, Some(value))?;
    if rounded.is_zero() {
        return Err(LedgerError::Invalid {
            what,
            observed: value.to_string(),
        });
    }
    Ok(rounded)
}
