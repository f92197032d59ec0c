//! What holding costs and earns: borrow fees of short positions, and interest on cash, as the broker says.
//!
//! Promises: what the broker says it has taken and added so far is followed by its differences, so that the
//! same word twice books nothing, and a close that was missed is made up for at the next one.
//!
//! A broker names one total of borrow fees for an account, while the books keep them by position. A fee is
//! shared out over what was short at the close before, which is what brokers charge it on: each instrument
//! that was short on the whole by its value at that close, within it each owner's short by its units. The last
//! takes what is left, so that the shares add up. A fee that no short position explains is booked as interest
//! paid.

use super::Desk;
use super::core::Core;
use crate::error::DeskError;
use crate::ledger::{LineKey, money};
use bulkhead_domain::{Decimal, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An account as its broker shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokerAccount {
    /// Cash there.
    pub cash: Decimal,
    /// Cash plus positions at the broker's own prices.
    pub equity: Decimal,
    /// Taken so far for borrowing what was sold short; `None` where the broker does not say.
    pub borrow_fees: Option<Decimal>,
    /// Added so far as interest, below zero when it was paid; `None` where the broker does not say.
    pub interest: Option<Decimal>,
}

/// What was carried over a close, and what was booked for it so far.
#[derive(Debug, Default)]
pub(super) struct Carried {
    /// Short positions at the last close with their shares of a fee, in the order of names.
    shorts: Vec<(LineKey, Decimal)>,
    borrow_fees: Decimal,
    interest: Decimal,
}

impl Carried {
    fn due(&self, account: &BrokerAccount) -> (Decimal, Decimal) {
        let due = |said: Option<Decimal>, booked: Decimal| {
            said.map_or(Decimal::ZERO, |said| {
                money(said.saturating_sub(money(booked)))
            })
        };
        (
            due(account.borrow_fees, self.borrow_fees),
            due(account.interest, self.interest),
        )
    }
}

impl Core {
    /// Notes what is short over a close.
    pub(super) fn carry_over(&mut self) {
        let mut units: BTreeMap<_, (Decimal, Decimal)> = BTreeMap::new();
        for (key, line) in self.ledger.lines() {
            let (net, short) = units.entry(key.instrument).or_default();
            *net += line.quantity;
            *short += line.quantity.min(Decimal::ZERO);
        }
        let mut shorts = Vec::new();
        for (key, line) in self.ledger.lines() {
            let (net, short) = units[&key.instrument];
            if line.quantity >= Decimal::ZERO || net >= Decimal::ZERO {
                continue;
            }
            let price = self
                .last_price(key.instrument)
                .unwrap_or_else(|| line.average_price());
            let share = net
                .checked_mul(line.multiplier)
                .and_then(|units| units.checked_mul(price))
                .and_then(|value| value.checked_mul(line.quantity))
                .and_then(|value| value.checked_div(short))
                .map_or(Decimal::ZERO, |value| money(value.abs()));
            shorts.push((key, share));
        }
        shorts.sort_by_key(|(key, _)| {
            let (symbol, owner) = self.names(*key);
            (symbol.to_owned(), owner.to_owned())
        });
        self.carried.shorts = shorts;
    }

    /// Books a borrow fee on what was short.
    fn borrow_fee(&mut self, time: Timestamp, fee: Decimal) -> Result<(), DeskError> {
        let shorts = self.carried.shorts.clone();
        let whole: Decimal = shorts.iter().map(|(_, share)| *share).sum();
        let Some((last, _)) = shorts.last().filter(|_| whole > Decimal::ZERO) else {
            let base = self.ledger.config().base;
            return Ok(self.ledger.interest(time.0, base, -fee, "")?);
        };
        let mut left = fee;
        for (key, share) in &shorts {
            let part = if key == last {
                left
            } else {
                let part = fee
                    .checked_mul(*share)
                    .and_then(|part| part.checked_div(whole));
                money(part.unwrap_or_default())
            };
            left -= part;
            if !part.is_zero() {
                self.ledger.borrow_fee(time.0, *key, part, "")?;
            }
        }
        Ok(())
    }
}

impl Desk {
    /// Whether an account shows borrow fees or interest that are not booked yet.
    #[must_use]
    pub fn is_carry_due(&self, account: &BrokerAccount) -> bool {
        let (fee, interest) = self.core.carried.due(account);
        !fee.is_zero() || !interest.is_zero()
    }

    /// Books what the broker took for borrowing, and added as interest, since it last said so.
    ///
    /// # Errors
    /// [`DeskError::Ledger`] for an amount that is too large.
    pub fn on_carry(&mut self, time: Timestamp, account: &BrokerAccount) -> Result<(), DeskError> {
        let (fee, interest) = self.core.carried.due(account);
        if !fee.is_zero() {
            self.core.borrow_fee(time, fee)?;
            self.core.carried.borrow_fees += fee;
        }
        if !interest.is_zero() {
            let base = self.core.ledger.config().base;
            self.core.ledger.interest(time.0, base, interest, "")?;
            self.core.carried.interest += interest;
        }
        Ok(())
    }
}
