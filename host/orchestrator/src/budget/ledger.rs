//! The arithmetic of budgets: pure, in memory.

use bulkhead_domain::{Decimal, Timestamp, time::DAY};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resource {
    /// Calls.
    Calls,
    /// Tokens, in and out.
    Tokens,
    /// Money, in the account's currency.
    Money,
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Resource::Calls => "calls",
            Resource::Tokens => "tokens",
            Resource::Money => "money",
        })
    }
}

/// Limits of one account for one UTC day. What is absent is not limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Limits {
    /// Calls.
    pub calls: Option<u64>,
    /// Tokens.
    pub tokens: Option<u64>,
    /// Money.
    pub money: Option<Decimal>,
}

/// What calls use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amount {
    /// Calls.
    pub calls: u64,
    /// Tokens.
    pub tokens: u64,
    /// Money; what is below zero counts as nothing.
    pub money: Decimal,
}

impl Amount {
    fn plus(self, other: Amount) -> Amount {
        Amount {
            calls: self.calls.saturating_add(other.calls),
            tokens: self.tokens.saturating_add(other.tokens),
            money: self.money.saturating_add(other.money.max(Decimal::ZERO)),
        }
    }

    fn less(self, other: Amount) -> Amount {
        Amount {
            calls: self.calls.saturating_sub(other.calls),
            tokens: self.tokens.saturating_sub(other.tokens),
            money: (self.money - other.money.max(Decimal::ZERO)).max(Decimal::ZERO),
        }
    }

    fn by_resource(self) -> [(Resource, Decimal); 3] {
        [
            (Resource::Calls, Decimal::from(self.calls)),
            (Resource::Tokens, Decimal::from(self.tokens)),
            (Resource::Money, self.money.max(Decimal::ZERO)),
        ]
    }
}

impl Limits {
    fn of(&self, resource: Resource) -> Option<Decimal> {
        match resource {
            Resource::Calls => self.calls.map(Decimal::from),
            Resource::Tokens => self.tokens.map(Decimal::from),
            Resource::Money => self.money,
        }
    }
}

/// A reservation that would pass a limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the budget of {account} has {limit} {resource} a day; {observed} are used or reserved and {asked} more were asked for"
)]
pub struct Denied {
    /// Whose budget.
    pub account: String,
    /// Of what.
    pub resource: Resource,
    /// Used or reserved that day.
    pub observed: Decimal,
    /// What the reservation asked for.
    pub asked: Decimal,
    /// The day's limit.
    pub limit: Decimal,
}

/// A call that used more than was reserved for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overrun {
    /// Of what.
    pub resource: Resource,
    /// What was reserved.
    pub reserved: Decimal,
    /// What was used.
    pub used: Decimal,
}

/// What is set aside for a call.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "what is not settled counts in full"]
pub struct Reservation {
    pub(super) number: i64,
    pub(super) accounts: Vec<String>,
    /// Days since 1970-01-01.
    pub(super) day: i64,
    pub(super) amount: Amount,
}

/// Who used how much on which day.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    limits: BTreeMap<String, Limits>,
    used: BTreeMap<(i64, String), Amount>,
    next: i64,
}

/// The UTC day of a moment: days since 1970-01-01.
pub(super) fn day_of(time: Timestamp) -> i64 {
    time.0.div_euclid(DAY)
}

impl Ledger {
    /// Nothing used yet. Accounts without limits are not limited.
    #[must_use]
    pub fn new(limits: BTreeMap<String, Limits>) -> Self {
        Ledger {
            limits,
            ..Ledger::default()
        }
    }

    /// Books what is known from before. Numbers of reservations go on after `number`.
    pub(super) fn restore(&mut self, number: i64, account: &str, day: i64, amount: Amount) {
        self.next = self.next.max(number + 1);
        self.book(day, account, amount);
    }

    /// Used or reserved on the day of `time`.
    #[must_use]
    pub fn used(&self, account: &str, time: Timestamp) -> Amount {
        self.on(day_of(time), account)
    }

    fn on(&self, day: i64, account: &str) -> Amount {
        let key = (day, account.to_owned());
        self.used.get(&key).copied().unwrap_or_default()
    }

    fn book(&mut self, day: i64, account: &str, amount: Amount) {
        let used = self.used.entry((day, account.to_owned())).or_default();
        *used = used.plus(amount);
    }

    /// Whether a reservation would be granted.
    ///
    /// # Errors
    /// The first limit that it would pass.
    pub fn allows(
        &self,
        accounts: &[String],
        amount: Amount,
        time: Timestamp,
    ) -> Result<(), Denied> {
        for account in accounts {
            let Some(limits) = self.limits.get(account) else {
                continue;
            };
            let before = self.used(account, time);
            let after = before.plus(amount);
            for ((resource, observed), (_, total)) in
                before.by_resource().into_iter().zip(after.by_resource())
            {
                if let Some(limit) = limits.of(resource)
                    && total > limit
                {
                    return Err(Denied {
                        account: account.clone(),
                        resource,
                        observed,
                        asked: total - observed,
                        limit,
                    });
                }
            }
        }
        Ok(())
    }

    /// Sets an amount aside in every account, or in none.
    ///
    /// # Errors
    /// The first limit that it would pass.
    pub fn reserve(
        &mut self,
        accounts: &[String],
        amount: Amount,
        time: Timestamp,
    ) -> Result<Reservation, Denied> {
        self.allows(accounts, amount, time)?;
        let day = day_of(time);
        for account in accounts {
            self.book(day, account, amount);
        }
        let number = self.next;
        self.next += 1;
        Ok(Reservation {
            number,
            accounts: accounts.to_vec(),
            day,
            amount,
        })
    }

    /// Books what was really used in place of what was reserved, on the day of the reservation.
    pub fn settle(&mut self, reservation: &Reservation, used: Amount) -> Option<Overrun> {
        for account in &reservation.accounts {
            let key = (reservation.day, account.clone());
            let booked = self.used.entry(key).or_default();
            *booked = booked.less(reservation.amount).plus(used);
        }
        let reserved = reservation.amount.by_resource();
        reserved.into_iter().zip(used.by_resource()).find_map(
            |((resource, reserved), (_, used))| {
                (used > reserved).then_some(Overrun {
                    resource,
                    reserved,
                    used,
                })
            },
        )
    }

    /// Forgets days before that of `time`; reservations of them can still be settled.
    pub fn forget_before(&mut self, time: Timestamp) {
        self.used = self.used.split_off(&(day_of(time), String::new()));
    }
}

#[cfg(test)]
mod tests;
