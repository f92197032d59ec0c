//! The books of one account in one currency: double entry, append-only.
//!
//! Promises: the postings of every entry sum to zero exactly; positions are kept at average cost, and
//! the cost that a sale removes is rounded once, so nothing is lost between cost and profit; a refused
//! event changes nothing.
//!
//! Bounds: amounts are rounded to [`MONEY_SCALE`] decimal places and stay below [`LARGEST_AMOUNT`];
//! beyond it every event is refused with [`LedgerError::Overflow`].
//!
//! For callers: debits are above zero, credits below. Entries gather until [`Ledger::take_entries`]
//! hands them to whoever keeps them; balances are kept regardless.

mod actions;
mod audit;
mod entry;
mod fill;

pub use actions::SplitTerms;
pub use entry::{Account, Entry, EntryKind, LineKey, OwnerId, Posting};
pub use fill::FillEffect;

use bulkhead_domain::order::{InstrumentHandle, Nanos};
use bulkhead_domain::{Decimal, Timestamp};
use std::collections::BTreeMap;

/// Decimal places of an amount of money.
pub const MONEY_SCALE: u32 = 10;
/// Amounts at or beyond it are refused: sums of amounts below it are exact.
pub const LARGEST_AMOUNT: Decimal = Decimal::from_parts(1_569_325_056, 23_283_064, 0, false, 0);

/// Why an event could not be booked; nothing was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// An amount is too large to be exact.
    #[error("an amount of {what} is beyond {LARGEST_AMOUNT}")]
    Overflow {
        /// Which amount.
        what: &'static str,
    },
    /// The books do not balance: a bug, never the user's doing.
    #[error("the books do not balance: {what} is {observed}, expected {expected}")]
    Unbalanced {
        /// What was compared.
        what: String,
        /// What the books say.
        observed: Decimal,
        /// What they should say.
        expected: Decimal,
    },
    /// A fill, a fee or a split that makes no sense.
    #[error("{what} is {observed}, which cannot be booked")]
    Invalid {
        /// What is wrong.
        what: &'static str,
        /// What was given.
        observed: String,
    },
}

/// What one owner holds of one instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// Below zero is short.
    pub quantity: Decimal,
    /// Money paid for it, fees excluded; below zero for a short.
    pub cost: Decimal,
    /// Money per point of price per unit.
    pub multiplier: Decimal,
    /// When the position was last opened from zero or turned around.
    pub opened: Timestamp,
}

impl Line {
    /// Average entry price: cost ÷ (quantity × multiplier). Zero when flat.
    #[must_use]
    pub fn average_price(&self) -> Decimal {
        self.quantity
            .checked_mul(self.multiplier)
            .and_then(|units| self.cost.checked_div(units))
            .map_or(Decimal::ZERO, money)
    }
}

/// The books.
#[derive(Debug, Clone)]
pub struct Ledger {
    owners: Vec<String>,
    lines: BTreeMap<LineKey, Line>,
    balances: BTreeMap<Account, Decimal>,
    entries: Vec<Entry>,
    sequence: u64,
    /// Entries before the first one still held.
    taken: u64,
}

/// Rounds to [`MONEY_SCALE`] places, ties to even.
pub(crate) fn money(amount: Decimal) -> Decimal {
    amount.round_dp(MONEY_SCALE)
}

fn amount(what: &'static str, amount: Option<Decimal>) -> Result<Decimal, LedgerError> {
    amount
        .filter(|amount| amount.abs() < LARGEST_AMOUNT)
        .map(money)
        .ok_or(LedgerError::Overflow { what })
}

impl Ledger {
    /// Books with `capital` in cash and nothing else.
    ///
    /// # Errors
    /// [`LedgerError::Overflow`] when the capital is too large.
    pub fn open(capital: Decimal, time: Nanos) -> Result<Self, LedgerError> {
        let mut ledger = Ledger {
            owners: Vec::new(),
            lines: BTreeMap::new(),
            balances: BTreeMap::new(),
            entries: Vec::new(),
            sequence: 0,
            taken: 0,
        };
        let capital = amount("capital", Some(capital))?;
        ledger.post(
            time,
            EntryKind::Opening,
            &[
                Posting::new(Account::Cash, capital),
                Posting::new(Account::Capital, -capital),
            ],
        )?;
        Ok(ledger)
    }

