//! What holding costs and earns over a session's end, once for every simulated account.
//!
//! What is held over a session's end costs and earns until the next one, actual days over 365, on what it was
//! worth at the earlier end: short positions the borrow rate on their notional, cash less the shorts' notional
//! (a short sale's proceeds earn nothing) the interest rate, which a debit pays. It is due at the later end, to
//! eight decimals. What is opened and closed between two ends costs nothing.

use crate::order::Nanos;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Nanoseconds of a year of 365 days.
const YEAR: Decimal = Decimal::from_parts(765_657_088, 7_342_547, 0, false, 0);

/// Decimals of the money that carry is booked in.
const CARRY_DECIMALS: u32 = 8;

/// A year's rates, as fractions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct CarryRates {
    /// Of the notional of short positions.
    pub borrow: Decimal,
    /// On cash; a debit pays it.
    pub interest: Decimal,
}

/// What is held over a session's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Overnight {
    since: Nanos,
    /// Notional of the short positions.
    short: Decimal,
    /// Cash that earns or pays interest.
    cash: Decimal,
}

/// What an account has carried so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Carry {
    /// Paid so far for borrowing what was sold short.
    pub borrow_fees: Decimal,
    /// Earned so far on cash; below zero when paid.
    pub interest: Decimal,
    overnight: Option<Overnight>,
}

impl Carry {
    /// Adds what was carried to a session's end at `now` to the totals, and gives what it does to the cash;
    /// [`Carry::begin`] begins anew.
    pub fn end(&mut self, now: Nanos, rates: CarryRates) -> Decimal {
        let Some(before) = self.overnight.take() else {
            return Decimal::ZERO;
        };
        let years = Decimal::from(now.saturating_sub(before.since)) / YEAR;
        let carried = |amount: Decimal, rate: Decimal| {
            let money = amount.saturating_mul(years * rate);
            money.round_dp(CARRY_DECIMALS)
        };
        let fee = carried(before.short, rates.borrow);
        let interest = carried(before.cash, rates.interest);
        self.borrow_fees += fee;
        self.interest += interest;
        interest - fee
    }

    /// What is held over a session's end at `now`: `short` is the notional of the short positions, above zero,
    /// `cash` all cash, what [`Carry::end`] gave included.
    pub fn begin(&mut self, now: Nanos, short: Decimal, cash: Decimal) {
        self.overnight = Some(Overnight {
            since: now,
            short,
            cash: cash - short,
        });
    }
}

impl CarryRates {
    /// Whether nothing costs or earns anything.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.borrow.is_zero() && self.interest.is_zero()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Nanos = 86_400_000_000_000;

    #[test]
    fn shorts_pay_on_their_notional_and_their_proceeds_earn_nothing() {
        let rates = CarryRates {
            borrow: Decimal::new(365, 4),
            interest: Decimal::new(73, 3),
        };
        let mut carry = Carry::default();
        assert_eq!(carry.end(0, rates), Decimal::ZERO);
        carry.begin(0, 1_000.into(), 3_000.into());
        // A day of 3.65 % on 1,000 and of 7.3 % on 2,000.
        assert_eq!(carry.end(DAY, rates), Decimal::new(3, 1));
        assert_eq!(carry.borrow_fees, Decimal::new(1, 1));
        assert_eq!(carry.interest, Decimal::new(4, 1));
        // Nothing was begun.
        assert_eq!(carry.end(2 * DAY, rates), Decimal::ZERO);
    }
}