    /// The number of an owner, given on first sight.
    pub fn owner(&mut self, name: &str) -> OwnerId {
        self.find_owner(name).unwrap_or_else(|| {
            self.owners.push(name.to_owned());
            OwnerId(self.owners.len() - 1)
        })
    }

    /// The number of an owner that has been seen.
    #[must_use]
    pub fn find_owner(&self, name: &str) -> Option<OwnerId> {
        self.owners
            .iter()
            .position(|owner| owner == name)
            .map(OwnerId)
    }

    /// The name of an owner.
    #[must_use]
    pub fn owner_name(&self, owner: OwnerId) -> &str {
        self.owners.get(owner.0).map_or("", String::as_str)
    }

    /// What an owner holds of an instrument; `None` when flat.
    #[must_use]
    pub fn line(&self, instrument: InstrumentHandle, owner: OwnerId) -> Option<&Line> {
        self.lines.get(&LineKey { instrument, owner })
    }

    /// Every position that is not flat.
    pub fn lines(&self) -> impl Iterator<Item = (LineKey, &Line)> {
        self.lines.iter().map(|(key, line)| (*key, line))
    }

    /// Settled and unsettled cash.
    #[must_use]
    pub fn cash(&self) -> Decimal {
        self.balance(Account::Cash)
    }

    /// An account's balance; debits are above zero.
    #[must_use]
    pub fn balance(&self, account: Account) -> Decimal {
        self.balances
            .get(&account)
            .copied()
            .unwrap_or(Decimal::ZERO)
    }

    /// Profit realised so far, before fees and dividends.
    #[must_use]
    pub fn realised(&self) -> Decimal {
        -self.total(|account| matches!(account, Account::Realised(_)))
    }

    /// Fees paid so far.
    #[must_use]
    pub fn fees(&self) -> Decimal {
        self.total(|account| matches!(account, Account::Fees(_)))
    }

    /// Dividends received less dividends paid so far.
    #[must_use]
    pub fn dividends(&self) -> Decimal {
        -self.total(|account| matches!(account, Account::Dividends(_)))
    }

    fn total(&self, of: impl Fn(&Account) -> bool) -> Decimal {
        self.balances
            .iter()
            .filter(|(account, _)| of(account))
            .map(|(_, balance)| *balance)
            .sum()
    }

    /// Cash plus positions at the prices that `price` gives; a position without a price counts at cost.
    #[must_use]
    pub fn equity(&self, price: impl Fn(InstrumentHandle) -> Option<Decimal>) -> Decimal {
        self.lines.iter().fold(self.cash(), |equity, (key, line)| {
            let value = price(key.instrument).map_or(line.cost, |price| {
                line.quantity
                    .saturating_mul(line.multiplier)
                    .saturating_mul(price)
            });
            equity.saturating_add(value)
        })
    }

    /// Hands over the entries since the last call, oldest first.
    pub fn take_entries(&mut self) -> Vec<Entry> {
        self.taken = self.sequence;
        std::mem::take(&mut self.entries)
    }

    /// Books an entry whole or not at all. Each account occurs at most once in `postings`.
    fn post(
        &mut self,
        time: Nanos,
        kind: EntryKind,
        postings: &[Posting],
    ) -> Result<(), LedgerError> {
        let sum: Decimal = postings.iter().map(|posting| posting.amount).sum();
        if !sum.is_zero() {
            return Err(LedgerError::Unbalanced {
                what: format!("the sum of a {} entry", kind.name()),
                observed: sum,
                expected: Decimal::ZERO,
            });
        }
        for posting in postings {
            let after = self.balance(posting.account).checked_add(posting.amount);
            amount("a balance", after)?;
        }
        for posting in postings {
            if !posting.amount.is_zero() {
                *self.balances.entry(posting.account).or_default() += posting.amount;
            }
        }
        self.sequence += 1;
        self.entries.push(Entry {
            sequence: self.sequence,
            time,
            kind,
            postings: postings
                .iter()
                .filter(|posting| !posting.amount.is_zero())
                .copied()
                .collect(),
        });
        Ok(())
    }
}
